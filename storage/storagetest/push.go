package storagetest

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

func pushClaims() []claim {
	return []claim{
		{"a stream is behind until what follows from it is committed", pushLags},
		{"a row waits once per person and stream, and is claimed when due", pushClaimed},
		{"what comes while a row is claimed is not lost", pushMeanwhile},
		{"a lease that ends lets the next one claim", pushLease},
		{"who is gone gives back what it claimed, and only that", pushAbandoned},
		{"a flood is spaced, and what is urgent is not", pushSpaced},
		{"reading wakes what waits and what is shown", pushWoken},
		{"an edit wakes those who are shown the post", pushAmended},
		{"what changes while it is being pushed is looked at again", pushAmendedMeanwhile},
		{"what is over leaves nothing", pushOver},
		{"what comes at the moment a row ends is not lost", pushEnding},
		{"what can be told of is unread, living, and by others", pushContents},
		{"unread is summed up per person", pushUnread},
		{"decisions are the newest of a person", pushDecisions},
		{"a removed person is pushed nothing", pushRemoved},
		{"pushes that nobody needs are purged", pushPurged},
		{"what comes at the moment a row is purged is not lost", pushPurging},
	}
}

func minutes(n int) time.Time { return Epoch().Add(time.Duration(n) * time.Minute) }

// place is a person's row of the lobby's messages.
func (w *World) place(person social.PersonKey) social.PushPlace {
	return social.PushPlace{Person: person, Stream: w.Lobby.Stream(social.ChannelMessages)}
}

func (w *World) putNews(now time.Time, news ...social.PushNews) {
	w.Helper()
	if err := w.DB.PutPushes(w.Context(), social.PushDerived{News: news}, now); err != nil {
		w.Fatal(err)
	}
}

func (w *World) news(person social.PersonKey, first, last uint64, due time.Time) social.PushNews {
	return social.PushNews{PushPlace: w.place(person), First: first, Last: last, Posted: Epoch(), Due: due}
}

