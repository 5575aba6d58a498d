package social

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memoryLog is a Log of two streams in memory, with faults to order.
type memoryLog struct {
	mu      sync.Mutex
	posts   map[StreamKey][]Post
	samples map[StreamKey][]Sample
	keys    map[string]Appended
	batches [][]Entry

	gate     chan struct{} // where not nil, Append waits for it or for the end of its context
	entered  chan struct{} // where not nil, told of each Append that begins
	fail     error         // of Append, before anything is stored
	lost     error         // of Append, after all is stored: nobody knows
	readFail error
}

func newMemoryLog() *memoryLog {
	return &memoryLog{posts: map[StreamKey][]Post{}, samples: map[StreamKey][]Sample{}, keys: map[string]Appended{}}
}

func (l *memoryLog) set(f func(*memoryLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

func (l *memoryLog) Append(ctx context.Context, entries []Entry, now time.Time) ([]Appended, error) {
	l.mu.Lock()
	gate, entered := l.gate, l.entered
	l.mu.Unlock()
	if entered != nil {
		entered <- struct{}{}
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, Unavailable(ctx.Err())
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, slices.Clone(entries))
	if l.fail != nil {
		return nil, l.fail
	}
	for _, e := range entries {
		if e.Post != nil && e.Post.Content == "poison" {
			return nil, Errorf(KindInternal, "The store does not take this.")
		}
	}
	out := make([]Appended, len(entries))
	for i, e := range entries {
		out[i] = l.appendLocked(e, now)
	}
	return out, l.lost
}

func (l *memoryLog) appendLocked(e Entry, now time.Time) Appended {
	if e.Sample != nil {
		s := e.Sample
		s.Seq, s.Published = uint64(len(l.samples[s.Stream])+1), now
		l.samples[s.Stream] = append(l.samples[s.Stream], *s)
		return Appended{Seq: s.Seq}
	}
	p := e.Post
	if p.Content == "refused" {
		return Appended{Err: Errorf(KindConflict, "No.")}
	}
	if was, ok := l.keys[p.Key]; ok && p.Key != "" {
		was.Repeat = true
		return was
	}
	p.Seq, p.Published = uint64(len(l.posts[p.Stream])+1), now
	stored := *p
	stored.Session = 0 // it is not kept
	l.posts[p.Stream] = append(l.posts[p.Stream], stored)
	l.keys[p.Key] = Appended{ID: p.ID, Seq: p.Seq}
	return Appended{ID: p.ID, Seq: p.Seq}
}

func (l *memoryLog) Posts(_ context.Context, q PostQuery) ([]Post, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Post
	for _, p := range l.posts[q.Stream] {
		if p.Seq > q.After && len(out) < q.Limit {
			out = append(out, p)
		}
	}
	return out, l.readFail
}

func (l *memoryLog) Samples(_ context.Context, q SampleQuery) ([]Sample, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Sample
	for _, s := range l.samples[q.Stream] {
		if s.Seq > q.After && len(out) < q.Limit {
			out = append(out, s)
		}
	}
	return out, l.readFail
}

func (l *memoryLog) PostByID(context.Context, ID) (Post, error) {
	return Post{}, Errorf(KindNotFound, "There is no such post.")
}

func (l *memoryLog) State(_ context.Context, stream StreamKey) (StreamState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return StreamState{Stream: stream, Epoch: "e", Head: uint64(len(l.posts[stream]))}, nil
}

// ears is an Audience that remembers what it hears.
type ears struct {
	mu    sync.Mutex
	heard []string // "channel seq content" in order
	own   int      // with the session of the publisher
}

func (e *ears) AnnouncePost(_ *Space, c Channel, p *Post) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, fmt.Sprintf("%v %d %s", c, p.Seq, p.Content))
	if p.Session != 0 {
		e.own++
	}
}

func (e *ears) AnnounceSample(_ Owner, s *Sample) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, fmt.Sprintf("data %d %s", s.Seq, s.Payload))
}

func (e *ears) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

// works is a committer over a memory log, with the town's directory.
type works struct {
	*testing.T
	log       *memoryLog
	ears      *ears
	dir       *Directory
	announcer *Announcer
	committer *Committer
	stop      context.CancelFunc
	stopped   chan struct{}

	mu       sync.Mutex
	outcomes map[string][]error // by content
	order    []string           // of the acknowledgements
}

