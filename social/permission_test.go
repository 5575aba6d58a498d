package social

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 123_000_000, time.UTC)

func grantOf(p Permissions) Override { return Override{Permission: p} }
func vetoOf(p Permissions) Override  { return Override{Permission: p, Veto: true} }

func until(o Override, t time.Time) Override { o.Until = t; return o }

func TestFirstRuleThatAppliesDecides(t *testing.T) {
	t.Parallel()
	presets := Presets()
	open, closed, announcement := presets["open"], presets["closed"], presets["announcement"]
	const auditor, moderator, manager = RoleAuditor, RoleModerator, RoleManager
	for _, c := range []struct {
		name     string
		policies Policies
		owner    bool
		roles    Roles
		standing Standing
		want     Permissions
	}{
		{"a stranger has what is public", open, false, 0, Standing{}, Read | Subscribe | Unsubscribe},
		{"a stranger has nothing in a closed context", closed, false, 0, Standing{}, 0},
		{"a member has public and members", open, false, 0, Standing{Member: true}, Read | Write | Subscribe | Unsubscribe},
		{"members of a closed context may leave but not join", closed, false, 0, Standing{Member: true}, Read | Write | Unsubscribe},
		{"nobody writes announcements without a grant", announcement, false, 0, Standing{Member: true}, Read | Subscribe | Unsubscribe},
		{"a grant lets one write announcements", announcement, false, 0, Standing{Member: true, Overrides: []Override{grantOf(Write)}}, Read | Write | Subscribe | Unsubscribe},
		{"a grant needs no membership", closed, false, 0, Standing{Overrides: []Override{grantOf(Write)}}, Write},
		{"a veto takes what is public", open, false, 0, Standing{Overrides: []Override{vetoOf(Read)}}, Subscribe | Unsubscribe},
		{"a veto takes what members have", open, false, 0, Standing{Member: true, Overrides: []Override{vetoOf(Write)}}, Read | Subscribe | Unsubscribe},
		{"a grant ends at its moment", closed, false, 0, Standing{Overrides: []Override{until(grantOf(Write), noon)}}, 0},
		{"a grant holds until its moment", closed, false, 0, Standing{Overrides: []Override{until(grantOf(Write), noon.Add(1))}}, Write},
		{"a veto ends at its moment", open, false, 0, Standing{Overrides: []Override{until(vetoOf(Read), noon)}}, Read | Subscribe | Unsubscribe},
		{"a veto holds until its moment", open, false, 0, Standing{Overrides: []Override{until(vetoOf(Read), noon.Add(1))}}, Subscribe | Unsubscribe},
		{"the owner has everything without being named anywhere", Policies{}, true, 0, Standing{}, AllPermissions},
		{"a veto does not bind the owner", open, true, 0, Standing{Member: true, Overrides: []Override{vetoOf(Read)}}, AllPermissions},
		{"a ban does not bind the owner", open, true, 0, Standing{Banned: true}, AllPermissions},
		{"a manager has everything everywhere", Policies{}, false, manager, Standing{}, AllPermissions},
		{"neither ban nor veto binds a manager", open, false, manager, Standing{Banned: true, Overrides: []Override{vetoOf(Read)}}, AllPermissions},
		{"a banned member has nothing", open, false, 0, Standing{Member: true, Banned: true}, 0},
		{"a grant does not lift a ban", open, false, 0, Standing{Banned: true, Overrides: []Override{grantOf(Read)}}, 0},
		{"a banned auditor does not read", closed, false, auditor, Standing{Banned: true}, 0},
		{"a banned moderator does not moderate", open, false, moderator, Standing{Banned: true}, 0},
		{"an auditor reads every context and does nothing else there", closed, false, auditor, Standing{}, Read},
		{"a veto binds an auditor", closed, false, auditor, Standing{Overrides: []Override{vetoOf(Read)}}, 0},
		{"a moderator deletes and flags where it reads", open, false, moderator, Standing{}, Read | Subscribe | Unsubscribe | Delete | Flag},
		{"a moderator has nothing where it does not read", closed, false, moderator, Standing{}, 0},
		{"a moderator whose reading is vetoed does not moderate", open, false, moderator, Standing{Overrides: []Override{vetoOf(Read)}}, Subscribe | Unsubscribe},
		{"a veto takes one thing from a moderator", open, false, moderator, Standing{Overrides: []Override{vetoOf(Flag)}}, Read | Subscribe | Unsubscribe | Delete},
		{"a moderator who audits moderates everywhere", closed, false, moderator | auditor, Standing{}, Read | Delete | Flag},
		{"a granted reader who moderates does so there", closed, false, moderator, Standing{Overrides: []Override{grantOf(Read)}}, Read | Delete | Flag},
		{"hidden gives nothing", closed, false, RoleHidden, Standing{}, 0},
		{"everything is restricted by default", Policies{}, false, 0, Standing{Member: true}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := Effective(c.policies, c.owner, c.roles, c.standing, noon); got != c.want {
				t.Errorf("got %v, want %v", got.Words(), c.want.Words())
			}
		})
	}
}

