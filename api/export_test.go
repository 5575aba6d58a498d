package api

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
)

// Routes lists "METHOD pattern" of everything the router takes.
func (s *Server) Routes() ([]string, error) {
	var out []string
	err := chi.Walk(s.router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		out = append(out, method+" "+pattern)
		return nil
	})
	slices.Sort(out)
	return out, err
}

// HandlePanic adds a route whose handler panics before or after it has begun to answer.
func (s *Server) HandlePanic(path string, begun bool) {
	s.router.Get(path, func(w http.ResponseWriter, _ *http.Request) {
		if begun {
			w.WriteHeader(http.StatusOK)
		}
		panic("a mistake in a handler")
	})
}

// Limiter is a limiter by address.
type Limiter = limiter[netip.Prefix]

const MaxBuckets = maxBuckets

func NewLimiter(rate float64, burst int, now func() time.Time) *Limiter {
	return newLimiter[netip.Prefix](rate, burst, now)
}

func (l *limiter[K]) Take(k K) time.Duration { return l.take(k) }

func (l *limiter[K]) Len() int { return len(l.buckets) }

// CheckJSON and the two halves of a cursor are for fuzzing.
func CheckJSON(body []byte, ours bool) error { return checkJSON(body, ours, "") }

func Cursor(list, key string) string { return cursor(list, key) }

func AfterCursor(list, cursor string) (string, error) { return PageCursor{Cursor: cursor}.after(list) }
