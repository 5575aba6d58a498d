package social

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// MaxMemberList is how many people one list of members may name.
const MaxMemberList = 100_000

// MemberEntry is one person of a full list of members.
type MemberEntry struct {
	Name string
	// Grants and Vetoes are what the person is to have; nil: as they are.
	Grants, Vetoes *Permissions
}

// SyncOptions say how a list of members is taken.
type SyncOptions struct {
	DryRun bool // nothing changes
	Strict bool // nothing changes where a name is nobody's: KindInvalid
}

// SyncReport is what a list of members has changed, or would.
type SyncReport struct {
	Added, Removed int
	Changed        int // members with other grants or vetoes than before
	Unchanged      int // people of the list whom nothing happened to
	Unknown        []string
}

// MemberChange is what is to become of one person in a space.
type MemberChange struct {
	Person      PersonKey
	Join, Leave bool // at most one of both
	Event       *Post
	Set         []Override // without an end
	Clear       Permissions
}

// MembersChanged counts what became of changes.
type MembersChanged struct{ Added, Removed, Changed int }

// MemberSyncStore changes many members at once.
type MemberSyncStore interface {
	// ChangeMembers makes all changes in one transaction, with one Change each, and
	// appends their events. Who is a member already does not join, who is none does
	// not leave; the owner stays, and removed people stay out. KindNotFound for a
	// deleted space.
	ChangeMembers(ctx context.Context, space SpaceKey, changes []MemberChange, now time.Time) (MembersChanged, error)
}

// syncChunk is how many people one transaction changes: milliseconds, between
// which others commit. The directory follows each with one reading.
const syncChunk = changesPerRead - 1

// syncWithin bounds a whole list. Whoever asked may be gone before: what was begun
// goes on, as it would otherwise have to be begun anew.
const syncWithin = 100 * time.Second

// SyncMembers makes the members of a context those of the list, and their grants
// and vetoes what it says. The owner or a manager may; the owner stays. Names that
// are nobody's are reported.
//
// It commits in chunks: first those who leave, then those whose overrides change,
// then those who join. Where it is cut short what is committed holds, and the same
// list again does the rest.
func (sp *Spaces) SyncMembers(ctx context.Context, a Actor, id string, list []MemberEntry, o SyncOptions) (SyncReport, error) {
	sight, err := sp.administer(a, id)
	if err != nil {
		return SyncReport{}, err
	}
	plan := memberPlan{space: sight.Space, standings: sp.dir.standings(sight.Space.Key), now: sp.now(), listed: map[PersonKey]bool{}}
	for i := range list {
		if err := plan.add(sp.dir, i, &list[i]); err != nil {
			return SyncReport{}, err
		}
	}
	if o.Strict && len(plan.report.Unknown) > 0 {
		return SyncReport{}, Invalid("members", "name %d people who are not there, the first %q", len(plan.report.Unknown), clip(plan.report.Unknown[0]))
	}
	plan.dismissOthers()
	report := plan.report
	report.Added, report.Removed, report.Changed = len(plan.joins), len(plan.leaves), len(plan.changes)
	if o.DryRun {
		return report, nil
	}
	report.Added, report.Removed, report.Changed = 0, 0, 0
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), syncWithin)
	defer cancel()
	for _, part := range [][]MemberChange{plan.leaves, plan.changes, plan.joins} {
		for len(part) > 0 && err == nil {
			var done MembersChanged
			chunk := part[:min(syncChunk, len(part))]
			part = part[len(chunk):]
			done, err = sp.changeMembers(within, a, sight.Space, chunk)
			report.Added, report.Removed, report.Changed = report.Added+done.Added, report.Removed+done.Removed, report.Changed+done.Changed
		}
	}
	if n := report.Added + report.Removed + report.Changed; n > 0 {
		act := a.Act(VerbContextMembers).In(sight.Space.Key)
		act.Result = fmt.Sprintf("%d added, %d removed, %d changed", report.Added, report.Removed, report.Changed)
		sp.dir.audit.Tell(ctx, act)
	}
	if err != nil {
		return SyncReport{}, err
	}
	return report, nil
}

// changeMembers commits a chunk and makes it hold.
func (sp *Spaces) changeMembers(ctx context.Context, a Actor, s *Space, chunk []MemberChange) (MembersChanged, error) {
	if err := context.Cause(ctx); err != nil {
		return MembersChanged{}, Unavailable(fmt.Errorf("synchronise members: %w", err))
	}
	for i := range chunk {
		switch c := &chunk[i]; {
		case c.Join:
			c.Event = sp.event(a, s, TypeJoin, c.Person)
		case c.Leave:
			c.Event = sp.event(a, s, TypeLeave, c.Person)
		}
	}
	done, err := sp.store.ChangeMembers(ctx, s.Key, chunk, sp.now())
	if err != nil {
		return MembersChanged{}, err
	}
	return done, sp.settle(ctx, s)
}

// memberPlan compares a list with what is.
type memberPlan struct {
	space     *Space
	standings map[PersonKey]Standing
	now       time.Time
	listed    map[PersonKey]bool
	report    SyncReport // Unknown and Unchanged

	joins, leaves, changes []MemberChange
}

