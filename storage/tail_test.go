package storage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// asked counts the questions about progress that come to the store.
type asked struct {
	*storage.DB
	n int
}

func (a *asked) Progress(ctx context.Context, of []social.ProgressQuery) ([]social.Progress, error) {
	a.n += len(of)
	return a.DB.Progress(ctx, of)
}

// What memory says of how far people have got is what the store says, whatever
// is posted, edited, removed, read and asked in between.
func TestTailsSayWhatTheStoreSays(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := storagetest.NewWorld(t, db)
		random := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // repeatable on purpose
		now := storagetest.Epoch()
		behind := &asked{DB: db}
		tails := social.NewTails(behind, func() time.Time { return now })
		people := []social.PersonKey{w.Alice, w.Bob, w.Carol}
		stream := w.Lobby.Stream(social.ChannelMessages)
		var living []social.ID
		head := uint64(0)
		post := func() {
			author := people[random.IntN(3)]
			p := w.Post(author, "hello")
			switch at := random.IntN(len(living) + 1); {
			case random.IntN(8) == 0:
				p.Private, p.To = true, []social.PersonKey{people[random.IntN(3)]}
			case random.IntN(12) == 0 && len(living) > 0 && at > 0:
				p.Type, p.Content, p.Object = social.TypeDelete, "", living[at-1]
				living = append(living[:at-1], living[at:]...)
			}
			if p.Type == social.TypeCreate {
				living = append(living, p.ID)
			}
			w.Append(now, p)
			head = p.Seq
			tails.Posted(p)
		}
		ask := func(round int) {
			var of []social.ProgressQuery
			for _, person := range people {
				q := social.ProgressQuery{Stream: stream, Person: person}
				if random.IntN(2) == 0 {
					q.Base = head - min(head, random.Uint64N(1200))
				}
				if random.IntN(3) == 0 {
					q.Floor = q.Base - min(q.Base, random.Uint64N(40))
				}
				of = append(of, q)
			}
			of = append(of, social.ProgressQuery{Stream: 1 << 40, Person: w.Bob})
			want, err := db.Progress(t.Context(), of)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tails.Progress(t.Context(), of)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("round %d, head %d: of %+v\n%+v, the store says\n%+v, %v", round, head, of, got, want, err)
			}
		}
		for round := range 120 {
			for range random.IntN(30) {
				post()
			}
			ask(round)
			person := people[random.IntN(3)]
			_, err := tails.MoveMarkers(t.Context(), []social.MarkerMove{{
				ProgressQuery: social.ProgressQuery{Stream: stream, Person: person},
				Receipt:       social.Receipt{Read: head - min(head, random.Uint64N(700))},
			}}, now)
			if err != nil {
				t.Fatal(err)
			}
			ask(round)
			now = now.Add(time.Minute)
		}
		if few := 120 * 2 * 4 / 2; behind.n > few || behind.n < 120*2 { // one of four is always the store's
			t.Errorf("the store was asked %d times, wanted at most %d", behind.n, few)
		}
	})
}
