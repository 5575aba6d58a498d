package storage_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// BenchmarkAppend commits what a number of publishers wait for: each committer
// (one on SQLite, two on PostgreSQL) takes its share as one batch, and the next
// when that is on the disk. One operation is one post of 256 bytes.
func BenchmarkAppend(b *testing.B) {
	for _, engine := range storagetest.Engines() {
		committers := 1
		if engine == storagetest.Postgres {
			committers = 2
		}
		for _, waiting := range []int{1, 64, 512, 1024} {
			for _, keys := range []bool{false, true} {
				name := fmt.Sprintf("%s/waiting=%d/keys=%t", engine, waiting, keys)
				b.Run(name, func(b *testing.B) {
					db := storagetest.Open(b, engine)
					benchmarkAppend(b, db, min(committers, waiting), waiting, keys)
				})
			}
		}
	}
}

func benchmarkAppend(b *testing.B, db *storage.DB, committers, waiting int, keys bool) {
	ctx := b.Context()
	now := storagetest.Epoch()
	author, err := db.CreatePerson(ctx, social.NewPerson{Name: "alice"}, now)
	if err != nil {
		b.Fatal(err)
	}
	const streamsEach = 4
	var streams []social.StreamKey
	for i := range committers * streamsEach {
		key, err := db.CreateSpace(ctx, social.Space{ID: fmt.Sprintf("space-%d", i), Owner: author}, now)
		if err != nil {
			b.Fatal(err)
		}
		err = db.Spaces(ctx, []social.SpaceKey{key}, func(s social.Space) { streams = append(streams, s.Stream(social.ChannelMessages)) })
		if err != nil {
			b.Fatal(err)
		}
	}
	var ids social.IDs
	content := strings.Repeat("x", 256)
	b.ReportAllocs()
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	for c := range committers {
		wg.Go(func() {
			rows := b.N / committers
			size := waiting / committers
			entries := make([]social.Entry, 0, size)
			for done := 0; done < rows; done += len(entries) {
				entries = entries[:0]
				posts := make([]social.Post, min(size, rows-done))
				for i := range posts {
					posts[i] = social.Post{
						Stream: streams[c*streamsEach+i%streamsEach], ID: ids.New(now), Type: social.TypeCreate,
						Author: author, Content: content, Generator: "mqtt",
					}
					if keys {
						posts[i].Key = posts[i].ID.String()
					}
					entries = append(entries, social.Entry{Post: &posts[i]})
				}
				if _, err := db.Append(ctx, entries, time.Now()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "rows/s")
}
