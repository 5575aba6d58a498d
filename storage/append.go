package storage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"rambla/social"
)

// The schema's limits of what an entry holds, in bytes. Who publishes is held
// to smaller ones long before; these keep one entry from failing its batch.
const (
	maxContent = 1 << 20
	maxPayload = 16 << 20
	maxKey     = 1024
	maxWord    = 128 // type, generator
	maxTopic   = 1024
)

// Append is [social.Log]'s. It blocks until the batch is on the disk. Calls may
// run side by side; on PostgreSQL they also commit side by side where their
// streams differ. Nothing may touch the entries before it returns.
func (db *DB) Append(ctx context.Context, entries []social.Entry, now time.Time) ([]social.Appended, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	began := time.Now()
	b := newBatch(entries, now, db.limits)
	err := failure(db.eng.appendBatch(ctx, b))
	db.metrics.appended(len(b.posts)+len(b.samples)+b.unlogged, time.Since(began), err)
	if err != nil {
		return nil, err
	}
	return b.out, nil
}

// batch is one call of Append on its way: first what must be looked up, then,
// after resolve, what is to be written. The engine does both in one transaction,
// in which the streams are locked between.
type batch struct {
	entries []social.Entry
	now     int64
	limits  social.DataLimits

	// To look up.
	streams []streamState // ascending by key, each once
	keys    []usedKey     // ascending, each once
	objects []social.ID   // what Updates and Deletes are about, each once
	topics  []topicRef    // of messages to be retained, ascending, each once
	packets []packetRef   // ascending, each once
	// Of what is said about posts; see append_reactions.go.
	targets  []social.ID // also what replies answer, each once
	likeRefs []likeRef   // ascending, each once
	files    []social.ID // what posts are to have; ascending, each once

	// Looked up.
	remembered map[keyRef]*usedKey
	received   map[packetRef]*receivedPacket
	found      map[social.ID]*object
	retained   map[topicRef]*retainedRow
	likes      map[likeRef]*like // also those that come
	hung       map[social.ID]*hanging

	// To write.
	posts    []*social.Post
	samples  []storedSample
	unlogged int      // samples that are only retained
	expired  []keyRef // keys that are forgotten, and used anew here
	newKeys  []usedKey
	inbound  []receivedPacket // ascending
	changed  []*object        // objects with another content than before, each once
	edits    []edit
	tallies  map[social.PostRef]*tally

	out []social.Appended
}

// streamState is the counter row of a stream.
type streamState struct {
	key      int64
	known    bool  // there is such a stream
	space    int64 // 0 for none
	channel  social.Channel
	closed   bool // of a deleted space
	head     int64
	ordinals int64
	headAt   int64
	changed  bool

	// Of a data stream.
	bytes         int64 // of its samples
	retained      int64
	retainedBytes int64
}

// keyRef is what an idempotency key is unique in.
type keyRef struct {
	person int64
	key    string
}

func (k keyRef) compare(o keyRef) int {
	return cmp.Or(cmp.Compare(k.person, o.person), strings.Compare(k.key, o.key))
}

// usedKey is what the first publish with a key became.
type usedKey struct {
	keyRef
	digest [32]byte
	stream int64
	seq    int64
	id     social.ID
	at     int64
}

func newBatch(entries []social.Entry, now time.Time, limits social.DataLimits) *batch {
	b := &batch{entries: entries, now: micros(now), limits: limits, out: make([]social.Appended, len(entries))}
	b.collect()
	return b
}

