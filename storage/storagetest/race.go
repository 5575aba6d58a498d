package storagetest

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"rambla/social"
)

// raceClaims are about what is done at the same moment by several who know nothing of
// each other. Each is done often enough to fail now and then where it is not so.
func raceClaims() []claim {
	return []claim{
		{"a device that is registered anew outlives the login that it had", deviceOutlivesLogin},
		{"of what is said of one space at the same moment nothing is lost", interestAtOnce},
		{"a key that is forgotten and used anew by two at once is one publish", keyAnewAtOnce},
		{"what is given up takes along what is kept of it at that moment", givesUpAtOnce},
		{"a post knows of a comment that comes while a share of it is given up", commentedWhileGivenUp},
		{"who is erased leaves nothing that came at that moment", erasedAtOnce},
		{"who is removed was never seen, whatever is written at that moment", seenWhileRemoved},
		{"a login that is refreshed while its person is erased has ended", refreshedWhileErased},
		{"of who was erased while a push was under way nothing is kept", pushedWhileErased},
		{"what a late worker was answered is kept of no row that is gone", toldWhileEnding},
		{"what is posted while a part of the log is erased is erased too", postedWhileErased},
		{"what an erased person was doing when the erasure began is forgotten at its end", doingWhileErased},
		{"a post counts comments that come while shares of it are erased", commentedWhileErased},
	}
}

// atOnce does all at the same moment.
func (w *World) atOnce(fs ...func() error) {
	w.Helper()
	var all sync.WaitGroup
	for _, f := range fs {
		all.Go(func() {
			if err := f(); err != nil {
				w.Error(err)
			}
		})
	}
	all.Wait()
}

// unless is err, if it is not of that kind.
func unless(kind social.Kind, err error) error {
	if social.KindOrNil(err) == kind {
		return nil
	}
	return err
}

func deviceOutlivesLogin(w *World) {
	const rounds = 20
	for range rounds {
		former, _ := w.login(w.Bob, social.GrantPassword)
		w.put(w.device(w.Bob, former, "token"))
		next, _ := w.login(w.Bob, social.GrantPassword)
		w.atOnce(
			func() error { return w.DB.EndGrant(w.Context(), former, Epoch()) },
			func() error {
				_, _, err := w.DB.PutDevice(w.Context(), w.device(w.Bob, next, "token"), social.MaxDevices)
				return err
			},
		)
		w.wantTokens(w.Bob, "token ")
	}
}

func interestAtOnce(w *World) {
	const rounds = 20
	mentions := social.LevelMentions
	say := func(p social.InterestPatch) func() error {
		return func() error {
			_, err := w.DB.SetInterest(w.Context(), w.Bob, w.Lobby.Key, p, Epoch())
			return err
		}
	}
	none := social.LevelDefault
	for range rounds {
		w.must(say(social.InterestPatch{Mute: &social.Mute{On: true}, Level: &none})())
		w.atOnce(say(social.InterestPatch{Mute: &social.Mute{}}), say(social.InterestPatch{Level: &mentions}))
		got, err := w.DB.Interests(w.Context(), w.Bob, []social.SpaceKey{w.Lobby.Key}, Epoch())
		if want := (social.Interest{Level: mentions}); err != nil || got[w.Lobby.Key] != want {
			w.Fatalf("what is kept is %+v, %v", got, err)
		}
	}
}

func keyAnewAtOnce(w *World) {
	const rounds = 14
	other := w.Space("other", w.Alice)
	now := Epoch()
	for i := range rounds {
		w.Append(now, w.keyed(w.Alice, "key", "x"))
		now = now.Add(2 * social.KeyLife)
		var ids [2]social.ID
		use := func(n, before int, stream social.StreamKey) func() error {
			p := w.keyed(w.Alice, "key", "x")
			p.Stream = stream
			posts := []*social.Post{p}
			for range before {
				posts = append(posts, w.Post(w.Alice, "y"))
			}
			return func() error {
				out, err := w.DB.Append(w.Context(), Entries(posts...), now)
				if err == nil {
					ids[n], err = out[0].ID, out[0].Err
				}
				return err
			}
		}
		w.atOnce(use(0, 10*i, w.messages()), use(1, 0, other.Stream(social.ChannelMessages)))
		if ids[0] != ids[1] {
			w.Errorf("in round %d it became %v and %v", i, ids[0], ids[1])
		}
		now = now.Add(2 * social.KeyLife)
	}
}

