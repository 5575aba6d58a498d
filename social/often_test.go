package social

import (
	"testing"
	"time"
)

func TestComingAndGoingAThousandTimesLeavesNothingInMemory(t *testing.T) {
	t.Parallel()
	town := smallTown()
	d := loaded(t, town, atNoon)
	size := func() [8]int {
		d.mu.RLock()
		defer d.mu.RUnlock()
		pl := d.spaces[staff]
		return [8]int{
			pl.people.number(), pl.members, len(d.mine), len(d.mine[carol]), len(d.expiries.h), len(d.expiries.armed), len(d.names), len(d.streams),
		}
	}
	step := func(a Affiliation) {
		t.Helper()
		town.putMember(a)
		if err := d.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	in := Affiliation{Space: staff, Person: carol, Member: true, Overrides: []Override{{Permission: Write, Until: noon.Add(time.Hour)}}}
	var once [2][8]int
	for n := range 1000 {
		in.Heads = Heads{ChannelMessages: uint64(n + 1)} //nolint:gosec // small
		step(in)
		if sight, err := d.See(as(carol), "staff"); err != nil || sight.Joined[ChannelMessages] != uint64(n+1) || !sight.May.Has(Read) { //nolint:gosec // small
			t.Fatalf("joined for the %dth time: %+v, %v", n+1, sight, err)
		}
		joined := size()
		step(Affiliation{Space: staff, Person: carol})
		if _, err := d.See(as(carol), "staff"); KindOrNil(err) != KindNotFound {
			t.Fatalf("left for the %dth time: %v", n+1, err)
		}
		now := [2][8]int{joined, size()}
		if n == 0 {
			once = now
		}
		if now != once {
			t.Fatalf("after %d times there is %v, after once %v", n+1, now, once)
		}
	}
}
