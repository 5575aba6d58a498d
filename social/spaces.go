package social

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Spaces are the use cases on contexts and who belongs to them. A use case
// returns when the change holds in this process's memory and live connections.
type Spaces struct {
	dir        *Directory
	store      SpaceStore
	announce   *Announcer
	ids        *IDs
	now        func() time.Time
	logger     *slog.Logger
	createOpen bool
}

// NewSpaces makes the use cases. anyoneCreates lets people create contexts who
// are no managers.
func NewSpaces(dir *Directory, store SpaceStore, announce *Announcer, ids *IDs, anyoneCreates bool, logger *slog.Logger, now func() time.Time) *Spaces {
	return &Spaces{dir: dir, store: store, announce: announce, ids: ids, now: now, logger: logger, createOpen: anyoneCreates}
}

// The limits of a context's own data.
const (
	maxDescription = 4 << 10
	maxURL         = 2 << 10
	maxTags        = 50
	maxTag         = 64
)

var notificationLevels = []string{"posts", "comments", "all", "none"}

// Create makes a context owned by the actor. s carries what the caller chose;
// without an ID one is generated. KindConflict where the id is or was taken.
func (sp *Spaces) Create(ctx context.Context, a Actor, s Space) (Sight, error) {
	if err := a.RequireSelf(true); err != nil {
		return Sight{}, err
	}
	if !sp.createOpen {
		if err := sp.dir.RequireManager(a); err != nil {
			return Sight{}, Errorf(KindForbidden, "Only managers may create contexts here.")
		}
	}
	if err := sp.mayHang(a, s.Parent); err != nil {
		return Sight{}, err
	}
	return sp.Found(ctx, a, s)
}

// Found is Create without asking whether the owner may: for the operator.
func (sp *Spaces) Found(ctx context.Context, a Actor, s Space) (Sight, error) {
	if s.ID == "" {
		s.ID = sp.ids.New(sp.now()).String()
	}
	if err := CheckContextID("id", s.ID); err != nil {
		return Sight{}, err
	}
	if s.DisplayName == "" {
		s.DisplayName = s.ID
	}
	if s.Notifications == "" {
		s.Notifications = "posts"
	}
	if err := checkSpace(&s); err != nil {
		return Sight{}, err
	}
	s.Owner = a.Person
	if _, err := sp.store.CreateSpace(ctx, s, sp.now()); err != nil {
		return Sight{}, err
	}
	if err := sp.refresh(ctx); err != nil {
		return Sight{}, err
	}
	return sp.dir.See(a, s.ID)
}

func checkSpace(s *Space) error {
	if err := CheckText("displayName", s.DisplayName, MaxDisplayName); err != nil {
		return err
	}
	if err := CheckText("description", s.Description, maxDescription); err != nil {
		return err
	}
	if err := checkURL("url", s.URL); err != nil {
		return err
	}
	if len(s.Tags) > maxTags {
		return Invalid("tags", "are more than %d", maxTags)
	}
	for _, tag := range s.Tags {
		if err := CheckText("tags", tag, maxTag); err != nil {
			return err
		}
		if strings.TrimSpace(tag) == "" {
			return Invalid("tags", "has an empty one")
		}
	}
	if !slices.Contains(notificationLevels, s.Notifications) {
		return Invalid("notifications", "%q is no level; there are posts, comments, all and none", clip(s.Notifications))
	}
	if s.Order < -maxOrder || s.Order > maxOrder {
		return Invalid("order", "is not between %d and %d", -maxOrder, maxOrder)
	}
	return s.Retention.check()
}

func checkURL(field, url string) error {
	if err := CheckText(field, url, maxURL); err != nil {
		return err
	}
	if url != "" && !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return Invalid(field, "begins with https:// or http://")
	}
	return nil
}

// CheckText checks a text field's length, in bytes, and its characters.
func CheckText(field, s string, most int) error {
	switch {
	case len(s) > most:
		return Invalid(field, "is longer than %d bytes", most)
	case !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0:
		return Invalid(field, "is not text")
	}
	return nil
}

// Get finds a context that the actor may know of.
func (sp *Spaces) Get(a Actor, id string) (Sight, error) { return sp.dir.See(a, id) }

// SpaceFilter picks contexts from a list; the zero value picks all.
type SpaceFilter struct {
	Mine         bool     // those the actor belongs to
	Subscribable bool     // those that it may join and has not
	Tags         []string // those that have all of these, in any case of letters
	Below        string   // those right below the context with this id
}

