package storagetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"rambla/social"
)

func sessionLifeClaims() []claim {
	return []claim{
		{"a session that is over is absent from everything at once", sessionOver},
		{"a clean claim ends what there was", sessionClean},
		{"with neither expiry nor will nothing of a session is kept", sessionNothing},
		{"a session without expiry lasts until its will is sent", sessionForWill},
		{"a batch is applied in order", sessionOrder},
		{"a write that cannot be stored fails alone", sessionFailsAlone},
		{"one session too many ends the one that was left longest ago", sessionMost},
		{"a session that is corrupt is claimed as if there was none", sessionCorrupt},
		{"sessions are listed by id, living ones only", sessionList},
		{"sessions end with their person", sessionOfRemoved},
		{"a group's session is no client's", sessionGroup},
	}
}

// leave ends the connection of bob's session.
func (w *World) leaveSession(id social.SessionID, fence uint64, left, due time.Time) {
	w.Helper()
	w.saved(social.SessionSave{ID: id, Fence: fence, Left: left, WillDue: due}, left)
}

// find reads bob's client; ok is whether it is there.
func (w *World) find(name string) (s social.Session, ok bool) {
	w.Helper()
	s, err := w.DB.FindSession(w.Context(), w.Bob, social.SessionClient, name)
	if err != nil && social.KindOf(err) != social.KindNotFound {
		w.Fatal(err)
	}
	return s, err == nil
}

func sessionOver(w *World) {
	w.claimed(w.phone(11), Epoch())
	if got := w.claimed(w.phone(12), Epoch().Add(48*time.Hour)); !got.Present {
		w.Errorf("one that is connected expired: %+v", got)
	}
	w.leaveSession(11, 2, Epoch(), time.Time{})
	for _, c := range []struct {
		after time.Duration
		there int
	}{{time.Hour - time.Microsecond, 1}, {time.Hour, 0}} {
		list, err := w.DB.Sessions(w.Context(), w.Bob, 0, 9, Epoch().Add(c.after))
		if err != nil || len(list) != c.there {
			w.Errorf("after %v: %+v, %v", c.after, list, err)
		}
		if s, ok := w.find("phone"); !ok || s.Over(Epoch().Add(c.after)) != (c.there == 0) {
			w.Errorf("after %v: %+v", c.after, s)
		}
	}
	got := w.claimed(w.phone(13), Epoch().Add(time.Hour))
	if got.Present || got.Session.ID != 13 || got.Session.Position != nil || !got.Session.Created.Equal(Epoch().Add(time.Hour)) {
		w.Errorf("%+v", got)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 2}, Epoch())
	if got := w.claimed(w.phone(14), Epoch().Add(time.Hour)); !got.Present || got.Session.ID != 13 {
		w.Errorf("%+v", got)
	}
}

func sessionClean(w *World) {
	first := w.phone(11)
	first.Will, first.Version = []byte("old"), 4
	w.claimed(first, Epoch())
	position := social.EncodePosition(social.Position{})
	w.saved(social.SessionSave{ID: 11, Fence: 1, Position: position, Subscriptions: position}, Epoch())
	clean := w.phone(12)
	clean.Clean, clean.Will, clean.Rights = true, []byte("new"), 5
	got := w.claimed(clean, Epoch().Add(time.Second))
	want := social.Session{
		ID: 12, Person: w.Bob, Name: "phone", Version: 5, Fence: 2, Node: 1, Created: Epoch().Add(time.Second), Expiry: time.Hour,
		Rights: 5, Saved: Epoch().Add(time.Second), Will: []byte("new"),
	}
	if got.Present || !reflect.DeepEqual(got.Session, want) {
		w.Errorf("%+v\nwanted %+v", got.Session, want)
	}
	if got.Before == nil || got.Before.ID != 11 || string(got.Before.Will) != "old" || string(got.Before.Position) != string(position) {
		w.Errorf("before %+v", got.Before)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 1}, Epoch())
	if s, ok := w.find("phone"); !ok || !reflect.DeepEqual(s, want) {
		w.Errorf("found %+v", s)
	}
}

