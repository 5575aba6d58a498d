package social

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
)

// SpaceMark is what the store knows of a person in a space beside its rights: how
// far it said that it got in its messages, and what it wants to be told. The zero
// value is that of who never said anything.
type SpaceMark struct {
	SetMarker
	Interest Interest
}

// Announced tells where streams stand.
type Announced interface {
	// Head is the seq up to which a stream was told, or is being told.
	Head(stream StreamKey) (head, told uint64)
}

// Seen is the state of the spaces that an actor belongs to at some moment: what
// tells later whether anything about one of them has changed, without a clock.
//
// It is made of a few hundred bytes however many there are: the spaces of who has
// many share buckets, so that of one that has changed others may come again with it.
type Seen struct {
	Version int64 // of the journal of rights
	Buckets []uint64
}

// The bounds of a Seen.
const (
	seenBuckets    = 96
	seenBucketSize = 6     // bytes of each that are kept
	seenGone       = 1_000 // spaces left since; beyond, everything is told anew
)

// Encode is what DecodeSeen reads.
func (s Seen) Encode() []byte {
	out := binary.AppendUvarint(nil, uint64(s.Version)) //nolint:gosec // from 0 on
	for _, b := range s.Buckets {
		var eight [8]byte
		binary.BigEndian.PutUint64(eight[:], b)
		out = append(out, eight[8-seenBucketSize:]...)
	}
	return out
}

// DecodeSeen reads an encoded state; false where it is none.
func DecodeSeen(b []byte) (s Seen, ok bool) {
	version, n := binary.Uvarint(b)
	if n <= 0 || version > math.MaxInt64 || (len(b)-n)%seenBucketSize != 0 || (len(b)-n)/seenBucketSize > seenBuckets {
		return Seen{}, false
	}
	s.Version = int64(version) //nolint:gosec // checked above
	for b = b[n:]; len(b) > 0; b = b[seenBucketSize:] {
		var eight [8]byte
		copy(eight[8-seenBucketSize:], b)
		s.Buckets = append(s.Buckets, binary.BigEndian.Uint64(eight[:]))
	}
	return s, len(s.Buckets) > 0
}

// Changes are what became of a person's spaces since it has seen them.
type Changes struct {
	Now Seen // the state that these changes lead to, or an earlier one
	// Gone are the ids of those that it no longer has.
	Gone []string
	// Reset tells that what is gone is not known any more: everything is listed.
	Reset bool

	since   *Seen // nil: everything is listed
	buckets []uint64
	sights  []Sight                // of what the actor belongs to, in no order
	marks   map[SpaceKey]SpaceMark // of the same; nil where they were not read
}

// Shows tells whether the space may have changed.
func (c *Changes) Shows(key SpaceKey) bool {
	if c.since == nil {
		return true
	}
	i := bucketOf(key, len(c.buckets))
	return c.buckets[i] != c.since.Buckets[i]
}

func bucketOf(key SpaceKey, n int) int { return int(uint64(key) % uint64(n)) } //nolint:gosec // below n

// Everything are the changes for who wants to see the rest of a list and no token;
// it asks no store.
func (ms *Markers) Everything(a Actor, kind SpaceKind) (*Changes, error) {
	if err := a.requireReading(); err != nil {
		return nil, err
	}
	_, sights := ms.dir.memberships(a, kind)
	return &Changes{sights: sights}, nil
}

