package bench

import "time"

// tellings compares what devices were to be told of with what they were told. It
// belongs to one goroutine.
type tellings struct {
	streams map[string]*followed // by topic
	told    map[teller]*standing
	takings []taking
	behind  int // of how many standings the newest post was not told; kept once the streams are final
	final   bool
}

// followed is a stream whose posts are pushed.
type followed struct {
	tokens []string // of the devices of its members
	posts  map[uint64]time.Time
	newest uint64
}

// teller is a device and a stream.
type teller struct{ token, stream string }

// standing is how far a device was told of a stream.
type standing struct {
	newest uint64
	seen   map[uint64]struct{} // which posts were told of as the newest
	since  int                 // pushes after the mark
}

func newTellings() *tellings {
	return &tellings{streams: map[string]*followed{}, told: map[teller]*standing{}}
}

// follow adds a stream of which these devices are to be told.
func (t *tellings) follow(stream string, tokens []string) {
	t.streams[stream] = &followed{tokens: tokens, posts: map[uint64]time.Time{}}
	for _, token := range tokens {
		t.told[teller{token, stream}] = &standing{}
	}
}

// post notes what was posted.
func (t *tellings) post(stream string, seq uint64, published time.Time) {
	f := t.streams[stream]
	f.posts[seq] = published
	f.newest = max(f.newest, seq)
}

// end says that nothing more is posted: from now on behind counts.
func (t *tellings) end() {
	t.final = true
	for at, s := range t.told {
		if s.newest < t.streams[at.stream].newest {
			t.behind++
		}
	}
}

// take notes pushes. What a device is told to clear away tells it of nothing.
func (t *tellings) take(news []taking) {
	for _, n := range news {
		if n.Kind == "clear" {
			continue
		}
		t.takings = append(t.takings, n)
		s := t.told[teller{n.Token, n.Stream}]
		if s == nil {
			continue
		}
		head := t.streams[n.Stream].newest
		if t.final && s.newest < head && n.Seq >= head {
			t.behind--
		}
		s.newest = max(s.newest, n.Seq)
	}
}

// verdict is what came of it all.
type verdict struct {
	accepted   uint64 // pushes, each time
	lost       uint64 // devices that never heard of the newest post of a stream
	repeated   uint64 // pushes of what the device had been told before
	uninvited  uint64 // pushes to whom there was nothing to tell
	most       uint64 // pushes of one stream to one device after the mark
	latency    histogram
	first, end time.Time // the first push, and the last that told of something new, both after the mark
}

// judge looks at all pushes; mark is from when on most, first and end are meant.
func (t *tellings) judge(mark time.Time) verdict {
	var v verdict
	for _, n := range t.takings {
		v.accepted++
		s := t.told[teller{n.Token, n.Stream}]
		if s == nil {
			v.uninvited++
			continue
		}
		published, posted := t.streams[n.Stream].posts[n.Seq]
		if !posted {
			v.uninvited++
			continue
		}
		_, again := s.seen[n.Seq]
		if again {
			v.repeated++
		} else {
			if s.seen == nil {
				s.seen = map[uint64]struct{}{}
			}
			s.seen[n.Seq] = struct{}{}
			v.latency.add(int64(n.At.Sub(published)))
		}
		if n.At.Before(mark) {
			continue
		}
		s.since++
		v.most = max(v.most, uint64(s.since)) //nolint:gosec // counts up
		if v.first.IsZero() || n.At.Before(v.first) {
			v.first = n.At
		}
		if !again && n.At.After(v.end) {
			v.end = n.At
		}
	}
	for at, s := range t.told {
		if s.newest < t.streams[at.stream].newest {
			v.lost++
		}
	}
	return v
}