func givesUpAtOnce(w *World) {
	const rounds = 20
	w.keep(social.Retention{Posts: 1})
	for range rounds {
		p := w.Post(w.Alice, "p")
		w.stored(Entries(p, w.Post(w.Alice, "next"))...)
		w.atOnce(
			func() error { _, err := w.DB.Purge(w.Context(), Epoch()); return err },
			func() error {
				_, err := w.DB.SetFavorite(w.Context(), p.Ref(), w.Bob, true, Epoch())
				return unless(social.KindNotFound, err)
			},
			func() error {
				_, err := w.DB.AddReport(w.Context(), social.Report{ID: w.IDs.New(Epoch()), Post: *p, Space: w.Lobby.Key, Reporter: w.Bob, At: Epoch()})
				return unless(social.KindNotFound, err)
			},
		)
	}
}

func commentedWhileGivenUp(w *World) {
	const rounds = 10
	news := w.Space("news", w.Alice)
	w.must(w.DB.PatchSpace(w.Context(), news.Key, social.SpacePatch{Retention: &social.Retention{Posts: 1}}, nil, Epoch()))
	for i := range rounds {
		p, next := w.Post(w.Alice, "p"), w.Post(w.Alice, "next")
		next.Stream = news.Stream(social.ChannelMessages)
		w.stored(Entries(p)...)
		w.stored(w.share(news, p))
		w.stored(Entries(next)...)
		w.atOnce(
			func() error { _, err := w.DB.Purge(w.Context(), Epoch()); return err },
			w.commenting(p, i),
		)
	}
}

// commenting comments on a post in a batch that goes on for a while after that.
func (w *World) commenting(p *social.Post, round int) func() error {
	entries := []social.Entry{w.comment(w.Alice, p, "c")}
	for i := range 150 {
		entries = append(entries, Entries(w.keyed(w.Alice, fmt.Sprint("key ", round, " ", i), "with a key"))...)
	}
	return func() error {
		_, err := w.DB.Append(w.Context(), entries, Epoch())
		return err
	}
}

func erasedAtOnce(w *World) {
	const rounds = 15
	p := w.Post(w.Alice, "p")
	w.stored(Entries(p)...)
	for i := range rounds {
		who := w.Person(fmt.Sprint("who-", i))
		w.atOnce(
			func() error {
				_, err := w.DB.BeginErasure(w.Context(), social.Erasure{ID: w.IDs.New(Epoch()), Person: who, Asked: Epoch()}, Epoch())
				return err
			},
			func() error {
				_, err := w.DB.SetFavorite(w.Context(), p.Ref(), who, true, Epoch())
				return unless(social.KindNotFound, err)
			},
			func() error {
				_, err := w.DB.AddReport(w.Context(), social.Report{ID: w.IDs.New(Epoch()), Post: *p, Space: w.Lobby.Key, Reporter: who, At: Epoch(), Reason: "mine"})
				return unless(social.KindNotFound, err)
			},
		)
		if f := w.facts(who, p); f.Favorited {
			w.Errorf("in round %d its favorite stays", i)
		}
	}
	if left, err := w.DB.OpenReports(w.Context(), []social.SpaceKey{w.Lobby.Key}, social.ID{}, 100); err != nil || len(left) > 0 {
		w.Errorf("%d of its reports stay, %v", len(left), err)
	}
}

func seenWhileRemoved(w *World) {
	const rounds = 40
	for i := range rounds {
		who := w.Person(fmt.Sprint("who-", i))
		w.atOnce(
			func() error { return w.DB.RemovePerson(w.Context(), who, Epoch()) },
			func() error { return w.DB.SaveSeen(w.Context(), map[social.PersonKey]time.Time{who: Epoch()}) },
		)
		w.wantSeen(nil, who)
	}
}

func refreshedWhileErased(w *World) {
	const rounds = 25
	for i := range rounds {
		who := w.Person(fmt.Sprint("who-", i))
		_, tokens := w.login(who, social.GrantPassword)
		w.atOnce(
			func() error {
				_, err := w.DB.BeginErasure(w.Context(), social.Erasure{ID: w.IDs.New(Epoch()), Person: who, Asked: Epoch()}, Epoch())
				return err
			},
			func() error {
				_, err := w.DB.Rotate(w.Context(), tokens[1].Hash, []social.Token{newToken(social.TokenRefresh, Epoch().Add(time.Hour))}, Epoch())
				return err
			},
		)
	}
}

func pushedWhileErased(w *World) {
	w.Append(Epoch(), w.posts(w.Alice, 1)...)
	w.putNews(Epoch(), w.news(w.Bob, 1, 1, Epoch()))
	c := w.claimOne(Epoch(), 1)
	w.EraseBegun(w.Bob)
	w.settle(Epoch(), social.PushSettled{
		PushClaim: c, Decided: true,
		Dead: []social.PushDead{{At: Epoch(), Person: w.Bob, Stream: c.Stream, Device: 7, Seq: 1, Platform: social.PlatformFCM, App: "app", Code: "gone"}},
	})
	if d, err := w.DB.PushDepth(w.Context()); err != nil || d.Dead != 0 {
		w.Errorf("%+v, %v", d, err)
	}
}