// Changes compares the actor's contexts or conversations with what it has seen
// before; since is nil for the first time.
func (ms *Markers) Changes(ctx context.Context, a Actor, kind SpaceKind, since *Seen) (*Changes, error) {
	if err := a.requireReading(); err != nil {
		return nil, err
	}
	version, sights := ms.dir.memberships(a, kind)
	spaces := make([]*Space, len(sights))
	for i := range sights {
		spaces[i] = sights[i].Space
	}
	marks, err := ms.store.SpaceMarks(ctx, a.Person, spaces, ms.now())
	if err != nil {
		return nil, err
	}
	out := &Changes{since: since, sights: sights, marks: marks}
	buckets := make([]uint64, bucketCount(spaces))
	digests := make(map[SpaceKey]uint64, len(sights))
	for i := range sights {
		key := sights[i].Space.Key
		digest := ms.digest(&sights[i], a.Person, marks[key])
		buckets[bucketOf(key, len(buckets))] += digest
		if since != nil {
			digests[key] = digest
		}
	}
	out.Now = Seen{Version: version, Buckets: clipBuckets(buckets)}
	if since == nil {
		return out, nil
	}
	left, whole, err := ms.store.LeftSince(ctx, a.Person, since.Version, seenGone)
	if err != nil {
		return nil, err
	}
	if !whole {
		out.since, out.Reset = nil, true
		return out, nil
	}
	out.buckets = make([]uint64, len(since.Buckets))
	for key, digest := range digests {
		out.buckets[bucketOf(key, len(out.buckets))] += digest
	}
	out.buckets = clipBuckets(out.buckets)
	slices.Sort(left)
	for _, key := range slices.Compact(left) {
		if _, still := digests[key]; still {
			continue
		}
		if s := ms.dir.SpaceByKey(key); s.Kind == kind && s.ID != "" {
			out.Gone = append(out.Gone, s.ID)
		}
	}
	return out, nil
}

// bucketCount is how many buckets give each space its own, or as many as there may
// be where no number does.
func bucketCount(spaces []*Space) int {
	for n := max(len(spaces), 1); n < seenBuckets; n++ {
		var taken [seenBuckets]bool
		if !slices.ContainsFunc(spaces, func(s *Space) bool {
			i := bucketOf(s.Key, n)
			was := taken[i]
			taken[i] = true
			return was
		}) {
			return n
		}
	}
	return seenBuckets
}

// clipBuckets leaves of each what is kept of it.
func clipBuckets(buckets []uint64) []uint64 {
	for i := range buckets {
		buckets[i] &= 1<<(8*seenBucketSize) - 1
	}
	return buckets
}

// memberships are the actor's spaces of a kind as it sees them, in no order, and
// the version of the rights by which it does.
func (d *Directory) memberships(a Actor, kind SpaceKind) (version int64, out []Sight) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	mine := d.mine[a.hand()]
	out = make([]Sight, 0, len(mine))
	for key := range mine {
		if pl := d.spaces[key]; pl.space.Kind == kind {
			if s, visible := d.sightLocked(a, pl, false); visible {
				out = append(out, s)
			}
		}
	}
	return d.version, out
}

// digest is a number of all that a person is shown of a space in a list.
func (ms *Markers) digest(s *Sight, person PersonKey, mark SpaceMark) uint64 {
	var room [256]byte
	b := room[:0]
	number := func(n int64) { b = binary.AppendVarint(b, n) }
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	number(int64(s.Space.Key))
	number(int64(s.May))
	number(int64(s.Floor[ChannelMessages]))  //nolint:gosec // only to be compared
	number(int64(s.Joined[ChannelMessages])) //nolint:gosec // likewise
	head := func(c Channel) {
		seq, _ := ms.heads.Head(s.Space.Stream(c))
		number(int64(seq)) //nolint:gosec // likewise
	}
	head(ChannelMessages)
	for _, n := range []uint64{mark.Read, mark.Delivered, mark.Head} {
		number(int64(n)) //nolint:gosec // likewise
	}
	number(int64(mark.Interest.Level))
	if mark.Interest.Muted {
		number(1 + mark.Interest.Until.UnixMicro())
	}
	text(s.Space.DisplayName)
	if s.Space.Kind == KindConversation {
		c := ms.dir.conversation(*s, person, listedParticipants)
		head(ChannelEvents)
		number(int64(c.Total))
		number(int64(c.Space.Owner))
		number(int64(c.Space.History))
		for _, t := range append([]string{c.Name}, c.Tags...) {
			text(t)
		}
		for _, p := range c.Participants {
			text(p.Name)
			text(p.DisplayName)
		}
	}
	return fnv1a(b)
}

// fnv1a is the 64-bit hash of hash/fnv, which would put b on the heap.
func fnv1a(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
