package storage_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage/storagetest"
)

// indexed posts so many texts of alice in the lobby and indexes them.
func indexed(w *storagetest.World, n int, text func(int) string) []*social.Post {
	w.Helper()
	var posts []*social.Post
	put := social.SearchPut{Read: map[social.StreamKey]uint64{}}
	for i := range n {
		posts = append(posts, w.Post(w.Alice, text(i)))
	}
	for i, chunk := range slices.Collect(slices.Chunk(posts, 200)) {
		w.Append(storagetest.Epoch().Add(time.Duration(i)*time.Second), chunk...)
	}
	for _, p := range posts {
		put.Entries = append(put.Entries, social.SearchEntry{
			PostRef: p.Ref(), At: p.Published, Author: p.Author, Sort: social.SortActivity, Words: strings.Fields(p.Content),
		})
		put.Read[p.Stream] = p.Seq
	}
	if err := w.DB.PutSearch(w.Context(), put); err != nil {
		w.Fatal(err)
	}
	return posts
}

// Which way is taken is decided by how common words are; what is found must not be.
func TestEveryWayToSearchFindsTheSame(t *testing.T) {
	t.Parallel()
	w := storagetest.NewWorld(t, storagetest.Open(t, storagetest.Postgres))
	indexed(w, 400, func(i int) string { return fmt.Sprintf("common %d n%d", i%7, i) })
	for _, words := range [][]string{{"common"}, {"3"}, {"n77"}, {"common", "3"}, {"absent"}} {
		q := social.SearchQuery{
			Terms: social.SearchTerms{Terms: []social.SearchTerm{{Words: words}}}, Sort: social.SortActivity, Reader: w.Bob, Limit: 9,
			Sources: []social.FeedSource{{Stream: w.Lobby.Stream(social.ChannelMessages), Floor: 50}},
			From:    storagetest.Epoch(),
		}
		want := ""
		for _, way := range []string{"rare", "gather", "walk"} {
			got := ""
			asked := q
			if way == "walk" {
				asked.Sources = nil
			}
			for range 100 {
				page, err := w.DB.SearchBy(t.Context(), way, asked)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range page.Posts {
					if p.Seq > 50 { // which a walk does not know
						got += p.Content + "\n"
					}
				}
				if asked.After = page.Next; page.Next.IsZero() {
					break
				}
			}
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%v by %s: %q, wanted %q", words, way, got, want)
			}
		}
	}
}

func TestPostsAreSearchedByTheirIndexes(t *testing.T) {
	t.Parallel()
	scans := regexp.MustCompile(`Seq Scan on (posts|search_posts|post_readers|streams)|SCAN (p|x|posts|search_posts)\b`)
	want := map[string]map[storagetest.Engine]string{
		"rare":     {storagetest.Postgres: "Bitmap Index Scan on search_posts_words", storagetest.SQLite: "VIRTUAL TABLE INDEX"},
		"common":   {storagetest.Postgres: "search_posts_at"},
		"searched": {storagetest.Postgres: "search_posts_pkey"},
		"forget":   {storagetest.Postgres: "search_posts_pkey", storagetest.SQLite: "(stream=? AND seq=?)"},
		"purge":    {storagetest.Postgres: "search_posts_pkey", storagetest.SQLite: "(stream=?"},
	}
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w := storagetest.NewWorld(t, storagetest.Open(t, engine))
		indexed(w, 2000, func(i int) string { return fmt.Sprintf("common %d n%d", i%7, i) })
		plans, err := w.DB.ExplainSearch(t.Context(), w.Lobby.Stream(social.ChannelMessages))
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

func TestWhatIsRemovedLeavesTheIndexOfTheFile(t *testing.T) {
	t.Parallel()
	w := storagetest.NewWorld(t, storagetest.Open(t, storagetest.SQLite))
	posts := indexed(w, 50, func(i int) string { return fmt.Sprintf("word%d unforgettable%d", i, i) })
	count := func() int {
		n, err := w.DB.CountSearchBlocks(t.Context(), "unforgettable")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count() == 0 {
		t.Fatal("nothing is indexed")
	}
	put := social.SearchPut{}
	for _, p := range posts {
		put.Gone = append(put.Gone, p.Ref())
	}
	if err := w.DB.PutSearch(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d blocks still hold the words", n)
	}
	indexed(w, 1, func(int) string { return "again" })
	for _, p := range posts {
		if _, err := w.DB.Append(t.Context(), []social.Entry{{Post: &social.Post{
			Stream: p.Stream, ID: w.IDs.New(storagetest.Epoch()), Type: social.TypeDelete, Author: p.Author, Object: p.ID, Generator: "test",
		}}}, storagetest.Epoch().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}