func toldWhileEnding(w *World) {
	const rounds = 20
	w.Append(Epoch(), w.posts(w.Alice, 1)...)
	for i := range rounds {
		now := minutes(10 * i)
		w.putNews(now, w.news(w.Bob, 1, 1, now))
		late := w.claimOne(now, int64(2*i+1))
		now = now.Add(2 * time.Minute)
		next := w.claimOne(now, int64(2*i+2))
		settle := func(s social.PushSettled) func() error {
			return func() error { return w.DB.SettlePushes(w.Context(), []social.PushSettled{s}, now) }
		}
		w.atOnce(
			settle(social.PushSettled{PushClaim: late, Decided: true, Told: []social.PushTold{{PushPlace: late.PushPlace, Device: 7, Seq: 1, Shown: true}}}),
			settle(social.PushSettled{PushClaim: next, Over: true}),
		)
		if told, err := w.DB.PushTolds(w.Context(), []social.PushPlace{late.PushPlace}); err != nil || len(told) > 0 {
			w.Fatalf("in round %d is left %+v, %v", i, told, err)
		}
	}
}

func postedWhileErased(w *World) {
	first, late := w.Post(w.Carol, "first"), w.Post(w.Carol, "late")
	w.stored(Entries(first)...)
	e := w.EraseBegun(w.Carol)
	if _, ok, err := w.DB.ClaimErasure(w.Context(), 1, Epoch(), time.Minute); !ok || err != nil {
		w.Fatal(ok, err)
	}
	for posted := false; ; posted = true {
		p, err := w.DB.EraseParcel(w.Context(), e.ID)
		w.must(err)
		if p.Last {
			break
		}
		for i := range p.Posts {
			w.Append(Epoch(), w.Amend(social.TypeDelete, &p.Posts[i], ""))
		}
		if !posted { // by a server that has not heard of it yet
			w.stored(Entries(late)...)
		}
		w.must(w.DB.FinishParcel(w.Context(), e.ID, 1, social.ErasureCounts{}, Epoch(), time.Minute))
	}
	w.must(w.DB.FinishErasure(w.Context(), e.ID, 1, Epoch()))
	if p, err := w.DB.PostByID(w.Context(), late.ID); err != nil || p.Removed.IsZero() {
		w.Errorf("left is %+v, %v", p, err)
	}
}

func doingWhileErased(w *World) {
	e := w.EraseBegun(w.Carol)
	if _, ok, err := w.DB.ClaimErasure(w.Context(), 1, Epoch(), time.Minute); !ok || err != nil {
		w.Fatal(ok, err)
	}
	// A server that has not heard of it yet, and its audit log.
	answer := social.Replay{Person: w.Carol, Key: [32]byte{1}, At: Epoch()}
	if _, err := w.DB.BeginReplay(w.Context(), answer); err != nil {
		w.Fatal(err)
	}
	act := social.Act{At: Epoch(), Verb: social.VerbPersonRoles, Actor: w.Carol, Person: w.Bob, Client: "her laptop", Address: netip.MustParseAddr("192.0.2.7"), Result: social.ActDone}
	w.must(w.DB.AppendActs(w.Context(), []social.Act{act}))
	w.must(w.DB.FinishErasure(w.Context(), e.ID, 1, Epoch()))
	if got := w.acts(social.ActQuery{Actor: w.Carol, Limit: 10}); len(got) != 1 || got[0].Client != "" || got[0].Address.IsValid() {
		w.Errorf("the audit log says %+v", got)
	}
	if earlier, err := w.DB.BeginReplay(w.Context(), answer); err != nil || earlier != nil {
		w.Errorf("remembered is %+v, %v", earlier, err)
	}
}

func commentedWhileErased(w *World) {
	const rounds = 12
	e := w.EraseBegun(w.Bob)
	if _, ok, err := w.DB.ClaimErasure(w.Context(), 1, Epoch(), time.Hour); !ok || err != nil {
		w.Fatal(ok, err)
	}
	for i := range rounds {
		p := w.Post(w.Alice, "p")
		w.stored(Entries(p)...)
		gone := w.Space(fmt.Sprint("gone-", i), w.Alice)
		w.stored(w.share(gone, p))
		w.must(w.DB.DeleteSpace(w.Context(), gone.Key, nil, Epoch()))
		w.atOnce(
			func() error {
				return w.DB.FinishParcel(w.Context(), e.ID, 1, social.ErasureCounts{}, Epoch(), time.Hour)
			},
			w.commenting(p, i),
		)
	}
}
