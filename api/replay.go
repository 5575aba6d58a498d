package api

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"rambla/social"
)

// Replays remembers the answers to writes that carried an idempotency key.
type Replays interface {
	// BeginReplay claims the person's key, unless it is there: then it returns
	// what is. A claim that was not finished within a minute was abandoned and
	// is taken over.
	BeginReplay(ctx context.Context, r social.Replay) (earlier *social.Replay, err error)
	// FinishReplay keeps the status and answer of a claim.
	FinishReplay(ctx context.Context, r social.Replay) error
}

// replayWait is what the second of two simultaneous requests is told to wait.
const replayWait = time.Second

// finishWithin bounds storing an answer after the request itself has ended.
const finishWithin = 5 * time.Second

// maxStoredAnswer bounds, in bytes, what is kept of an answer. Of a larger one
// it is known that it was given, so that the write does not happen twice.
const maxStoredAnswer = 1 << 20

// maxAttempts is how often a key may be used for requests that fail.
const maxAttempts = 10

// once answers a write, or gives the answer again that the same request got
// before. Only answers of success are given again: whatever was refused, or
// failed on the way, is tried anew.
//
// An answer may hold a secret (a new token), so it is stored encrypted by a key
// that only the client's own idempotency key yields; the store has a hash of
// that, and a keyed digest of the request, whose body may hold a password.
func (s *Server) once(w http.ResponseWriter, r *http.Request, key string, body []byte, next http.Handler) {
	actor := askedOf(r.Context()).actor
	if err := social.CheckKey("Idempotency-Key", key); err != nil {
		s.fail(w, r, err)
		return
	}
	// Each attempt has a row of its own, so that of two that come at the same
	// time after a failure again only one goes ahead.
	for attempt := range maxAttempts {
		keys := deriveReplayKeys(key, actor.Person, attempt)
		mine := social.Replay{Person: actor.Person, Key: keys.lookup, Digest: keys.digest(r, body), At: s.now()}
		earlier, err := s.replays.BeginReplay(r.Context(), mine)
		switch {
		case err != nil:
			s.fail(w, r, fmt.Errorf("begin replay: %w", err))
			return
		case earlier == nil:
			s.metrics.replayed(replayFirst)
			s.first(w, r, mine, keys, next)
			return
		case earlier.Status == 0 || earlier.Status/100 == 2:
			s.repeat(w, r, keys, mine, earlier)
			return
		}
	}
	s.fail(w, r, s.failedTooOften())
}

func (s *Server) failedTooOften() error {
	s.metrics.replayed(replayFailed)
	return social.Errorf(social.KindConflict, "This Idempotency-Key has failed too often; use another one.")
}

// first lets the handler answer, and keeps the answer before it is sent: who
// has seen it finds it again.
func (s *Server) first(w http.ResponseWriter, r *http.Request, mine social.Replay, keys replayKeys, next http.Handler) {
	held := &heldAnswer{header: w.Header(), status: http.StatusInternalServerError} // stays so if the handler panics
	ctx := r.Context()
	defer func() { s.finishReplay(ctx, mine, keys, held) }()
	next.ServeHTTP(held, r)
	s.finishReplay(ctx, mine, keys, held)
	held.send(w)
}

func (s *Server) repeat(w http.ResponseWriter, r *http.Request, keys replayKeys, mine social.Replay, earlier *social.Replay) {
	switch {
	case earlier.Digest != mine.Digest:
		s.metrics.replayed(replayOther)
		s.fail(w, r, social.Errorf(social.KindConflict, "This Idempotency-Key was used for another request."))
	case earlier.Status == 0:
		s.metrics.replayed(replayRunning)
		p := newProblem(http.StatusConflict, social.KindConflict.String(), "The same request is still being answered; try again shortly.")
		p.retryAfter(replayWait)
		s.fail(w, r, p)
	case earlier.Sealed == nil:
		s.metrics.replayed(replayUnkept)
		s.fail(w, r, social.Errorf(social.KindConflict, "This request was done; its answer was too large to be kept."))
	default:
		held, err := keys.open(earlier.Sealed)
		if err != nil {
			s.fail(w, r, fmt.Errorf("open a stored answer: %w", err))
			return
		}
		s.metrics.replayed(replayAgain)
		for name, values := range held.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(earlier.Status)
		_, _ = w.Write(held.Body) // the client went away
	}
}

