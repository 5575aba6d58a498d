package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestASharedGroupOfTwoSessions(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		const topic, filter = "/ctx/lobby/data/jobs", "$share/workers//ctx/lobby/data/jobs"
		writer := s.as(t, 5, "alice", "writer")
		publish := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				if ack := writer.publish(1, topic, fmt.Sprint(i)); ack.code != 0 {
					t.Fatalf("%+v", ack)
				}
			}
		}
		one, two := s.begins(t, 5, "bob", "one", 1, filter), s.begins(t, 4, "bob", "two", 1, filter)
		carol := s.begins(t, 5, "carol", "hers", 1, filter) // a group of her own
		publish(0, 40)
		both := takes(0, 40, one, two)
		first, second := both[0], both[1]
		if len(first) < 8 || len(second) < 8 {
			t.Errorf("shared as %d and %d", len(first), len(second))
		}
		all(t, 0, 40, first, second)
		all(t, 0, 40, takes(0, 40, carol)...)
		// Where one leaves, the other gets all.
		one.leaves()
		publish(40, 50)
		all(t, 40, 50, takes(40, 50, two)...)
		// What one did not acknowledge is the other's.
		one = s.returns(t, 5, "bob", "one")
		publish(50, 60)
		one.expect(kindPublish)
		one.vanishes()
		all(t, 50, 60, takes(50, 60, two)...)
		// Where none is there, the group keeps its place, over a crash too.
		two.leaves()
		publish(60, 65)
		s = s.again(t, flags)
		writer = s.as(t, 5, "alice", "writer")
		publish(65, 70)
		one = s.returns(t, 5, "bob", "one")
		all(t, 60, 70, since(60, takes(60, 70, one)[0])) // the last seconds may come again
		two = s.returns(t, 4, "bob", "two")
		publish(70, 80)
		all(t, 70, 80, takes(70, 80, one, two)...)
		all(t, 40, 80, since(40, takes(40, 80, s.returns(t, 5, "carol", "hers"))[0]))
	})
}

// takes reads and acknowledges what comes to each, until all of the numbers from … to-1
// have, and what comes for a moment more.
func takes(from, to int, of ...*wire) [][]string {
	missing := map[string]bool{}
	for i := from; i < to; i++ {
		missing[fmt.Sprint(i)] = true
	}
	taken := make([][]string, len(of))
	take := func(moment time.Duration) {
		for i, w := range of {
			for _, payload := range w.comes(moment) {
				delete(missing, payload)
				taken[i] = append(taken[i], payload)
			}
		}
	}
	for began := time.Now(); len(missing) > 0 && time.Since(began) < patience; {
		take(100 * time.Millisecond)
	}
	take(1500 * time.Millisecond)
	return taken
}

// comes reads and acknowledges what comes until nothing does for a moment.
func (w *wire) comes(moment time.Duration) (payloads []string) {
	w.t.Helper()
	for {
		f, err := w.readWithin(moment)
		if errors.Is(err, errQuiet) {
			return payloads
		}
		if err != nil || f.kind != kindPublish {
			w.t.Fatalf("got %+v, %v", f, err)
		}
		w.acknowledge(f)
		payloads = append(payloads, f.payload)
	}
}

// since leaves out the numbers below least.
func since(least int, payloads []string) []string {
	return slices.DeleteFunc(payloads, func(p string) bool {
		n, err := strconv.Atoi(p)
		return err == nil && n < least
	})
}

// all checks that the numbers from … to-1 were taken, each by one.
func all(t *testing.T, from, to int, taken ...[]string) {
	t.Helper()
	got := slices.Concat(taken...)
	slices.Sort(got)
	var want []string
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprint(i))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("taken were %q, want %q", taken, want)
	}
}
