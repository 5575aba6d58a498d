package broker

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"rambla/social"
)

// pickyStore refuses every transaction that saves a certain session.
type pickyStore struct {
	social.SessionStore
	refuses social.SessionID
	with    error
	saved   []social.SessionID
}

func (s *pickyStore) WriteSessions(_ context.Context, ws []social.SessionWrite, _ time.Time) ([]social.SessionWritten, error) {
	for _, w := range ws {
		if w.Save.ID == s.refuses {
			return nil, s.with
		}
	}
	for _, w := range ws {
		s.saved = append(s.saved, w.Save.ID)
	}
	return make([]social.SessionWritten, len(ws)), nil
}

func TestASaveThatCanNeverBeWrittenKeepsNoOtherBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		with        error
		saved, left int
	}{
		{"a fault of the store", errors.New("value out of range"), 6, 0},
		{"the store is away", social.Unavailable(errors.New("connection refused")), 0, 7},
	} {
		store := &pickyStore{refuses: 4, with: c.with}
		k := newKeeper(store, slog.New(slog.DiscardHandler), time.Now)
		var batch []keeping
		told := 0
		for id := range social.SessionID(7) {
			batch = append(batch, keeping{
				write: social.SessionWrite{Save: &social.SessionSave{ID: id + 1}}, lasting: true,
				done: func(social.SessionWritten, error) { told++ },
			})
		}
		left := k.commit(t.Context(), batch)
		if len(store.saved) != c.saved || len(left) != c.left || told != 7-c.left {
			t.Errorf("%s: %d saved, %d left, %d told", c.name, len(store.saved), len(left), told)
		}
	}
}
