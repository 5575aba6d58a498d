package broker

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rambla/social"
)

// shelf is a Backlog of which only Read is there: streams whose seqs have holes.
type shelf struct {
	Backlog
	mu      sync.Mutex
	seqs    map[social.StreamKey][]uint64
	reads   int
	reading func() // called without the lock before each Read; nil = nothing to do
}

func (s *shelf) Read(_ context.Context, stream social.StreamKey, _ string, after uint64, limit int) ([]*Delivery, error) {
	s.mu.Lock()
	s.reads++
	reading := s.reading
	s.mu.Unlock()
	if reading != nil {
		reading()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Delivery
	for _, seq := range s.seqs[stream] {
		if seq > after && len(out) < limit {
			out = append(out, &Delivery{Stream: stream, Seq: seq, Topic: "t", Payload: func() []byte { return make([]byte, 100) }})
		}
	}
	return out, nil
}

func newShelf(limit int, now func() time.Time) (*shelf, *pages) {
	s := &shelf{seqs: make(map[social.StreamKey][]uint64)}
	return s, newPages(s, limit, now)
}

// counted is what the known pages take, and how many they are.
func (ps *pages) counted() (bytes, known int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.known {
		bytes += p.bytes
	}
	if bytes != ps.bytes || len(ps.known) != ps.order.Len() {
		return -1, -1
	}
	return bytes, len(ps.known)
}

func TestAReaderOfPagesFindsEverySeqThatThereIsWhateverIsMissing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 5))
		now := time.Unix(1000, 0)
		s, ps := newShelf(40_000, func() time.Time { return now })
		head := uint64(0)
		grow := func() {
			for range r.IntN(400) {
				head++
				if r.IntN(10) > 0 {
					s.seqs[1] = append(s.seqs[1], head)
				}
			}
			if r.IntN(3) == 0 { // retention left nothing of several pages
				head += uint64(r.IntN(1000))
			}
			head++
			s.seqs[1] = append(s.seqs[1], head)
		}
		grow()
		for range 20 {
			at, want := uint64(r.IntN(int(head))), 0
			for want < len(s.seqs[1]) && s.seqs[1][want] <= at {
				want++
			}
			for turns := 0; at < head; turns++ {
				heard := head
				if r.IntN(4) == 0 {
					heard = at + 1 + uint64(r.IntN(int(head-at))) // announcing is not that far yet
				}
				items, covered, err := ps.read(t.Context(), 1, at, heard)
				if err != nil || covered <= at || turns > 1000 {
					t.Fatalf("seed %d: behind %d it covers %d, %v", seed, at, covered, err)
				}
				for _, i := range items {
					if i.message.seq > covered || want == len(s.seqs[1]) || i.message.seq != s.seqs[1][want] {
						t.Fatalf("seed %d: got %d behind %d", seed, i.message.seq, at)
					}
					want++
				}
				if at = covered; want < len(s.seqs[1]) && s.seqs[1][want] <= at {
					t.Fatalf("seed %d: %d is passed over by %d", seed, s.seqs[1][want], at)
				}
				if bytes, known := ps.counted(); bytes < 0 || bytes > ps.limit && known > 1 {
					t.Fatalf("seed %d: %d bytes in %d pages", seed, bytes, known)
				}
				if r.IntN(8) == 0 {
					grow()
				}
				if r.IntN(16) == 0 {
					ps.forget(1)
				}
				if r.IntN(16) == 0 {
					now = now.Add(2 * pageLife)
				}
			}
		}
	}
}

