package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// Config says where the store is.
type Config struct {
	// URL of a PostgreSQL database (postgres://…, 15 or later). Empty: the
	// embedded store in Dir. A pool_max_conns in it bounds the pool. A proxy
	// between has to keep sessions: locks and prepared statements live in them.
	URL string
	// Dir holds the embedded store, the file rambla.db; it is made where it is missing.
	Dir string
	// Migrate brings the schema up to date. Without it, Open refuses a schema
	// that is older than the program.
	Migrate bool
	// ReadOnly opens for reading only: every write fails, and Migrate is ignored.
	ReadOnly bool
	// Logger gets what operators act on; nil discards it.
	Logger *slog.Logger
	// Metrics gets the store's figures; nil keeps them to [DB.Stats].
	Metrics prometheus.Registerer
	// Data bounds what a stream of data holds.
	Data social.DataLimits
	// AuditLife is how long the audit log keeps what was administered; 0: 400 days.
	AuditLife time.Duration

	completing bool // opened by what was marked unfinished
}

// DB is an open store. It is safe for concurrent use.
type DB struct {
	eng     engine
	log     *slog.Logger
	metrics *metrics
	limits  social.DataLimits
	times   *streamTimes
	sweep   pushSweep

	auditLife time.Duration
}

// What social asks of a store. What auth asks is checked where both meet.
var (
	_ social.DirectoryStore = (*DB)(nil)
	_ social.PeopleStore    = (*DB)(nil)
	_ social.SpaceStore     = (*DB)(nil)
	_ social.Log            = (*DB)(nil)
	_ social.MarkerStore    = (*DB)(nil)
	_ social.SessionStore   = (*DB)(nil)
	_ social.SampleStore    = (*DB)(nil)

	_ social.ConversationStore = (*DB)(nil)
	_ social.BlockStore        = (*DB)(nil)
	_ social.FeedStore         = (*DB)(nil)
	_ social.AttentionStore    = (*DB)(nil)
	_ social.PushStore         = (*DB)(nil)
	_ social.SearchStore       = (*DB)(nil)
	_ social.SearchIndexStore  = (*DB)(nil)
	_ social.AuditStore        = (*DB)(nil)
)

// engine is what differs between PostgreSQL and SQLite.
type engine interface {
	// reader runs single statements that only read.
	reader() conn
	// snapshot runs f on one unchanging state of the store.
	snapshot(ctx context.Context, f func(conn) error) error
	// transact runs f in one transaction, under a context of its own; f may run
	// again after a lost race.
	transact(ctx context.Context, f func(context.Context, *tx) error) error
	// appendBatch commits the batch, all or nothing.
	appendBatch(ctx context.Context, b *batch) error
	// writeSessions is transact with the statements that sessions need.
	writeSessions(ctx context.Context, f func(context.Context, *tx, sessionTx) error) error
	// readCommented reads the posts of streams that were commented on last, before a
	// place in each; lists are those of feedCommentedAll, in its order.
	readCommented(ctx context.Context, reader, author int64, lists [5][]int64, scan func(rows) error) error
	// searchPosts reads a page of what the index finds, and putSearch indexes posts.
	searchPosts(ctx context.Context, db *DB, s *search) (social.FeedPage, error)
	putSearch(ctx context.Context, t *tx, entries []social.SearchEntry) error
	// overwrite leaves nothing in the files of what was deleted, as far as the engine can.
	overwrite(ctx context.Context) error
	// checks are the invariants that only this engine has.
	checks() []check
	mover
	stats(*Stats)
	ping(ctx context.Context) error
	close() error
}

// mover is what a move of a site asks of an engine.
type mover interface {
	catalog
	// clear deletes all rows of the tables.
	clear(ctx context.Context, tables []string) error
	// fill writes rows until next returns nil, which also ends it with an error.
	fill(ctx context.Context, p *plan, next func() ([]any, error)) error
	setSequences(ctx context.Context, last map[string]int64) error
	// analyze has the planner know what is there.
	analyze(ctx context.Context) error
}

// Open connects to the store that cfg names. Errors: KindInvalid for a
// configuration that cannot work or a schema that does not fit the program
// (see [ErrSchema]), KindUnavailable where the database cannot be reached.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register the store's metrics: %w", err)
	}
	if err := prepareSchema(ctx, cfg); err != nil {
		return nil, err
	}
	db := &DB{log: cfg.Logger, metrics: m, limits: cfg.Data.Or(), times: newStreamTimes(), auditLife: cmp.Or(cfg.AuditLife, defaultAuditLife)}
	if cfg.embedded() {
		db.eng, err = openSQLite(ctx, cfg, m)
	} else {
		db.eng, err = openPostgres(ctx, cfg, m)
	}
	if err != nil {
		return nil, err
	}
	if err := m.watch(db); err != nil {
		return nil, errors.Join(fmt.Errorf("register the store's metrics: %w", err), db.eng.close())
	}
	return db, nil
}

func (c Config) embedded() bool { return c.URL == "" }

func (c Config) validate() error {
	switch {
	case c.URL == "" && c.Dir == "":
		return social.Invalid("data", "the embedded store needs a directory")
	case c.URL != "" && !strings.HasPrefix(c.URL, "postgres://") && !strings.HasPrefix(c.URL, "postgresql://"):
		return social.Invalid("database.url", "begins with postgres://; leave it empty for the embedded store")
	}
	return nil
}

// Close ends all connections and waits for what runs on them. Calls that come
// later fail.
func (db *DB) Close() error {
	db.metrics.unwatch()
	return db.eng.close()
}

// Ping asks the database for an answer: KindUnavailable where there is none.
func (db *DB) Ping(ctx context.Context) error { return failure(db.eng.ping(ctx)) }
