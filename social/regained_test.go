package social_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rambla/social"
)

// A session that comes back is moved to the moment at which the right came back,
// as somebody says who looked at every moment: whatever gave and took it, for good
// or for a time.
func TestASessionGoesOnWhereSomebodyWhoWatchedSays(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			w := &watched{site: s, r: rand.New(rand.NewPCG(seed, 4)), bob: s.as("bob")}
			for round := range uint64(12) {
				w.round(social.SessionID(100 + round))
			}
		})
	}
}

type watched struct {
	*site
	r      *rand.Rand
	bob    social.Actor
	reads  bool
	came   uint64 // the head of the messages when the right last came back
	regain bool
	trace  []string
}

func (w *watched) lobby() *social.Space {
	w.Helper()
	s, ok := w.dir.Find(social.InContext("staff"))
	if !ok {
		w.Fatal("no staff")
	}
	return s
}

// look notes whether bob may read at this moment.
func (w *watched) look() {
	w.Helper()
	if err := w.dir.Refresh(w.Context()); err != nil {
		w.Fatal(err)
	}
	may := w.dir.Receives(w.bob, w.lobby().Key).Has(social.ChannelMessages)
	if may && !w.reads {
		state, err := w.db.State(w.Context(), w.lobby().Stream(social.ChannelMessages))
		if err != nil {
			w.Fatal(err)
		}
		w.came, w.regain = state.Head, true
	}
	w.reads = may
}

// round leaves a session, lets things happen, and compares what it is told.
func (w *watched) round(id social.SessionID) {
	w.Helper()
	ctx := w.Context()
	stream := w.lobby().Stream(social.ChannelMessages)
	w.look()
	w.regain, w.trace = false, nil
	claim := social.SessionClaim{ID: id, Person: w.bob.Person, Name: fmt.Sprint("s", id), Version: 5, Node: 1, Expiry: time.Hour, Most: 50}
	position := social.EncodePosition(social.Position{Cursors: []social.Cursor{{Stream: stream}}})
	out, err := w.db.WriteSessions(ctx, []social.SessionWrite{
		{Claim: &claim},
		{Save: &social.SessionSave{ID: id, Fence: 1, Rights: w.dir.Version(), Position: position, Left: w.now()}},
	}, w.now())
	if err != nil || out[0].Err != nil || out[1].Stale {
		w.Fatal(out, err)
	}
	for range 8 {
		w.step()
	}
	claim.ID += 1000
	out, err = w.db.WriteSessions(ctx, []social.SessionWrite{{Claim: &claim}}, w.now())
	if err != nil || out[0].Err != nil || !out[0].Claimed.Present {
		w.Fatal(out, err)
	}
	at, is := w.dir.Regained(w.bob, out[0].Claimed.Reads)[stream]
	if want := w.reads && w.regain; is != want || is && at != w.came {
		w.Errorf("told %v, %d; wanted %v, %d after %v\n%+v", is, at, want, w.came, w.trace, out[0].Claimed.Reads)
	}
}

// step lets one thing happen, and a post, and time pass.
func (w *watched) step() {
	w.Helper()
	ctx, space, bob := w.Context(), w.lobby().Key, w.bob.Person
	var until time.Time
	if w.r.IntN(2) == 0 {
		until = w.now().Add(time.Duration(1+w.r.IntN(150)) * time.Second)
	}
	var err error
	switch what := w.r.IntN(9); what {
	case 0:
		_, err = w.db.Ban(ctx, social.Ban{Space: space, Person: bob, By: 1, At: w.now(), Until: until})
	case 1:
		_, err = w.db.Unban(ctx, space, bob, w.now())
	case 2, 3:
		_, err = w.db.SetOverride(ctx, space, bob, social.Override{Permission: social.Read, Veto: what == 2, Until: until}, w.now())
	case 4:
		_, err = w.db.ClearOverrides(ctx, space, bob, social.AllPermissions, true, true, w.now())
	case 5:
		_, err = w.db.Join(ctx, space, bob, nil, w.now())
	case 6:
		_, err = w.db.Leave(ctx, space, bob, nil, w.now())
	case 7:
		owner := []string{"alice", "bob"}[w.r.IntN(2)]
		_, err = w.db.SetOwner(ctx, space, w.as(owner).Person, nil, nil, w.now())
	case 8:
		policies := social.Policies{[]social.Policy{social.PolicyPublic, social.PolicyMembers, social.PolicyRestricted}[w.r.IntN(3)]}
		err = w.db.PatchSpace(ctx, space, social.SpacePatch{Policies: &policies}, nil, w.now())
	}
	if err != nil && social.KindOf(err) != social.KindConflict {
		w.Fatal(err)
	}
	w.trace = append(w.trace, fmt.Sprint(err, until))
	w.look()
	// Second by second, so that what ends is seen to end between two posts.
	for range w.r.IntN(100) {
		w.pass(time.Second)
		w.look()
		if w.r.IntN(20) == 0 {
			w.say(w.as("root"), "staff", "x")
		}
	}
}
