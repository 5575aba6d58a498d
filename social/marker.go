package social

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// Marker is how far a person has got in a stream. It only grows.
type Marker struct {
	Stream    StreamKey
	Person    PersonKey
	Delivered uint64    // what is up to here has reached a device of the person; never below Read
	Read      uint64    // what is up to here was read
	At        time.Time // when the person said so last; zero: never
}

// Receipt is what a client says of how far it got, checked for form. A zero
// says nothing.
type Receipt struct{ Delivered, Read uint64 }

// ParseReceipt reads {"delivered":n,"read":n}, of which one may be missing.
// Errors are KindInvalid and name the field.
func ParseReceipt(payload []byte) (Receipt, error) {
	var r Receipt
	said := false
	err := eachMember(payload, func(name string, raw json.RawMessage) (err error) {
		said = true
		switch name {
		case "delivered":
			r.Delivered, err = parseSeqNumber(name, raw)
		case "read":
			r.Read, err = parseSeqNumber(name, raw)
		default:
			err = Invalid(clip(name), "is not a field of a receipt")
		}
		return err
	})
	if err == nil && !said {
		err = Invalid("read", "is missing; a receipt says delivered or read, or both")
	}
	return r, err
}

// parseSeqNumber reads a seq; one that no stream can reach counts as the greatest.
func parseSeqNumber(field string, raw json.RawMessage) (uint64, error) {
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, Invalid(field, "is no sequence number")
		}
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil || n > math.MaxInt64 {
		return math.MaxInt64, nil //nolint:nilerr // out of range: digits they are
	}
	return n, nil
}

// RenderMarker appends the JSON in which a marker is told.
func (d *Directory) RenderMarker(dst []byte, m Marker) []byte {
	w := jsonWriter{dst}
	w.raw(`{"delivered":`)
	w.uint(m.Delivered)
	w.raw(`,"read":`)
	w.uint(m.Read)
	w.raw(`,"actor":`)
	w.person(d.AnyPerson(m.Person))
	w.time("at", m.At)
	w.raw("}")
	return w.b
}

// ProgressQuery asks how far a person has got in a stream.
type ProgressQuery struct {
	Stream StreamKey
	Person PersonKey
	Base   uint64 // what is up to here counts as read in any case: the head at the join
	Floor  uint64 // what is up to here the person may not see
	// Set is the stored marker where the caller has just read it; else nil.
	Set *SetMarker
}

// Progress is how far a person has got in a stream, and what is left.
type Progress struct {
	// Marker is the one that holds: what the person set, or the base, or its own
	// later post where nothing was unread when it posted.
	Marker
	Head  uint64
	Epoch string
	// Unread counts the living posts by others after the marker that the person
	// may see; see UnreadWithin for those that are far behind.
	Unread uint64
	// Last is the seq of the last living post that the person may see; 0 where
	// there is none among the last UnreadWithin entries.
	Last uint64
}

// What one question about Progress costs is bounded: so many of the last entries
// of each stream are looked at one by one, and beyond those so many in all, of
// the streams first where least is unread. What lies further back is counted
// whoever wrote it and whether or not it lives.
const (
	UnreadWithin = 2000
	UnreadBudget = 200_000
)

// MarkerMove moves a marker: to what is said, but not beyond the head, and never
// back.
type MarkerMove struct {
	ProgressQuery
	Receipt
}

// MarkerMoved is what became of a move.
type MarkerMoved struct {
	Marker      // as it holds now
	Moved  bool // it is not where it was
}

// MarkerStore keeps markers. Errors are KindUnavailable where the store is away.
type MarkerStore interface {
	// MoveMarkers commits all moves in one transaction and answers in their
	// order; of one stream and person there is at most one. One whose stream does
	// not exist fails by a zero Marker.
	MoveMarkers(ctx context.Context, moves []MarkerMove, now time.Time) ([]MarkerMoved, error)
	// Progress answers in the order of the questions, each about another stream or
	// person; of a stream that does not exist by the zero value. Its cost: some
	// look-ups per question, and up to what UnreadWithin says where something is
	// unread.
	Progress(ctx context.Context, of []ProgressQuery) ([]Progress, error)
	// PostsAt reads one post of each of several streams, in no order; what is not
	// there is left out. Seqs[i] is of streams[i].
	PostsAt(ctx context.Context, streams []StreamKey, seqs []uint64) ([]Post, error)
	// SpaceMarks reads what a person said of spaces that it is shown in a list, by
	// their keys, where it said anything, as it holds at that time: a look-up for each.
	SpaceMarks(ctx context.Context, person PersonKey, spaces []*Space, now time.Time) (map[SpaceKey]SpaceMark, error)
	// LeftSince lists spaces that the person belonged to at some moment after a
	// version of the journal of rights and before one of its rights changed, some
	// of them twice. whole is false where there are more than limit, or they are
	// not known any more, or the store has not come to that version.
	LeftSince(ctx context.Context, person PersonKey, version int64, limit int) (spaces []SpaceKey, whole bool, err error)
}
