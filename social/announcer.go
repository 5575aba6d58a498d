package social

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// Audience is where committed posts and samples go, in order of seq per stream.
// It must not block.
type Audience interface {
	AnnouncePost(space *Space, channel Channel, p *Post)
	AnnounceSample(owner Owner, s *Sample)
}

// Announcer tells the audience what was committed: each entry of a stream once
// and in order of seq, whoever committed it and however their calls cross; what has
// no seq, because only its being retained was stored, just as it comes. What
// it was not told of (another process committed it, or the connection broke
// during a commit) it reads from the store before it goes on.
type Announcer struct {
	log Log
	dir *Directory
	to  Audience

	mu    sync.Mutex // guards tails, not what they point to, and late
	tails map[StreamKey]*tail
	late  map[StreamKey]struct{} // of which more may be committed than was told
}

// tail is how far one stream has been announced.
type tail struct {
	id StreamID

	mu sync.Mutex // held while announcing: it is what keeps the order
	at uint64
	// The same for readers without the lock: what the audience was told or is being
	// told, and what telling it is over.
	head, told atomic.Uint64
}

func newTail(id StreamID, at uint64) *tail {
	t := &tail{id: id, at: at}
	t.head.Store(at)
	t.told.Store(at)
	return t
}

// NewAnnouncer makes an announcer that knows the directory's spaces; it must
// be made before the directory is loaded.
func NewAnnouncer(log Log, dir *Directory, to Audience) *Announcer {
	a := &Announcer{log: log, dir: dir, to: to, tails: map[StreamKey]*tail{}, late: map[StreamKey]struct{}{}}
	dir.OnSpace(a.learn)
	dir.OnOpen(a.learnOpen)
	return a
}

// learn starts the tails of a space's streams at their heads of the moment:
// nobody can have subscribed before.
func (a *Announcer) learn(s *Space) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for c, key := range s.Streams {
		if key != 0 && a.tails[key] == nil {
			a.tails[key] = newTail(StreamID{Space: s.Key, Channel: Channel(c)}, s.Heads[c])
		}
	}
}

// learnOpen does the same for the stream of a prefix.
func (a *Announcer) learnOpen(s OpenStream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tails[s.Stream] = newTail(StreamID{Open: s.Prefix, Channel: ChannelData}, s.Head)
}

func (a *Announcer) tail(stream StreamKey) *tail {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.tails[stream]
}

// Head is the seq up to which the audience has been told of a stream, or is
// being told; told that up to which telling it is over. 0 for an unknown stream.
func (a *Announcer) Head(stream StreamKey) (head, told uint64) {
	t := a.tail(stream)
	if t == nil {
		return 0, 0
	}
	told = t.told.Load() // first: it must not be ahead of head
	return t.head.Load(), told
}

// Doubt notes that more may be committed in the stream than was told of: nobody
// knows what became of a commit. Whoever runs a Committer has it told soon.
func (a *Announcer) Doubt(stream StreamKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.late[stream] = struct{}{}
}

// doubted lists the streams in doubt that pick chooses.
func (a *Announcer) doubted(pick func(StreamKey) bool) []StreamKey {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []StreamKey
	for key := range a.late {
		if pick(key) {
			out = append(out, key)
		}
	}
	return out
}

// Announce tells of committed entries of one stream, in order of seq. On an
// error the stream is in doubt, and nothing of it is told out of order.
func (a *Announcer) Announce(ctx context.Context, stream StreamKey, entries []Entry) error {
	t := a.tail(stream)
	if t == nil || len(entries) == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		seq := entries[i].seq()
		if seq > t.at+1 {
			if err := a.catchUpLocked(ctx, t, stream, seq); err != nil {
				a.Doubt(stream)
				return err
			}
		}
		if seq == 0 || seq > t.at { // else told by whoever found the gap
			a.oneLocked(t, &entries[i])
		}
	}
	return nil
}

// CatchUp announces what the store holds of the stream and nobody told of. On
// an error the stream is in doubt.
func (a *Announcer) CatchUp(ctx context.Context, stream StreamKey) error {
	a.mu.Lock()
	t := a.tails[stream]
	delete(a.late, stream) // before reading: a doubt from now on is a new one
	a.mu.Unlock()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := a.catchUpLocked(ctx, t, stream, math.MaxUint64); err != nil {
		a.Doubt(stream)
		return err
	}
	return nil
}

const catchUpPage = 200

// catchUpLocked reads on from the tail and tells what is before the seq until.
// It waits for the store under the tail's lock: nothing later may overtake.
func (a *Announcer) catchUpLocked(ctx context.Context, t *tail, stream StreamKey, until uint64) error {
	for t.at+1 < until {
		entries, err := a.read(ctx, t, stream)
		if err != nil {
			return fmt.Errorf("read what was not announced: %w", err)
		}
		if len(entries) == 0 {
			return nil // gone by retention, or nothing more
		}
		for i := range entries {
			if entries[i].seq() >= until {
				return nil // the caller has it, with its session
			}
			a.oneLocked(t, &entries[i])
		}
	}
	return nil
}

func (a *Announcer) read(ctx context.Context, t *tail, stream StreamKey) ([]Entry, error) {
	var entries []Entry
	if t.id.Channel == ChannelData {
		samples, err := a.log.Samples(ctx, SampleQuery{Stream: stream, After: t.at, Limit: catchUpPage})
		for i := range samples {
			entries = append(entries, Entry{Sample: &samples[i]})
		}
		return entries, err
	}
	posts, err := a.log.Posts(ctx, PostQuery{Stream: stream, After: t.at, Forward: true, Everything: true, Limit: catchUpPage})
	for i := range posts {
		entries = append(entries, Entry{Post: &posts[i]})
	}
	return entries, err
}

func (a *Announcer) oneLocked(t *tail, e *Entry) {
	t.at = max(t.at, e.seq())
	if fault("lose-announcement") {
		return
	}
	t.head.Store(t.at)
	defer t.told.Store(t.at)
	if t.id.Open != "" {
		a.to.AnnounceSample(Owner{e.Sample.Stream.openScope(), t.id.Open}, e.Sample)
		return
	}
	space := a.dir.SpaceByKey(t.id.Space)
	if space.Deleted && !(e.Post != nil && e.Post.Type == TypeDelete) {
		return
	}
	if e.Post != nil {
		a.to.AnnouncePost(space, t.id.Channel, e.Post)
	} else {
		a.to.AnnounceSample(a.dir.OwnerOf(space), e.Sample)
	}
}

func (e *Entry) seq() uint64 {
	if e.Post != nil {
		return e.Post.Seq
	}
	return e.Sample.Seq
}

func (e *Entry) stream() StreamKey {
	if e.Post != nil {
		return e.Post.Stream
	}
	return e.Sample.Stream
}