func (w *World) claim(now time.Time, number int64) []social.PushClaim {
	w.Helper()
	out, err := w.DB.ClaimPushes(w.Context(), social.PushFirst, number, now, time.Minute, 100)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// claimOne is claim where there has to be exactly one.
func (w *World) claimOne(now time.Time, number int64) social.PushClaim {
	w.Helper()
	out := w.claim(now, number)
	if len(out) != 1 {
		w.Fatalf("claimed %+v", out)
	}
	return out[0]
}

func (w *World) settle(now time.Time, s ...social.PushSettled) {
	w.Helper()
	if err := w.DB.SettlePushes(w.Context(), s, now); err != nil {
		w.Fatal(err)
	}
}

func (w *World) nextPush() time.Time {
	w.Helper()
	next, err := w.DB.NextPush(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return next
}

// soundPush fails where a rule of the store is broken.
func (w *World) soundPush() {
	w.Helper()
	found, err := w.DB.Verify(w.Context())
	if err != nil || len(found) > 0 {
		w.Errorf("found %v, %v", found, err)
	}
}

func pushLags(w *World) {
	stream := w.Lobby.Stream(social.ChannelMessages)
	lag := func() []social.PushLag {
		out, err := w.DB.PushLags(w.Context(), []social.StreamKey{stream})
		if err != nil {
			w.Fatal(err)
		}
		all, err := w.DB.PushLagging(w.Context(), Epoch(), 0, 10)
		if err != nil || !slices.Contains(all, social.PushLag{Stream: stream, Head: 3}) != (len(out) == 0 || out[0].At != 0) {
			w.Errorf("all: %+v, %v", all, err)
		}
		return out
	}
	w.Append(Epoch(), w.posts(w.Alice, 3)...)
	if got := lag(); !slices.Equal(got, []social.PushLag{{Stream: stream, Head: 3}}) {
		w.Errorf("before: %+v", got)
	}
	for _, at := range []uint64{2, 1} { // a late one does not go back
		if err := w.DB.PutPushes(w.Context(), social.PushDerived{Read: map[social.StreamKey]uint64{stream: at}}, Epoch()); err != nil {
			w.Fatal(err)
		}
		if got := lag(); !slices.Equal(got, []social.PushLag{{Stream: stream, Head: 3, At: 2}}) {
			w.Errorf("after %d: %+v", at, got)
		}
	}
	if later, err := w.DB.PushLagging(w.Context(), minutes(1), 0, 10); err != nil || len(later) != 0 {
		w.Errorf("since later: %+v, %v", later, err)
	}
	if seq, err := w.DB.FirstSince(w.Context(), stream, minutes(1)); err != nil || seq != 4 {
		w.Errorf("first since later: %d, %v", seq, err)
	}
	w.soundPush()
}

func pushClaimed(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 2, minutes(1)))
	w.putNews(Epoch(), w.news(w.Bob, 3, 5, minutes(2)))
	if next := w.nextPush(); !next.Equal(minutes(1)) {
		w.Errorf("due %v", next)
	}
	if got := w.claim(minutes(0), 1); len(got) != 0 {
		w.Errorf("early: %+v", got)
	}
	c := w.claimOne(minutes(1), 1)
	if c.Person != w.Bob || c.First != 1 || c.Last != 5 || c.Done != 0 || !c.Posted.Equal(moment(Epoch())) || c.Shown || c.Attempt != 0 || c.Step != 0 {
		w.Errorf("claimed %+v", c)
	}
	if got := w.claim(minutes(1), 2); len(got) != 0 {
		w.Errorf("twice: %+v", got)
	}
	if got, err := w.DB.ClaimPushes(w.Context(), social.PushLast, 3, minutes(9), time.Minute, 10); err != nil || len(got) != 0 {
		w.Errorf("of another rank: %+v, %v", got, err)
	}
	c.Sent, c.Next, c.Step, c.Shown = minutes(1), minutes(3), 1, true
	w.settle(minutes(1), social.PushSettled{PushClaim: c, Decided: true, Told: []social.PushTold{{PushPlace: c.PushPlace, Device: 7, Seq: 5, Mark: 1 << 63, Shown: true}}})
	if next := w.nextPush(); !next.IsZero() {
		w.Errorf("settled, due %v", next)
	}
	told, err := w.DB.PushTolds(w.Context(), []social.PushPlace{c.PushPlace})
	if err != nil || len(told) != 1 || told[0].Device != 7 || told[0].Seq != 5 || told[0].Mark != 1<<63 || !told[0].Shown {
		w.Errorf("told %+v, %v", told, err)
	}
	w.putNews(minutes(1), w.news(w.Bob, 1, 5, minutes(1))) // read again after a crash
	if next := w.nextPush(); !next.IsZero() {
		w.Errorf("a repeat is due %v", next)
	}
	w.soundPush()
}

func moment(t time.Time) time.Time { return t.Truncate(time.Microsecond) }

func pushMeanwhile(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 1, minutes(0)))
	c := w.claimOne(minutes(0), 1)
	w.putNews(Epoch(), w.news(w.Bob, 2, 4, minutes(0)))
	if got := w.claim(minutes(0), 2); len(got) != 0 {
		w.Errorf("claimed %+v", got)
	}
	w.settle(minutes(0), social.PushSettled{PushClaim: c, Decided: true, More: minutes(2)})
	if next := w.nextPush(); !next.Equal(minutes(2)) {
		w.Errorf("due %v", next)
	}
	if c = w.claimOne(minutes(2), 3); c.Done != 1 || c.Last != 4 {
		w.Errorf("claimed %+v", c)
	}
	// Something changes: it is looked at again whatever the settlement says.
	if err := w.DB.WakePushes(w.Context(), []social.PushPlace{c.PushPlace}, minutes(2)); err != nil {
		w.Fatal(err)
	}
	w.settle(minutes(3), social.PushSettled{PushClaim: c, Decided: true})
	if next := w.nextPush(); !next.Equal(minutes(3)) {
		w.Errorf("woken, due %v", next)
	}
	w.soundPush()
}

func pushLease(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 2, minutes(0)))
	first := w.claimOne(minutes(0), 1)
	second := w.claimOne(minutes(1), 2)
	w.settle(minutes(1), social.PushSettled{PushClaim: first, Decided: true})
	w.settle(minutes(1), social.PushSettled{PushClaim: first, Over: true})
	if next := w.nextPush(); !next.Equal(minutes(2)) {
		w.Errorf("the former settled: due %v", next)
	}
	if err := w.DB.ReleasePushes(w.Context(), []social.PushClaim{second}, minutes(1)); err != nil {
		w.Fatal(err)
	}
	if c := w.claimOne(minutes(1), 3); c.Last != 2 || c.Done != 0 {
		w.Errorf("released: %+v", c)
	}
	w.soundPush()
}

