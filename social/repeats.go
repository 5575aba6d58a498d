package social

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"
)

// How long and of how many posts it is remembered that they were said. Where more
// are said in that time the oldest are forgotten: a repeat of those is posted.
const (
	repeatWithin = time.Minute
	repeatsMost  = 1 << 14
)

// Repeats keeps a person who presses a button twice from saying the same twice: the
// same author, place and content within a minute are one post. It remembers in
// memory, so of several processes each does by itself.
type Repeats struct {
	posts *Posts
	now   func() time.Time

	mu    sync.Mutex // guards all below
	said  map[[32]byte]*utterance
	order []*utterance // oldest first; some may be replaced in said
}

// utterance is a post that was said or is about to be.
type utterance struct {
	key [32]byte
	at  time.Time
	// done is closed when it is known what became of it; id is zero then where
	// nothing did.
	done chan struct{}
	id   ID
}

// NewRepeats makes the memory. With on false it remembers nothing.
func NewRepeats(posts *Posts, on bool, now func() time.Time) *Repeats {
	r := &Repeats{posts: posts, now: now}
	if on {
		r.said = map[[32]byte]*utterance{}
	}
	return r
}

// Create is [Posts.Create] into messages. again tells that the actor said the same
// there a moment ago and nothing was stored; the post is the first one then. What
// has a key of its own, or is said in a conversation, is no repeat.
func (r *Repeats) Create(ctx context.Context, a Actor, w Where, d Draft) (f Found, again bool, err error) {
	if r.said == nil || d.Key != "" || w.Kind == ScopeConversation {
		f, _, err = r.posts.Create(ctx, a, w, ChannelMessages, d)
		return f, false, err
	}
	sight, err := r.posts.place(a, w, ChannelMessages) // who may not say it any more learns nothing
	if err != nil {
		return Found{}, false, err
	}
	for key := utteranceKey(a, sight.Space.Key, &d); ; {
		u, first := r.claim(key)
		if first {
			f, _, err = r.posts.Create(ctx, a, w, ChannelMessages, d)
			r.settle(u, f.ID)
			return f, false, err
		}
		select {
		case <-u.done:
		case <-ctx.Done():
			return Found{}, false, Unavailable(context.Cause(ctx))
		}
		p, err := r.posts.log.PostByID(ctx, u.id)
		switch {
		case err != nil && KindOf(err) != KindNotFound:
			return Found{}, false, err
		case err == nil && p.Removed.IsZero() && p.Updated.IsZero():
			return Found{Post: p, Space: sight.Space}, true, nil
		}
		r.forget(u) // it failed, or reads otherwise by now
	}
}

// utteranceKey tells apart who says what where.
func utteranceKey(a Actor, where SpaceKey, d *Draft) [32]byte {
	content := d.Digest(where)
	b := binary.BigEndian.AppendUint64(content[:], uint64(a.Person)) //nolint:gosec // keys are positive
	if a.AsSpace != 0 {
		b = append(b, 1)
	}
	return sha256.Sum256(b)
}

// claim finds what was said with the key within the last minute; first is true
// where nothing was, and the caller says it now and then settles it.
func (r *Repeats) claim(key [32]byte) (u *utterance, first bool) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.order) > 0 && (len(r.order) >= repeatsMost || now.Sub(r.order[0].at) >= repeatWithin) {
		r.dropLocked(r.order[0])
		r.order[0] = nil
		r.order = r.order[1:]
	}
	if u := r.said[key]; u != nil {
		return u, false
	}
	u = &utterance{key: key, at: now, done: make(chan struct{})}
	r.said[key] = u
	r.order = append(r.order, u)
	return u, true
}

// settle says what became of an utterance.
func (r *Repeats) settle(u *utterance, id ID) {
	if id.IsZero() {
		r.forget(u)
	}
	u.id = id
	close(u.done)
}

func (r *Repeats) forget(u *utterance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(u)
}

func (r *Repeats) dropLocked(u *utterance) {
	if r.said[u.key] == u {
		delete(r.said, u.key)
	}
}
