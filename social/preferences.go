package social

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Preferences are how a person wants things. The zero value is that of who never
// said anything.
type Preferences struct {
	// Discreet: others are not told whether the person is there.
	Discreet bool `json:"discreet,omitempty"`
	// Reserved: others are not told how far the person has read; its own devices are.
	Reserved bool `json:"reserved,omitempty"`
	// Locale is a language tag (RFC 5646) such as ca or pt-BR; empty: not said.
	Locale string `json:"locale,omitempty"`
	// Timezone is a name of the IANA database; empty: not said.
	Timezone string `json:"timezone,omitempty"`
	// Notify says of what the person wants to be notified where a context or a
	// conversation says nothing else: all, mentions or nothing; empty is all.
	Notify string `json:"notify,omitempty"`
	Quiet  *Quiet `json:"quiet,omitempty"`
}

// NotifyWords are the levels of Preferences.Notify.
func NotifyWords() []string { return []string{"all", "mentions", "nothing"} }

const maxLocale = 35 // bytes; what RFC 5646 section 4.4.1 advises to have room for

var (
	localeTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)
	clockTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
)

// check is KindInvalid and names the field as REST does.
func (p *Preferences) check() error {
	if err := checkLocale("locale", p.Locale); err != nil {
		return err
	}
	if err := checkZone("timezone", p.Timezone); err != nil {
		return err
	}
	if p.Notify != "" && !slices.Contains(NotifyWords(), p.Notify) {
		return Invalid("notifications", "%q is no level; there are %s", clip(p.Notify), strings.Join(NotifyWords(), ", "))
	}
	if p.Quiet != nil {
		return p.Quiet.check()
	}
	return nil
}

func checkLocale(field, tag string) error {
	if tag != "" && (len(tag) > maxLocale || !localeTag.MatchString(tag)) {
		return Invalid(field, "%q is no language tag such as ca or pt-BR", clip(tag))
	}
	return nil
}

func checkZone(field, name string) error {
	if name == "" {
		return nil
	}
	// Local is the server's own, which nobody outside knows.
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || len(name) > 64 {
		return Invalid(field, "%q is no time zone such as Europe/Madrid", clip(name))
	}
	return nil
}

// PreferenceStore keeps preferences.
type PreferenceStore interface {
	// Preferences are those of a person as they were stored; nil for none.
	Preferences(ctx context.Context, person PersonKey) ([]byte, error)
	// PutPreferences replaces them, in one transaction with a Change of the person
	// where discreet or reserved is another than before. KindNotFound for a removed
	// person.
	PutPreferences(ctx context.Context, person PersonKey, body []byte, discreet, reserved bool, now time.Time) error
}

// Settings are the use cases on preferences: everybody's own.
type Settings struct {
	dir   *Directory
	store PreferenceStore
	now   func() time.Time
	put   []func(PersonKey)
}

// NewSettings makes the use cases.
func NewSettings(dir *Directory, store PreferenceStore, now func() time.Time) *Settings {
	return &Settings{dir: dir, store: store, now: now}
}

// OnPut has f told of whose preferences changed, once they hold. It is for before
// the first use, and f must not block.
func (st *Settings) OnPut(f func(PersonKey)) { st.put = append(st.put, f) }

// Get reads the actor's preferences.
func (st *Settings) Get(ctx context.Context, a Actor) (p Preferences, err error) {
	if err := a.RequireSelf(false); err != nil {
		return p, err
	}
	body, err := st.store.Preferences(ctx, a.Person)
	if err != nil || body == nil {
		return p, err
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("read stored preferences: %w", err)
	}
	return p, nil
}

// Put replaces the actor's preferences. What it says of what others see holds for
// those who are connected when it returns.
func (st *Settings) Put(ctx context.Context, a Actor, p Preferences) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode preferences: %w", err)
	}
	if err := st.store.PutPreferences(ctx, a.Person, body, p.Discreet, p.Reserved, st.now()); err != nil {
		return err
	}
	for _, f := range st.put {
		f(a.Person)
	}
	return st.dir.settle(ctx)
}