// finishReplay stores how an attempt went; the answer only of a success. It
// outlives the request, whose effect has happened, and does nothing twice.
func (s *Server) finishReplay(ctx context.Context, mine social.Replay, keys replayKeys, held *heldAnswer) {
	if held.kept {
		return
	}
	held.kept = true
	mine.Status = held.status
	if held.status/100 == 2 && held.body.Len() <= maxStoredAnswer {
		sealed, err := keys.seal(held)
		if err != nil {
			s.log.ErrorContext(ctx, "an answer could not be sealed", "err", err)
			return
		}
		mine.Sealed = sealed
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	if err := s.replays.FinishReplay(within, mine); err != nil {
		s.log.WarnContext(ctx, "an answer could not be kept for its idempotency key", "err", err)
	}
}

// replayKeys are what a client's idempotency key yields.
type replayKeys struct {
	lookup  [32]byte
	request []byte // for digest
	answer  cipher.AEAD
}

func deriveReplayKeys(key string, person social.PersonKey, attempt int) replayKeys {
	who := fmt.Sprintf("rambla replay %d %d", person, attempt)
	derive := func(what string) []byte {
		out, err := hkdf.Key(sha256.New, []byte(key), []byte(who), what, 32)
		if err != nil {
			panic(err) // 32 bytes are less than SHA-256 may yield
		}
		return out
	}
	block, err := aes.NewCipher(derive("answer"))
	if err != nil {
		panic(err) // 32 bytes are a key of AES-256
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has blocks of 16 bytes
	}
	return replayKeys{lookup: [32]byte(derive("lookup")), request: derive("request"), answer: aead}
}

// digest tells two requests apart, in whose name they act included.
func (k replayKeys) digest(r *http.Request, body []byte) [32]byte {
	h := hmac.New(sha256.New, k.request)
	for _, part := range []string{r.Method, r.URL.RequestURI(), r.Header.Get(actAs)} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// storedAnswer is the plain text of what is sealed.
type storedAnswer struct {
	Header http.Header
	Body   []byte
}

// keptHeaders are the headers of an answer that belong to it, rather than to
// the exchange.
func keptHeaders() []string { return []string{"Content-Type", "Location"} }

func (k replayKeys) seal(held *heldAnswer) ([]byte, error) {
	a := storedAnswer{Header: http.Header{}, Body: held.body.Bytes()}
	for _, name := range keptHeaders() {
		if v := held.header.Values(name); len(v) > 0 {
			a.Header[name] = v
		}
	}
	plain, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	return k.answer.Seal(nil, nil, plain, k.lookup[:]), nil
}

func (k replayKeys) open(sealed []byte) (storedAnswer, error) {
	var a storedAnswer
	plain, err := k.answer.Open(nil, nil, sealed, k.lookup[:])
	if err != nil {
		return a, fmt.Errorf("decrypt: %w", err)
	}
	if err := json.Unmarshal(plain, &a); err != nil {
		return a, fmt.Errorf("decode: %w", err)
	}
	return a, nil
}

// heldAnswer keeps an answer back until it is stored.
type heldAnswer struct {
	header http.Header // the real one
	status int
	body   bytes.Buffer
	begun  bool
	kept   bool // finishReplay was called
}

func (h *heldAnswer) Header() http.Header    { return h.header }
func (h *heldAnswer) WriteHeader(status int) { h.status, h.begun = status, true }

func (h *heldAnswer) Write(b []byte) (int, error) {
	if !h.begun {
		h.WriteHeader(http.StatusOK)
	}
	return h.body.Write(b)
}

func (h *heldAnswer) send(w http.ResponseWriter) {
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes()) // the client went away
}
