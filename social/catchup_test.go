package social

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"
)

// What was found going back through changes is what one finds who wrote down, at
// every moment, whether the right was there.
func TestARightCameBackWhenSomebodyWhoWatchedSaysSo(t *testing.T) {
	t.Parallel()
	const bob = PersonKey(2)
	now := time.Unix(1000, 0)
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 17))
		d := NewDirectory(nil, slog.New(slog.DiscardHandler), func() time.Time { return now })
		space := &Space{Key: 5, ID: "s", Owner: 1}
		for c := range space.Streams {
			if c%2 == 0 {
				space.Streams[c] = StreamKey(10 + c)
			}
		}
		d.people[bob] = &Person{Key: bob, Name: "bob"}
		var standing Standing
		var roles Roles
		may := func() bool { return Effective(space.Policies, space.Owner == bob, roles, standing, now).Has(Read) }
		was := may()
		var changes []ReadChange // oldest first
		var back Heads
		regained := false
		for n := range uint64(r.IntN(12)) {
			var heads Heads
			for c := range heads {
				heads[c] = 100*n + uint64(c)
			}
			c := ReadChange{Version: int64(n), Space: 5, Heads: heads}
			switch r.IntN(5) {
			case 0:
				c.Policy, c.Owner = space.Policies[0], space.Owner
				space.Policies[0] = Policy(r.IntN(4))
			case 1:
				c.Policy, c.Owner = space.Policies[0], space.Owner
				space.Owner = PersonKey(1 + r.IntN(2))
			case 2:
				c.Person, c.Standing, c.Roles = bob, standing, roles
				standing.Member, standing.Banned = r.IntN(2) == 0, r.IntN(4) == 0
			case 3:
				c.Person, c.Standing, c.Roles = bob, standing, roles
				standing.Overrides = nil
				if r.IntN(2) == 0 {
					standing.Overrides = []Override{{Permission: Read, Veto: r.IntN(2) == 0}}
				}
			case 4:
				c.Person, c.Standing, c.Roles = bob, standing, roles
				roles = []Roles{0, RoleManager, RoleAuditor, RoleModerator}[r.IntN(4)]
			}
			changes = append([]ReadChange{c}, changes...) // as they are handed over
			if is := may(); is != was {
				was = is
				if is {
					back, regained = heads, true
				}
			}
		}
		d.people[bob] = &Person{Key: bob, Name: "bob", Roles: roles}
		d.spaces[5] = &place{space: space, people: residents{few: []residentOf{{bob, resident{Standing: standing}}}}}
		want := map[StreamKey]uint64{}
		for c, key := range space.Streams {
			if key != 0 && was && regained {
				want[key] = back[c]
			}
		}
		if got := d.Regained(Actor{Person: bob}, changes); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: %v, want %v: %+v", seed, got, want, changes)
		}
	}
}
