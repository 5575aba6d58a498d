package storagetest

import (
	"fmt"
	"reflect"
	"time"

	"rambla/social"
)

func nodeClaims() []claim {
	return []claim{
		{"the sessions of a node that died were left at its last beat", beatDead},
		{"very many sessions of a dead node are noted in turns", beatMany},
		{"a node that was thought dead is looked at again", beatAgain},
		{"a will is handed out when it is due, for a lease", takeWills},
		{"a purge takes sessions that are over, and nodes without any", purgeSessions},
		{"the history of rights is kept for longer than sessions", purgeReads},
	}
}

func (w *World) beat(node social.NodeID, now, dead time.Time) (more bool) {
	w.Helper()
	more, err := w.DB.Beat(w.Context(), node, now, dead)
	if err != nil {
		w.Fatal(err)
	}
	return more
}

// sweep beats until nothing more is to be noted.
func (w *World) sweep(node social.NodeID, now, dead time.Time) (calls int) {
	w.Helper()
	for calls = 1; w.beat(node, now, dead); calls++ {
		if calls > 20 {
			w.Fatal("there is always more to note")
		}
	}
	return calls
}

func (w *World) take(now time.Time, limit int) []social.Session {
	w.Helper()
	out, err := w.DB.TakeWills(w.Context(), now, time.Minute, limit)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func beatDead(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Second) }
	w.beat(1, at(0), at(-10))
	w.beat(2, at(0), at(-10))
	claim := func(id social.SessionID, node social.NodeID, expiry time.Duration, will string, delay time.Duration) {
		c := social.SessionClaim{ID: id, Person: w.Bob, Name: fmt.Sprint(id), Version: 5, Node: node, Expiry: expiry, WillDelay: delay}
		if will != "" {
			c.Will = []byte(will)
		}
		w.claimed(c, at(0))
	}
	claim(11, 1, time.Hour, "", 0)
	claim(12, 1, time.Hour, "delayed", time.Minute)
	claim(13, 1, time.Second, "its session ends first", time.Minute)
	claim(14, 1, 0, "at once", time.Minute)
	claim(15, 2, time.Hour, "", 0)
	w.beat(1, at(5), at(-5))
	w.sweep(2, at(15), at(5)) // 1 was seen at 5, which is not before
	if s, _ := w.find("11"); s.Node != 1 {
		w.Errorf("too early: %+v", s)
	}
	w.sweep(2, at(16), at(6))
	for name, due := range map[string]time.Time{"11": {}, "12": at(65), "13": at(6), "14": at(5)} {
		if s, ok := w.find(name); !ok || s.Node != 0 || !s.Left.Equal(at(5)) || !s.WillDue.Equal(due) || s.Fence != 2 {
			w.Errorf("%s: %+v, wanted due %v", name, s, due)
		}
	}
	if s, _ := w.find("15"); s.Node != 2 || !s.Left.IsZero() {
		w.Errorf("of the living: %+v", s)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 1}, at(17))
	// What lost its will while it was connected is over with its node.
	claim(16, 2, 0, "void", 0)
	w.saved(social.SessionSave{ID: 16, Fence: 1, DropWill: true}, at(17))
	w.AppendEntries(at(17), w.packet(16, 1, "x"))
	w.sweep(3, at(40), at(40))
	if s, ok := w.find("16"); ok {
		w.Errorf("%+v", s)
	}
}

func beatMany(w *World) {
	const sessions = 650
	w.beat(1, Epoch(), Epoch())
	var writes []social.SessionWrite
	for i := range sessions {
		c := w.phone(social.SessionID(1 + i)) //nolint:gosec // some hundred
		c.Name, c.Most = fmt.Sprint(i), 0
		writes = append(writes, social.SessionWrite{Claim: &c})
	}
	if _, err := w.DB.WriteSessions(w.Context(), writes, Epoch()); err != nil {
		w.Fatal(err)
	}
	later := Epoch().Add(time.Minute)
	if calls := w.sweep(2, later, later); calls < 3 {
		w.Errorf("%d sessions were noted in %d calls", sessions, calls)
	}
	list, err := w.DB.Sessions(w.Context(), 0, 0, sessions+1, later)
	if err != nil || len(list) != sessions {
		w.Fatalf("%d sessions, %v", len(list), err)
	}
	for _, s := range list {
		if s.Node != 0 || !s.Left.Equal(Epoch()) {
			w.Fatalf("%+v", s)
		}
	}
}