func pushAbandoned(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 2, minutes(0)))
	one, two := social.PushWorker(1), social.PushWorker(math.MaxInt32)
	bob := w.claimOne(minutes(0), one.Claim(math.MaxUint32))
	w.putNews(Epoch(), w.news(w.Carol, 1, 2, minutes(0)))
	carol := w.claimOne(minutes(0), two.Claim(1))
	if bob.Perhaps || carol.Perhaps {
		w.Errorf("claimed %+v, %+v", bob, carol)
	}
	taken := func(c social.PushClaim, device social.DeviceKey, seq uint64) social.PushTaken {
		return social.PushTaken{
			PushTold: social.PushTold{PushPlace: c.PushPlace, Device: device, Seq: seq, Mark: 1 << 63, Shown: true}, Claim: c.Claim,
			Sent: minutes(1), Next: minutes(2), Step: 3,
		}
	}
	late := taken(bob, 8, 1)
	late.Claim-- // of a claim that was settled
	abandon := func(worker social.PushWorker, taken ...social.PushTaken) {
		if err := w.DB.AbandonPushes(w.Context(), worker, taken, minutes(0)); err != nil {
			w.Fatal(err)
		}
	}
	abandon(one, taken(bob, 7, 2), late, taken(carol, 9, 2))
	bob = w.claimOne(minutes(0), two.Claim(2)) // and not the other one's
	if bob.Person != w.Bob || !bob.Shown || !bob.Perhaps || bob.Step != 3 || !bob.Next.Equal(moment(minutes(2))) || !bob.Sent.Equal(moment(minutes(1))) || bob.Last != 2 || bob.Done != 0 {
		w.Errorf("taken up: %+v", bob)
	}
	told, err := w.DB.PushTolds(w.Context(), []social.PushPlace{bob.PushPlace, carol.PushPlace})
	if err != nil || !slices.Equal(told, []social.PushTold{{PushPlace: bob.PushPlace, Device: 7, Seq: 2, Mark: 1 << 63, Shown: true}}) {
		w.Errorf("told: %+v, %v", told, err)
	}
	abandon(0)
	again := w.claim(minutes(0), one.Claim(1))
	if len(again) != 2 || !again[0].Perhaps || !again[1].Perhaps {
		w.Errorf("all that was claimed: %+v", again)
	}
	for i := range again {
		again[i].Perhaps = again[i].Person == w.Carol
		w.settle(minutes(0), social.PushSettled{PushClaim: again[i], Again: minutes(0)})
	}
	for _, c := range w.claim(minutes(0), one.Claim(2)) {
		if c.Perhaps != (c.Person == w.Carol) || c.Shown != (c.Person == w.Bob) {
			w.Errorf("settled: %+v", c)
		}
	}
	w.soundPush()
}

func pushSpaced(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 1, minutes(0)))
	c := w.claimOne(minutes(0), 1)
	c.Step, c.Sent, c.Next = 3, minutes(0), minutes(5)
	w.settle(minutes(0), social.PushSettled{PushClaim: c, Decided: true})
	w.putNews(minutes(0), w.news(w.Bob, 2, 2, minutes(1)))
	if next := w.nextPush(); !next.Equal(minutes(5)) {
		w.Errorf("due %v", next)
	}
	n := w.news(w.Bob, 3, 3, minutes(2))
	n.Urgent, n.Named = true, []social.PushNamed{{Seq: 3, Why: social.PushedMention}}
	w.putNews(minutes(0), n)
	w.putNews(minutes(0), n)
	if next := w.nextPush(); !next.Equal(minutes(2)) {
		w.Errorf("urgent, due %v", next)
	}
	if c = w.claimOne(minutes(2), 2); c.Step != 3 || !c.Next.Equal(minutes(5)) || !c.Sent.Equal(minutes(0)) {
		w.Errorf("claimed %+v", c)
	}
	w.soundPush()
}

