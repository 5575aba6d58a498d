package broker_test

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

// memoryStore is a social.SessionStore without a disk. A test may look at its
// rows, hold its commits back, or let it be away.
type memoryStore struct {
	log *memoryLog // what the streams of positions hold

	mu      sync.Mutex
	rows    map[social.SessionID]*social.Session
	inbound map[social.SessionID]map[uint16]social.InboundPacket
	beats   map[social.NodeID]time.Time
	down    error                          // what every call fails with
	before  func(ws []social.SessionWrite) // called without the lock before each commit; nil = nothing to do
	told    func(s *social.Session)        // called without the lock when Reads of a session were told; nil = nothing to do
	commits int
}

func newMemoryStore(log *memoryLog) *memoryStore {
	return &memoryStore{
		log: log, rows: make(map[social.SessionID]*social.Session), beats: make(map[social.NodeID]time.Time),
		inbound: make(map[social.SessionID]map[uint16]social.InboundPacket),
	}
}

func (m *memoryStore) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

func (m *memoryStore) watch(before func(ws []social.SessionWrite)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before = before
}

// watchReads has f called behind whatever tells the Reads of a session.
func (m *memoryStore) watchReads(f func(s *social.Session)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = f
}

func (m *memoryStore) tell(s *social.Session) {
	m.mu.Lock()
	told := m.told
	m.mu.Unlock()
	if told != nil {
		told(s)
	}
}

// row is a stored session as it stands; false if there is none.
func (m *memoryStore) row(person social.PersonKey, name string) (social.Session, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.findLocked(person, social.SessionClient, name); s != nil {
		return copyOf(s), true
	}
	return social.Session{}, false
}

// edit changes a stored session behind the broker's back; false if there is none.
func (m *memoryStore) edit(person social.PersonKey, name string, change func(*social.Session)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.findLocked(person, social.SessionClient, name)
	if s != nil {
		change(s)
	}
	return s != nil
}

// count is how many rows there are, expired ones included.
func (m *memoryStore) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rows)
}

// committed is how many transactions there were.
func (m *memoryStore) committed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.commits
}

// receive notes a QoS 2 publish, as a store does in the transaction of the post.
func (m *memoryStore) receive(p social.InboundPacket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inbound[p.Session] == nil {
		m.inbound[p.Session] = make(map[uint16]social.InboundPacket)
	}
	m.inbound[p.Session][p.Packet] = p
}

// received looks up what receive noted.
func (m *memoryStore) received(session social.SessionID, packet uint16) (social.InboundPacket, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.inbound[session][packet]
	return p, ok
}

func (m *memoryStore) WriteSessions(ctx context.Context, ws []social.SessionWrite, now time.Time) ([]social.SessionWritten, error) {
	if err := ctx.Err(); err != nil {
		return nil, social.Unavailable(err)
	}
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()
	if before != nil {
		before(ws)
	}
	m.mu.Lock()
	if m.down != nil {
		defer m.mu.Unlock()
		return nil, m.down
	}
	m.commits++
	out := make([]social.SessionWritten, len(ws))
	for i, w := range ws {
		if w.Claim != nil {
			out[i].Claimed, out[i].Err = m.claimLocked(w.Claim, now)
		} else {
			out[i].Stale = !m.saveLocked(w.Save, now)
		}
	}
	m.mu.Unlock()
	for _, w := range out {
		if w.Claimed != nil && w.Claimed.Present {
			m.tell(&w.Claimed.Session)
		}
	}
	return out, nil
}

func (m *memoryStore) claimLocked(c *social.SessionClaim, now time.Time) (*social.SessionClaimed, error) {
	if c.Name == "" || len(c.Name) > maxStoredName {
		return nil, social.Invalid("client_id", "cannot be stored")
	}
	old := m.findLocked(c.Person, c.Kind, c.Name)
	living := old != nil && !old.Over(now)
	if !living && c.Kind == social.SessionClient && c.Most > 0 {
		if err := m.makeRoomLocked(c.Person, c.Most, now); err != nil {
			return nil, err
		}
	}
	out := &social.SessionClaimed{Present: living && !c.Clean}
	fresh := social.Session{ID: c.ID, Person: c.Person, Kind: c.Kind, Name: c.Name, Created: now, Rights: c.Rights}
	if old != nil {
		before := copyOf(old)
		out.Before = &before
		fresh.Fence = old.Fence
		if out.Present && !isReadable(old) {
			out.Present = false
		}
		if out.Present {
			fresh = copyOf(old)
		} else {
			m.deleteLocked(old.ID)
		}
	}
	fresh.Fence++
	fresh.Grant, fresh.Version, fresh.Node, fresh.Expiry = c.Grant, c.Version, c.Node, c.Expiry
	fresh.Will, fresh.WillDelay = bytes.Clone(c.Will), c.WillDelay
	fresh.Left, fresh.WillDue = time.Time{}, time.Time{}
	m.rows[fresh.ID] = &fresh
	if _, beats := m.beats[c.Node]; !beats {
		m.beats[c.Node] = now
	}
	out.Session = copyOf(&fresh)
	if out.Present {
		m.tellLocked(out)
	}
	if c.Expiry == 0 && c.Will == nil {
		m.deleteLocked(fresh.ID)
	}
	return out, nil
}

