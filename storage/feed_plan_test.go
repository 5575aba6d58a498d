package storage_test

import (
	"regexp"
	"strings"
	"testing"

	"rambla/social"
	"rambla/storage/storagetest"
)

func TestFeedsAndListsAreReadByTheirIndexes(t *testing.T) {
	t.Parallel()
	// Nothing that grows with the store is read from one end to the other.
	scans := regexp.MustCompile(`Seq Scan on (posts|tallies|reactions|streams|read_markers|post_readers)|SCAN (p|s|e|m|r|posts|tallies|reactions)\b`)
	want := map[string]map[storagetest.Engine]string{
		"posts":       {storagetest.Postgres: "posts_pkey", storagetest.SQLite: "(stream=? AND seq>? AND seq<?)"},
		"uncommented": {storagetest.Postgres: "tallies_pkey", storagetest.SQLite: "t USING INDEX sqlite_autoindex_tallies_1"},
		"search":      {storagetest.Postgres: "posts_pkey", storagetest.SQLite: "(stream=? AND seq=?)"},
		"commented":   {storagetest.Postgres: "tallies_commented", storagetest.SQLite: "tallies_commented"},
		"likes":       {storagetest.Postgres: "tallies_liked", storagetest.SQLite: "tallies_liked"},
		"flagged":     {storagetest.Postgres: "tallies_flagged", storagetest.SQLite: "tallies_flagged"},
		"favorites":   {storagetest.Postgres: "reactions_favorites", storagetest.SQLite: "reactions_favorites"},
	}
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w := storagetest.NewWorld(t, storagetest.Open(t, engine))
		for range 20 {
			var batch []*social.Post
			for range 200 {
				batch = append(batch, w.Post(w.Alice, "x"))
			}
			w.Append(storagetest.Epoch(), batch...)
		}
		plans, err := w.DB.ExplainFeeds(t.Context(), w.Lobby.Stream(social.ChannelMessages))
		if err != nil {
			t.Fatal(err)
		}
		for name, plan := range plans {
			if scans.MatchString(plan) || !strings.Contains(plan, want[name][engine]) {
				t.Errorf("%s, wanted %q:\n%s", name, want[name][engine], plan)
			}
		}
	})
}