func pushWoken(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 1, minutes(9)), w.news(w.Carol, 1, 1, minutes(9)))
	wake := func() {
		if err := w.DB.WakePushes(w.Context(), []social.PushPlace{w.place(w.Bob), w.place(w.Alice)}, minutes(1)); err != nil {
			w.Fatal(err)
		}
	}
	wake()
	c := w.claimOne(minutes(1), 1)
	if c.Person != w.Bob {
		w.Errorf("claimed %+v", c)
	}
	w.settle(minutes(1), social.PushSettled{PushClaim: c, Decided: true})
	if wake(); len(w.claim(minutes(1), 2)) != 0 {
		w.Error("what neither waits nor is shown was woken")
	}
	w.putNews(minutes(1), w.news(w.Bob, 2, 2, minutes(1)))
	c = w.claimOne(minutes(1), 3)
	c.Shown = true
	w.settle(minutes(1), social.PushSettled{PushClaim: c, Decided: true})
	shown, err := w.DB.PushShown(w.Context(), social.PushPlace{}, 10)
	if err != nil || len(shown) != 1 || shown[0].Person != w.Bob || shown[0].Done != 2 || shown[0].Read != 0 {
		w.Errorf("shown %+v, %v", shown, err)
	}
	if wake(); len(w.claim(minutes(1), 4)) != 1 {
		w.Error("what is shown was not woken")
	}
	w.soundPush()
}

func pushAmended(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	stream := w.Lobby.Stream(social.ChannelMessages)
	for i, person := range []social.PersonKey{w.Bob, w.Carol} {
		w.putNews(Epoch(), w.news(person, 2, 3, minutes(0)))
		c := w.claimOne(minutes(0), int64(i+1))
		c.Shown = person == w.Bob
		w.settle(minutes(0), social.PushSettled{PushClaim: c, Decided: true})
	}
	for seq, want := range map[uint64]int{1: 0, 4: 0, 2: 1} {
		err := w.DB.PutPushes(w.Context(), social.PushDerived{Amended: []social.PushAmended{{Stream: stream, Seq: seq}}}, minutes(1))
		if got := len(w.claim(minutes(1), 9)); err != nil || got != want {
			w.Errorf("seq %d: woke %d rows, %v", seq, got, err)
		}
		if want > 0 {
			break
		}
	}
	if err := w.DB.WakeStreams(w.Context(), []social.StreamKey{stream}, minutes(3)); err != nil {
		w.Fatal(err)
	}
	if got := w.claim(minutes(3), 10); len(got) != 1 || got[0].Person != w.Bob {
		w.Errorf("woken by stream: %+v", got)
	}
	if err := w.DB.WakePeople(w.Context(), []social.PersonKey{w.Bob, w.Carol}, minutes(9)); err != nil {
		w.Fatal(err)
	}
	if got := w.claim(minutes(9), 11); len(got) != 1 || got[0].Person != w.Bob {
		w.Errorf("woken by person: %+v", got)
	}
	w.soundPush()
}

// A post that was deleted after a device had been told of it, and before that was
// settled, was shown for ever.
func pushAmendedMeanwhile(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 3)...)
	stream := w.Lobby.Stream(social.ChannelMessages)
	for number, change := range []func() error{
		func() error {
			return w.DB.PutPushes(w.Context(), social.PushDerived{Amended: []social.PushAmended{{Stream: stream, Seq: 2}}}, minutes(0))
		},
		func() error { return w.DB.WakeStreams(w.Context(), []social.StreamKey{stream}, minutes(0)) },
	} {
		w.putNews(Epoch(), w.news(w.Bob, 2, 2, minutes(0)))
		c := w.claimOne(minutes(0), int64(number+1))
		if c.Shown {
			w.Error("it shows something before anybody was told")
		}
		if err := change(); err != nil {
			w.Fatal(err)
		}
		c.Shown = true
		w.settle(minutes(0), social.PushSettled{PushClaim: c, Decided: true})
		c = w.claimOne(minutes(0), 9)
		if !c.Shown || c.Done != 2 {
			w.Errorf("looked at again: %+v", c)
		}
		w.settle(minutes(0), social.PushSettled{PushClaim: c, Over: true})
	}
	w.soundPush()
}

