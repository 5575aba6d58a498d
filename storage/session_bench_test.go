package storage_test

import (
	"fmt"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// BenchmarkClaims is what a reconnect storm asks of the store: 5,000 sessions,
// each with a position in some streams, are claimed and left again in batches of
// 200. One operation is one session that was claimed and left.
func BenchmarkClaims(b *testing.B) {
	for _, engine := range storagetest.Engines() {
		for _, streams := range []int{3, 100} {
			b.Run(fmt.Sprintf("%s/streams=%d", engine, streams), func(b *testing.B) {
				benchmarkClaims(b, storagetest.Open(b, engine), streams)
			})
		}
	}
}

const benchedSessions, benchedBatch = 5000, 200

func benchmarkClaims(b *testing.B, db *storage.DB, streams int) {
	ctx, now := b.Context(), storagetest.Epoch()
	person, err := db.CreatePerson(ctx, social.NewPerson{Name: "alice"}, now)
	if err != nil {
		b.Fatal(err)
	}
	var p social.Position
	for i := 0; len(p.Cursors) < streams; i++ {
		key, err := db.CreateSpace(ctx, social.Space{ID: fmt.Sprintf("space-%d", i), Owner: person}, now)
		if err != nil {
			b.Fatal(err)
		}
		err = db.Spaces(ctx, []social.SpaceKey{key}, func(s social.Space) {
			p.Cursors = append(p.Cursors, social.Cursor{Stream: s.Stream(social.ChannelMessages)})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	rights, err := db.Version(ctx)
	if err != nil {
		b.Fatal(err)
	}
	position := social.EncodePosition(p)
	round := func(first int) {
		writes := make([]social.SessionWrite, benchedBatch)
		for i := range writes {
			n := (first + i) % benchedSessions
			writes[i].Claim = &social.SessionClaim{
				ID: social.SessionID(1 + n), Person: person, Name: fmt.Sprint("client ", n), Version: 5, Node: 1, Expiry: time.Hour, //nolint:gosec // small
			}
		}
		out, err := db.WriteSessions(ctx, writes, now)
		if err != nil {
			b.Fatal(err)
		}
		for i, o := range out {
			s := o.Claimed.Session
			writes[i] = social.SessionWrite{Save: &social.SessionSave{ID: s.ID, Fence: s.Fence, Position: position, Rights: rights, Left: now}}
		}
		if _, err := db.WriteSessions(ctx, writes, now); err != nil {
			b.Fatal(err)
		}
	}
	for first := 0; first < benchedSessions; first += benchedBatch {
		round(first)
	}
	b.ReportAllocs()
	b.ResetTimer()
	began := time.Now()
	for done := 0; done < b.N; done += benchedBatch {
		round(done)
	}
	b.StopTimer()
	b.ReportMetric(float64((b.N+benchedBatch-1)/benchedBatch*benchedBatch)/time.Since(began).Seconds(), "sessions/s")
}