func beatAgain(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	w.beat(1, at(0), at(0))
	w.sweep(2, at(1), at(1))
	w.beat(1, at(2), at(0)) // it was only slow
	w.claimed(w.phone(11), at(2))
	w.sweep(2, at(3), at(3))
	if s, _ := w.find("phone"); !s.Left.Equal(at(2)) {
		w.Errorf("%+v", s)
	}
	// Claims of nodes that never said that they live, or that were given up already.
	w.claimed(w.phone(12), at(4))
	other := w.phone(13)
	other.Name, other.Node = "other", 7
	w.claimed(other, at(4))
	w.sweep(2, at(5), at(5))
	w.purgeAll(at(5))
	w.sweep(2, at(6), at(6))
	for _, name := range []string{"phone", "other"} {
		if s, _ := w.find(name); s.Node != 0 {
			w.Errorf("%+v", s)
		}
	}
}

func takeWills(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Second) }
	for i := range 3 {
		c := w.phone(social.SessionID(11 + i)) //nolint:gosec // a handful
		c.Name, c.Will = fmt.Sprint(c.ID), []byte("will")
		w.claimed(c, at(0))
		w.leaveSession(c.ID, 1, at(0), at(10*i+10))
	}
	if got := w.take(at(9), 9); len(got) != 0 {
		w.Errorf("before they are due: %+v", got)
	}
	got := w.take(at(20), 1)
	want, _ := w.find("11")
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) || want.Fence != 2 || !want.WillDue.Equal(at(80)) {
		w.Errorf("%+v\nfound %+v", got, want)
	}
	if got := w.take(at(20), 9); len(got) != 1 || got[0].ID != 12 {
		w.Errorf("%+v", got)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 1, DropWill: true}, at(21))
	w.saved(social.SessionSave{ID: 11, Fence: 2, DropWill: true}, at(21))
	// The client of the other comes back, and has another will.
	c := w.phone(99)
	c.Name, c.Will = "12", []byte("next")
	if got := w.claimed(c, at(22)); !got.Present || got.Before == nil || string(got.Before.Will) != "will" {
		w.Errorf("%+v", got)
	}
	w.stale(social.SessionSave{ID: 12, Fence: 2, DropWill: true}, at(23))
	if got := w.take(at(1000), 9); len(got) != 1 || got[0].ID != 13 {
		w.Errorf("%+v", got)
	}
	if got := w.take(at(1061), 9); len(got) != 1 || got[0].ID != 13 || got[0].Fence != 3 {
		w.Errorf("after the lease: %+v", got)
	}
}

func purgeSessions(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Hour) }
	w.beat(1, at(0), at(0))
	for i, name := range []string{"over", "lasts", "waits", "here"} {
		c := w.phone(social.SessionID(11 + i)) //nolint:gosec // a handful
		c.Name = name
		if name == "waits" {
			c.Will = []byte("will")
		}
		if name == "lasts" {
			c.Expiry = social.SessionForever
		}
		w.claimed(c, at(0))
		w.AppendEntries(at(0), w.packet(c.ID, 1, name))
		if name != "here" {
			w.saved(social.SessionSave{ID: c.ID, Fence: 1, Left: at(0), WillDue: at(0)}, at(0))
		}
	}
	if n := w.purgeAll(at(0)); n != 0 {
		w.Errorf("%d rows were purged at once", n)
	}
	w.purgeAll(at(24))
	for name, there := range map[string]bool{"over": false, "lasts": true, "waits": true, "here": true} {
		if _, ok := w.find(name); ok != there {
			w.Errorf("%s is there: %v", name, ok)
		}
	}
	for _, s := range w.take(at(24), 9) {
		w.saved(social.SessionSave{ID: s.ID, Fence: s.Fence, DropWill: true}, at(24))
	}
	if _, ok := w.find("waits"); ok {
		w.Error("after its will it is still there")
	}
	w.beat(2, at(25), at(0))
	w.sweep(2, at(25), at(25))
	w.purgeAll(at(26))
	if _, ok := w.find("here"); ok {
		w.Error("the one of the dead node is still there")
	}
}

func purgeReads(w *World) {
	w.reader(Epoch())
	w.setPolicy(social.PolicyMembers, Epoch().Add(time.Hour))
	day := 24 * time.Hour
	w.purgeAll(Epoch().Add(59 * day))
	w.setPolicy(social.PolicyPublic, Epoch().Add(59*day))
	if got := w.back(Epoch().Add(59 * day)); len(got) != 2 {
		w.Errorf("%+v", got)
	}
	w.purgeAll(Epoch().Add(61 * day))
	if got := w.back(Epoch().Add(61 * day)); len(got) != 1 || got[0].Policy != social.PolicyMembers {
		w.Errorf("%+v", got)
	}
}
