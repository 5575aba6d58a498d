package broker_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"rambla/broker"
	"rambla/social"
)

// memoryLog is a broker.Backlog that keeps its streams in memory.
type memoryLog struct {
	site *site

	mu      sync.Mutex // below the site's
	keys    map[social.StreamID]social.StreamKey
	streams map[social.StreamKey]*memoryStream
	down    error                         // what every call that may block fails with
	reading func(stream social.StreamKey) // called without the lock before each Read; nil = nothing to do
	reads   int
}

// memoryStream holds the entry of seq at seq-1, also where retention took it.
type memoryStream struct {
	id      social.StreamID
	epoch   string
	floor   uint64
	handed  uint64 // the Head of Backlog
	entries []*broker.Delivery
}

func newMemoryLog(s *site) *memoryLog {
	return &memoryLog{site: s, keys: make(map[social.StreamID]social.StreamKey), streams: make(map[social.StreamKey]*memoryStream)}
}

func (l *memoryLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = err
}

func (l *memoryLog) watch(reading func(stream social.StreamKey)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = reading
}

// asked is how many times entries were read.
func (l *memoryLog) asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

// commit appends an entry without handing it to anybody; stamp, where not nil,
// completes it once its seq is known.
func (l *memoryLog) commit(d *broker.Delivery, stamp func(*broker.Delivery)) *broker.Delivery {
	d.Stream = l.Stream(d.Scope, d.Channel)
	d.At = time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[d.Stream]
	s.entries = append(s.entries, d)
	d.Seq = uint64(len(s.entries))
	if stamp != nil {
		stamp(d)
	}
	return d
}

// hand says that the entry is on its way to whoever is connected.
func (l *memoryLog) hand(d *broker.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[d.Stream].handed = d.Seq
}

// forget gives up all that lies at or below seq.
func (l *memoryLog) forget(stream social.StreamKey, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[stream].floor = seq
}

// restore begins a new epoch with the entries up to seq.
func (l *memoryLog) restore(stream social.StreamKey, epoch string, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[stream]
	s.epoch, s.handed, s.entries = epoch, seq, s.entries[:seq]
}

func (l *memoryLog) Stream(scope social.Scope, channel social.Channel) social.StreamKey {
	if scope.Kind != social.ScopeSpace || scope.Key == 0 || !channel.Durable() {
		return 0
	}
	id := social.StreamID{Space: social.SpaceKey(scope.Key), Channel: channel}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := l.keys[id]
	if key == 0 {
		key = social.StreamKey(len(l.keys) + 1)
		l.keys[id] = key
		l.streams[key] = &memoryStream{id: id, epoch: "e1"}
	}
	return key
}

func (l *memoryLog) Head(stream social.StreamKey) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.streams[stream]; s != nil {
		return s.handed
	}
	return 0
}

func (l *memoryLog) Begin(p *broker.Principal, stream social.StreamKey, least uint64) uint64 {
	head := l.Head(stream)
	l.mu.Lock()
	s := l.streams[stream]
	l.mu.Unlock()
	if s == nil {
		return least
	}
	if heads, member := l.site.joinedAt(s.id.Space, p.Person); member {
		return max(least, heads[s.id.Channel])
	}
	return head
}

func (l *memoryLog) Resume(p *broker.Principal, reads []social.ReadChange) map[social.StreamKey]uint64 {
	out := make(map[social.StreamKey]uint64)
	may := make(map[social.SpaceKey]bool) // after the change that is looked at
	for _, c := range reads {
		if c.Person != 0 && c.Person != p.Person {
			continue
		}
		after, known := may[c.Space]
		if !known {
			after = l.site.MayReceive(p, c.Space.Scope()) != 0
		}
		may[c.Space] = c.Standing.Member
		if !after || c.Standing.Member {
			continue
		}
		for channel, head := range c.Heads {
			if stream := l.Stream(c.Space.Scope(), social.Channel(channel)); stream != 0 {
				if _, later := out[stream]; !later {
					out[stream] = head
				}
			}
		}
	}
	return out
}

func (l *memoryLog) Read(_ context.Context, stream social.StreamKey, after uint64, limit int) ([]*broker.Delivery, error) {
	l.mu.Lock()
	reading := l.reading
	l.mu.Unlock()
	if reading != nil {
		reading(stream)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[stream]
	l.reads++
	switch {
	case l.down != nil:
		return nil, l.down
	case s == nil:
		return nil, nil
	}
	from := max(after, s.floor)
	if from >= uint64(len(s.entries)) {
		return nil, nil
	}
	rest := s.entries[from:]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (l *memoryLog) Last(_ context.Context, p *broker.Principal, stream social.StreamKey, k int) (after uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[stream]
	switch {
	case l.down != nil:
		return 0, l.down
	case s == nil:
		return 0, nil
	}
	seq := uint64(len(s.entries))
	for ; seq > s.floor && k > 0; seq-- {
		if only := s.entries[seq-1].Only; only == nil || slices.Contains(only, p.Person) {
			k--
		}
	}
	return seq, nil
}

func (l *memoryLog) State(_ context.Context, stream social.StreamKey) (social.StreamState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return social.StreamState{}, l.down
	}
	return l.stateLocked(stream), nil
}

func (l *memoryLog) stateLocked(stream social.StreamKey) social.StreamState {
	s := l.streams[stream]
	if s == nil {
		return social.StreamState{Stream: stream}
	}
	return social.StreamState{Stream: stream, Epoch: s.epoch, Head: uint64(len(s.entries)), Floor: s.floor}
}

func (l *memoryLog) states(streams []social.StreamKey) []social.StreamState {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]social.StreamState, len(streams))
	for i, stream := range streams {
		out[i] = l.stateLocked(stream)
	}
	return out
}

// heads are the last numbers of a space's streams.
func (l *memoryLog) heads(space social.SpaceKey) (heads social.Heads) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, key := range l.keys {
		if id.Space == space {
			heads[id.Channel] = uint64(len(l.streams[key].entries))
		}
	}
	return heads
}

// covers tells whether one of the streams is of the space.
func (l *memoryLog) covers(space social.SpaceKey, streams []social.StreamKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(streams, func(k social.StreamKey) bool {
		s := l.streams[k]
		return s != nil && s.id.Space == space
	})
}

func (l *memoryLog) Rights() int64 {
	l.site.mu.Lock()
	defer l.site.mu.Unlock()
	return l.site.rights
}

// append commits an entry of a space's stream and delivers it.
func (s *server) append(space string, channel social.Channel, rest string, qos byte, payload string, only ...social.PersonKey) *broker.Delivery {
	topic := "/ctx/" + space + "/" + channel.String()
	if rest != "" {
		topic += "/" + rest
	}
	s.site.order.Lock()
	defer s.site.order.Unlock()
	d := s.site.log.commit(&broker.Delivery{
		Scope: s.site.scope(space), Channel: channel, Topic: topic, Rest: rest, QoS: qos,
		Payload: func() []byte { return []byte(payload) }, Only: only,
	}, nil)
	s.site.log.hand(d)
	s.Deliver(d)
	return d
}