func TestPagesThatHoldNothingAreLetGoOfToo(t *testing.T) {
	t.Parallel()
	_, ps := newShelf(100*pageBytes, time.Now)
	for stream := range social.StreamKey(1000) {
		if _, _, err := ps.read(t.Context(), stream, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, known := ps.counted(); known > 100 {
		t.Errorf("%d pages are kept", known)
	}
}

func TestWhoAsksForAPageThatIsBeingReadWaitsForIt(t *testing.T) {
	t.Parallel()
	s, ps := newShelf(1<<20, time.Now)
	s.seqs[1] = []uint64{1, 2, 3}
	begun, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	s.reading = func() {
		if first.CompareAndSwap(false, true) {
			close(begun)
		}
		<-goOn
	}
	var wg sync.WaitGroup
	read := func() {
		if items, covered, err := ps.read(t.Context(), 1, 1, 3); err != nil || len(items) != 2 || covered != 3 {
			t.Errorf("%d items up to %d, %v", len(items), covered, err)
		}
	}
	wg.Go(read)
	<-begun
	for range 50 {
		wg.Go(read)
	}
	close(goOn)
	wg.Wait()
	if s.reads != 1 {
		t.Errorf("it was read %d times", s.reads)
	}
}

func TestAPageWhoseStreamChangesWhileItIsReadIsNotKept(t *testing.T) {
	t.Parallel()
	s, ps := newShelf(1<<20, time.Now)
	s.seqs[1] = []uint64{1}
	s.reading = func() { ps.forget(1) }
	for want := range 3 {
		if _, _, err := ps.read(t.Context(), 1, 0, 1); err != nil {
			t.Fatal(err)
		}
		if bytes, known := ps.counted(); s.reads != want+1 || bytes != 0 || known != 0 {
			t.Errorf("after %d readings %d bytes are kept", s.reads, bytes)
		}
	}
}

func TestARestoredWindowListsWhatItWasGivenAndGivesEveryPlaceBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := window{limit: 1 + r.IntN(300)}
		tr := &track{stream: 7}
		n := uint64(r.IntN(2 * packetIDs))
		if n >= packetIDs-400 && n < packetIDs {
			n = packetIDs - uint64(r.IntN(300)) // some go round
		}
		var open []social.OpenPacket
		for seq := range uint64(r.IntN(min(w.span(), 300) + 1)) {
			if n++; r.IntN(3) == 0 {
				continue // acknowledged
			}
			open = append(open, social.OpenPacket{Packet: packetID(n), State: social.PacketState(1 + r.IntN(3)), Stream: 7, Seq: seq + 1})
		}
		w.restore(open, func(social.StreamKey) *track { return tr })
		got := w.list(nil)
		if len(got) != len(open) || w.open != 0 {
			t.Fatalf("seed %d: %d of %d, %d counted", seed, len(got), len(open), w.open)
		}
		for i := range got {
			if got[i] != open[i] {
				t.Fatalf("seed %d: %+v in the place of %+v", seed, got[i], open[i])
			}
		}
		counted := 0
		for _, i := range r.Perm(len(open)) {
			id := open[i].Packet
			if w.open < w.limit && open[i].State != social.AwaitsPubcomp {
				if first, again := w.count(id), w.count(id); !first || !again { // twice is once
					t.Fatalf("seed %d: %d is not known", seed, id)
				}
				if counted++; r.IntN(4) == 0 {
					w.uncount(id)
					w.uncount(id)
					counted--
				}
			}
			if w.open != counted {
				t.Fatalf("seed %d: %d counted, want %d", seed, w.open, counted)
			}
			if s := w.slot(id); s != nil && s.counts() && r.IntN(2) == 0 {
				w.release(id, byte(open[i].State))
				counted--
			}
		}
		for _, p := range open {
			w.forget(p.Packet)
		}
		if w.open != 0 || w.oldest != w.next || w.full() {
			t.Fatalf("seed %d: at the end %d are open: %d to %d", seed, w.open, w.oldest, w.next)
		}
		fresh := make(map[uint16]bool)
		for !w.full() {
			id := w.take(1, tr, 1)
			if id == 0 || fresh[id] {
				t.Fatalf("seed %d: %d is handed out twice", seed, id)
			}
			fresh[id] = true
		}
	}
}
