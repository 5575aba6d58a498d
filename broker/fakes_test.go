package broker_test

import (
	"testing"
	"time"

	"rambla/broker"
	"rambla/social"
)

// What the fakes promise to the scenarios that stand on them.

var (
	_ social.SessionStore = (*memoryStore)(nil)
	_ broker.Backlog      = (*memoryLog)(nil)
	_ broker.Gate         = (*site)(nil)
)

// write commits one write and returns what became of it.
func (m *memoryStore) write(t *testing.T, w social.SessionWrite, now time.Time) social.SessionWritten {
	t.Helper()
	out, err := m.WriteSessions(t.Context(), []social.SessionWrite{w}, now)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func (m *memoryStore) claim(t *testing.T, c social.SessionClaim, now time.Time) social.SessionWritten {
	t.Helper()
	return m.write(t, social.SessionWrite{Claim: &c}, now)
}

func (m *memoryStore) save(t *testing.T, s social.SessionSave, now time.Time) social.SessionWritten {
	t.Helper()
	return m.write(t, social.SessionWrite{Save: &s}, now)
}

func TestTheMemoryStoreKeepsASessionUntilItsExpiryAndKnowsTheOlderClaim(t *testing.T) {
	t.Parallel()
	m, now := newSite().store, time.Unix(1_000_000, 0)
	first := m.claim(t, social.SessionClaim{ID: 7, Person: 1, Name: "a", Node: 3, Expiry: time.Minute}, now).Claimed
	if first.Present || first.Before != nil || first.Session.ID != 7 {
		t.Fatalf("a new session: %+v", first)
	}
	second := m.claim(t, social.SessionClaim{ID: 8, Person: 1, Name: "a", Node: 3, Expiry: time.Minute}, now).Claimed
	if !second.Present || second.Session.ID != 7 || second.Session.Fence <= first.Session.Fence {
		t.Fatalf("the same one: %+v", second)
	}
	if !m.save(t, social.SessionSave{ID: 7, Fence: first.Session.Fence, Left: now}, now).Stale {
		t.Error("the older claim saved")
	}
	if m.save(t, social.SessionSave{ID: 7, Fence: second.Session.Fence, Left: now, Position: social.EncodePosition(social.Position{})}, now).Stale {
		t.Error("the newer claim did not save")
	}
	for after, present := range map[time.Duration]bool{59 * time.Second: true, time.Minute: false} {
		list, err := m.Sessions(t.Context(), 1, 0, 9, now.Add(after))
		if err != nil || (len(list) == 1) != present {
			t.Errorf("after %v: %v %v", after, list, err)
		}
	}
	late := m.claim(t, social.SessionClaim{ID: 9, Person: 1, Name: "a", Expiry: time.Minute}, now.Add(time.Minute)).Claimed
	if late.Present || late.Before == nil || late.Session.ID != 9 || late.Session.Position != nil {
		t.Errorf("behind its expiry: %+v", late)
	}
	if clean := m.claim(t, social.SessionClaim{ID: 10, Person: 1, Name: "a", Clean: true}, now).Claimed; clean.Present || clean.Session.ID != 10 || clean.Before.ID != 9 {
		t.Errorf("a clean one: %+v", clean)
	}
	if n := m.count(); n != 0 {
		t.Errorf("%d rows for what lives no longer than its connection", n)
	}
}

func TestTheMemoryStoreMakesRoomAmongTheAbsentOnly(t *testing.T) {
	t.Parallel()
	m, now := newSite().store, time.Unix(1_000_000, 0)
	claim := func(id social.SessionID, name string) social.SessionWritten {
		return m.claim(t, social.SessionClaim{ID: id, Person: 1, Name: name, Node: 1, Expiry: time.Hour, Most: 2}, now)
	}
	a := claim(1, "a").Claimed
	claim(2, "b")
	if w := claim(3, "c"); social.KindOf(w.Err) != social.KindRateLimited {
		t.Errorf("a third, with both connected: %v", w.Err)
	}
	m.save(t, social.SessionSave{ID: 1, Fence: a.Session.Fence, Left: now}, now)
	if w := claim(3, "c"); w.Err != nil {
		t.Error(w.Err)
	}
	if _, kept := m.row(1, "a"); kept {
		t.Error("the absent one is still there")
	}
}

func TestTheMemoryStoreHandsAWillOutOncePerLease(t *testing.T) {
	t.Parallel()
	m, now := newSite().store, time.Unix(1_000_000, 0)
	m.claim(t, social.SessionClaim{ID: 1, Person: 1, Name: "a", Node: 5, Will: []byte("w"), WillDelay: time.Minute, Expiry: time.Hour}, now)
	if _, err := m.Beat(t.Context(), 6, now.Add(time.Second), now.Add(time.Second)); err != nil { // 5 did not beat since
		t.Fatal(err)
	}
	take := func(after time.Duration) []social.Session {
		t.Helper()
		list, err := m.TakeWills(t.Context(), now.Add(after), 10*time.Second, 9)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if n := len(take(59 * time.Second)); n != 0 {
		t.Errorf("%d before its time", n)
	}
	due := take(time.Minute)
	if len(due) != 1 || len(take(time.Minute)) != 0 || len(take(2*time.Minute)) != 1 {
		t.Fatal("it is not handed out once per lease")
	}
	row, _ := m.row(1, "a")
	if !m.save(t, social.SessionSave{ID: 1, Fence: due[0].Fence, DropWill: true}, now).Stale {
		t.Error("a lease that is over dropped the will")
	}
	m.save(t, social.SessionSave{ID: 1, Fence: row.Fence, DropWill: true}, now)
	if n := len(take(time.Hour)); n != 0 {
		t.Errorf("%d after it was dropped", n)
	}
}

func TestTheMemoryLogTellsWhenARightCameBack(t *testing.T) {
	t.Parallel()
	s := newSite()
	space := s.scope("lobby")
	commit := func() *broker.Delivery {
		d := s.log.commit(&broker.Delivery{Scope: space, Channel: social.ChannelMessages}, nil)
		s.log.hand(d, func(*broker.Delivery) {})
		return d
	}
	stream := commit().Stream
	bob, since := &broker.Principal{Person: s.person("bob")}, s.log.Rights()
	s.allow("lobby", "bob", 0, false)
	commit()
	s.allow("lobby", "bob", social.SpaceChannels(), true)
	commit()
	reads, _ := s.reads(bob.Person, since, []social.StreamKey{stream})
	back := s.log.Resume(bob, reads)
	if back[stream] != 2 {
		t.Errorf("it came back at %d, want 2", back[stream])
	}
	reads, _ = s.reads(bob.Person, s.log.Rights(), []social.StreamKey{stream})
	if none := s.log.Resume(bob, reads); len(none) != 0 {
		t.Errorf("nothing changed since, and yet %v", none)
	}
	if head, told := s.log.Head(stream); head != 3 || told != 3 {
		t.Errorf("the head is %d", head)
	}
	if found, err := s.log.Seek(t.Context(), bob, stream, social.SeekFrom{ByLast: true, Last: 2}); err != nil || found.After != 1 {
		t.Errorf("the last two lie after %d, %v", found.After, err)
	}
	s.log.forget(stream, 2)
	if list, err := s.log.Read(t.Context(), stream, "", 0, 10); err != nil || len(list) != 1 || list[0].Seq != 3 {
		t.Errorf("behind the floor: %v %v", list, err)
	}
}