const messages, samples = StreamKey(10) + StreamKey(ChannelMessages), StreamKey(10) + StreamKey(ChannelData)

// newWorks makes one; start lets it commit.
func newWorks(t *testing.T, shards int) *works {
	t.Helper()
	w := &works{T: t, log: newMemoryLog(), ears: &ears{}, outcomes: map[string][]error{}, stopped: make(chan struct{})}
	w.dir = NewDirectory(smallTown(), quiet(), time.Now)
	w.announcer = NewAnnouncer(w.log, w.dir, w.ears)
	if err := w.dir.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.committer = NewCommitter(w.log, w.announcer, shards, quiet(), time.Now)
	return w
}

func (w *works) start() {
	ctx, cancel := context.WithCancel(w.Context())
	w.stop = cancel
	go func() {
		defer close(w.stopped)
		w.committer.Serve(ctx)
	}()
	w.Cleanup(w.end)
}

func (w *works) end() {
	w.stop()
	<-w.stopped
}

func (w *works) submit(p *Post) {
	if p.Stream == 0 {
		p.Stream = messages
	}
	p.Type = TypeCreate
	content := p.Content
	w.committer.Submit(Entry{Post: p}, func(_ Appended, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.outcomes[content] = append(w.outcomes[content], err)
		w.order = append(w.order, content)
	})
}

// acks are the contents in the order of their acknowledgements; each was
// acknowledged once.
func (w *works) acks() []string {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for content, errs := range w.outcomes {
		if len(errs) != 1 {
			w.Errorf("%q was acknowledged %d times", content, len(errs))
		}
	}
	return slices.Clone(w.order)
}

func (w *works) outcome(content string) error {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.outcomes[content]) != 1 {
		w.Fatalf("%q was acknowledged %d times", content, len(w.outcomes[content]))
	}
	return w.outcomes[content][0]
}

func (w *works) hears(want ...string) {
	w.Helper()
	if got := w.ears.all(); !slices.Equal(got, want) {
		w.Errorf("heard %q, want %q", got, want)
	}
}

// pass lets that much of a bubble's time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func post(content string) *Post { return &Post{Content: content} }

func TestWhatWaitsIsCommittedTogetherAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.gate, w.log.entered = make(chan struct{}), make(chan struct{}, 100)
		w.start()
		w.submit(post("0"))
		<-w.log.entered // the first commit is on its way; the others wait for it
		var want []string
		for i := range 3 * batchEntries {
			content := fmt.Sprint(i)
			want = append(want, content)
			if i > 0 {
				w.submit(post(content))
			}
		}
		if st := w.committer.Stats(); st.Waiting != 3*batchEntries-1 || st.WaitingBytes == 0 {
			t.Errorf("waiting: %+v", st)
		}
		close(w.log.gate)
		synctest.Wait()
		if got := w.acks(); !slices.Equal(got, want) {
			t.Errorf("acknowledged %d, not in the order of submission", len(got))
		}
		var sizes []int
		for _, b := range w.log.batches {
			sizes = append(sizes, len(b))
		}
		if fmt.Sprint(sizes) != fmt.Sprint([]int{1, batchEntries, batchEntries, batchEntries - 1}) {
			t.Errorf("batches of %v", sizes)
		}
		heard := w.ears.all()
		for i := range want {
			if i >= len(heard) || heard[i] != fmt.Sprintf("messages %d %d", i+1, i) {
				t.Fatalf("announcement %d of %d is out of order", i, len(heard))
			}
		}
		if st := w.committer.Stats(); st.Waiting != 0 || st.WaitingBytes != 0 || st.Entries != 3*batchEntries || st.Batches != 4 || st.Failures != 0 {
			t.Errorf("in the end: %+v", st)
		}
	})
}

func TestABatchIsBoundedInBytesToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		for i := range 5 {
			w.submit(post(strings.Repeat(fmt.Sprint(i), batchBytes/2)))
		}
		w.start()
		synctest.Wait()
		if n := len(w.acks()); n != 5 {
			t.Errorf("%d acknowledged", n)
		}
		for _, b := range w.log.batches {
			if len(b) != 1 {
				t.Errorf("a batch of %d halves and more", len(b))
			}
		}
	})
}

func TestOneBadEntryFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.submit(post("a"))
		w.submit(post("refused"))
		w.submit(post("b"))
		w.start()
		synctest.Wait()
		if err := w.outcome("refused"); KindOrNil(err) != KindConflict {
			t.Errorf("the bad one: %v", err)
		}
		if a, b := w.outcome("a"), w.outcome("b"); a != nil || b != nil {
			t.Errorf("the good ones: %v, %v", a, b)
		}
		w.hears("messages 1 a", "messages 2 b")
	})
}

func TestWhatTheStoreCannotTakeDoesNotFailItsNeighbours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		for _, content := range []string{"a", "b", "poison", "c", "d"} {
			w.submit(post(content))
		}
		w.start()
		synctest.Wait()
		if err := w.outcome("poison"); KindOrNil(err) != KindInternal {
			t.Errorf("the poison: %v", err)
		}
		for _, content := range []string{"a", "b", "c", "d"} {
			if err := w.outcome(content); err != nil {
				t.Errorf("%s: %v", content, err)
			}
		}
		w.hears("messages 1 a", "messages 2 b", "messages 3 c", "messages 4 d")
	})
}

func TestARepeatIsAcknowledgedAndNotAnnounced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.start()
		a, err := w.committer.Do(t.Context(), Entry{Post: &Post{Stream: messages, ID: ID{1}, Key: "k", Content: "a"}})
		if err != nil || a.Seq != 1 || a.Repeat {
			t.Fatalf("first: %+v, %v", a, err)
		}
		a, err = w.committer.Do(t.Context(), Entry{Post: &Post{Stream: messages, ID: ID{2}, Key: "k", Content: "a"}})
		if err != nil || a.Seq != 1 || a.ID != (ID{1}) || !a.Repeat {
			t.Errorf("repeat: %+v, %v", a, err)
		}
		w.hears("messages 1 a")
	})
}

func TestAFullQueueRefusesAtOnceAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		fits    int
		content string
	}{
		{"entries", queueEntries, "x"},
		{"bytes", queueBytes / (1<<20 + 512), strings.Repeat("x", 1<<20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorks(t, 1)
				ok, refused := 0, 0
				count := func(_ Appended, err error) {
					if e, is := errors.AsType[*Error](err); is && e.Kind == KindUnavailable && e.RetryAfter > 0 {
						refused++
					} else if err == nil {
						ok++
					}
				}
				for range c.fits {
					w.committer.Submit(Entry{Post: &Post{Stream: messages, Content: c.content}}, count)
				}
				if refused != 0 {
					t.Fatalf("%d were refused before it was full", refused)
				}
				w.committer.Submit(Entry{Post: &Post{Stream: messages, Content: c.content}}, count)
				if refused != 1 || ok != 0 {
					t.Fatalf("beyond the bound: %d refused, %d accepted", refused, ok)
				}
				w.start()
				synctest.Wait()
				if ok != c.fits || refused != 1 {
					t.Errorf("%d of %d accepted ones were acknowledged", ok, c.fits)
				}
			})
		})
	}
}

func TestWhatPropertiesWeighCountsAgainstTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorks(t, 1)
	heavy := &Properties{User: []UserProperty{{Name: "n", Value: strings.Repeat("v", 1<<20)}}, CorrelationData: make([]byte, 1<<20)}
	refused := 0
	for range 40 {
		w.committer.Submit(Entry{Sample: &Sample{Stream: samples, Topic: "t", Properties: heavy}}, func(_ Appended, err error) { refused++ })
	}
	if st := w.committer.Stats(); refused < 5 || st.WaitingBytes > queueBytes {
		t.Errorf("%d of 80 MiB were refused; %d bytes wait", refused, st.WaitingBytes)
	}
}

func TestClosingCommitsWhatWaitsAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 2)
		w.log.gate, w.log.entered = make(chan struct{}), make(chan struct{}, 100)
		w.start()
		w.submit(post("on its way"))
		<-w.log.entered
		for i := range 2 * batchEntries {
			w.submit(post(fmt.Sprint("waiting ", i)))
		}
		w.stop()
		close(w.log.gate)
		<-w.stopped
		if n := len(w.acks()); n != 2*batchEntries+1 {
			t.Errorf("%d were acknowledged", n)
		}
		for _, content := range w.acks() {
			if err := w.outcome(content); err != nil {
				t.Fatalf("%s: %v", content, err)
			}
		}
		w.submit(post("too late"))
		if err := w.outcome("too late"); KindOrNil(err) != KindUnavailable {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestClosingDoesNotWaitForEverForAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.gate = make(chan struct{}) // never opens
		for i := range 20 * batchEntries {
			w.submit(post(fmt.Sprint(i)))
		}
		w.start()
		w.stop()
		began := time.Now()
		<-w.stopped
		if took := time.Since(began); took > 2*appendWithin {
			t.Errorf("it took %v", took)
		}
		if n := len(w.acks()); n != 20*batchEntries {
			t.Errorf("%d of %d were told", n, 20*batchEntries)
		}
		for _, content := range w.acks() {
			if err := w.outcome(content); KindOrNil(err) != KindUnavailable {
				t.Fatalf("%s: %v", content, err)
			}
		}
		w.hears()
	})
}

func TestLoadDoesNotKeepTheEndFromComing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		left := 100_000
		var again func(Appended, error)
		again = func(_ Appended, err error) { // each acknowledgement brings the next publish
			if left--; left > 0 && err == nil {
				w.committer.Submit(Entry{Post: &Post{Stream: messages}}, again)
			}
		}
		w.committer.Submit(Entry{Post: &Post{Stream: messages}}, again)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.committer.Serve(ctx)
		if left < 99_000 {
			t.Errorf("%d batches were committed after the end", 100_000-left)
		}
	})
}

func TestAFailedCommitIsNeverAnnouncedNorAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.fail = Unavailable(errors.New("away"))
		w.start()
		w.submit(post("a"))
		synctest.Wait()
		if err := w.outcome("a"); KindOrNil(err) != KindUnavailable {
			t.Errorf("got %v", err)
		}
		pass(3 * doubtEvery)
		w.hears()
		w.log.set(func(l *memoryLog) { l.fail = nil })
		w.submit(post("b"))
		synctest.Wait()
		w.hears("messages 1 b")
		if st := w.committer.Stats(); st.Failures != 1 {
			t.Errorf("%d failures were counted", st.Failures)
		}
	})
}

func TestACommitThatNobodyKnowsOfIsAnnouncedWhenTheStoreAnswersAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.lost, w.log.readFail = Unavailable(errors.New("broken pipe")), errors.New("away")
		w.start()
		w.submit(post("a"))
		w.submit(post("b"))
		synctest.Wait()
		if err := w.outcome("a"); KindOrNil(err) != KindUnavailable {
			t.Errorf("the publisher is told %v", err)
		}
		pass(5 * doubtEvery)
		w.hears()
		w.log.set(func(l *memoryLog) { l.lost, l.readFail = nil, nil })
		pass(doubtEvery)
		synctest.Wait()
		w.hears("messages 1 a", "messages 2 b")
		w.submit(post("c"))
		pass(3 * doubtEvery)
		w.hears("messages 1 a", "messages 2 b", "messages 3 c")
	})
}

func TestTheNextCommitFindsTheOneThatNobodyKnowsOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.lost = Unavailable(errors.New("broken pipe"))
		w.start()
		w.submit(post("a"))
		synctest.Wait()
		w.log.set(func(l *memoryLog) { l.lost = nil })
		w.submit(&Post{Content: "b", Session: 7})
		synctest.Wait()
		w.hears("messages 1 a", "messages 2 b")
		if w.ears.own != 1 {
			t.Error("what was committed just now was announced from the store, without its session")
		}
	})
}

func TestSamplesAreCaughtUpToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.lost = Unavailable(errors.New("broken pipe"))
		w.start()
		for i := range 2*catchUpPage + 1 {
			w.committer.Submit(Entry{Sample: &Sample{Stream: samples, Payload: fmt.Append(nil, i)}}, func(Appended, error) {})
		}
		synctest.Wait()
		w.log.set(func(l *memoryLog) { l.lost = nil })
		pass(2 * doubtEvery)
		heard := w.ears.all()
		if len(heard) != 2*catchUpPage+1 {
			t.Fatalf("%d samples of %d", len(heard), 2*catchUpPage+1)
		}
		for i, s := range heard {
			if s != fmt.Sprintf("data %d %d", i+1, i) {
				t.Fatalf("sample %d is %q", i, s)
			}
		}
	})
}

