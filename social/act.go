package social

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Verb is what an administrative act is called in the audit log. Verbs are
// stable: they are in what managers have kept of the log, and in their filters.
type Verb string

// The verbs. What stands before the dot is what was acted upon.
const (
	VerbPersonCreate    Verb = "person.create"
	VerbPersonEdit      Verb = "person.edit" // of another: what others see of it
	VerbPersonRename    Verb = "person.rename"
	VerbPersonRoles     Verb = "person.roles"
	VerbPersonSuspend   Verb = "person.suspend"
	VerbPersonUnsuspend Verb = "person.unsuspend"
	VerbPersonRemove    Verb = "person.remove"
	VerbPersonErase     Verb = "person.erase"
	VerbPersonExport    Verb = "person.export" // its own
	VerbPassword        Verb = "person.password"
	VerbTokenCreate     Verb = "token.create" // another's
	VerbTokenEnd        Verb = "token.end"    // another's
	VerbSessionEnd      Verb = "session.end"  // another's
	VerbContextEdit     Verb = "context.edit"
	VerbContextPolicy   Verb = "context.policy"
	VerbContextOwner    Verb = "context.owner"
	VerbContextDelete   Verb = "context.delete"
	VerbContextExport   Verb = "context.export"
	VerbContextMembers  Verb = "context.members" // a full list
	VerbContextAdd      Verb = "context.add"
	VerbContextKick     Verb = "context.kick"
	VerbContextBan      Verb = "context.ban"
	VerbContextUnban    Verb = "context.unban"
	VerbContextGrant    Verb = "context.grant" // a grant or a veto, or the end of some
	VerbPostRemove      Verb = "post.remove"   // another's
	VerbReportResolve   Verb = "report.resolve"
	VerbActAs           Verb = "act_as" // a write in somebody else's name
	VerbSiteImport      Verb = "site.import"
	VerbSiteBackup      Verb = "site.backup"
	VerbSiteRestore     Verb = "site.restore"
	VerbSiteMigrate     Verb = "site.migrate"
	VerbSiteBroadcast   Verb = "site.broadcast"
	VerbLinkSign        Verb = "link.sign"
	VerbErrorsClear     Verb = "errors.clear"
)

// Verbs are all of them.
func Verbs() []Verb {
	return []Verb{
		VerbPersonCreate, VerbPersonEdit, VerbPersonRename, VerbPersonRoles, VerbPersonSuspend, VerbPersonUnsuspend,
		VerbPersonRemove, VerbPersonErase, VerbPersonExport, VerbPassword, VerbTokenCreate, VerbTokenEnd,
		VerbSessionEnd, VerbContextEdit, VerbContextPolicy, VerbContextOwner, VerbContextDelete, VerbContextExport,
		VerbContextMembers, VerbContextAdd, VerbContextKick, VerbContextBan, VerbContextUnban, VerbContextGrant,
		VerbPostRemove, VerbReportResolve, VerbActAs, VerbSiteImport, VerbSiteBackup, VerbSiteRestore,
		VerbSiteMigrate, VerbSiteBroadcast, VerbLinkSign, VerbErrorsClear,
	}
}

// MaxActText bounds each text of an Act, in bytes; what is longer is cut.
const MaxActText = 300

// Act is one administrative act: who did what to whom. It holds keys, never
// names: a rename shows everywhere, and of an erased person nothing stays. It
// holds no secret and nothing that people wrote.
type Act struct {
	ID       int64 // given by the store, in no gapless order
	At       time.Time
	Verb     Verb
	Actor    PersonKey  // who did it; 0: the operator, at the command line or by the configuration
	For      PersonKey  // in whose name; 0: its own
	ForSpace SpaceKey   // the context in whose name; 0: none
	Grant    GrantKey   // the login or token; 0: the account's password, or none
	Client   string     // the entrance: rest, command line (root), server
	Address  netip.Addr // where from; the zero value where that means nothing
	Request  string     // the id of the request; empty: none
	Person   PersonKey  // the person that it was done to; 0: none
	Space    SpaceKey   // the context; 0: none
	Target   string     // what else it was done to: the id of a post, a client
	// Before and After are the value that changed, where it is small. A person in
	// them is written by ActPerson.
	Before, After string
	Result        string // ActDone, the code of an error, or what it came to in a few words
}

// ActDone is the result of an act that worked.
const ActDone = "done"

// Act begins an act of the actor.
func (a Actor) Act(verb Verb) Act {
	act := Act{Verb: verb, Actor: a.hand(), Grant: a.Grant, Client: a.Generator, Address: a.From, Request: a.Request}
	if a.Creator != 0 {
		if act.ForSpace = a.AsSpace; a.AsSpace == 0 {
			act.For = a.Person
		}
	}
	return act
}

// actOf is Act, or for nil the operator's.
func actOf(a *Actor, verb Verb) Act {
	if a == nil {
		return Act{Verb: verb}
	}
	return a.Act(verb)
}

// On says which person it was done to.
func (act Act) On(person PersonKey) Act { act.Person = person; return act }

// In says in which context.
func (act Act) In(space SpaceKey) Act { act.Space = space; return act }

// What says what else it was done to.
func (act Act) What(target string) Act { act.Target = target; return act }

// Changing says what changed.
func (act Act) Changing(before, after string) Act { act.Before, act.After = before, after; return act }

const actPerson = "person:"

// ActPerson names a person in Before and After: whoever reads the log sees the
// present name.
func ActPerson(key PersonKey) string {
	if key == 0 {
		return ""
	}
	return actPerson + strconv.FormatInt(int64(key), 10)
}

// personInAct reads what ActPerson has written.
func personInAct(text string) (PersonKey, bool) {
	number, ok := strings.CutPrefix(text, actPerson)
	if !ok {
		return 0, false
	}
	key, err := strconv.ParseInt(number, 10, 64)
	return PersonKey(key), err == nil
}

// trimmed bounds the texts and makes them storable.
func (act Act) trimmed() Act {
	for _, text := range []*string{&act.Client, &act.Request, &act.Target, &act.Before, &act.After, &act.Result} {
		s := strings.ToValidUTF8(strings.ReplaceAll(*text, "\x00", ""), "�")
		for len(s) > MaxActText {
			_, size := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-size]
		}
		*text = s
	}
	if act.Result == "" {
		act.Result = ActDone
	}
	return act
}

// Acting is the acts under which something is done. It travels in the context, the
// only thing of this package that does: the transaction that does it is the
// one to write it down, and without that each of the forty methods that change
// rights would take one more parameter, which most callers have nothing for. No
// rule reads it.
type Acting struct {
	mu   sync.Mutex // guards below
	acts []Act
	told bool
	moot bool
}

type actingKey struct{}

// ActingIn is what ctx was given by [Audit.Do]; nil, on which all methods work: none.
func ActingIn(ctx context.Context) *Acting {
	at, _ := ctx.Value(actingKey{}).(*Acting)
	return at
}

// Due are the acts that the next transaction has to write, empty where one has
// committed them. A store that has committed them says so by Told.
func (at *Acting) Due() []Act {
	if at == nil {
		return nil
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.told {
		return nil
	}
	return slices.Clone(at.acts)
}

// Told says that the acts are committed.
func (at *Acting) Told() {
	if at == nil {
		return
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	at.told = true
}

// Moot says that a transaction under the acts found nothing to change.
func (at *Acting) Moot() {
	if at == nil {
		return
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	at.moot = true
}

func (at *Acting) outcome() (told, moot bool) {
	at.mu.Lock()
	defer at.mu.Unlock()
	return at.told, at.moot
}
