package storage

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// transactionLimit ends a transaction that a hanging network or a lock
	// nobody releases would keep open; its outcome is then unknown.
	transactionLimit = 15 * time.Second
	// raceLimit is how often a transaction that loses a race is run: a few times at
	// once, then after pauses that grow, as many may race for few rows.
	raceLimit  = 30
	raceAtOnce = 5
	// pgName is what connections of a server are called, unless the URL says otherwise.
	pgName = "rambla"
)

// sessionSettings are those of every connection.
//
// A node that dies between the two round trips of an append must not keep its
// streams locked until TCP notices. And every statement has an index: one that
// was planned while its table was small must not go on reading all of it when
// it has grown. For the same reason what is asked for in the order of an index comes
// by it: while the statistics are behind, as in the first minute of a store that is
// filled, a bitmap of what is taken for six rows and is a million would be read and
// sorted for each page. Whoever needs bitmaps switches them on for a transaction.
//
// A statement here takes less time than compiling it would, and what looks
// expensive to the planner without sequential scans is compiled.
const sessionSettings = `SET idle_in_transaction_session_timeout = '20s'; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off`

// postgres is the engine for PostgreSQL.
type postgres struct {
	pool    *pgxpool.Pool
	log     *slog.Logger
	metrics *metrics
	spare   columnSets
	// Posts indexed by this process, and how many they were when estimate last did
	// something.
	indexed, estimated atomic.Int64
}

func openPostgres(ctx context.Context, cfg Config, m *metrics) (*postgres, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, badURL()
	}
	if !strings.Contains(cfg.URL, "pool_max_conns") {
		pc.MaxConns = int32(max(16, 4*runtime.NumCPU())) //nolint:gosec // a number of processors
	}
	params := pc.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = pgName
	}
	pc.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sessionSettings)
		if err == nil && cfg.ReadOnly {
			_, err = c.Exec(ctx, `SET default_transaction_read_only = on`)
		}
		return err
	}
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, failure(fmt.Errorf("open the pool: %w", err))
	}
	return &postgres{pool: pool, log: cfg.Logger, metrics: m, spare: newColumnSets()}, nil
}

func (e *postgres) reader() conn { return pgConn{e.pool} }

func (e *postgres) snapshot(ctx context.Context, f func(conn) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, e.pool, options, func(t pgx.Tx) error {
		// Whoever needs a snapshot reads whole tables.
		if _, err := t.Exec(ctx, `SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on`); err != nil {
			return err
		}
		return f(pgConn{t})
	})
}

// bitmaps runs f on a connection where an index may be read as a bitmap, which is the
// only way to read one of words.
func (e *postgres) bitmaps(ctx context.Context, f func(conn) error) error {
	return pgx.BeginTxFunc(ctx, e.pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		if _, err := t.Exec(ctx, `SET LOCAL enable_bitmapscan = on`); err != nil {
			return err
		}
		return f(pgConn{t})
	})
}

func (e *postgres) transact(ctx context.Context, f func(context.Context, *tx) error) error {
	return e.racing(ctx, func(ctx context.Context, c *pgxpool.Conn) error {
		return pgx.BeginFunc(ctx, c, func(t pgx.Tx) error {
			return f(ctx, pgTx(t))
		})
	})
}

func pgTx(t pgx.Tx) *tx {
	return &tx{
		conn: pgConn{t}, forUpdate: " FOR NO KEY UPDATE", forShare: " FOR SHARE",
		forDelete: " FOR UPDATE", skipLocked: " FOR UPDATE SKIP LOCKED",
		many: func(ctx context.Context, sql string, values [][]any) error { return pgMany(ctx, t, sql, values) },
	}
}

// pgMany sends all at once.
func pgMany(ctx context.Context, t pgx.Tx, sql string, values [][]any) error {
	var b pgx.Batch
	for _, args := range values {
		if err := storable(args); err != nil {
			return err
		}
		b.Queue(sql, args...)
	}
	return t.SendBatch(ctx, &b).Close()
}

// racing runs f on a connection of the pool, again where it lost a race. The
// wait for the connection ends with ctx; what runs on it does not.
func (e *postgres) racing(ctx context.Context, f func(context.Context, *pgxpool.Conn) error) error {
	c, err := e.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer c.Release()
	ctx, cancel := outlive(ctx)
	defer cancel()
	for try := 1; ; try++ {
		if err = f(ctx, c); err == nil || !lostRace(err) || try == raceLimit {
			break
		}
		e.metrics.races.Inc()
		if deadlock(err) {
			e.log.WarnContext(ctx, "the database broke up a deadlock, which the order of locks should make impossible", "err", err)
		}
		if try > raceAtOnce {
			select {
			case <-time.After(rand.N(time.Duration(try) * time.Millisecond)): //nolint:gosec // no secret
			case <-ctx.Done():
			}
		}
	}
	if diskFull(err) {
		e.log.ErrorContext(ctx, "the database has no room left on its disk; nothing can be stored until there is", "err", err)
	}
	return err
}

func (e *postgres) stats(s *Stats) {
	p := e.pool.Stat()
	s.PoolInUse, s.PoolSize = int(p.AcquiredConns()), int(p.MaxConns())
	s.PoolWaits, s.PoolWaited = p.EmptyAcquireCount(), p.EmptyAcquireWaitTime()
}

// overwrite has nothing to do: dead rows are overwritten after a VACUUM, which the
// database does by itself and which no transaction may wait for.
func (e *postgres) overwrite(context.Context) error { return nil }

func (e *postgres) ping(ctx context.Context) error { return e.pool.Ping(ctx) }

func (e *postgres) close() error {
	e.pool.Close()
	return nil
}

// pgConn is conn on a pool, a connection or a transaction of pgx.
type pgConn struct {
	q interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
		Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	}
}

func (c pgConn) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if err := storable(args); err != nil {
		return 0, err
	}
	tag, err := c.q.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (c pgConn) query(ctx context.Context, sql string, args ...any) (rows, error) {
	if err := storable(args); err != nil {
		return nil, err
	}
	return c.q.Query(ctx, sql, args...) //nolint:sqlclosecheck // each, the only caller, does
}
