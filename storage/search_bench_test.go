package storage_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rambla/lexis"
	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// BenchmarkIndexer indexes what was posted, as a server does that has just started: one
// operation is 10,000 posts of forty words in twenty streams, and posts/s is what a
// site may post for good without search falling behind.
func BenchmarkIndexer(b *testing.B) {
	const posts, streams, chunk = 10_000, 20, 500
	for _, engine := range storagetest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			db := storagetest.Open(b, engine)
			x, add := newIndexBench(b, db, engine, streams)
			for b.Loop() {
				b.StopTimer()
				for range posts / chunk {
					add(chunk)
				}
				b.StartTimer()
				if err := x.CatchUp(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(posts)*float64(b.N)/b.Elapsed().Seconds(), "posts/s")
			if s := x.Stats(); s.Indexed != uint64(posts*b.N) { //nolint:gosec // not negative
				b.Errorf("%d of %d posts are indexed", s.Indexed, posts*b.N)
			}
		})
	}
}

// newIndexBench makes a site of so many contexts, its indexer as a server has it, and
// what posts in them, in turn.
func newIndexBench(b *testing.B, db *storage.DB, engine storagetest.Engine, streams int) (x *social.Indexer, add func(n int)) {
	b.Helper()
	now := storagetest.Epoch()
	author, err := db.CreatePerson(b.Context(), social.NewPerson{Name: "alice"}, now)
	if err != nil {
		b.Fatal(err)
	}
	var keys []social.StreamKey
	for i := range streams {
		key, err := db.CreateSpace(b.Context(), social.Space{ID: fmt.Sprintf("space-%d", i), Owner: author}, now)
		if err == nil {
			err = db.Spaces(b.Context(), []social.SpaceKey{key}, func(s social.Space) { keys = append(keys, s.Stream(social.ChannelMessages)) })
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	quiet := slog.New(slog.DiscardHandler)
	dir := social.NewDirectory(db, quiet, time.Now)
	if err := dir.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	words, err := lexis.New(lexis.Simple)
	if err != nil {
		b.Fatal(err)
	}
	config := social.IndexerConfig{Batch: 1000, Hurry: 1e9}
	if engine == storagetest.SQLite {
		config.Batch = 100
	}
	var ids social.IDs
	n := 0
	return social.NewIndexer(config, dir, db, words, quiet, time.Now), func(count int) {
		b.Helper()
		batch := make([]*social.Post, count)
		for i := range batch {
			var text strings.Builder
			for j := range 40 {
				fmt.Fprintf(&text, "word%d ", (n*j+j)%5000)
			}
			batch[i] = &social.Post{
				Stream: keys[n%len(keys)], ID: ids.New(now), Type: social.TypeCreate, Author: author, Content: text.String(), Generator: "rest",
			}
			n++
		}
		now = now.Add(time.Second)
		if _, err := db.Append(b.Context(), storagetest.Entries(batch...), now); err != nil {
			b.Fatal(err)
		}
	}
}
