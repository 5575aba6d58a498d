package storage_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// crowd is how many people the largest known site brings in one list.
const crowd = 38_000

// nobody is an audience that hears nothing.
type nobody struct{}

func (nobody) AnnouncePost(*social.Space, social.Channel, *social.Post) {}
func (nobody) AnnounceSample(social.Owner, *social.Sample)              {}

func TestAListOfThirtyEightThousandMembersIsTakenInSeconds(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for _, text := range []string{
			fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
				INSERT INTO people (name, display_name, service, roles, created_at) SELECT 'p' || CAST(i AS TEXT), '', FALSE, 0, 0 FROM n`, 100_000+crowd-1),
			`INSERT INTO names (kind, name, owner, at) SELECT 1, name, id, 0 FROM people`,
		} {
			if err := db.Damage(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		w := storagetest.NewWorld(t, db)
		logger := slog.New(slog.DiscardHandler)
		dir := social.NewDirectory(db, logger, time.Now)
		spaces := social.NewSpaces(dir, db, social.NewAnnouncer(db, dir, nobody{}), &w.IDs, false, logger, time.Now)
		if err := dir.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		var list []social.MemberEntry
		for i := range crowd {
			list = append(list, social.MemberEntry{Name: fmt.Sprint("p", 100_000+i)})
		}
		sync := func(list []social.MemberEntry, want social.SyncReport) {
			t.Helper()
			began := time.Now()
			got, err := spaces.SyncMembers(context.Background(), social.Actor{Person: w.Alice}, "lobby", list, social.SyncOptions{})
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%+v, wanted %+v, %v", got, want, err)
			}
			t.Logf("%d people, %+v: %v", len(list), got, time.Since(began).Round(time.Millisecond))
		}
		sync(list, social.SyncReport{Added: crowd, Removed: 1})
		sync(list, social.SyncReport{Unchanged: crowd})
		sync(nil, social.SyncReport{Removed: crowd})
	})
}
