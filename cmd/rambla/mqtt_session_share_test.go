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
		first, second := one.takes(), two.takes()
		if len(first) < 8 || len(second) < 8 {
			t.Errorf("shared as %d and %d", len(first), len(second))
		}
		all(t, 0, 40, first, second)
		all(t, 0, 40, carol.takes())
		// Where one leaves, the other gets all.
		one.leaves()
		publish(40, 50)
		all(t, 40, 50, two.takes())
		// What one did not acknowledge is the other's.
		one = s.returns(t, 5, "bob", "one")
		publish(50, 60)
		var unacked []string
		for {
			f, err := one.readWithin(time.Second)
			if errors.Is(err, errQuiet) {
				break
			}
			if err != nil || f.kind != kindPublish {
				t.Fatalf("%+v, %v", f, err)
			}
			unacked = append(unacked, f.payload)
		}
		if len(unacked) == 0 {
			t.Error("it got none of ten")
		}
		one.vanishes()
		all(t, 50, 60, two.takes())
		// Where none is there, the group keeps its place, over a crash too.
		two.leaves()
		publish(60, 65)
		s = s.again(t, flags)
		writer = s.as(t, 5, "alice", "writer")
		publish(65, 70)
		one = s.returns(t, 5, "bob", "one")
		all(t, 60, 70, since(60, one.takes())) // the last seconds may come again
		two = s.returns(t, 4, "bob", "two")
		publish(70, 80)
		all(t, 70, 80, one.takes(), two.takes())
		all(t, 40, 80, since(40, s.returns(t, 5, "carol", "hers").takes()))
	})
}

// takes reads and acknowledges what comes until nothing does for a while.
func (w *wire) takes() (payloads []string) {
	w.t.Helper()
	for {
		f, err := w.readWithin(1500 * time.Millisecond)
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