// mayByTheBook is the contract's rule about one permission, word by word.
func mayByTheBook(i int, policies Policies, owner bool, roles Roles, s Standing) bool {
	if roles&RoleManager != 0 || owner {
		return true
	}
	if s.Banned {
		return false
	}
	policy := func(i int) Policy {
		if i == 3 && policies[3] == PolicyUnset {
			i = 2
		}
		return policies[i]
	}
	has := func(i int, veto bool) bool {
		return slices.ContainsFunc(s.Overrides, func(o Override) bool {
			return o.Permission == 1<<i && o.Veto == veto && (o.Until.IsZero() || noon.Before(o.Until))
		})
	}
	var may func(i int) bool
	may = func(i int) bool {
		if has(i, true) {
			return false
		}
		return policy(i) == PolicyPublic || s.Member && policy(i) == PolicyMembers || has(i, false) ||
			i == 0 && roles&RoleAuditor != 0 || (i == 6 || i == 7) && roles&RoleModerator != 0 && may(0)
	}
	return may(i)
}

func TestEveryCombinationFollowsTheBook(t *testing.T) {
	t.Parallel()
	all := []Policy{PolicyUnset, PolicyRestricted, PolicyMembers, PolicyPublic}
	override := func(i, kind int) []Override {
		bit := Permissions(1) << i
		switch kind {
		case 1:
			return []Override{grantOf(bit)}
		case 2:
			return []Override{vetoOf(bit)}
		case 3:
			return []Override{until(grantOf(bit), noon.Add(-time.Second))}
		case 4:
			return []Override{until(vetoOf(bit), noon.Add(time.Second))}
		}
		return nil
	}
	n := 0
	for roles := Roles(0); roles < 16; roles++ {
		for state := range 8 { // member, banned, owner
			member, banned, owner := state&1 != 0, state&2 != 0, state&4 != 0
			for i := range 8 {
				for _, mine := range all {
					for _, other := range all { // read's; for unsubscribe, subscribe's
						for kind := range 5 {
							for readKind := range 5 {
								var policies Policies
								policies[0] = other
								if i == 3 {
									policies[2] = other
								}
								policies[i] = mine
								s := Standing{Member: member, Banned: banned, Overrides: override(i, kind)}
								if i != 0 {
									s.Overrides = append(s.Overrides, override(0, readKind)...)
								}
								got := Effective(policies, owner, roles, s, noon)
								n++
								for j := range 8 {
									if want := mayByTheBook(j, policies, owner, roles, s); got.Has(1<<j) != want {
										t.Fatalf("roles %v, %+v, owner %v, policies %v: %s is %v, want %v",
											roles.Words(), s, owner, policies, permissionWords[j], !want, want)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if n < 100_000 {
		t.Errorf("only %d combinations were tried", n)
	}
}

func TestUnsubscribeFollowsSubscribeUntilItHasItsOwnPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		subscribe, own Policy
		want           Policy
	}{
		{"public subscribe, nothing said", PolicyPublic, PolicyUnset, PolicyPublic},
		{"members subscribe, nothing said", PolicyMembers, PolicyUnset, PolicyMembers},
		{"nothing said at all", PolicyUnset, PolicyUnset, PolicyRestricted},
		{"public subscribe, restricted unsubscribe", PolicyPublic, PolicyRestricted, PolicyRestricted},
		{"restricted subscribe, members unsubscribe", PolicyRestricted, PolicyMembers, PolicyMembers},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := (Policies{2: c.subscribe, 3: c.own}).Of(3); got != c.want {
				t.Errorf("unsubscribe is %v, want %v", got, c.want)
			}
		})
	}
}

func TestPresetsAreWhatTheManualSays(t *testing.T) {
	t.Parallel()
	type m map[string]string
	for name, want := range map[string]m{
		"open":          {"read": "public", "subscribe": "public", "unsubscribe": "public", "write": "members"},
		"closed":        {"read": "members", "write": "members", "unsubscribe": "members", "subscribe": "restricted"},
		"institutional": {"read": "members", "write": "members", "subscribe": "restricted", "unsubscribe": "restricted"},
		"announcement":  {"read": "public", "subscribe": "public", "unsubscribe": "public", "write": "restricted"},
	} {
		policies, ok := Presets()[name]
		if !ok {
			t.Errorf("there is no preset %q", name)
		}
		for i, word := range PermissionWords() {
			expect := want[word]
			if expect == "" {
				expect = "restricted"
			}
			if got := policies.Of(i).String(); got != expect {
				t.Errorf("%s: %s is %s, want %s", name, word, got, expect)
			}
		}
	}
	if n := len(Presets()); n != 4 {
		t.Errorf("there are %d presets", n)
	}
}

func TestWordsOfPermissionsAndPoliciesAreReadBack(t *testing.T) {
	t.Parallel()
	for i, w := range PermissionWords() {
		p, err := ParsePermission("permission", w)
		if err != nil || p != 1<<i || !slices.Equal(p.Words(), []string{w}) {
			t.Errorf("%q is %v, %v", w, p, err)
		}
	}
	for _, p := range []Policy{PolicyRestricted, PolicyMembers, PolicyPublic} {
		if got, err := ParsePolicy("permissions.read", p.String()); err != nil || got != p {
			t.Errorf("%v is read back as %v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"", "Public", "anyone", "members "} {
		if _, err := ParsePolicy("permissions.read", bad); KindOrNil(err) != KindInvalid || fieldOf(err) != "permissions.read" {
			t.Errorf("policy %q: %v", bad, err)
		}
		if _, err := ParsePermission("permission", bad); KindOrNil(err) != KindInvalid || fieldOf(err) != "permission" {
			t.Errorf("permission %q: %v", bad, err)
		}
	}
	if words := NoPermissions.Words(); words == nil || len(words) != 0 {
		t.Errorf("no permissions are %#v, want an empty list", words)
	}
}

func TestNextExpiryIsTheEarliestOneToCome(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) Override { return until(grantOf(Read), noon.Add(d)) }
	for _, c := range []struct {
		name string
		have []Override
		want time.Time
	}{
		{"nothing ends", []Override{grantOf(Read)}, time.Time{}},
		{"what has ended does not end again", []Override{at(0), at(-time.Hour)}, time.Time{}},
		{"the earliest counts", []Override{at(time.Hour), at(time.Minute), at(-time.Minute)}, noon.Add(time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := (Standing{Overrides: c.have}).NextExpiry(noon); !got.Equal(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// fieldOf is the name of the one field an error is about.
func fieldOf(err error) string {
	e, ok := err.(*Error) //nolint:errorlint // made by what is tested
	if !ok || len(e.Fields) != 1 {
		return ""
	}
	return e.Fields[0].Name
}

func FuzzExpiriesTellEveryoneOnceItsTimeHasCome(f *testing.F) {
	f.Add([]byte{5, 1, 9, 1, 3, 2})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var e expiries
		ends := map[Member]time.Time{} // the earliest end of each that is armed
		for i := 0; i+1 < len(ops); i += 2 {
			at, m := noon.Add(time.Duration(ops[i])*time.Second), Member{1, PersonKey(ops[i+1] % 4)}
			e.arm(at, m)
			if was, ok := ends[m]; !ok || at.Before(was) {
				ends[m] = at
			}
		}
		for s := range 256 {
			now := noon.Add(time.Duration(s) * time.Second)
			for _, m := range e.popUntil(now) {
				if !ends[m].Equal(now) {
					t.Fatalf("%v is told at %v, ends at %v", m, now, ends[m])
				}
				delete(ends, m)
			}
		}
		if len(ends) > 0 || len(e.h) > 0 || len(e.armed) > 0 {
			t.Fatalf("never told: %v; kept %d, %d", ends, len(e.h), len(e.armed))
		}
	})
}
