package social

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// SeekFrom says where a replay of a stream of posts begins: after a seq, or
// before the last few.
type SeekFrom struct {
	Epoch string // of After; empty: the client did not say
	After uint64
	Last  uint64 // where ByLast is set: how many
	// ByLast tells that Last counts and not After.
	ByLast bool
}

// Sought is what a seek found.
type Sought struct {
	After uint64 // the replay begins behind it
	// Complete is false where something after the wanted place is no longer there,
	// where that lies beyond the head, and where the epoch is another.
	Complete bool
	Epoch    string
	Head     uint64 // of the stream
}

// Position is the stream's head as clients write it.
func (s Sought) Position() string { return FormatPosition(s.Epoch, s.Head) }

// FormatPosition is a place in a stream as clients write it.
func FormatPosition(epoch string, seq uint64) string {
	return epoch + ":" + strconv.FormatUint(seq, 10)
}

// ParsePosition reads "n" or "epoch:n". A number that is too large for any
// stream is beyond its head. The error is KindInvalid and names field.
func ParsePosition(field, s string) (epoch string, seq uint64, err error) {
	number := s
	if before, after, found := strings.Cut(s, ":"); found {
		epoch, number = before, after
		if epoch == "" || len(epoch) > 64 {
			return "", 0, Invalid(field, "is no position; write a number, or epoch:number")
		}
	}
	seq, err = parseSeq(number)
	if err != nil {
		return "", 0, Invalid(field, "is no position; write a number, or epoch:number")
	}
	return epoch, seq, nil
}

func parseSeq(s string) (uint64, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" || len(s) > 64 {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) || n > math.MaxInt64 {
		return math.MaxInt64, nil
	}
	return n, err
}

// ParseSeek takes $since/{n}/ and $last/{k}/ off a topic filter; from is nil
// where there is neither. The error is KindInvalid.
func ParseSeek(filter string) (plain string, from *SeekFrom, err error) {
	if rest, ok := strings.CutPrefix(filter, "$since/"); ok {
		number, plain, found := strings.Cut(rest, "/")
		epoch, seq, err := ParsePosition("filter", number)
		if err != nil || !found {
			return "", nil, Invalid("filter", "$since needs a number or epoch:number, and a topic behind it")
		}
		return plain, &SeekFrom{Epoch: epoch, After: seq}, nil
	}
	if rest, ok := strings.CutPrefix(filter, "$last/"); ok {
		number, plain, found := strings.Cut(rest, "/")
		k, err := parseSeq(number)
		if err != nil || !found {
			return "", nil, Invalid("filter", "$last needs a number, and a topic behind it")
		}
		return plain, &SeekFrom{Last: k, ByLast: true}, nil
	}
	return filter, nil, nil
}
