package storage

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rambla/social"
)

// The schema is a numbered list of SQL files per engine, run forward only and
// never edited after a release. Files that only this program runs, in two
// dialects and one direction, need a hundred lines; a library for it would bring
// database/sql to PostgreSQL and a tree of modules of its own.
//
//go:embed migrations
var migrationFiles embed.FS

// ErrSchema is in the error of Open where the schema does not fit the program.
var ErrSchema = errors.New("the schema of the database does not fit this program")

// migration is one file.
type migration struct {
	version int
	name    string // of the file, without .sql
	text    string
}

// SchemaStatus is how far a store's schema is.
type SchemaStatus struct {
	Version int      // 0: nothing is there yet
	Newest  int      // what this program wants
	Pending []string // names of the migrations to come, in order
	// Unfinished is what was begun with the whole store and did not come to its end.
	Unfinished string
}

// Status reads how far the schema of the store is and changes nothing.
func Status(ctx context.Context, cfg Config) (SchemaStatus, error) {
	return onSchema(ctx, cfg, func(s schema) (SchemaStatus, error) { return s.status(ctx) })
}

// Migrate brings the schema up to date and returns what it was before. Of
// several that start at once, one does it and the others wait. KindInvalid
// with [ErrSchema] where it is newer than this program.
func Migrate(ctx context.Context, cfg Config) (SchemaStatus, error) {
	return onSchema(ctx, cfg, func(s schema) (SchemaStatus, error) {
		before, err := s.up(ctx)
		for _, name := range before.Pending {
			if err == nil && cfg.Logger != nil {
				cfg.Logger.InfoContext(ctx, "schema migrated", "migration", name)
			}
		}
		return before, err
	})
}

// prepareSchema is what Open does before it opens.
func prepareSchema(ctx context.Context, cfg Config) error {
	if cfg.Migrate && !cfg.ReadOnly {
		_, err := Migrate(ctx, cfg)
		return err
	}
	s, err := Status(ctx, cfg)
	if err == nil && len(s.Pending) > 0 {
		err = &social.Error{
			Kind: social.KindInvalid, Err: ErrSchema,
			Safe: fmt.Sprintf("The database's schema is at version %d and this program wants %d; run rambla migrate up.", s.Version, s.Newest),
		}
	}
	return err
}

// schema is a store's schema, held by one connection.
type schema interface {
	status(ctx context.Context) (SchemaStatus, error)
	// up runs what is pending and returns the status from before.
	up(ctx context.Context) (SchemaStatus, error)
	// mark keeps everybody away until what was begun has ended, which is told by "".
	mark(ctx context.Context, what string) error
	close() error
}

// whole is part of a schema: whether it is open for who completes it.
type whole struct{ completing bool }

func (w whole) ignore(begun string) string {
	if w.completing {
		return ""
	}
	return begun
}

func onSchema(ctx context.Context, cfg Config, f func(schema) (SchemaStatus, error)) (SchemaStatus, error) {
	if err := cfg.validate(); err != nil {
		return SchemaStatus{}, err
	}
	if err := cfg.installed(); err != nil {
		return SchemaStatus{}, err
	}
	var (
		s   schema
		err error
	)
	if cfg.embedded() {
		s, err = openLiteSchema(cfg)
	} else {
		s, err = openPGSchema(ctx, cfg)
	}
	if err != nil {
		return SchemaStatus{}, failure(err)
	}
	status, err := f(s)
	return status, failure(errors.Join(err, s.close()))
}