func sessionNothing(w *World) {
	none := w.phone(11)
	none.Expiry = 0
	if got := w.claimed(none, Epoch()); got.Present || got.Before != nil || got.Session.ID != 11 {
		w.Errorf("%+v", got)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 1, Left: Epoch()}, Epoch())
	w.claimed(w.phone(12), Epoch())
	none.ID = 13
	if got := w.claimed(none, Epoch()); !got.Present || got.Session.ID != 12 || got.Before == nil {
		w.Errorf("a stored one: %+v", got)
	}
	if s, ok := w.find("phone"); ok {
		w.Errorf("it is kept: %+v", s)
	}
	w.claimed(w.phone(14), Epoch())
	never := time.Duration(0)
	w.saved(social.SessionSave{ID: 14, Fence: 1, Expiry: &never, Left: Epoch()}, Epoch())
	if s, ok := w.find("phone"); ok {
		w.Errorf("after its last connection: %+v", s)
	}
}

func sessionForWill(w *World) {
	c := w.phone(11)
	c.Expiry, c.Will = 0, []byte("will")
	w.claimed(c, Epoch())
	w.leaveSession(11, 1, Epoch(), Epoch())
	if s, ok := w.find("phone"); !ok || !s.Over(Epoch()) || string(s.Will) != "will" {
		w.Errorf("while its will waits: %+v", s)
	}
	w.saved(social.SessionSave{ID: 11, Fence: 1, DropWill: true}, Epoch())
	if s, ok := w.find("phone"); ok {
		w.Errorf("after its will was sent: %+v", s)
	}
	// The will of one that goes on is dropped alone.
	c.Expiry, c.ID = time.Hour, 12
	w.claimed(c, Epoch())
	w.leaveSession(12, 1, Epoch(), Epoch())
	w.saved(social.SessionSave{ID: 12, Fence: 1, DropWill: true}, Epoch())
	if s, ok := w.find("phone"); !ok || s.Will != nil || !s.WillDue.IsZero() || s.Over(Epoch()) {
		w.Errorf("%+v", s)
	}
	// Who says goodbye takes its will along.
	c.ID = 13
	w.claimed(c, Epoch())
	w.leaveSession(12, 2, Epoch(), time.Time{})
	if s, ok := w.find("phone"); !ok || s.Will != nil {
		w.Errorf("%+v", s)
	}
}

