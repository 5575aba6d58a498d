package storage_test

import (
	"fmt"
	"strings"
	"testing"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// withLimits runs f on a world whose data is bounded.
func withLimits(t *testing.T, l social.DataLimits, f func(w *storagetest.World)) {
	t.Helper()
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		cfg := storagetest.Config(t, engine)
		cfg.Data = l
		f(storagetest.NewWorld(t, storagetest.OpenAt(t, cfg)))
	})
}

func sampleOf(w *storagetest.World, topic, payload string, retain bool) social.Entry {
	return social.Entry{Sample: &social.Sample{
		Stream: w.Lobby.Stream(social.ChannelData), Topic: topic, Payload: []byte(payload), Author: w.Bob, Retain: retain,
	}}
}

func purgeAll(w *storagetest.World) {
	w.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = w.DB.Purge(w.Context(), storagetest.Epoch()); err != nil {
			w.Fatal(err)
		}
	}
}

func TestDataBeyondItsQuotaGivesUpTheOldest(t *testing.T) {
	// A sample counts 10 bytes: the topic and the payload.
	withLimits(t, social.DataLimits{Messages: 8, Bytes: 55}, func(w *storagetest.World) {
		floor := func() uint64 {
			w.Helper()
			purgeAll(w)
			s, err := w.DB.State(w.Context(), w.Lobby.Stream(social.ChannelData))
			if err != nil {
				w.Fatal(err)
			}
			return s.Floor
		}
		for range 10 {
			if out := w.AppendEntries(storagetest.Epoch(), sampleOf(w, "t", "123456789", false)); out[0].Err != nil {
				w.Fatalf("refused: %+v", out)
			}
		}
		if got := floor(); got != 5 { // 50 bytes are left
			w.Errorf("by bytes the floor is %d", got)
		}
		for range 10 {
			w.AppendEntries(storagetest.Epoch(), sampleOf(w, "t", "", false))
		}
		if got := floor(); got != 12 {
			w.Errorf("by number the floor is %d", got)
		}
		// One that is larger than all of the quota does not stay either.
		w.AppendEntries(storagetest.Epoch(), sampleOf(w, "t", strings.Repeat("x", 100), false), sampleOf(w, "t", "y", false))
		if got := floor(); got != 21 {
			w.Errorf("after a large one the floor is %d", got)
		}
	})
}

func TestRetainedMessagesHaveBounds(t *testing.T) {
	withLimits(t, social.DataLimits{Retained: 3, RetainedBytes: 40}, func(w *storagetest.World) {
		try := func(name, topic, payload string, refused bool) {
			w.Helper()
			out := w.AppendEntries(storagetest.Epoch(), sampleOf(w, topic, payload, true))
			if got := out[0].Err != nil; got != refused || got && social.KindOf(out[0].Err) != social.KindRateLimited {
				w.Errorf("%s: %+v", name, out[0])
			}
		}
		for i := range 3 {
			try("within", fmt.Sprint(i), "x", false)
		}
		try("one too many", "3", "x", true)
		try("another value of one that is there", "2", "y", false)
		try("another value that is too large", "2", strings.Repeat("y", 40), true)
		try("one less", "0", "", false)
		try("room again", "3", "x", false)
		// Within one batch too.
		out := w.AppendEntries(storagetest.Epoch(), sampleOf(w, "3", "", true), sampleOf(w, "a", "x", true), sampleOf(w, "b", "x", true))
		if out[1].Err != nil || out[2].Err == nil {
			w.Errorf("in a batch: %+v", out)
		}
		try("large", "a", strings.Repeat("z", 30), false)
		try("a smaller one in its place", "a", strings.Repeat("z", 20), false)
	})
}

// Whoever reads one topic reads the rows of that topic and no others, however
// many there are in the stream.
func TestOneTopicIsReadAlone(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := storagetest.NewWorld(t, db)
		for range 10 {
			var entries []social.Entry
			for i := range 500 {
				entries = append(entries, sampleOf(w, fmt.Sprintf("sensor/%d", i), "x", false))
			}
			w.AppendEntries(storagetest.Epoch(), entries...)
		}
		stream := w.Lobby.Stream(social.ChannelData)
		for _, q := range []social.SampleQuery{
			{Stream: stream, Topic: "sensor/7", Limit: 200},
			{Stream: stream, Topic: "sensor/7", After: 2000, Limit: 200},
			{Stream: stream, Topic: "sensor/7", Backward: true, Limit: 1},
		} {
			plan, err := db.ExplainSamples(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(plan, "samples_topic") || strings.Contains(plan, "Rows Removed by Filter") || !topicInIndex(plan) {
				t.Errorf("%+v is read by\n%s", q, plan)
			}
		}
		got, err := db.Samples(t.Context(), social.SampleQuery{Stream: stream, Topic: "sensor/7", Limit: 200})
		if err != nil || len(got) != 10 || got[0].Seq != 8 || got[9].Seq != 4508 {
			t.Errorf("%d samples, %v", len(got), err)
		}
	})
}

// topicInIndex tells whether the topic is part of what the index is searched for.
func topicInIndex(plan string) bool {
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "Index Cond") && strings.Contains(line, "topic =") || strings.Contains(line, "stream=? AND topic=?") {
			return true
		}
	}
	return false
}
