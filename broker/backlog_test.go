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
	site     *site
	retained memoryRetained

	mu      sync.Mutex // below the site's
	keys    map[social.StreamID]social.StreamKey
	streams map[social.StreamKey]*memoryStream
	down    error                         // what every call that may block fails with
	reading func(stream social.StreamKey) // called without the lock before each Read; nil = nothing to do
	resumed func()                        // called behind each Resume; nil = nothing to do
}

// memoryStream holds the entry of seq at seq-1, also where retention took it.
type memoryStream struct {
	id      social.StreamID
	epoch   string
	floor   uint64
	handed  uint64 // the Head of Backlog
	told    uint64 // likewise
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

// watchResume has f called behind each answer of Resume.
func (l *memoryLog) watchResume(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resumed = f
}

func (l *memoryLog) watch(reading func(stream social.StreamKey)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reading = reading
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

// hand gives the entry to deliver, for whoever is connected.
func (l *memoryLog) hand(d *broker.Delivery, deliver func(*broker.Delivery)) {
	l.mu.Lock()
	s := l.streams[d.Stream]
	s.handed = d.Seq
	l.mu.Unlock()
	deliver(d)
	l.mu.Lock()
	defer l.mu.Unlock()
	s.told = d.Seq
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
	s.epoch, s.handed, s.told, s.entries = epoch, seq, seq, s.entries[:seq]
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

func (l *memoryLog) MakeStream(_ context.Context, scope social.Scope, channel social.Channel) (social.StreamKey, error) {
	return l.Stream(scope, channel), nil
}

func (l *memoryLog) Head(stream social.StreamKey) (head, told uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.streams[stream]; s != nil {
		return s.handed, s.told
	}
	return 0, 0
}

func (l *memoryLog) Joined(p *broker.Principal, stream social.StreamKey) (seq uint64, member bool) {
	l.mu.Lock()
	s := l.streams[stream]
	l.mu.Unlock()
	if s == nil {
		return 0, false
	}
	heads, member := l.site.joinedAt(s.id.Space, p.Person)
	return heads[s.id.Channel], member
}

func (l *memoryLog) Resume(p *broker.Principal, reads []social.ReadChange) map[social.StreamKey]uint64 {
	l.mu.Lock()
	resumed := l.resumed
	l.mu.Unlock()
	if resumed != nil {
		defer resumed()
	}
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

func (l *memoryLog) Read(_ context.Context, stream social.StreamKey, rest string, after uint64, limit int) ([]*broker.Delivery, error) {
	l.mu.Lock()
	reading := l.reading
	l.mu.Unlock()
	if reading != nil {
		reading(stream)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.streams[stream]
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
	var out []*broker.Delivery
	for _, d := range s.entries[from:] {
		if len(out) < limit && (rest == "" || rest == d.Rest) {
			out = append(out, d)
		}
	}
	return out, nil
}

func (l *memoryLog) Seek(_ context.Context, p *broker.Principal, stream social.StreamKey, from social.SeekFrom) (social.Sought, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return social.Sought{}, l.down
	}
	s, state := l.streams[stream], l.stateLocked(stream)
	out := social.Sought{Epoch: state.Epoch, Head: state.Head, Complete: true, After: from.After}
	switch {
	case from.ByLast:
		k := from.Last
		for out.After = state.Head; out.After > s.floor && k > 0; out.After-- {
			if only := s.entries[out.After-1].Only; only == nil || slices.Contains(only, p.Person) {
				k--
			}
		}
	case from.Epoch != "" && from.Epoch != state.Epoch:
		out.After, out.Complete = 0, false
	default:
		out.Complete = from.After >= state.Floor && from.After <= state.Head
	}
	return out, nil
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

// Deliver is the broker's, of what was committed before where it has to be.
func (s *server) Deliver(d *broker.Delivery) {
	if d.QoS == 0 || d.Seq > 0 || s.site.log.Stream(d.Scope, d.Channel) == 0 {
		s.Broker.Deliver(d)
		return
	}
	s.site.order.Lock()
	defer s.site.order.Unlock()
	s.site.log.hand(s.site.log.commit(d, nil), s.Broker.Deliver)
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
	s.site.log.hand(d, s.Broker.Deliver)
	return d
}
