package social

import (
	"context"
	"testing"
	"time"
)

// busyTails is a store in which much is posted while the end of a stream is read.
type busyTails struct {
	markerStore
	during func()
	asked  int
}

func (s *busyTails) Tails(context.Context, []StreamKey, int) (map[StreamKey]Tail, error) {
	s.during()
	return map[StreamKey]Tail{1: {Epoch: "e"}}, nil
}

func (s *busyTails) SetMarkers(context.Context, []StreamKey, []PersonKey) ([]SetMarker, error) {
	return nil, nil
}

func (s *busyTails) Progress(_ context.Context, of []ProgressQuery) ([]Progress, error) {
	s.asked++
	return make([]Progress, len(of)), nil
}

func TestATailThatGrowsTooMuchWhileItIsReadIsTheStoresToTell(t *testing.T) {
	t.Parallel()
	store := &busyTails{}
	tails := NewTails(store, time.Now)
	seq := uint64(0)
	store.during = func() {
		for range 10 * tailFirst {
			seq++
			tails.Posted(&Post{Stream: 1, Seq: seq, Type: TypeCreate, Author: alice})
		}
	}
	if _, err := tails.Progress(t.Context(), []ProgressQuery{{Stream: 1, Person: bob}}); err != nil || store.asked != 1 {
		t.Errorf("the store was asked %d times, %v", store.asked, err)
	}
	if tails.young[1] != nil {
		t.Error("a tail with a gap is kept")
	}
}

func TestTailsTellWhatWasAnsweredFromMemory(t *testing.T) {
	t.Parallel()
	tails := NewTails(&busyTails{during: func() {}}, time.Now)
	for range 3 {
		if _, err := tails.Progress(t.Context(), []ProgressQuery{{Stream: 1, Person: bob}, {Stream: 2, Person: bob}}); err != nil {
			t.Fatal(err)
		}
	}
	// There is no stream 2, which nobody can remember.
	if got, want := tails.Stats(), (TailStats{Streams: 1, Hits: 2, Misses: 4, Stored: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
