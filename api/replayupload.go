package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"

	"rambla/social"
)

// keepOnce answers an upload: keep reads src to its end, keeps what it read and answers
// to the writer that it is given; it ends with its body, and not with the time that other
// requests have. Where the request has an idempotency key that was
// used before with the same file of the same name, nothing is kept, and the first
// answer is given again. The key is claimed when all is read: an upload may take
// longer than a claim is good for.
func (s *Server) keepOnce(w http.ResponseWriter, r *http.Request, name string, src io.Reader, keep func(context.Context, io.Reader, http.ResponseWriter) error) {
	ctx := context.WithoutCancel(r.Context())
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		if err := keep(ctx, src, w); err != nil {
			s.fail(w, r, err)
		}
		return
	}
	if err := social.CheckKey("Idempotency-Key", key); err != nil {
		s.fail(w, r, err)
		return
	}
	c := &uploadClaim{server: s, request: r, key: key, src: src, sum: sha256.New()}
	fmt.Fprintf(c.sum, "%d:%s", len(name), name)
	held := &heldAnswer{header: w.Header(), status: http.StatusInternalServerError}
	err := keep(ctx, c, held)
	if mayBeRepeat(r, err) && !c.ended {
		_, _ = io.Copy(io.Discard, c) // c knows how it went
	}
	switch {
	case c.earlier != nil:
		s.repeat(w, r, c.keys, c.mine, c.earlier)
	case c.claimed && err == nil:
		s.finishReplay(r.Context(), c.mine, c.keys, held)
		held.send(w)
	case c.claimed:
		held.status = problemOf(err).Status
		s.finishReplay(r.Context(), c.mine, c.keys, held)
		s.fail(w, r, err)
	case err == nil: // it did not need all of it
		held.send(w)
	default:
		s.fail(w, r, err)
	}
}

// mayBeRepeat tells whether an upload that is refused may be one that was done: the
// first one may have taken the last of what its owner may have.
func mayBeRepeat(r *http.Request, refused error) bool {
	return social.KindOrNil(refused) == social.KindTooLarge && r.Header.Get("Idempotency-Key") != ""
}

// errRepeated ends the reading of an upload that was done before.
var errRepeated = social.Errorf(social.KindConflict, "This upload was done before.")

// uploadClaim reads an upload and claims its key at the end, before anybody keeps it.
type uploadClaim struct {
	server  *Server
	request *http.Request
	key     string
	src     io.Reader
	sum     hash.Hash

	ended   bool
	claimed bool
	mine    social.Replay
	keys    replayKeys
	earlier *social.Replay // nil: nobody has used the key
}

func (c *uploadClaim) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	c.sum.Write(b[:n])
	if errors.Is(err, io.EOF) && !c.ended {
		c.ended = true
		if wrong := c.claim(); wrong != nil {
			return n, wrong
		}
	}
	return n, err
}

// claim is errRepeated where the upload was done, or another one with this key.
func (c *uploadClaim) claim() error {
	s, sum := c.server, c.sum.Sum(nil)
	// The upload may have taken longer than other requests have.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.request.Context()), storeWithin)
	defer cancel()
	person := askedOf(c.request.Context()).actor.Person
	for attempt := range maxAttempts {
		c.keys = deriveReplayKeys(c.key, person, attempt)
		c.mine = social.Replay{Person: person, Key: c.keys.lookup, Digest: c.keys.digest(c.request, sum), At: s.now()}
		earlier, err := s.replays.BeginReplay(ctx, c.mine)
		switch {
		case err != nil:
			return fmt.Errorf("begin replay: %w", err)
		case earlier == nil:
			c.claimed = true
			s.metrics.replayed(replayFirst)
			return nil
		case earlier.Status == 0 || earlier.Status/100 == 2:
			c.earlier = earlier
			return errRepeated
		}
	}
	return s.failedTooOften()
}