// collect gathers what the entries need looked up.
func (b *batch) collect() {
	var last int64
	for i := range b.entries {
		e := &b.entries[i]
		stream, person, key := entryFacts(e)
		if stream != last || i == 0 {
			b.streams = append(b.streams, streamState{key: stream})
			last = stream
		}
		if key != "" && checkText("key", key, maxKey) == nil {
			b.keys = append(b.keys, usedKey{keyRef: keyRef{person, key}})
		}
		if ref, is := inboundOf(e); is {
			b.packets = append(b.packets, ref)
		}
		if e.Post != nil {
			b.collectPost(e)
		}
		if m := e.Sample; m != nil && m.Retain && checkSample(m) == nil {
			b.topics = append(b.topics, topicRef{stream, m.Topic})
		}
	}
	slices.SortFunc(b.streams, func(x, y streamState) int { return cmp.Compare(x.key, y.key) })
	b.streams = slices.CompactFunc(b.streams, func(x, y streamState) bool { return x.key == y.key })
	slices.SortFunc(b.keys, func(x, y usedKey) int { return x.compare(y.keyRef) })
	b.keys = slices.CompactFunc(b.keys, func(x, y usedKey) bool { return x.keyRef == y.keyRef })
	slices.SortFunc(b.packets, packetRef.compare)
	b.packets = slices.Compact(b.packets)
	slices.SortFunc(b.objects, func(x, y social.ID) int { return slices.Compare(x[:], y[:]) })
	b.objects = slices.Compact(b.objects)
	slices.SortFunc(b.targets, func(x, y social.ID) int { return slices.Compare(x[:], y[:]) })
	b.targets = slices.Compact(b.targets)
	slices.SortFunc(b.likeRefs, likeRef.compare)
	b.likeRefs = slices.Compact(b.likeRefs)
	slices.SortFunc(b.topics, topicRef.compare)
	b.topics = slices.Compact(b.topics)
	slices.SortFunc(b.files, func(x, y social.ID) int { return slices.Compare(x[:], y[:]) })
	b.files = slices.Compact(b.files)
}

// collectPost does so for a post. Most need nothing.
func (b *batch) collectPost(e *social.Entry) {
	if e.About != 0 {
		b.streams = append(b.streams, streamState{key: int64(e.About)})
	}
	if e.Echo != nil {
		b.streams = append(b.streams, streamState{key: int64(e.Echo.Stream)})
	}
	b.files = append(b.files, e.Attachments...)
	p := e.Post
	if amends(p) {
		b.objects = append(b.objects, p.Object)
		return
	}
	b.collectSaid(e)
	if !p.InReplyTo.IsZero() {
		b.targets = append(b.targets, p.InReplyTo)
	}
}

func entryFacts(e *social.Entry) (stream, person int64, key string) {
	if e.Post != nil {
		return int64(e.Post.Stream), int64(e.Post.Author), e.Post.Key
	}
	return int64(e.Sample.Stream), int64(e.Sample.Author), e.Sample.Key
}

// amends tells whether the post changes another one. (News of a space have the
// same types, but do not come this way: see addEvent.)
func amends(p *social.Post) bool {
	return p.Type == social.TypeUpdate || p.Type == social.TypeDelete
}

// begin forgets what an earlier run of the same batch has found: a lost race
// runs it again.
func (b *batch) begin() {
	for i := range b.streams {
		b.streams[i] = streamState{key: b.streams[i].key}
	}
	clear(b.out)
	b.posts, b.samples, b.unlogged = b.posts[:0], b.samples[:0], 0
	b.expired, b.newKeys = b.expired[:0], b.newKeys[:0]
	b.changed, b.edits = b.changed[:0], b.edits[:0]
	b.inbound = b.inbound[:0]
	b.remembered, b.received, b.found, b.retained = nil, nil, nil, nil
	b.likes, b.tallies = nil, nil
	if len(b.packets) > 0 {
		b.received = make(map[packetRef]*receivedPacket, len(b.packets))
	}
	if len(b.keys) > 0 {
		b.remembered = make(map[keyRef]*usedKey, len(b.keys))
	}
	if n := len(b.objects) + len(b.targets); n > 0 {
		b.found = make(map[social.ID]*object, n)
	}
	if len(b.likeRefs) > 0 {
		b.likes = make(map[likeRef]*like, len(b.likeRefs))
	}
	b.hung = nil
	if len(b.files) > 0 {
		b.hung = make(map[social.ID]*hanging, len(b.files))
	}
	if len(b.topics) > 0 {
		b.retained = make(map[topicRef]*retainedRow, len(b.topics))
	}
}

// remember takes in a key that was looked up.
func (b *batch) remember(k usedKey) { b.remembered[k.keyRef] = &k }

// stream finds the state of a stream of the batch.
func (b *batch) stream(key int64) *streamState {
	i, _ := slices.BinarySearchFunc(b.streams, key, func(s streamState, key int64) int { return cmp.Compare(s.key, key) })
	return &b.streams[i]
}