func pushOver(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	n := w.news(w.Bob, 1, 1, minutes(0))
	n.Named = []social.PushNamed{{Seq: 1, Why: social.PushedMention}}
	w.putNews(Epoch(), n)
	c := w.claimOne(minutes(0), 1)
	w.putNews(Epoch(), w.news(w.Bob, 2, 2, minutes(0)))
	told := []social.PushTold{{PushPlace: c.PushPlace, Device: 1, Seq: 1}}
	c.Shown, told[0].Shown = true, true
	w.settle(minutes(0), social.PushSettled{PushClaim: c, Decided: true, More: minutes(1), Told: told})
	c = w.claimOne(minutes(1), 2) // more had come
	c.Shown, told[0].Shown = false, false
	w.putNews(Epoch(), w.news(w.Bob, 3, 3, minutes(1)))
	w.settle(minutes(1), social.PushSettled{PushClaim: c, Over: true, More: minutes(2), Told: told})
	c = w.claimOne(minutes(2), 3) // and more, while what was shown was taken away
	if c.Done != 2 || c.Last != 3 || c.Shown {
		w.Errorf("claimed %+v", c)
	}
	if is, err := w.DB.PushTolds(w.Context(), []social.PushPlace{c.PushPlace}); err != nil || len(is) != 1 || is[0].Shown {
		w.Errorf("what was taken away is shown: %+v, %v", is, err)
	}
	w.settle(minutes(2), social.PushSettled{PushClaim: c, Over: true, Told: told})
	w.putNews(minutes(2), w.news(w.Bob, 4, 4, minutes(3)))
	if c = w.claimOne(minutes(3), 4); c.First != 4 {
		w.Errorf("begun anew: %+v", c)
	}
	got, err := w.DB.PushContents(w.Context(), []social.PushRange{{PushPlace: c.PushPlace, From: 1, Last: 3}})
	if err != nil || len(got[0].Named) != 0 {
		w.Errorf("what was named is left: %+v, %v", got, err)
	}
	w.soundPush()
}

// pushEnding is how a post was pushed to nobody: its row was written on while a
// settlement that had read what it was before waited to delete it.
func pushEnding(w *World) {
	const rounds = 100
	w.Append(Epoch(), w.posts(w.Alice, rounds+1)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 1, minutes(0)))
	for seq := uint64(1); seq <= rounds; seq++ {
		c := w.claimOne(minutes(int(seq)), int64(seq)) //nolint:gosec // a few
		if c.Last != seq {
			w.Fatalf("claimed %+v", c)
		}
		news := social.PushDerived{
			News: []social.PushNews{w.news(w.Bob, seq+1, seq+1, minutes(0))},
			Read: map[social.StreamKey]uint64{c.Stream: seq + 1},
		}
		var both sync.WaitGroup
		both.Go(func() {
			if err := w.DB.PutPushes(w.Context(), news, minutes(0)); err != nil {
				w.Error(err)
			}
		})
		both.Go(func() { w.settle(minutes(0), social.PushSettled{PushClaim: c, Over: true, More: minutes(0)}) })
		both.Wait()
	}
	w.soundPush()
}