// List lists contexts that the actor may know of in order of id, or of place
// where they are those below one; from behind after, which is what next said.
// next is empty at the end. KindNotFound for a context above that it may not know of.
func (sp *Spaces) List(a Actor, after string, f SpaceFilter, limit int) (list []Sight, next string, err error) {
	if f.Below != "" {
		if _, err := sp.dir.See(a, f.Below); err != nil {
			return nil, "", err
		}
	}
	if list, err = sp.dir.filteredSpaces(a, after, f, limit+1); err != nil || len(list) <= limit {
		return list, "", err
	}
	last := list[limit-1].Space
	next = last.ID
	if f.Below != "" {
		next = treePlace{last.Order, last.ID}.String()
	}
	return list[:limit], next, nil
}

// administer finds a context that the actor owns or manages.
func (sp *Spaces) administer(a Actor, id string) (Sight, error) {
	sight, err := sp.dir.See(a, id)
	if err != nil {
		return Sight{}, err
	}
	if !sp.dir.administers(a, sight.Space) || !a.Scopes.MayWrite(id, false) {
		return Sight{}, Errorf(KindForbidden, "Only the owner of %q or a manager may do this.", sight.Space.ID)
	}
	return sight, nil
}

// Edit changes a context's own data and policies.
func (sp *Spaces) Edit(ctx context.Context, a Actor, id string, patch SpacePatch) (Sight, error) {
	sight, err := sp.administer(a, id)
	if err != nil {
		return Sight{}, err
	}
	changed := *sight.Space
	if patch.DisplayName != nil && *patch.DisplayName == "" {
		patch.DisplayName = &changed.ID
	}
	if patch.Parent != nil {
		if err := sp.mayHang(a, *patch.Parent); err != nil {
			return Sight{}, err
		}
	}
	patch.apply(&changed)
	if err := checkSpace(&changed); err != nil {
		return Sight{}, err
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) error {
		return sp.store.PatchSpace(ctx, changed.Key, patch, sp.event(a, sight.Space, TypeUpdate, 0), sp.now())
	}, patch.acts(a, sight.Space, &changed)...)
	if err != nil {
		return Sight{}, err
	}
	if err := sp.settle(ctx, sight.Space); err != nil {
		return Sight{}, err
	}
	return sp.dir.See(a, id)
}

func (p SpacePatch) apply(s *Space) {
	set(&s.DisplayName, p.DisplayName)
	set(&s.Description, p.Description)
	set(&s.URL, p.URL)
	if p.Policies != nil {
		s.Policies = s.Policies.With(*p.Policies)
	}
	set(&s.Tags, p.Tags)
	set(&s.Notifications, p.Notifications)
	set(&s.History, p.History)
	set(&s.Receipts, p.Receipts)
	set(&s.Retention, p.Retention)
	set(&s.Parent, p.Parent)
	set(&s.Order, p.Order)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Delete ends a context: its posts are no longer anybody's to see, and its id
// is never given again.
func (sp *Spaces) Delete(ctx context.Context, a Actor, id string) error {
	sight, err := sp.administer(a, id)
	if err != nil {
		return err
	}
	event := sp.event(a, sight.Space, TypeDelete, 0)
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) error {
		return sp.store.DeleteSpace(ctx, sight.Space.Key, event, sp.now())
	}, a.Act(VerbContextDelete).In(sight.Space.Key))
	if err != nil {
		return err
	}
	return sp.settle(ctx, sight.Space)
}

// event starts a post of the events stream.
func (sp *Spaces) event(a Actor, s *Space, kind string, subject PersonKey) *Post {
	return &Post{
		Stream: s.Stream(ChannelEvents), ID: sp.ids.New(sp.now()), Type: kind,
		Author: a.Person, AsSpace: a.AsSpace != 0, Creator: a.Creator, Subject: subject, Generator: "server",
	}
}

// settle makes a committed change hold here and tells its event. The change
// comes first: whoever joined hears of it, and whoever lost the right to is told
// by those who take it from its live connections.
func (sp *Spaces) settle(ctx context.Context, s *Space) error {
	if err := sp.refresh(ctx); err != nil {
		return err
	}
	sp.tell(ctx, s)
	return nil
}

// tell announces the events of s; what it cannot, the announcer keeps in mind.
func (sp *Spaces) tell(ctx context.Context, s *Space) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendWithin)
	defer cancel()
	if err := sp.announce.CatchUp(within, s.Stream(ChannelEvents)); err != nil {
		sp.logger.WarnContext(ctx, "an event is committed but not announced yet", "context", s.ID, "err", err)
	}
}

// refresh outlives the request: what was committed must hold.
func (sp *Spaces) refresh(ctx context.Context) error { return sp.dir.settle(ctx) }
