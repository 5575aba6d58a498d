package social

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// Internal keys are numbers of the store. They are never reused and never
// leave the server; names and ids do.
type (
	PersonKey int64
	SpaceKey  int64
	StreamKey int64
	GrantKey  int64 // what a credential proves: a login, a token; 0 = the account's password itself
)

// ID is a UUIDv7 (RFC 9562 section 5.7): the public name of a post.
type ID [16]byte

// IDs makes ids. The zero value is ready; it is safe for concurrent use.
type IDs struct{ last atomic.Uint64 }

// New makes an id whose order follows the calls on g, also within a
// millisecond (RFC 9562 section 6.2, method 1: a 12-bit counter).
func (g *IDs) New(now time.Time) ID {
	var id ID
	_, _ = rand.Read(id[8:]) // never fails since Go 1.24
	for {
		last := g.last.Load()
		next := max(uint64(now.UnixMilli())<<12, last+1)
		if g.last.CompareAndSwap(last, next) {
			binary.BigEndian.PutUint64(id[:8], (next>>12)<<16|next&0xfff)
			break
		}
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String is the lower-case form with dashes.
func (id ID) String() string { return string(id.Append(make([]byte, 0, 36))) }

// Append appends the String form to dst.
func (id ID) Append(dst []byte) []byte {
	dst = hex.AppendEncode(dst, id[0:4])
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:16]} {
		dst = append(dst, '-')
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}

// IsZero tells whether id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads the String form; ok is false for anything else.
func ParseID(s string) (id ID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, false
	}
	var digits [32]byte
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			digits[n] = c
			n++
		default:
			return ID{}, false
		}
	}
	_, err := hex.Decode(id[:], digits[:])
	return id, err == nil
}