func pushContents(w *World) {
	stream := w.Lobby.Stream(social.ChannelMessages)
	posts := w.posts(w.Alice, 4)
	posts[2].Private, posts[2].To = true, []social.PersonKey{w.Carol}
	w.Append(Epoch(), posts...)
	w.Append(Epoch(), w.Post(w.Bob, "mine"), w.Amend(social.TypeDelete, posts[1], ""), w.Post(w.Alice, "late"))
	n := w.news(w.Bob, 1, 7, minutes(0))
	n.Named = []social.PushNamed{{Seq: 1, Why: social.PushedMention}, {Seq: 4, Why: social.PushedAnswer}}
	w.putNews(Epoch(), n)
	ask := func(r social.PushRange) social.PushContent {
		r.PushPlace = w.place(w.Bob)
		out, err := w.DB.PushContents(w.Context(), []social.PushRange{r})
		if err != nil || len(out) != 1 {
			w.Fatalf("%+v, %v", out, err)
		}
		return out[0]
	}
	for _, c := range []struct {
		what   string
		r      social.PushRange
		count  int
		newest uint64
		named  int
	}{
		{"all", social.PushRange{From: 1, Last: 7}, 3, 7, 2},
		{"up to the fourth", social.PushRange{From: 1, Last: 4}, 2, 4, 2},
		{"from the second on", social.PushRange{From: 2, Last: 7}, 2, 7, 1},
		{"since the join", social.PushRange{From: 1, Last: 7, Base: 4}, 1, 7, 0},
		{"what may be seen", social.PushRange{From: 1, Last: 7, Floor: 1}, 2, 7, 1},
		{"what is gone", social.PushRange{From: 2, Last: 2}, 0, 0, 0},
	} {
		if got := ask(c.r); got.Count != c.count || got.Newest != c.newest || len(got.Named) != c.named {
			w.Errorf("%s: %+v", c.what, got)
		}
	}
	w.move(minutes(1), social.ProgressQuery{Stream: stream, Person: w.Bob}, 0, 6)
	if got := ask(social.PushRange{From: 1, Last: 7}); got.Count != 1 || got.Read != 6 || len(got.Named) != 0 {
		w.Errorf("read: %+v", got)
	}
	for range 3 {
		w.Append(Epoch(), w.posts(w.Alice, 200)...)
	}
	if got := ask(social.PushRange{From: 1, Last: 607}); got.Count != 601 || got.Newest != 607 {
		w.Errorf("far behind: %+v", got)
	}
}

func pushUnread(w *World) {
	other := *w.Space("other", w.Alice)
	w.Append(Epoch(), w.posts(w.Alice, 4)...)
	w.Append(Epoch(), w.Post(w.Bob, "mine"))
	p := w.Post(w.Alice, "there")
	p.Stream = other.Stream(social.ChannelMessages)
	w.Append(Epoch(), p)
	of := []social.ProgressQuery{w.question(w.Bob), {Stream: p.Stream, Person: w.Bob}, w.question(w.Alice), w.question(w.Carol)}
	of[3].Base = 5
	got, err := w.DB.Unread(w.Context(), of)
	if err != nil || got[w.Bob] != 5 || got[w.Alice] != 1 || got[w.Carol] != 0 {
		w.Errorf("%v, %v", got, err)
	}
	w.move(minutes(1), w.question(w.Bob), 0, 3)
	for range 3 {
		w.Append(Epoch(), w.posts(w.Alice, 100)...)
	}
	if got, err = w.DB.Unread(w.Context(), of); err != nil || got[w.Bob] != 303 && got[w.Bob] != 302 {
		w.Errorf("far behind: %v, %v", got, err)
	}
}

func pushDecisions(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 200)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 200, minutes(0)))
	c := w.claimOne(minutes(0), 1)
	for i := range uint64(150) {
		w.settle(minutes(0), social.PushSettled{PushClaim: c, Again: minutes(500), Decisions: []social.PushDecision{{
			Person: w.Bob, Device: 3, Stream: c.Stream, Since: i, Seq: i + 1, At: minutes(int(i)), What: social.PushSent, Status: 200,
			Code: "ok\x00", Answer: fmt.Sprint(i),
		}}})
		c.Claim = 1
	}
	all, err := w.DB.PushDecisions(w.Context(), w.Bob, 0, 0, 1000)
	if err != nil || len(all) < 50 || len(all) > 140 {
		w.Fatalf("%d decisions, %v", len(all), err)
	}
	waits, newest := all[0], all[1]
	if waits.What != social.PushWaits || waits.Seq != 200 {
		w.Errorf("first %+v", waits)
	}
	if newest.Seq != 150 || newest.Since != 149 || newest.Code != "ok" || newest.Status != 200 || newest.Device != 3 || !newest.At.Equal(moment(minutes(149))) {
		w.Errorf("newest %+v", newest)
	}
	one, err := w.DB.PushDecisions(w.Context(), w.Bob, c.Stream, 149, 10)
	if err != nil || !slices.ContainsFunc(one, func(d social.PushDecision) bool { return d.Answer == "148" }) || len(one) != 2 {
		w.Errorf("of one post: %+v, %v", one, err)
	}
}

