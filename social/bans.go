package social

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Ban keeps a person out of a context, whatever else it is there. It does not
// end the membership, and may come before one.
type Ban struct {
	Space  SpaceKey
	Person PersonKey
	Until  time.Time // when it ends by itself; zero: never
	By     PersonKey
	At     time.Time
	Reason string
}

// BanStore keeps bans. Each method is one transaction with its Change.
type BanStore interface {
	// Ban replaces one that there is; first is false where one held. b.At is the
	// moment of the change. KindNotFound for a removed person or a deleted space,
	// KindConflict for the owner.
	Ban(ctx context.Context, b Ban) (first bool, err error)
	// Unban ends a ban; was is false where none held.
	Unban(ctx context.Context, space SpaceKey, person PersonKey, now time.Time) (was bool, err error)
	// Bans lists those that hold now by key of the person, after the given one.
	Bans(ctx context.Context, space SpaceKey, after PersonKey, limit int, now time.Time) ([]Ban, error)
}

const (
	maxReason = 1000
	// maxSentence bounds how long a ban with an end can be; longer ones have none.
	maxSentence = 100 * 365 * 24 * time.Hour
)

// Ban keeps name out of a context: the owner, a manager, and a moderator who
// reads there may. b carries Until and Reason. Neither the owner nor a manager
// can be banned, and nobody bans itself: KindConflict. first is false where a
// ban held already; this one replaces it.
func (sp *Spaces) Ban(ctx context.Context, a Actor, id, name string, b Ban) (done Ban, first bool, err error) {
	sight, err := sp.moderate(a, id)
	if err != nil {
		return Ban{}, false, err
	}
	who, ok := sp.whom(a, name)
	b.Space, b.Person, b.By, b.At = sight.Space.Key, who.Key, a.hand(), sp.now()
	switch {
	case !ok:
		return Ban{}, false, noPerson(name)
	case who.Key == sight.Space.Owner:
		return Ban{}, false, Errorf(KindConflict, "The owner of %q cannot be banned from it.", sight.Space.ID)
	case who.Roles.Has(RoleManager):
		return Ban{}, false, Errorf(KindConflict, "%q is a manager, whom nobody can ban.", who.Name)
	case who.Key == a.hand():
		return Ban{}, false, Errorf(KindConflict, "Nobody bans itself; leave %q instead.", sight.Space.ID)
	case !b.Until.IsZero() && !b.Until.After(b.At):
		return Ban{}, false, Invalid("until", "lies in the past")
	case b.Until.Sub(b.At) > maxSentence:
		return Ban{}, false, Invalid("until", "lies further away than a hundred years; leave it out for a ban without end")
	}
	if err := CheckText("reason", b.Reason, maxReason); err != nil {
		return Ban{}, false, err
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		first, err = sp.store.Ban(ctx, b)
		return err
	}, a.Act(VerbContextBan).In(b.Space).On(b.Person).Changing("", untilWords(b.Until)))
	if err != nil {
		return Ban{}, false, err
	}
	return b, first, sp.refresh(ctx)
}

// Unban lets name in again; was is false where no ban held.
func (sp *Spaces) Unban(ctx context.Context, a Actor, id, name string) (was bool, err error) {
	sight, err := sp.moderate(a, id)
	if err != nil {
		return false, err
	}
	who, ok := sp.whom(a, name)
	if !ok {
		return false, noPerson(name)
	}
	err = sp.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		was, err = sp.store.Unban(ctx, sight.Space.Key, who.Key, sp.now())
		return err
	}, a.Act(VerbContextUnban).In(sight.Space.Key).On(who.Key))
	if err != nil {
		return false, err
	}
	return was, sp.refresh(ctx)
}

// Bans lists who is banned now, by internal key after the given one, for those
// who may ban. next is 0 at the end.
func (sp *Spaces) Bans(ctx context.Context, a Actor, id string, after PersonKey, limit int) (list []Ban, next PersonKey, err error) {
	sight, err := sp.moderate(a, id)
	if err != nil {
		return nil, 0, err
	}
	if list, err = sp.store.Bans(ctx, sight.Space.Key, after, limit+1, sp.now()); err != nil {
		return nil, 0, err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].Person
	}
	return list, next, nil
}

// moderate finds a context from which the actor may ban.
func (sp *Spaces) moderate(a Actor, id string) (Sight, error) {
	sight, err := sp.dir.See(a, id)
	if err != nil {
		return Sight{}, err
	}
	moderator := sp.dir.Roles(a).Has(RoleModerator) && sight.May.Has(Read)
	if !moderator && !sp.dir.administers(a, sight.Space) || !a.Scopes.MayWrite(id, false) {
		return Sight{}, Errorf(KindForbidden, "Only the owner of %q, a manager or a moderator may do this.", sight.Space.ID)
	}
	return sight, nil
}

// ParseSentence reads how long something is to last: 90s, 24h, 7d, 1d12h. It is
// positive. The error is KindInvalid and names field.
func ParseSentence(field, text string) (time.Duration, error) {
	var out time.Duration
	rest := text
	if days, hours, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, Invalid(field, "%q is no duration such as 24h or 7d", clip(text))
		}
		out, rest = time.Duration(n)*24*time.Hour, hours //nolint:gosec // 16 bits
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || rest[0] == '+' {
			return 0, Invalid(field, "%q is no duration such as 24h or 7d", clip(text))
		}
		out += d
	}
	if out <= 0 || out > maxSentence {
		return 0, Invalid(field, "is between a moment and a hundred years")
	}
	return out, nil
}
