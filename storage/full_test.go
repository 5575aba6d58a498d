package storage_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"rambla/social"
	"rambla/storage/storagetest"
)

// syncBuffer is a log that tests read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	t.Parallel()
	log := new(syncBuffer)
	cfg := storagetest.Config(t, storagetest.SQLite)
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	w := storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	batch := func() []*social.Post {
		var posts []*social.Post
		for range 20 {
			posts = append(posts, w.Post(w.Alice, strings.Repeat("x", 2000)))
		}
		return posts
	}
	w.Append(storagetest.Epoch(), batch()...)
	if err := w.DB.LimitPages(t.Context(), 15); err != nil {
		t.Fatal(err)
	}
	acked, failed := 20, 0
	for range 10 {
		out, err := w.DB.Append(t.Context(), storagetest.Entries(batch()...), storagetest.Epoch())
		if err == nil {
			acked += len(out)
			continue
		}
		storagetest.Wants(t, err, social.KindUnavailable)
		failed++
	}
	if failed == 0 {
		t.Fatal("the disk was never full")
	}
	if got := w.All(w.Bob); len(got) != acked {
		t.Errorf("%d are stored, %d were acknowledged", len(got), acked)
	}
	if !strings.Contains(log.String(), "no room left") {
		t.Errorf("the log does not say why: %s", log)
	}
	storagetest.Verify(t, w.DB)
	if err := w.DB.LimitPages(t.Context(), -1); err != nil {
		t.Fatal(err)
	}
	if out := w.Append(storagetest.Epoch(), batch()...); int(out[0].Seq) != acked+1 {
		t.Errorf("with room again: %+v, wanted seq %d", out[0], acked+1)
	}
}