func (p *memberPlan) add(dir *Directory, i int, e *MemberEntry) error {
	who, ok := dir.PersonByName(e.Name)
	switch {
	case !ok:
		p.report.Unknown = append(p.report.Unknown, e.Name)
		return nil
	case p.listed[who.Key]:
		return Invalid(fmt.Sprintf("members[%d].name", i), "%q is there twice", who.Name)
	}
	p.listed[who.Key] = true
	is := p.standings[who.Key]
	c := MemberChange{Person: who.Key, Join: !is.Member}
	c.Set, c.Clear = e.overrides(is.Overrides, p.now)
	switch {
	case c.Join:
		p.joins = append(p.joins, c)
	case len(c.Set) > 0 || c.Clear != 0:
		p.changes = append(p.changes, c)
	default:
		p.report.Unchanged++
	}
	return nil
}

// dismissOthers has those members leave who are not in the list, but for the owner.
func (p *memberPlan) dismissOthers() {
	for person, is := range p.standings {
		if is.Member && !p.listed[person] && person != p.space.Owner {
			p.leaves = append(p.leaves, MemberChange{Person: person, Leave: true})
		}
	}
}

// overrides are what the entry changes of those that there are. One that is as it
// should be stays as it is, with its end.
func (e *MemberEntry) overrides(are []Override, now time.Time) (set []Override, clear Permissions) {
	var grants, vetoes Permissions // that hold
	for _, o := range are {
		switch {
		case !o.holds(now):
		case o.Veto:
			vetoes |= o.Permission
		default:
			grants |= o.Permission
		}
	}
	wantGrants, wantVetoes := grants, vetoes
	if e.Grants != nil {
		wantGrants = *e.Grants
	}
	if e.Vetoes != nil {
		wantVetoes = *e.Vetoes
	}
	// What the list says goes before what was there and it is silent about.
	if e.Grants != nil && e.Vetoes == nil {
		wantVetoes &^= wantGrants
	} else {
		wantGrants &^= wantVetoes
	}
	for p := Read; p != 0; p <<= 1 {
		switch {
		case wantGrants&p != 0 && grants&p == 0:
			set = append(set, Override{Permission: p})
		case wantVetoes&p != 0 && vetoes&p == 0:
			set = append(set, Override{Permission: p, Veto: true})
		case (wantGrants|wantVetoes)&p == 0 && (grants|vetoes)&p != 0:
			clear |= p
		}
	}
	return set, clear
}

// standings are all who are something in a space; a copy.
func (d *Directory) standings(space SpaceKey) map[PersonKey]Standing {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space]
	if pl == nil {
		return nil
	}
	out := make(map[PersonKey]Standing, pl.people.number())
	for person, r := range pl.people.all() {
		out[person] = r.Standing
	}
	return out
}

// ParseMemberList reads {"members":[{"name":"ann","grants":["write"],"vetoes":[]},
// …]}, entry by entry. Errors are KindInvalid and name the field.
func ParseMemberList(body []byte) ([]MemberEntry, error) {
	var list []MemberEntry
	said := false
	dec := json.NewDecoder(bytes.NewReader(body))
	broken := Errorf(KindInvalid, "The body is not a JSON object with the list members.")
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, broken
	}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		switch {
		case err != nil || !ok:
			return nil, broken
		case name != "members":
			return nil, Invalid(clip(name), "is not a field of a list of members")
		case said:
			return nil, Invalid(name, "is there twice")
		}
		said = true
		if list, err = parseMembers(dec); err != nil {
			return nil, err
		}
	}
	if t, err := dec.Token(); err != nil || t != json.Delim('}') {
		return nil, broken
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, broken
	}
	if !said {
		return nil, Invalid("members", "is missing; an empty list leaves the owner alone")
	}
	return list, nil
}

func parseMembers(dec *json.Decoder) ([]MemberEntry, error) {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return nil, Invalid("members", "is no list")
	}
	var list []MemberEntry
	for dec.More() {
		if len(list) == MaxMemberList {
			return nil, Invalid("members", "are more than %d", MaxMemberList)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, Invalid("members", "breaks off or goes wrong at entry %d", len(list))
		}
		e, err := parseMember(fmt.Sprintf("members[%d]", len(list)), raw)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	_, err := dec.Token() // the bracket that ends it
	if err != nil {
		return nil, Invalid("members", "breaks off")
	}
	return list, nil
}

func parseMember(at string, raw json.RawMessage) (e MemberEntry, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return e, Invalid(at, `is no object such as {"name":"ann"}`)
	}
	for name, value := range fields {
		field := at + "." + clip(name)
		switch name {
		case "name":
			if err := json.Unmarshal(value, &e.Name); err != nil || e.Name == "" || len(e.Name) > maxMemberName {
				return e, Invalid(field, "is no name")
			}
		case "grants":
			e.Grants, err = parsePermissions(field, value)
		case "vetoes":
			e.Vetoes, err = parsePermissions(field, value)
		default:
			err = Invalid(field, "is not a field of a member")
		}
		if err != nil {
			return e, err
		}
	}
	switch {
	case e.Name == "":
		return e, Invalid(at+".name", "is missing")
	case e.Grants != nil && e.Vetoes != nil && *e.Grants&*e.Vetoes != 0:
		return e, Invalid(at+".vetoes", "names a permission that is among the grants")
	}
	return e, nil
}

// maxMemberName bounds a name in a list; nobody's is longer than 64 bytes.
const maxMemberName = 200

func parsePermissions(field string, raw json.RawMessage) (*Permissions, error) {
	var words []string
	if err := json.Unmarshal(raw, &words); err != nil || words == nil {
		return nil, Invalid(field, "is no list of permissions")
	}
	var out Permissions
	for _, w := range words {
		p, err := ParsePermission(field, w)
		if err != nil {
			return nil, err
		}
		out |= p
	}
	return &out, nil
}
