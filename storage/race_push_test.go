package storage_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage/storagetest"
)

// Two servers note the same news, claim, settle and wake the same rows, in whatever
// order they have them: nobody waits for the other in a circle.
func TestNodesPushSideBySide(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		const rounds, people = 12, 40
		stream := w.Lobby.Stream(social.ChannelMessages)
		for range rounds {
			w.Append(storagetest.Epoch(), w.Post(w.Alice, "x"))
		}
		var places []social.PushPlace
		for i := range people {
			places = append(places, social.PushPlace{Person: social.PersonKey(i + 1), Stream: stream})
		}
		for n := range people - 3 { // beside alice, bob and carol
			w.Person("person-" + string(rune('a'+n/10)) + string(rune('a'+n%10)))
		}
		now := storagetest.Epoch()
		for round := range rounds {
			var both sync.WaitGroup
			seq := uint64(round + 1) //nolint:gosec // small
			for n, db := range dbs {
				both.Go(func() {
					news := make([]social.PushNews, people)
					for i, p := range places {
						news[i] = social.PushNews{PushPlace: p, First: seq, Last: seq, Posted: now, Due: now, Urgent: (i+n)%2 == 0}
					}
					if err := db.PutPushes(context.Background(), social.PushDerived{News: news}, now); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
			claims, err := dbs[0].ClaimPushes(t.Context(), social.PushFirst, int64(round+1), now, time.Minute, people)
			if err != nil || len(claims) != people {
				t.Fatalf("%d claims, %v", len(claims), err)
			}
			settled := make([]social.PushSettled, people)
			for i, c := range claims {
				settled[i] = social.PushSettled{PushClaim: c, Decided: true, Over: c.Person%2 == 0}
			}
			both.Go(func() {
				if err := dbs[0].SettlePushes(context.Background(), settled, now); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				woken := slices.Clone(places)
				slices.Reverse(woken)
				if err := dbs[1].WakePushes(context.Background(), woken, now); err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			now = now.Add(2 * time.Minute)
		}
	})
}
