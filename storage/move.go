package storage

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"

	"rambla/social"
)

// moveBatch is how many rows are written at a time where there is no stream of
// them, and how often a move looks whether it is to end.
const moveBatch = 1000

// ErrNotEmpty is in the error of Move where the target holds something.
var ErrNotEmpty = errors.New("the target of the move is not empty")

const moving = "the move of a site into it (rambla migrate --to)"

// MoveTarget is where a site goes.
type MoveTarget struct {
	Config
	// Again empties a target in which an earlier move did not come to its end.
	Again bool
	// Told is called after each table.
	Told func(table string, rows int64)
	// Act is what the target's audit log is told; nothing where it has no verb.
	Act social.Act
}

// Move copies a site from one store into another, empty one, of whichever engine:
// every row with its keys, so that seqs, epochs, sessions and tokens go on. It reads
// one state of the source, in constant memory; nobody should use the source
// meanwhile, for what comes later is not moved. In the end both sides are compared,
// row by row, and the target is verified. Until then, all others refuse it.
//
// KindInvalid with [ErrSchema] where the source's schema is not this program's or
// the target is incomplete, KindConflict with [ErrNotEmpty] or [ErrInUse].
func Move(ctx context.Context, from Config, to MoveTarget) error {
	if err := from.alone(ctx); err != nil {
		return err
	}
	from.ReadOnly, from.Migrate = true, false
	source, err := Open(ctx, from)
	if err != nil {
		return fmt.Errorf("open the source: %w", err)
	}
	target, err := to.prepare(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("prepare the target: %w", err), source.Close())
	}
	err = source.eng.snapshot(ctx, func(c conn) error {
		m := move{from: c, to: target, seed: maphash.MakeSeed(), told: to.Told}
		return m.run(ctx, source.eng)
	})
	if err == nil {
		err = target.tell(ctx, to.Act)
	}
	if err == nil {
		err = target.sound(ctx)
	}
	if err = errors.Join(err, target.Close(), source.Close()); err != nil {
		return failure(fmt.Errorf("move the site: %w", err))
	}
	return to.open().mark(ctx, "")
}

// open is the target for who completes it.
func (t MoveTarget) open() Config {
	c := t.Config
	c.Migrate, c.ReadOnly, c.completing = true, false, true
	return c
}

