package api

import (
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
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

// HandleLarge adds a write whose answer has that many bytes, and counts how often
// it happens.
func (s *Server) HandleLarge(path string, size int) (happened *atomic.Int64) {
	happened = &atomic.Int64{}
	s.router.Method(http.MethodPut, path, s.guard(route{method: http.MethodPut, status: 200}, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		happened.Add(1)
		_, _ = w.Write(make([]byte, size))
	})))
	return happened
}

// MaxStoredAnswer is how large an answer is kept for its idempotency key.
const MaxStoredAnswer = maxStoredAnswer

// HandleDeprecated adds a list that is deprecated, and tells whether the document
// marks it.
func (s *Server) HandleDeprecated(path string, since, sunset time.Time, successor string) (marked bool) {
	rt := route{method: http.MethodGet, path: path, status: 200, open: true, answer: PostPage{}, deprecated: &farewell{since, sunset, successor}}
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	op := rt.operation(schemas)
	s.router.Method(http.MethodGet, path, s.guard(rt, shapeOf(rt, &op, schemas), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Link", "<"+path+`?before=3>; rel="next"`)
		_, _ = w.Write([]byte(`{"items":[],"next":3}`))
	})))
	return op.Deprecated
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