// migrations reads the files of one engine in their order.
func migrations(engine string) ([]migration, error) {
	files, err := fs.Glob(migrationFiles, "migrations/"+engine+"/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var out []migration
	for i, file := range files { // Glob sorts
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		number, _, _ := strings.Cut(name, "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, &brokenRuleError{"migration " + file + " is not number " + strconv.Itoa(i+1)}
		}
		text, err := migrationFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		out = append(out, migration{i + 1, name, string(text)})
	}
	return out, nil
}

// unfinished stands for a version that no program has: in the list of migrations
// it keeps every program, older ones too, away from a store into which something
// is being written as a whole. The name beside it says what.
const unfinished = 1_000_000_000

// statusAt says what is left to do from a version on; begun is what was not
// brought to its end, "" for nothing.
func statusAt(version int, begun string, all []migration) (SchemaStatus, error) {
	s := SchemaStatus{Version: version, Newest: len(all), Unfinished: begun}
	if begun != "" {
		return s, &social.Error{
			Kind: social.KindInvalid, Err: ErrSchema,
			Safe: "The database is not complete: " + begun + " did not come to its end, or has not yet. Run that again; nothing else may use the database.",
		}
	}
	if version > len(all) {
		return s, &social.Error{
			Kind: social.KindInvalid, Err: ErrSchema,
			Safe: fmt.Sprintf("The database's schema is at version %d, newer than the %d of this program; run the newer program, or restore a backup from before.", version, len(all)),
		}
	}
	for _, m := range all[version:] {
		s.Pending = append(s.Pending, m.name)
	}
	return s, nil
}

const (
	createMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)`
	insertMigration = `INSERT INTO schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)`
	schemaVersion   = `SELECT COALESCE(MAX(CASE WHEN version < 1000000000 THEN version END), 0),
		COALESCE(MAX(CASE WHEN version = 1000000000 THEN name END), '') FROM schema_migrations`
	deleteMigration = `DELETE FROM schema_migrations WHERE version = $1`
)

// migrationLock is the key of the advisory lock; any number that no other
// program on the same database uses ("rambla" in ASCII).
const migrationLock = 0x72616d626c61

// pgSchema works on a connection outside of any pool: the lock belongs to the
// session and goes with it, also when the process dies.
type pgSchema struct {
	conn *pgx.Conn
	all  []migration
	whole
}

func openPGSchema(ctx context.Context, cfg Config) (schema, error) {
	all, err := migrations("postgres")
	if err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig(cfg.URL) // which, unlike pgx, knows the pool's parameters
	if err != nil {
		return nil, badURL()
	}
	cc := pc.ConnConfig
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 5 * time.Second
	}
	c, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &pgSchema{c, all, whole{cfg.completing}}, nil
}

// badURL does not repeat the URL, nor the parser's error: both hold the password.
func badURL() error {
	return social.Invalid("database.url", "is not of the form postgres://user:password@host:port/database")
}

func (s *pgSchema) status(ctx context.Context) (SchemaStatus, error) {
	var (
		version int
		begun   string
	)
	err := s.conn.QueryRow(ctx, schemaVersion).Scan(&version, &begun)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42P01" { // undefined table
		err = nil
	}
	if err != nil {
		return SchemaStatus{}, fmt.Errorf("read the schema's version: %w", err)
	}
	return statusAt(version, s.ignore(begun), s.all)
}

func (s *pgSchema) mark(ctx context.Context, what string) error {
	_, err := s.conn.Exec(ctx, deleteMigration, unfinished)
	if err == nil && what != "" {
		_, err = s.conn.Exec(ctx, insertMigration, unfinished, what, time.Now().UnixMicro())
	}
	return err
}

func (s *pgSchema) up(ctx context.Context) (SchemaStatus, error) {
	if _, err := s.conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(migrationLock)); err != nil {
		return SchemaStatus{}, fmt.Errorf("wait for the lock on migrations: %w", err)
	}
	before, err := s.status(ctx)
	if err != nil || len(before.Pending) == 0 {
		return before, err
	}
	if _, err := s.conn.Exec(ctx, createMigrations); err != nil {
		return before, fmt.Errorf("create schema_migrations: %w", err)
	}
	for _, m := range s.all[before.Version:] {
		err := pgx.BeginFunc(ctx, s.conn, func(t pgx.Tx) error {
			// The simple protocol takes a whole file at once.
			if _, err := t.Conn().PgConn().Exec(ctx, m.text).ReadAll(); err != nil {
				return err
			}
			_, err := t.Exec(ctx, insertMigration, m.version, m.name, time.Now().UnixMicro())
			return err
		})
		if err != nil {
			return before, fmt.Errorf("run migration %s: %w", m.name, err)
		}
	}
	return before, nil
}

func (s *pgSchema) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.conn.Close(ctx)
}

// liteSchema works on a connection that writes; where there is no file yet, db
// is nil and only up makes one.
type liteSchema struct {
	db   *sql.DB
	dir  string
	all  []migration
	path string
	whole
}

func openLiteSchema(cfg Config) (schema, error) {
	all, err := migrations("sqlite")
	if err != nil {
		return nil, err
	}
	s := &liteSchema{dir: cfg.Dir, all: all, path: filepath.Join(cfg.Dir, sqliteFile), whole: whole{cfg.completing}}
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	s.db, err = sql.Open("sqlite", liteDSN(s.path, "rw"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", s.path, err)
	}
	s.db.SetMaxOpenConns(1)
	return s, nil
}

func (s *liteSchema) status(ctx context.Context) (SchemaStatus, error) {
	if s.db == nil {
		return statusAt(0, "", s.all)
	}
	return s.statusIn(context.WithoutCancel(ctx), s.db)
}

// rowQuerier is a database or a transaction.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, sql string, args ...any) *sql.Row
}

func (s *liteSchema) statusIn(ctx context.Context, q rowQuerier) (SchemaStatus, error) {
	var (
		version int
		begun   string
	)
	err := q.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema WHERE name = 'schema_migrations'`).Scan(&version)
	if err == nil && version > 0 {
		err = q.QueryRowContext(ctx, schemaVersion).Scan(&version, &begun)
	}
	if err != nil {
		return SchemaStatus{}, fmt.Errorf("read the schema's version: %w", err)
	}
	return statusAt(version, s.ignore(begun), s.all)
}