// prepare makes the target's schema and opens it, if nothing is in it that matters.
func (t MoveTarget) prepare(ctx context.Context) (*DB, error) {
	if err := t.alone(ctx); err != nil {
		return nil, err
	}
	st, err := Status(ctx, t.Config)
	again := t.Again && st.Unfinished == moving
	if err != nil && !again {
		return nil, err
	}
	c := t.open()
	if _, err := Migrate(ctx, c); err != nil {
		return nil, err
	}
	if !again {
		if err := c.empty(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.mark(ctx, moving); err != nil {
		return nil, err
	}
	return Open(ctx, c)
}

// empty refuses a store that somebody uses: one without people has nothing.
func (c Config) empty(ctx context.Context) error {
	db, err := Open(ctx, c)
	if err != nil {
		return err
	}
	var people, spaces int64
	err = one(ctx, db.eng.reader(), into(&people, &spaces), `SELECT (SELECT COUNT(*) FROM people), (SELECT COUNT(*) FROM spaces)`)
	if err = errors.Join(err, db.Close()); err != nil {
		return failure(err)
	}
	if people+spaces > 0 {
		return &social.Error{
			Kind: social.KindConflict, Err: ErrNotEmpty,
			Safe: fmt.Sprintf("The target holds a site already, of %d people; a move needs an empty one.", people),
		}
	}
	return nil
}

// move is one being made.
type move struct {
	from conn
	to   *DB
	seed maphash.Seed
	told func(string, int64)
}

func (m *move) run(ctx context.Context, source engine) error {
	for _, c := range []catalog{source, m.to.eng} {
		if err := checkTables(ctx, c); err != nil {
			return err
		}
	}
	if err := m.to.eng.clear(ctx, movedTables); err != nil {
		return fmt.Errorf("empty the target: %w", err)
	}
	plans := make([]*plan, len(movedTables))
	sums := make([]tableSum, len(movedTables))
	for i, table := range movedTables {
		p, err := planTable(ctx, table, source, m.to.eng)
		if err != nil {
			return err
		}
		if sums[i], err = m.copy(ctx, p); err != nil {
			return fmt.Errorf("copy %s: %w", table, err)
		}
		plans[i] = p
		if m.told != nil {
			m.told(table, sums[i].rows)
		}
	}
	if err := m.parents(ctx); err != nil {
		return fmt.Errorf("hang contexts below others: %w", err)
	}
	last, err := source.sequences(ctx)
	if err == nil {
		err = m.to.eng.setSequences(ctx, last)
	}
	if err != nil {
		return fmt.Errorf("move sequences: %w", err)
	}
	return m.compare(ctx, plans, sums)
}

// copy streams a table into the target, and sums up what went by.
func (m *move) copy(ctx context.Context, p *plan) (sum tableSum, err error) {
	rs, err := m.from.query(ctx, p.read())
	if err != nil {
		return sum, err
	}
	defer rs.Close()
	sum.seed = m.seed
	parent := -1
	for i, c := range p.columns {
		if p.table == "spaces" && c.name == "parent" {
			parent = i
		}
	}
	err = m.to.eng.fill(ctx, p, func() ([]any, error) {
		if !rs.Next() {
			return nil, rs.Err()
		}
		values, err := p.scan(rs)
		if err != nil {
			return nil, err
		}
		sum.add(values)
		if parent >= 0 {
			values[parent] = nil // it may come later; see parents
		}
		return values, ctx.Err()
	})
	return sum, err
}

// parents fills in what refers to rows of the same table.
func (m *move) parents(ctx context.Context) error {
	var values [][]any
	write := func() error {
		err := m.to.eng.transact(ctx, func(ctx context.Context, t *tx) error {
			return t.many(ctx, `UPDATE spaces SET parent = $2 WHERE id = $1`, values)
		})
		values = nil
		return err
	}
	err := each(ctx, m.from, func(rs rows) error {
		var id, parent int64
		if err := rs.Scan(&id, &parent); err != nil {
			return err
		}
		if values = append(values, []any{id, parent}); len(values) < moveBatch {
			return nil
		}
		return write()
	}, `SELECT id, parent FROM spaces WHERE parent IS NOT NULL`)
	if err != nil || len(values) == 0 {
		return err
	}
	return write()
}

// compare reads the target back.
func (m *move) compare(ctx context.Context, plans []*plan, sums []tableSum) error {
	return m.to.eng.snapshot(ctx, func(c conn) error {
		for i, p := range plans {
			got := tableSum{seed: m.seed}
			err := each(ctx, c, func(rs rows) error {
				values, err := p.scan(rs)
				if err == nil {
					got.add(values)
				}
				return err
			}, p.read())
			if err != nil {
				return fmt.Errorf("read %s back: %w", p.table, err)
			}
			if got != sums[i] {
				return &brokenRuleError{fmt.Sprintf("%s differs: %d rows were read and %d are there", p.table, sums[i].rows, got.rows)}
			}
		}
		return nil
	})
}

// sound verifies a store that was written as a whole, and has its planner know it.
func (db *DB) sound(ctx context.Context) error {
	if err := db.eng.analyze(ctx); err != nil {
		return err
	}
	found, err := db.Verify(ctx)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return &brokenRuleError{fmt.Sprintf("%d rules are broken, first: %s; run rambla doctor at the source", len(found), found[0])}
	}
	return nil
}

// tableSum is the same for the same rows in any order.
type tableSum struct {
	seed maphash.Seed
	rows int64
	sum  uint64
}

func (s *tableSum) add(values []any) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			_ = h.WriteByte(0) // a hash takes everything
		case int64:
			_ = h.WriteByte(1)
			maphash.WriteComparable(&h, v)
		case bool:
			_ = h.WriteByte(2)
			maphash.WriteComparable(&h, v)
		case [16]byte:
			_ = h.WriteByte(3)
			_, _ = h.Write(v[:])
		case []byte:
			_ = h.WriteByte(4)
			maphash.WriteComparable(&h, len(v))
			_, _ = h.Write(v)
		case string:
			_ = h.WriteByte(5)
			maphash.WriteComparable(&h, len(v))
			_, _ = h.WriteString(v)
		}
	}
	s.rows++
	s.sum += h.Sum64()
}

// scan reads a row in Go's own types: int64, bool, [16]byte, []byte, string, nil.
func (p *plan) scan(rs rows) ([]any, error) {
	values, dest := make([]any, len(p.columns)), make([]any, len(p.columns))
	for i := range values {
		dest[i] = &values[i]
	}
	if err := rs.Scan(dest...); err != nil {
		return nil, err
	}
	for i, c := range p.columns {
		v, ok := c.kind.value(values[i])
		if !ok {
			return nil, &brokenRuleError{fmt.Sprintf("%s.%s holds a %T", p.table, c.name, values[i])}
		}
		values[i] = v
	}
	return values, nil
}

// value is what a driver has read, as what the column holds.
func (k columnKind) value(v any) (any, bool) {
	if v == nil {
		return nil, true
	}
	switch k {
	case columnNumber:
		return number(v)
	case columnBool:
		if b, ok := v.(bool); ok {
			return b, true
		}
		n, ok := number(v)
		return n != 0, ok && (n == 0 || n == 1)
	case columnID:
		if b, ok := v.([]byte); ok && len(b) == 16 {
			return [16]byte(b), true
		}
		id, ok := v.([16]byte)
		return id, ok
	case columnBytes:
		b, ok := v.([]byte)
		if b == nil {
			b = []byte{} // what a driver makes of no bytes; NULL is told above
		}
		return b, ok
	case columnText:
		s, ok := v.(string)
		return s, ok && checkText("text", s, math.MaxInt) == nil
	default:
		return nil, false
	}
}

func number(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case int16:
		return int64(v), true
	default:
		return 0, false
	}
}
