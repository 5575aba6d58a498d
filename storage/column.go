package storage

import (
	"encoding/binary"
	"sync"

	"github.com/jackc/pgx/v5/pgtype"

	"rambla/social"
)

// column is one column of a batch on its way to PostgreSQL: an array parameter
// in the binary format of the protocol, built in place. pgx would encode a slice
// too, at a dozen calls and an allocation per value.
type column struct {
	buf   []byte
	oid   uint32
	n     uint32
	nulls uint32
}

// arrayHeader is the size of what stands before the values: dimensions, "has
// NULLs", type, length, lower bound; four bytes each.
const arrayHeader = 20

func (c *column) reset(oid uint32) {
	c.oid, c.n, c.nulls = oid, 0, 0
	c.buf = append(c.buf[:0], make([]byte, arrayHeader)...)
}

// param is the finished parameter, valid until the next reset.
func (c *column) param() []byte {
	h := c.buf
	binary.BigEndian.PutUint32(h[0:], 1)
	binary.BigEndian.PutUint32(h[4:], c.nulls)
	binary.BigEndian.PutUint32(h[8:], c.oid)
	binary.BigEndian.PutUint32(h[12:], c.n)
	binary.BigEndian.PutUint32(h[16:], 1)
	return c.buf
}

func (c *column) null() {
	c.n++
	c.nulls = 1
	c.buf = append(c.buf, 0xff, 0xff, 0xff, 0xff)
}

func (c *column) size(n int) {
	c.n++
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(n)) //nolint:gosec // the schema's limits are far below
}

func (c *column) int64(v int64) {
	c.size(8)
	c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(v)) //nolint:gosec // the same bits
}

func (c *column) int64OrNull(v int64) {
	if v == 0 {
		c.null()
		return
	}
	c.int64(v)
}

func (c *column) int16(v uint16) {
	c.size(2)
	c.buf = binary.BigEndian.AppendUint16(c.buf, v)
}

func (c *column) int32(v uint32) {
	c.size(4)
	c.buf = binary.BigEndian.AppendUint32(c.buf, v)
}

func (c *column) bool(v bool) {
	c.size(1)
	b := byte(0)
	if v {
		b = 1
	}
	c.buf = append(c.buf, b)
}

func (c *column) text(s string) {
	c.size(len(s))
	c.buf = append(c.buf, s...)
}

func (c *column) textOrNull(s string) {
	if s == "" {
		c.null()
		return
	}
	c.text(s)
}

func (c *column) bytes(b []byte) {
	c.size(len(b))
	c.buf = append(c.buf, b...)
}

func (c *column) bytesOrNull(b []byte) {
	if b == nil {
		c.null()
		return
	}
	c.bytes(b)
}

func (c *column) id(id social.ID) { c.bytes(id[:]) }

func (c *column) idOrNull(id social.ID) {
	if id.IsZero() {
		c.null()
		return
	}
	c.id(id)
}

// columns are the arrays of one statement.
type columns struct {
	cols   []column
	params [][]byte
}

// reset makes one empty column per type.
func (s *columns) reset(oids ...uint32) {
	for len(s.cols) < len(oids) {
		s.cols = append(s.cols, column{})
	}
	s.cols = s.cols[:len(oids)]
	for i, oid := range oids {
		s.cols[i].reset(oid)
	}
}

func (s *columns) all() [][]byte {
	s.params = s.params[:0]
	for i := range s.cols {
		s.params = append(s.params, s.cols[i].param())
	}
	return s.params
}

// columnSet is what one append needs; it is used again, because its buffers grow
// to the size of a batch.
type columnSet struct {
	streams, keys, objects  columns
	posts, readers, samples columns
	expired, newKeys, edits columns
	changed, removed, heads columns
	topics, retained        columns
	packets, inbound        columns
	targets, likeRefs       columns
	gone, come              columns
	grown, shrunk           columns
	lost, flagged           columns
	files, dropped          columns
}

// columnSets keeps them between appends.
type columnSets struct{ pool *sync.Pool }

func newColumnSets() columnSets {
	return columnSets{&sync.Pool{New: func() any { return new(columnSet) }}}
}

func (s columnSets) get() *columnSet { return s.pool.Get().(*columnSet) } //nolint:forcetypeassert,errcheck // New makes nothing else

// put keeps the set, unless a batch of giants has made it one itself.
func (s columnSets) put(c *columnSet) {
	const limit = 4 << 20
	for i := range c.posts.cols {
		if cap(c.posts.cols[i].buf) > limit {
			return
		}
	}
	for i := range c.samples.cols {
		if cap(c.samples.cols[i].buf) > limit {
			return
		}
	}
	for i := range c.retained.cols {
		if cap(c.retained.cols[i].buf) > limit {
			return
		}
	}
	s.pool.Put(c)
}

const (
	oidBool  = pgtype.BoolOID
	oidBytes = pgtype.ByteaOID
	oidInt16 = pgtype.Int2OID
	oidInt32 = pgtype.Int4OID
	oidInt64 = pgtype.Int8OID
	oidText  = pgtype.TextOID
	oidID    = pgtype.UUIDOID
)