// tellLocked adds what a session that is present has besides its row.
func (m *memoryStore) tellLocked(out *social.SessionClaimed) {
	for _, p := range m.inbound[out.Session.ID] {
		out.Inbound = append(out.Inbound, p)
	}
	slices.SortFunc(out.Inbound, func(a, b social.InboundPacket) int { return cmp.Compare(a.Packet, b.Packet) })
	position, err := social.DecodePosition(out.Session.Position)
	if err != nil {
		return // see isReadable
	}
	var streams []social.StreamKey
	for _, c := range position.Cursors {
		streams = append(streams, c.Stream)
	}
	for _, o := range position.Open {
		streams = append(streams, o.Stream)
	}
	slices.Sort(streams)
	streams = slices.Compact(streams)
	out.Streams = m.log.states(streams)
	out.Reads, out.ReadsTo = m.log.site.reads(out.Session.Person, out.Session.Rights, streams)
}

func (m *memoryStore) SessionReads(_ context.Context, s *social.Session, _ time.Time) ([]social.ReadChange, int64, error) {
	defer m.tell(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	out := social.SessionClaimed{Session: *s}
	m.tellLocked(&out)
	return out.Reads, out.ReadsTo, m.down
}

// makeRoomLocked ends the longest absent session of a person who has most of them.
func (m *memoryStore) makeRoomLocked(person social.PersonKey, most int, now time.Time) error {
	var oldest *social.Session
	n := 0
	for _, s := range m.rows {
		if s.Person != person || s.Kind != social.SessionClient || s.Over(now) {
			continue
		}
		n++
		if s.Node == 0 && (oldest == nil || s.Left.Before(oldest.Left)) {
			oldest = s
		}
	}
	switch {
	case n < most:
		return nil
	case oldest == nil:
		return social.Errorf(social.KindRateLimited, "You have too many sessions.")
	case oldest.Will == nil:
		m.deleteLocked(oldest.ID)
	default:
		oldest.Expiry, oldest.WillDue = 0, now
	}
	return nil
}

func (m *memoryStore) saveLocked(s *social.SessionSave, now time.Time) (current bool) {
	row := m.rows[s.ID]
	if row == nil || row.Fence != s.Fence {
		return false
	}
	for _, id := range s.Released {
		delete(m.inbound[s.ID], id)
	}
	if s.Subscriptions != nil {
		row.Subscriptions = bytes.Clone(s.Subscriptions)
	}
	if s.Position != nil {
		row.Position, row.Rights = bytes.Clone(s.Position), s.Rights
	}
	if s.Expiry != nil {
		row.Expiry = *s.Expiry
	}
	if s.Grant != nil {
		row.Grant = *s.Grant
	}
	if !s.Left.IsZero() {
		row.Node, row.Left, row.WillDue = 0, s.Left, s.WillDue
	}
	if s.DropWill || !s.Left.IsZero() && (s.WillDue.IsZero() || row.Will == nil) {
		row.Will, row.WillDelay, row.WillDue = nil, 0, time.Time{}
	}
	if s.Gone || row.Will == nil && row.Over(now) {
		m.deleteLocked(s.ID)
	}
	return true
}

func (m *memoryStore) FindSession(_ context.Context, person social.PersonKey, kind social.SessionKind, name string) (social.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return social.Session{}, m.down
	}
	if s := m.findLocked(person, kind, name); s != nil {
		return copyOf(s), nil
	}
	return social.Session{}, social.Errorf(social.KindNotFound, "There is no such session.")
}

func (m *memoryStore) Sessions(_ context.Context, person social.PersonKey, after social.SessionID, limit int, now time.Time) ([]social.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var out []social.Session
	for _, s := range m.rows {
		if (person == 0 || s.Person == person) && s.Kind == social.SessionClient && s.ID > after && !s.Over(now) {
			out = append(out, copyOf(s))
		}
	}
	slices.SortFunc(out, func(a, b social.Session) int { return cmp.Compare(a.ID, b.ID) })
	return out[:min(limit, len(out))], nil
}

func (m *memoryStore) Beat(_ context.Context, node social.NodeID, now, dead time.Time) (more bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return false, m.down
	}
	m.beats[node] = now
	for _, s := range m.rows {
		last := m.beats[s.Node]
		if s.Node == 0 || !last.Before(dead) {
			continue
		}
		s.Node, s.Left = 0, last
		s.Fence++
		switch {
		case s.Will != nil:
			s.WillDue = last.Add(min(s.WillDelay, s.Expiry)) // [MQTT-3.1.2-8]
		case s.Expiry == 0:
			m.deleteLocked(s.ID)
		}
	}
	return false, nil
}

func (m *memoryStore) TakeWills(_ context.Context, now time.Time, lease time.Duration, limit int) ([]social.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return nil, m.down
	}
	var out []social.Session
	for _, s := range m.rows {
		if len(out) == limit || s.WillDue.IsZero() || s.WillDue.After(now) {
			continue
		}
		s.WillDue = now.Add(lease)
		s.Fence++
		out = append(out, copyOf(s))
	}
	return out, nil
}

func (m *memoryStore) findLocked(person social.PersonKey, kind social.SessionKind, name string) *social.Session {
	for _, s := range m.rows {
		if s.Person == person && s.Kind == kind && s.Name == name {
			return s
		}
	}
	return nil
}

func (m *memoryStore) deleteLocked(id social.SessionID) {
	delete(m.rows, id)
	delete(m.inbound, id)
}

// maxStoredName is the longest name of a session that stores take.
const maxStoredName = 2048

// isReadable tells whether the bytes of a session are what the broker wrote; of
// one that is not its client is told that nothing is there.
func isReadable(s *social.Session) bool {
	_, err1 := social.DecodePosition(s.Position)
	_, err2 := social.DecodeSubscriptions(s.Subscriptions)
	return err1 == nil && err2 == nil
}

// copyOf shares no bytes with s.
func copyOf(s *social.Session) social.Session {
	c := *s
	c.Subscriptions, c.Position, c.Will = bytes.Clone(s.Subscriptions), bytes.Clone(s.Position), bytes.Clone(s.Will)
	return c
}