func TestWaitingEndsWithItsContextAndTheCommitGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorks(t, 1)
		w.log.gate = make(chan struct{})
		w.start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.committer.Do(ctx, Entry{Post: &Post{Stream: messages, Content: "a"}})
		if KindOrNil(err) != KindUnavailable {
			t.Errorf("got %v", err)
		}
		close(w.log.gate)
		synctest.Wait()
		w.hears("messages 1 a")
	})
}

func TestAnnouncementsComeOnceAndInOrderWhoeverCommits(t *testing.T) {
	t.Parallel()
	w := newWorks(t, 1)
	const n = 2_000
	entries := make([]Entry, n)
	for i := range entries {
		entries[i] = Entry{Post: &Post{Stream: messages, Content: fmt.Sprint(i)}}
	}
	if _, err := w.log.Append(t.Context(), entries, noon); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 { // four tellers whose calls cross and overlap, and who miss some
		wg.Go(func() {
			for i := g * 7; i < n; i += 20 {
				if err := w.announcer.Announce(t.Context(), messages, entries[i:min(i+1+g*5, n)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.announcer.CatchUp(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	heard := w.ears.all()
	if len(heard) != n {
		t.Fatalf("%d announcements of %d", len(heard), n)
	}
	for i, s := range heard {
		if s != fmt.Sprintf("messages %d %d", i+1, i) {
			t.Fatalf("announcement %d is %q", i, s)
		}
	}
}

func TestNothingIsToldOutOfOrderWhileTheGapCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorks(t, 1)
	entries := []Entry{{Post: &Post{Stream: messages, Content: "a"}}, {Post: &Post{Stream: messages, Content: "b"}}}
	if _, err := w.log.Append(t.Context(), entries, noon); err != nil {
		t.Fatal(err)
	}
	w.log.readFail = errors.New("away")
	if err := w.announcer.Announce(t.Context(), messages, entries[1:]); err == nil {
		t.Error("a gap that cannot be read is no error")
	}
	w.hears()
	w.log.readFail = nil
	if err := w.announcer.CatchUp(t.Context(), messages); err != nil {
		t.Error(err)
	}
	w.hears("messages 1 a", "messages 2 b")
}

func TestAHoleThatRetentionLeftStopsNobody(t *testing.T) {
	t.Parallel()
	w := newWorks(t, 1)
	late := Entry{Post: &Post{Stream: messages, Seq: 9, Content: "late"}}
	if err := w.announcer.Announce(t.Context(), messages, []Entry{late}); err != nil {
		t.Error(err)
	}
	w.hears("messages 9 late")
}

func TestADeletedContextIsSilentButForItsEnd(t *testing.T) {
	t.Parallel()
	store := smallTown()
	log, heard := newMemoryLog(), &ears{}
	d := NewDirectory(store, quiet(), atNoon)
	a := NewAnnouncer(log, d, heard)
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	sp := *d.SpaceByKey(lobby)
	sp.Deleted = true
	store.putSpace(sp)
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, typ := range []string{TypeCreate, TypeDelete} {
		e := Entry{Post: &Post{Stream: messages, Seq: uint64(i + 1), Type: typ, Content: typ}}
		if err := a.Announce(t.Context(), messages, []Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	if got := heard.all(); !slices.Equal(got, []string{"messages 2 Delete"}) {
		t.Errorf("heard %q", got)
	}
}

// What is only retained has no seq; it is told in its place, and moves nothing.
func TestWhatHasNoSeqIsToldInItsPlace(t *testing.T) {
	t.Parallel()
	w := newWorks(t, 1)
	entry := func(seq uint64, payload string) Entry {
		return Entry{Sample: &Sample{Stream: samples, Seq: seq, Payload: []byte(payload)}}
	}
	err := w.announcer.Announce(t.Context(), samples, []Entry{entry(0, "first"), entry(1, "a"), entry(0, "between"), entry(2, "b"), entry(2, "twice"), entry(0, "last")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.ears.all(), []string{"data 0 first", "data 1 a", "data 0 between", "data 2 b", "data 0 last"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if head, told := w.announcer.Head(samples); head != 2 || told != 2 {
		t.Errorf("head %d, told %d", head, told)
	}
}