// resolve decides what becomes of every entry, in order, and fills in what is
// to be written.
func (b *batch) resolve() {
	s := &b.streams[0]
	for i := range b.entries {
		e := &b.entries[i]
		stream, person, key := entryFacts(e)
		if s.key != stream {
			s = b.stream(stream)
		}
		b.out[i] = b.resolveEntry(e, s, keyRef{person, key})
	}
	slices.SortFunc(b.newKeys, func(x, y usedKey) int { return x.compare(y.keyRef) })
	slices.SortFunc(b.expired, keyRef.compare)
	slices.SortFunc(b.inbound, func(x, y receivedPacket) int { return x.compare(y.packetRef) })
	// What a removed post said is not kept.
	b.edits = slices.DeleteFunc(b.edits, func(e edit) bool { return e.post.removedAt != 0 })
}

// resolveNew also tells the stream in which the entry, or what it repeats, stands.
func (b *batch) resolveNew(e *social.Entry, s *streamState, k keyRef) (done social.Appended, stream int64) {
	if err := checkEntry(e, s); err != nil {
		return social.Appended{Err: err}, 0
	}
	if fault("forget-key") {
		k.key = ""
	}
	if k.key != "" {
		if used := b.remembered[k]; used != nil && used.at > b.now-social.KeyLife.Microseconds() {
			if used.digest != e.Digest {
				return social.Appended{Err: social.Errorf(social.KindConflict, "This key was used for something else.")}, 0
			}
			return social.Appended{ID: used.id, Seq: uint64(used.seq), Repeat: true}, used.stream
		} else if used != nil {
			b.expired = append(b.expired, k)
		}
	}
	if e.Post != nil {
		if done = b.takePost(e, s); done.Err != nil || done.Repeat {
			return done, s.key
		}
	} else {
		if done = b.takeSample(e.Sample, s); done.Err != nil {
			return done, 0
		}
	}
	if k.key != "" {
		used := usedKey{keyRef: k, digest: e.Digest, stream: s.key, seq: int64(done.Seq), id: done.ID, at: max(s.headAt, b.now)} //nolint:gosec // from a BIGINT
		b.newKeys = append(b.newKeys, used)
		b.remember(used)
	}
	return done, s.key
}

func (b *batch) takePost(e *social.Entry, s *streamState) social.Appended {
	p := e.Post
	if done, over := b.check(e, s); over {
		return done
	}
	if len(e.Attachments) > 0 {
		if err := b.checkFiles(e); err != nil {
			return social.Appended{Err: err}
		}
		if err := b.hang(e); err != nil {
			return social.Appended{Err: failure(err)}
		}
	}
	at := b.now
	if !e.Dated.IsZero() {
		at = micros(e.Dated)
	}
	s.advance(at)
	if amends(p) {
		b.amend(p, b.found[p.Object], s)
	}
	if p.Counts() {
		s.ordinals++
	}
	p.Seq, p.Ordinal, p.Published = uint64(s.head), uint64(s.ordinals), moment(s.headAt)
	if !fault("lose-acknowledged") {
		b.posts = append(b.posts, p)
	}
	if b.found != nil {
		b.note(e, s)
		b.know(p, s)
	}
	if e.Echo != nil {
		b.echo(e.Echo)
	}
	if fault("tell-former-seq") {
		return social.Appended{ID: p.ID, Seq: p.Seq - 1}
	}
	return social.Appended{ID: p.ID, Seq: p.Seq}
}

func (b *batch) takeSample(m *social.Sample, s *streamState) social.Appended {
	properties, err := encodeProperties(m.Properties)
	if err != nil {
		return social.Appended{Err: failure(err)}
	}
	stored := storedSample{m, properties}
	size := stored.size()
	if m.Retain {
		if err := b.retain(stored, s, size); err != nil {
			return social.Appended{Err: err}
		}
	}
	if m.QoS == 0 && m.Retain {
		// In no stream: its moment is told by none.
		m.Seq, m.Published = 0, moment(max(s.headAt, b.now))
		b.unlogged++
		return social.Appended{}
	}
	s.advance(b.now)
	s.bytes += size
	m.Seq, m.Published = uint64(s.head), moment(s.headAt)
	b.samples = append(b.samples, stored)
	return social.Appended{Seq: m.Seq}
}

// advance takes the next seq. Clocks of nodes differ and jump; the times of one
// stream never go back.
func (s *streamState) advance(now int64) {
	s.head++
	if fault("skip-seq") {
		s.head++
	}
	s.headAt = max(s.headAt, now)
	s.changed = true
}

// idle tells whether there is nothing to write: only repeats and refusals.
func (b *batch) idle() bool { return len(b.posts)+len(b.samples)+len(b.inbound)+b.unlogged == 0 }
