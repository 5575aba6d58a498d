package social

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// The log is read once: what somebody published at the moment of the erasure, by a
// server that had not heard of it, has to stand in it by then.
func TestAnErasureBeginsWhenNothingMoreComesOfThePerson(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ before, wants time.Duration }{
		"just asked for":              {0, eraseAfter},
		"found half a second later":   {eraseAfter / 2, eraseAfter / 2},
		"taken over from another one": {time.Hour, 0},
		"by a clock that is ahead":    {-time.Hour, eraseAfter},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			es := NewErasures(nil, nil, nil, nil, nil, time.Now)
			if err := es.settle(t.Context(), begun.Add(-c.before)); err != nil || time.Since(begun) != c.wants {
				t.Errorf("%s: after %v, %v", what, time.Since(begun), err)
			}
		})
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := NewErasures(nil, nil, nil, nil, nil, time.Now).settle(ended, time.Now()); err == nil {
		t.Error("it goes on after the end")
	}
}
