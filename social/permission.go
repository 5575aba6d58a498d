package social

import "time"

// Permissions is a set of the eight permissions of a space.
type Permissions uint8

const (
	Read Permissions = 1 << iota
	Write
	Subscribe
	Unsubscribe
	Invite
	Kick
	Delete
	Flag

	NoPermissions  Permissions = 0
	AllPermissions Permissions = 0xff
)

var permissionWords = [8]string{"read", "write", "subscribe", "unsubscribe", "invite", "kick", "delete", "flag"}

// PermissionWords are the names of the eight permissions in their order.
func PermissionWords() [8]string { return permissionWords }

// Has tells whether all of p are in s.
func (s Permissions) Has(p Permissions) bool { return s&p == p }

// Words are the names of the permissions in s, in their order; never nil.
func (s Permissions) Words() []string {
	out := []string{}
	for i, w := range permissionWords {
		if s&(1<<i) != 0 {
			out = append(out, w)
		}
	}
	return out
}

// ParsePermission reads one permission's name. The error is KindInvalid and
// names field.
func ParsePermission(field, word string) (Permissions, error) {
	for i, w := range permissionWords {
		if w == word {
			return 1 << i, nil
		}
	}
	return 0, Invalid(field, "%q is no permission; there are read, write, subscribe, unsubscribe, invite, kick, delete and flag", clip(word))
}

// Policy says who has a permission without a grant.
type Policy uint8

const (
	PolicyUnset      Policy = iota // restricted, but unsubscribe follows subscribe
	PolicyRestricted               // nobody
	PolicyMembers
	PolicyPublic // every authenticated person
)

var policyWords = [...]string{PolicyUnset: "", PolicyRestricted: "restricted", PolicyMembers: "members", PolicyPublic: "public"}

// String is the policy's word.
func (p Policy) String() string { return policyWords[p] }

// ParsePolicy reads one of the three policy words. The error is KindInvalid
// and names field.
func ParsePolicy(field, word string) (Policy, error) {
	for p := PolicyRestricted; p <= PolicyPublic; p++ {
		if policyWords[p] == word {
			return p, nil
		}
	}
	return 0, Invalid(field, "%q is no policy; there are public, members and restricted", clip(word))
}

// Policies holds the policy of each permission, in the order of the bits.
type Policies [8]Policy

// Of is the policy that holds for the i-th permission, inheritance applied.
func (p Policies) Of(i int) Policy {
	const subscribe, unsubscribe = 2, 3
	v := p[i]
	if v == PolicyUnset && i == unsubscribe {
		v = p[subscribe]
	}
	if v == PolicyUnset {
		return PolicyRestricted
	}
	return v
}

// With are the policies with those of patch that are not PolicyUnset.
func (p Policies) With(patch Policies) Policies {
	for i, v := range patch {
		if v != PolicyUnset {
			p[i] = v
		}
	}
	return p
}

// at is the set of permissions whose policy is exactly want.
func (p Policies) at(want Policy) Permissions {
	var out Permissions
	for i := range p {
		if p.Of(i) == want {
			out |= 1 << i
		}
	}
	return out
}

// Presets are the named starting points of a context's policies.
func Presets() map[string]Policies {
	const m, p, r, u = PolicyMembers, PolicyPublic, PolicyRestricted, PolicyUnset
	return map[string]Policies{ //  read write sub unsub invite kick delete flag
		"open":          {p, m, p, p, u, u, u, u},
		"closed":        {m, m, r, m, u, u, u, u},
		"institutional": {m, m, r, r, u, u, u, u},
		"announcement":  {p, r, p, p, u, u, u, u},
	}
}

// Override is a grant or a veto of permissions to one person in one space.
type Override struct {
	Permission Permissions // exactly one
	Veto       bool
	Until      time.Time // zero: for ever
}

func (o Override) holds(now time.Time) bool { return o.Until.IsZero() || now.Before(o.Until) }

// Standing is what one person is to one space.
type Standing struct {
	Member    bool
	Banned    bool
	Until     time.Time // when the ban ends; zero: never
	Overrides []Override
}

func (s Standing) banned(now time.Time) bool {
	return s.Banned && (s.Until.IsZero() || now.Before(s.Until))
}

// Effective says what a person may do in a space. The first rule that applies
// decides: a manager and the owner have everything; a banned person nothing;
// else what the policies, grants and roles give, less the vetoes.
func Effective(policies Policies, owner bool, roles Roles, s Standing, now time.Time) Permissions {
	if owner || roles.Has(RoleManager) {
		return AllPermissions
	}
	if s.banned(now) {
		return NoPermissions
	}
	p := policies.at(PolicyPublic)
	if s.Member {
		p |= policies.at(PolicyMembers)
	}
	var vetoes Permissions
	for _, o := range s.Overrides {
		switch {
		case !o.holds(now):
		case o.Veto:
			vetoes |= o.Permission
		default:
			p |= o.Permission
		}
	}
	if roles.Has(RoleAuditor) {
		p |= Read
	}
	if roles.Has(RoleModerator) && p&^vetoes&Read != 0 {
		p |= Delete | Flag
	}
	return p &^ vetoes
}

// NextExpiry is the earliest moment after now at which a ban or an override of s ends;
// zero where none does.
func (s Standing) NextExpiry(now time.Time) time.Time {
	var next time.Time
	if s.Banned && s.Until.After(now) {
		next = s.Until
	}
	for _, o := range s.Overrides {
		if o.Until.After(now) && (next.IsZero() || o.Until.Before(next)) {
			next = o.Until
		}
	}
	return next
}