func (s *liteSchema) mark(ctx context.Context, what string) error {
	ctx = context.WithoutCancel(ctx) // see lite
	if s.db == nil {
		return &brokenRuleError{"no store to mark"}
	}
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback() }() // a no-op after the commit
	if _, err := t.ExecContext(ctx, deleteMigration, unfinished); err != nil {
		return err
	}
	if what != "" {
		if _, err := t.ExecContext(ctx, insertMigration, unfinished, what, time.Now().UnixMicro()); err != nil {
			return err
		}
	}
	return t.Commit()
}

// othersWait is how long is waited for others who open or close the same file.
const othersWait = 10 * time.Second

// begin opens the file and waits for the lock. While somebody else switches a new file
// to WAL, or is the last one to close it, SQLite says that it is busy without waiting
// (https://www.sqlite.org/wal.html, section 9).
func (s *liteSchema) begin(ctx context.Context) (*sql.Tx, error) {
	wait := time.NewTicker(20 * time.Millisecond)
	defer wait.Stop()
	for deadline := time.Now().Add(othersWait); ; <-wait.C {
		t, err := s.db.BeginTx(ctx, nil)
		if err == nil || !fileBusy(err) || time.Now().After(deadline) {
			return t, err
		}
	}
}

// up runs everything in one transaction, which is also the lock.
func (s *liteSchema) up(ctx context.Context) (SchemaStatus, error) {
	ctx = context.WithoutCancel(ctx) // see lite
	if s.db == nil {
		if err := makeDir(s.dir); err != nil {
			return SchemaStatus{}, err
		}
		var err error
		if err = makeFile(s.path); err != nil {
			return SchemaStatus{}, err
		}
		if s.db, err = openWriter(s.path); err != nil {
			return SchemaStatus{}, err
		}
	}
	t, err := s.begin(ctx)
	if err != nil {
		return SchemaStatus{}, fmt.Errorf("wait for the lock on migrations: %w", err)
	}
	defer func() { _ = t.Rollback() }() // a no-op after the commit
	before, err := s.statusIn(ctx, t)
	if err != nil || len(before.Pending) == 0 {
		return before, err
	}
	if _, err := t.ExecContext(ctx, createMigrations); err != nil {
		return before, fmt.Errorf("create schema_migrations: %w", err)
	}
	for _, m := range s.all[before.Version:] {
		if _, err := t.ExecContext(ctx, m.text); err != nil {
			return before, fmt.Errorf("run migration %s: %w", m.name, err)
		}
		if _, err := t.ExecContext(ctx, insertMigration, m.version, m.name, time.Now().UnixMicro()); err != nil {
			return before, fmt.Errorf("record migration %s: %w", m.name, err)
		}
	}
	return before, t.Commit()
}

func (s *liteSchema) close() error {
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}