func pushRemoved(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 5, minutes(0)), w.news(w.Carol, 1, 5, minutes(0)))
	var settled []social.PushSettled // was under way
	for _, c := range w.claim(minutes(0), 1) {
		settled = append(settled, social.PushSettled{
			PushClaim: c, Decided: true, Told: []social.PushTold{{PushPlace: c.PushPlace, Device: 1, Seq: 5, Shown: true}},
			Decisions: []social.PushDecision{{Person: c.Person, Stream: c.Stream, Seq: 4}, {Person: c.Person, Stream: c.Stream, Since: 4, Seq: 5}},
		})
	}
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	w.settle(minutes(0), settled...)
	if got := w.claim(minutes(1), 1); len(got) != 0 {
		w.Errorf("claimed %+v", got)
	}
	for person, want := range map[social.PersonKey]int{w.Bob: 0, w.Carol: 2} {
		left, err := w.DB.PushDecisions(w.Context(), person, 0, 0, 10)
		if err != nil || len(left) != want {
			w.Errorf("of %d there are %+v, %v", person, left, err)
		}
		told, err := w.DB.PushTolds(w.Context(), []social.PushPlace{w.place(person)})
		if err != nil || len(told) != min(want, 1) {
			w.Errorf("%d was told %+v, %v", person, told, err)
		}
	}
	w.soundPush()
}

func pushPurged(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 5)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 1, minutes(0)), w.news(w.Carol, 1, 1, minutes(0)))
	for _, c := range w.claim(minutes(0), 1) {
		if c.Person == w.Bob {
			w.settle(minutes(0), social.PushSettled{
				PushClaim: c, Decided: true, Told: []social.PushTold{{PushPlace: c.PushPlace, Device: 1, Seq: 1}},
				Decisions: []social.PushDecision{{Person: w.Bob, Stream: c.Stream, Seq: 1, At: minutes(0), What: social.PushSuppressed, Reason: "read"}},
			})
		}
	}
	purge := func(now time.Time) {
		for {
			if n, err := w.DB.Purge(w.Context(), now); err != nil || n == 0 {
				if err != nil {
					w.Fatal(err)
				}
				return
			}
		}
	}
	left := func() (rows, decisions int) {
		told, err := w.DB.PushTolds(w.Context(), []social.PushPlace{w.place(w.Bob)})
		if err != nil {
			w.Fatal(err)
		}
		all, err := w.DB.PushDecisions(w.Context(), w.Bob, 0, 0, 10)
		if err != nil {
			w.Fatal(err)
		}
		return len(told), len(all)
	}
	purge(Epoch().Add(2 * 24 * time.Hour))
	if rows, decisions := left(); rows != 1 || decisions != 1 {
		w.Errorf("early: %d rows, %d decisions", rows, decisions)
	}
	purge(Epoch().Add(4 * 24 * time.Hour))
	if rows, decisions := left(); rows != 1 || decisions != 0 {
		w.Errorf("after four days: %d rows, %d decisions", rows, decisions)
	}
	purge(Epoch().Add(8 * 24 * time.Hour))
	if rows, _ := left(); rows != 0 {
		w.Errorf("after a week: %d rows", rows)
	}
	if got := w.claim(Epoch().Add(8*24*time.Hour), 2); len(got) != 1 || got[0].Person != w.Carol {
		w.Errorf("what waits: %+v", got)
	}
	w.soundPush()
}

func pushPurging(w *World) {
	const rounds = 40
	w.Append(Epoch(), w.posts(w.Alice, rounds+1)...)
	now := Epoch()
	w.putNews(now, w.news(w.Bob, 1, 1, now))
	for seq := uint64(1); seq <= rounds; seq++ {
		c := w.claimOne(now, int64(seq)) //nolint:gosec // a few
		if c.Last != seq {
			w.Fatalf("claimed %+v", c)
		}
		w.settle(now, social.PushSettled{PushClaim: c, Decided: true})
		now = now.Add(8 * 24 * time.Hour)
		var both sync.WaitGroup
		both.Go(func() {
			if _, err := w.DB.Purge(w.Context(), now); err != nil {
				w.Error(err)
			}
		})
		both.Go(func() {
			news := social.PushDerived{News: []social.PushNews{w.news(w.Bob, seq+1, seq+1, now)}, Read: map[social.StreamKey]uint64{c.Stream: seq + 1}}
			if err := w.DB.PutPushes(w.Context(), news, now); err != nil {
				w.Error(err)
			}
		})
		both.Wait()
	}
	w.soundPush()
}