func sessionOrder(w *World) {
	claim := func(id social.SessionID, clean bool) social.SessionWrite {
		c := w.phone(id)
		c.Clean = clean
		return social.SessionWrite{Claim: &c}
	}
	save := func(id social.SessionID, fence uint64, position string) social.SessionWrite {
		return social.SessionWrite{Save: &social.SessionSave{ID: id, Fence: fence, Position: []byte(position)}}
	}
	empty := string(social.EncodePosition(social.Position{}))
	out, err := w.DB.WriteSessions(w.Context(), []social.SessionWrite{
		claim(11, false), save(11, 1, empty), claim(12, false), save(11, 1, "late"), save(12, 1, "nobody's"),
		claim(13, true), save(11, 2, "older"), save(13, 3, empty),
		{Save: &social.SessionSave{ID: 13, Fence: 3, Gone: true}},
		claim(14, false),
	}, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	got := ""
	for _, o := range out {
		switch {
		case o.Err != nil:
			got += " " + o.Err.Error()
		case o.Claimed == nil:
			got += fmt.Sprint(" stale=", o.Stale)
		default:
			got += fmt.Sprintf(" %d/%d present=%t position=%d", o.Claimed.Session.ID, o.Claimed.Session.Fence, o.Claimed.Present, len(o.Claimed.Session.Position))
		}
	}
	const want = " 11/1 present=false position=0 stale=false 11/2 present=true position=3 stale=true stale=true" +
		" 13/3 present=false position=0 stale=true stale=false stale=false 14/4 present=false position=0"
	if got != want {
		w.Errorf("got %s\nwanted %s", got, want)
	}
	if s, ok := w.find("phone"); !ok || s.ID != 14 || s.Fence != 4 || s.Position != nil {
		w.Errorf("%+v", s)
	}
	// Ended and made again in the next batch.
	out, err = w.DB.WriteSessions(w.Context(), []social.SessionWrite{{Save: &social.SessionSave{ID: 14, Fence: 4, Gone: true}}, claim(15, false)}, Epoch())
	if err != nil || out[0].Stale || out[1].Err != nil || out[1].Claimed.Present || out[1].Claimed.Session.ID != 15 {
		w.Errorf("%+v, %v", out, err)
	}
	if s, ok := w.find("phone"); !ok || s.ID != 15 {
		w.Errorf("%+v", s)
	}
}

func sessionFailsAlone(w *World) {
	gone := w.Person("dave")
	if err := w.DB.RemovePerson(w.Context(), gone, Epoch()); err != nil {
		w.Fatal(err)
	}
	with := func(change func(*social.SessionClaim)) social.SessionWrite {
		c := w.phone(11)
		c.Name = "bad"
		change(&c)
		return social.SessionWrite{Claim: &c}
	}
	bad := []struct {
		write social.SessionWrite
		kind  social.Kind
	}{
		{with(func(c *social.SessionClaim) { c.Person = gone }), social.KindNotFound},
		{with(func(c *social.SessionClaim) { c.Person = 4711 }), social.KindNotFound},
		{with(func(c *social.SessionClaim) { c.Name = "" }), social.KindInvalid},
		{with(func(c *social.SessionClaim) { c.Name = "a\x00b" }), social.KindInvalid},
		{with(func(c *social.SessionClaim) { c.Name = "a\xff" }), social.KindInvalid},
		{with(func(c *social.SessionClaim) { c.Name = strings.Repeat("n", 2049) }), social.KindInvalid},
		{with(func(c *social.SessionClaim) { c.ID = 0 }), social.KindInternal},
		{with(func(c *social.SessionClaim) { c.Node = 0 }), social.KindInternal},
		{with(func(c *social.SessionClaim) { c.Will = make([]byte, 16<<20+1) }), social.KindTooLarge},
		{social.SessionWrite{Save: &social.SessionSave{ID: 12, Fence: 1, Position: make([]byte, 16<<20+1)}}, social.KindTooLarge},
	}
	good, long := w.phone(12), w.phone(13)
	long.Name = strings.Repeat("ü", 1024)
	writes := []social.SessionWrite{{Claim: &good}, {Claim: &long}}
	for _, b := range bad {
		writes = append(writes, b.write)
	}
	out, err := w.DB.WriteSessions(w.Context(), writes, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	for i, o := range out {
		if i < 2 && o.Err != nil {
			w.Errorf("good write %d: %v", i, o.Err)
		} else if i >= 2 && (o.Err == nil || social.KindOf(o.Err) != bad[i-2].kind) {
			w.Errorf("bad write %d: %v, wanted %v", i-2, o.Err, bad[i-2].kind)
		}
	}
	if list, err := w.DB.Sessions(w.Context(), 0, 0, 9, Epoch()); err != nil || len(list) != 2 || list[1].Name != long.Name {
		w.Errorf("%+v, %v", list, err)
	}
}

func sessionMost(w *World) {
	claim := func(id social.SessionID, name string, will string) social.SessionWritten {
		c := social.SessionClaim{ID: id, Person: w.Bob, Name: name, Version: 5, Node: 1, Expiry: time.Hour, Most: 3}
		if will != "" {
			c.Will, c.WillDelay = []byte(will), time.Hour
		}
		return w.write(social.SessionWrite{Claim: &c}, Epoch().Add(time.Minute))
	}
	names := func() string {
		var got []string
		list, err := w.DB.Sessions(w.Context(), w.Bob, 0, 9, Epoch().Add(time.Minute))
		if err != nil {
			w.Fatal(err)
		}
		for _, s := range list {
			got = append(got, s.Name)
		}
		return strings.Join(got, " ")
	}
	claim(11, "a", "")
	claim(12, "b", "will")
	claim(13, "c", "")
	if out := claim(14, "d", ""); social.KindOf(out.Err) != social.KindRateLimited {
		w.Errorf("a fourth, with three connected: %+v", out)
	}
	if out := claim(14, "a", ""); out.Err != nil || !out.Claimed.Present {
		w.Errorf("one that is there: %+v", out)
	}
	w.leaveSession(12, 1, Epoch().Add(time.Second), Epoch().Add(time.Hour))
	w.leaveSession(11, 2, Epoch().Add(2*time.Second), time.Time{})
	if out := claim(14, "d", ""); out.Err != nil || names() != "a c d" {
		w.Errorf("%+v, there are %s", out, names())
	}
	// The one that was ended had a will: it is due now.
	if s, ok := w.find("b"); !ok || !s.Over(Epoch().Add(time.Minute)) || !s.WillDue.Equal(Epoch().Add(time.Minute)) {
		w.Errorf("%+v", s)
	}
	if out := claim(15, "e", ""); out.Err != nil || names() != "c d e" {
		w.Errorf("%+v, there are %s", out, names())
	}
	// Two in one batch, one of which has room.
	w.leaveSession(13, 1, Epoch(), time.Time{})
	f, g := w.phone(16), w.phone(17)
	f.Name, f.Most, g.Name, g.Most = "f", 3, "g", 3
	out, err := w.DB.WriteSessions(w.Context(), []social.SessionWrite{{Claim: &f}, {Claim: &g}}, Epoch().Add(time.Minute))
	if err != nil || out[0].Err != nil || social.KindOf(out[1].Err) != social.KindRateLimited || names() != "d e f" {
		w.Errorf("%+v, %v, there are %s", out, err, names())
	}
}

func sessionCorrupt(w *World) {
	for i, s := range []social.SessionSave{{Position: []byte("no position")}, {Subscriptions: []byte("no subscriptions")}} {
		c := w.phone(social.SessionID(11 + 10*i)) //nolint:gosec // a handful
		c.Name = fmt.Sprint("phone", i)
		w.claimed(c, Epoch())
		s.ID, s.Fence = c.ID, 1
		w.saved(s, Epoch())
		w.AppendEntries(Epoch(), w.packet(c.ID, 1, "x"))
		findings, err := w.DB.Verify(w.Context())
		if err != nil || len(findings) != 1 || !strings.Contains(findings[0].Detail, fmt.Sprint("session ", c.ID)) {
			w.Errorf("the doctor finds %v, %v", findings, err)
		}
		c.ID++
		// In a batch with others, which it does not disturb.
		other := w.phone(c.ID + 1)
		other.Name = fmt.Sprint("other", i)
		out, err := w.DB.WriteSessions(w.Context(), []social.SessionWrite{{Claim: &c}, {Claim: &other}}, Epoch())
		if err != nil || out[0].Err != nil || out[1].Err != nil {
			w.Fatal(out, err)
		}
		got := out[0].Claimed
		if got.Present || got.Session.ID != c.ID || got.Session.Position != nil || got.Session.Subscriptions != nil || got.Inbound != nil || got.Before == nil {
			w.Errorf("%+v", got)
		}
	}
}

func sessionList(w *World) {
	var want []social.SessionID
	for i := range 7 {
		c := w.phone(social.SessionID(20 - i)) //nolint:gosec // a handful
		c.Name = fmt.Sprint("client ", i)
		if i%2 == 1 {
			c.Person = w.Alice
		}
		w.claimed(c, Epoch())
		if i == 3 {
			w.saved(social.SessionSave{ID: c.ID, Fence: 1, Left: Epoch().Add(-2 * time.Hour)}, Epoch().Add(-2*time.Hour))
			continue
		}
		want = append(want, c.ID)
	}
	slices.Sort(want)
	page := func(person social.PersonKey) (got []social.SessionID) {
		for after := social.SessionID(0); ; after = got[len(got)-1] {
			list, err := w.DB.Sessions(w.Context(), person, after, 2, Epoch())
			if err != nil {
				w.Fatal(err)
			}
			for _, s := range list {
				if got = append(got, s.ID); person != 0 && s.Person != person {
					w.Errorf("%+v is another's", s)
				}
			}
			if len(list) < 2 {
				return got
			}
		}
	}
	if got := page(0); !slices.Equal(got, want) {
		w.Errorf("all: %v, wanted %v", got, want)
	}
	if got := page(w.Bob); len(got) != 4 {
		w.Errorf("bob's: %v", got)
	}
	if got := page(w.Alice); len(got) != 2 {
		w.Errorf("alice's: %v", got)
	}
}

func sessionOfRemoved(w *World) {
	w.claimed(w.phone(11), Epoch())
	w.AppendEntries(Epoch(), w.packet(11, 1, "x"))
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if s, ok := w.find("phone"); ok {
		w.Errorf("%+v", s)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 1}, Epoch())
	c := w.phone(12)
	if out := w.write(social.SessionWrite{Claim: &c}, Epoch()); social.KindOf(out.Err) != social.KindNotFound {
		w.Errorf("%+v", out)
	}
	// Verify, after every test, finds what else would be left.
}

func sessionGroup(w *World) {
	group := w.phone(11)
	group.Kind, group.Most = social.SessionGroup, 1
	w.claimed(group, Epoch())
	c := w.phone(12)
	c.Most = 1
	if got := w.claimed(c, Epoch()); got.Present || got.Session.ID != 12 {
		w.Errorf("%+v", got)
	}
	group.ID, group.Name = 13, "workers//ctx/lobby/data/#"
	if got := w.claimed(group, Epoch()); got.Session.Kind != social.SessionGroup {
		w.Errorf("%+v", got)
	}
	if list, err := w.DB.Sessions(w.Context(), w.Bob, 0, 9, Epoch()); err != nil || len(list) != 1 || list[0].ID != 12 {
		w.Errorf("%+v, %v", list, err)
	}
}
