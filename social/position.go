package social

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Position is how far a session got.
type Position struct {
	Cursors []Cursor
	// Open are the deliveries that were sent and are not acknowledged to their
	// end, in the order of their packet identifiers' handing out.
	Open []OpenPacket
	// Restored: a backup was restored since, so that the session may have been
	// further, in a history that is no more.
	Restored bool
}

// Begun is the position as it is after a restore: what was under way is sent anew,
// under other packet identifiers, because nobody knows which ones the client has
// seen meanwhile.
func (p Position) Begun() Position {
	acknowledged := p.Acknowledged()
	out := Position{Cursors: slices.Clone(p.Cursors), Restored: true}
	for i := range out.Cursors {
		out.Cursors[i].Seq = min(out.Cursors[i].Seq, acknowledged[out.Cursors[i].Stream])
	}
	return out
}

// Cursor is how far a session got in one stream: all up to Seq was sent or was
// not for it.
type Cursor struct {
	Stream StreamKey
	Seq    uint64
	// Asleep: the session had no right to the stream when this was written.
	Asleep bool
}

// OpenPacket is a delivery under way.
type OpenPacket struct {
	Packet uint16
	State  PacketState
	Stream StreamKey
	Seq    uint64
}

// PacketState is what the receiver still has to answer.
type PacketState uint8

const (
	AwaitsPuback  PacketState = iota + 1 // QoS 1
	AwaitsPubrec                         // QoS 2
	AwaitsPubcomp                        // QoS 2, after its PUBREC: only PUBREL is sent again
)

// Subscription is one topic filter of a session with its options (MQTT 5.0
// section 3.8.3.1).
type Subscription struct {
	Filter            string // as the client wrote it, without $since or $last
	QoS               byte
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    byte
	Identifier        uint32 // 0 = none
}

// The encodings begin with their version, so that a later one can read both.
const (
	positionVersion      = 1
	restoredVersion      = 2 // the same, of a position that is Restored
	subscriptionsVersion = 1
)

// EncodePosition is the stored form: for each stream a few bytes.
func EncodePosition(p Position) []byte {
	b := []byte{positionVersion}
	if p.Restored {
		b[0] = restoredVersion
	}
	b = binary.AppendUvarint(b, uint64(len(p.Cursors)))
	for _, c := range p.Cursors {
		b = binary.AppendUvarint(b, uint64(c.Stream)) //nolint:gosec // keys are positive
		asleep := uint64(0)
		if c.Asleep {
			asleep = 1
		}
		b = binary.AppendUvarint(b, c.Seq<<1|asleep)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Open)))
	for _, o := range p.Open {
		b = append(binary.BigEndian.AppendUint16(b, o.Packet), byte(o.State))
		b = binary.AppendUvarint(b, uint64(o.Stream)) //nolint:gosec // keys are positive
		b = binary.AppendUvarint(b, o.Seq)
	}
	return b
}

var errCorrupt = errors.New("the stored session is corrupt")

// DecodePosition reads what EncodePosition wrote; nil is no position. The error
// means that the bytes are none of its.
func DecodePosition(b []byte) (Position, error) {
	var p Position
	if len(b) == 0 {
		return p, nil
	}
	d := decoder{rest: b}
	switch d.byte() {
	case positionVersion:
	case restoredVersion:
		p.Restored = true
	default:
		return p, errCorrupt
	}
	for n := d.count(2); n > 0; n-- {
		c := Cursor{Stream: StreamKey(d.number())} //nolint:gosec // checked by number
		seq := d.number()
		c.Seq, c.Asleep = seq>>1, seq&1 == 1
		p.Cursors = append(p.Cursors, c)
	}
	for n := d.count(5); n > 0; n-- {
		o := OpenPacket{Packet: d.uint16(), State: PacketState(d.byte())}
		o.Stream, o.Seq = StreamKey(d.number()), d.number() //nolint:gosec // checked by number
		if o.Packet == 0 || o.State < AwaitsPuback || o.State > AwaitsPubcomp {
			d.bad = true
		}
		p.Open = append(p.Open, o)
	}
	if d.bad || len(d.rest) > 0 {
		return Position{}, errCorrupt
	}
	return p, nil
}

const (
	optionNoLocal byte = 1 << (2 + iota)
	optionRetainAsPublished
)

// EncodeSubscriptions is the stored form.
func EncodeSubscriptions(subs []Subscription) []byte {
	b := []byte{subscriptionsVersion}
	b = binary.AppendUvarint(b, uint64(len(subs)))
	for _, s := range subs {
		options := s.QoS&3 | s.RetainHandling&3<<4
		if s.NoLocal {
			options |= optionNoLocal
		}
		if s.RetainAsPublished {
			options |= optionRetainAsPublished
		}
		b = append(b, options)
		b = binary.AppendUvarint(b, uint64(s.Identifier))
		b = binary.AppendUvarint(b, uint64(len(s.Filter)))
		b = append(b, s.Filter...)
	}
	return b
}

// DecodeSubscriptions reads what EncodeSubscriptions wrote; nil is none.
func DecodeSubscriptions(b []byte) ([]Subscription, error) {
	if len(b) == 0 {
		return nil, nil
	}
	d := decoder{rest: b}
	if d.byte() != subscriptionsVersion {
		return nil, errCorrupt
	}
	var subs []Subscription
	for n := d.count(3); n > 0; n-- {
		options := d.byte()
		s := Subscription{
			QoS: options & 3, RetainHandling: options >> 4 & 3,
			NoLocal: options&optionNoLocal != 0, RetainAsPublished: options&optionRetainAsPublished != 0,
		}
		identifier := d.number()
		s.Filter = d.text()
		if s.QoS == 3 || s.RetainHandling == 3 || identifier >= 1<<28 || s.Filter == "" {
			d.bad = true
		}
		s.Identifier = uint32(identifier) //nolint:gosec // checked above
		subs = append(subs, s)
	}
	if d.bad || len(d.rest) > 0 {
		return nil, errCorrupt
	}
	return subs, nil
}

// decoder reads a stored form; bad is set by the first thing that is wrong, and
// all after it reads as zero.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.rest) {
		d.bad = true
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// number is a number that fits into 63 bits.
func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 || n > 1<<63-1 {
		d.bad = true
		return 0
	}
	d.take(size)
	return n
}

// count is how many things follow, each at least least bytes long, so that a
// wrong number cannot ask for memory.
func (d *decoder) count(least int) uint64 {
	n := d.number()
	if n > uint64(len(d.rest)/least) {
		d.bad = true
		return 0
	}
	return n
}

func (d *decoder) text() string { return string(d.take(int(d.count(1)))) } //nolint:gosec // count is bounded by the length

// Acknowledged is up to where all of each stream is acknowledged.
func (p Position) Acknowledged() map[StreamKey]uint64 {
	out := make(map[StreamKey]uint64, len(p.Cursors))
	for _, c := range p.Cursors {
		out[c.Stream] = c.Seq
	}
	for _, o := range p.Open {
		if at, ok := out[o.Stream]; ok && o.Seq <= at && o.Seq > 0 && o.State != AwaitsPubcomp {
			out[o.Stream] = o.Seq - 1
		}
	}
	return out
}
