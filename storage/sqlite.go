package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver, under the name "sqlite"
)

// sqliteFile is the name of the embedded store in the data directory.
const sqliteFile = "rambla.db"

// lite is the engine for the embedded store: one connection that writes,
// several that only read, and one that moves the log into the file.
//
// No statement runs under a context that can be cancelled: the driver's answer to
// a cancel is an interrupt, which has left connections unusable.
type lite struct {
	writer *sql.DB       // one connection; its transactions begin IMMEDIATE. nil when read-only
	turn   chan struct{} // full while somebody writes; first come, first served
	pool   *sql.DB       // readers
	path   string
	log    *slog.Logger
	hot    liteStatements // empty when read-only
	warm   liteSessions   // likewise

	checkpointer *checkpointer // nil when read-only
	texts        sync.Map      // statements as written → liteText
}

func openSQLite(ctx context.Context, cfg Config, m *metrics) (*lite, error) {
	e := &lite{path: filepath.Join(cfg.Dir, sqliteFile), turn: make(chan struct{}, 1), log: cfg.Logger}
	if err := e.open(ctx, cfg.ReadOnly); err != nil {
		return nil, failure(errors.Join(err, e.close()))
	}
	if !cfg.ReadOnly {
		e.checkpointer = startCheckpointer(ctx, e.path, cfg.Logger, m)
	}
	return e, nil
}

func (e *lite) open(ctx context.Context, readOnly bool) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if !readOnly {
		if e.writer, err = openWriter(e.path); err != nil {
			return err
		}
		if err := prepareLite(ctx, e.writer, append(e.hot.list(), e.warm.list()...)); err != nil {
			return err
		}
	}
	if e.pool, err = sql.Open("sqlite", liteDSN(e.path, "ro")); err != nil {
		return fmt.Errorf("open readers: %w", err)
	}
	readers := max(4, 2*runtime.NumCPU())
	e.pool.SetMaxOpenConns(readers)
	e.pool.SetMaxIdleConns(readers)
	return e.pool.PingContext(ctx)
}

// openWriter opens the one connection that writes.
func openWriter(path string) (*sql.DB, error) {
	w, err := sql.Open("sqlite", liteDSN(path, "rwc"))
	if err != nil {
		return nil, fmt.Errorf("open the writer: %w", err)
	}
	w.SetMaxOpenConns(1)
	w.SetMaxIdleConns(1)
	return w, nil
}

// liteDSN is how every connection to the file is set up.
func liteDSN(path, mode string) string {
	pragmas := []string{
		// Before all others, which may have to wait for a lock themselves. Another
		// process (the command line) may be writing.
		"busy_timeout(10000)",
	}
	if mode != "ro" {
		pragmas = append(pragmas,
			"journal_mode(WAL)",
			"synchronous(FULL)",     // a commit is on the disk before it is acknowledged
			"wal_autocheckpoint(0)", // the checkpointer's, not the committer's, work
			"journal_size_limit(0)", // a truncated log gives its room back
		)
	}
	pragmas = append(pragmas, "foreign_keys(1)", "secure_delete(1)", "temp_store(MEMORY)", "cache_size(-65536)")
	q := url.Values{"mode": {mode}, "_pragma": pragmas}
	if mode == "ro" {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// makeDir makes the data directory for its owner only: it holds everything that
// people wrote.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

// makeFile makes an empty store with the same care, where the directory was
// there already. SQLite gives the files beside it the same mode.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the store: %w", err)
	}
	return f.Close()
}

func (e *lite) reader() conn { return liteConn{e, e.pool} }

func (e *lite) snapshot(ctx context.Context, f func(conn) error) error {
	c, err := e.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("get a reader: %w", err)
	}
	defer func() { _ = c.Close() }() // back to the pool
	ctx = context.WithoutCancel(ctx)
	t, err := c.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer func() { _ = t.Rollback() }() // nothing was written
	return f(liteConn{e, t})
}

var errReadOnly = errors.New("the store was opened for reading only")

// exclusive runs f in the one transaction that writes. The wait for its turn
// ends with ctx.
func (e *lite) exclusive(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	if e.writer == nil {
		return &brokenRuleError{errReadOnly.Error()}
	}
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the writer: %w", context.Cause(ctx))
	}
	defer func() { <-e.turn }()
	ctx = context.WithoutCancel(ctx)
	t, err := e.writer.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := f(ctx, t); err != nil {
		return errors.Join(err, ignoreDone(t.Rollback()))
	}
	if err := t.Commit(); err != nil {
		// The transaction stays open after a failed COMMIT (disk full, busy).
		return errors.Join(fmt.Errorf("commit: %w", err), e.abandon(ctx))
	}
	return nil
}

// abandon rolls back what a failed COMMIT has left open on the one connection.
func (e *lite) abandon(ctx context.Context) error {
	if _, err := e.writer.ExecContext(ctx, "ROLLBACK"); err != nil {
		// SQLite has rolled back by itself then.
		e.log.DebugContext(ctx, "nothing to roll back after a failed commit", "err", err)
	}
	return nil
}

func (e *lite) transact(ctx context.Context, f func(context.Context, *tx) error) error {
	err := e.exclusive(ctx, func(ctx context.Context, t *sql.Tx) error {
		return f(ctx, e.tx(t))
	})
	e.tellFull(err)
	return err
}

func (e *lite) tx(t *sql.Tx) *tx {
	return &tx{conn: liteConn{e, t}, many: func(ctx context.Context, sql string, values [][]any) error {
		return e.many(ctx, t, sql, values)
	}}
}

// many prepares the statement once.
func (e *lite) many(ctx context.Context, t *sql.Tx, text string, values [][]any) error {
	as := e.dialect(text)
	s, err := t.PrepareContext(context.WithoutCancel(ctx), as.sql)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // the transaction ends it too
	for _, args := range values {
		if args, err = liteArgs(args, as.wide); err != nil {
			return err
		}
		if _, err := s.ExecContext(context.WithoutCancel(ctx), args...); err != nil {
			return err
		}
	}
	return nil
}

func (e *lite) tellFull(err error) {
	if diskFull(err) {
		e.log.Error("no room left for the data directory; nothing can be stored until there is", "file", e.path, "err", err)
	}
}

func (e *lite) stats(s *Stats) {
	p := e.pool.Stats()
	s.PoolInUse, s.PoolSize, s.PoolWaits, s.PoolWaited = p.InUse, p.MaxOpenConnections, p.WaitCount, p.WaitDuration
	s.LogBytes, s.FileBytes = fileSize(e.path+"-wal"), fileSize(e.path)
}

// overwrite empties the write-ahead log, which holds what pages were before. Pages
// themselves are overwritten with each delete.
func (e *lite) overwrite(ctx context.Context) error {
	db, err := openWriter(e.path)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it has written nothing that is not in the log
	for range overwriteTries {
		if err := checkpoint(context.WithoutCancel(ctx), db, true); err != nil {
			return fmt.Errorf("empty the log: %w", err)
		}
		if fileSize(e.path+"-wal") == 0 {
			return nil
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	return errLogBusy
}

// overwriteTries is how often a checkpoint waits for readers, up to the busy
// timeout each time.
const overwriteTries = 6

var errLogBusy = errors.New("readers keep the write-ahead log from being emptied")

func (e *lite) ping(ctx context.Context) error {
	return e.pool.PingContext(context.WithoutCancel(ctx))
}

func (e *lite) close() error {
	e.checkpointer.stop()
	var errs []error
	if e.pool != nil {
		errs = append(errs, e.pool.Close())
	}
	if e.writer != nil {
		errs = append(errs, closeLite(append(e.hot.list(), e.warm.list()...)))
		// The last connection to close moves the log into the file and removes it.
		errs = append(errs, e.writer.Close())
	}
	return errors.Join(errs...)
}

// liteConn is conn on anything of database/sql.
type liteConn struct {
	e *lite
	q interface {
		ExecContext(ctx context.Context, sql string, args ...any) (sql.Result, error)
		QueryContext(ctx context.Context, sql string, args ...any) (*sql.Rows, error)
	}
}

func (c liteConn) exec(ctx context.Context, text string, args ...any) (int64, error) {
	as := c.e.dialect(text)
	args, err := liteArgs(args, as.wide)
	if err != nil {
		return 0, err
	}
	res, err := c.q.ExecContext(context.WithoutCancel(ctx), as.sql, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c liteConn) query(ctx context.Context, text string, args ...any) (rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	as := c.e.dialect(text)
	args, err := liteArgs(args, as.wide)
	if err != nil {
		return nil, err
	}
	rs, err := c.q.QueryContext(context.WithoutCancel(ctx), as.sql, args...) //nolint:rowserrcheck // each, the only caller, does
	if err != nil {
		return nil, err
	}
	return liteRows{rs}, nil
}

var (
	pgList  = regexp.MustCompile(`= ANY\((\$\d+)\)`)
	pgTable = regexp.MustCompile(`unnest\(((?:\$\d+::(?:bigint|text)\[\](?:, )?)+)\)\s+AS (\w+) \(([\w, ]+)\)`)
)

// liteText is a statement as SQLite wants it.
type liteText struct {
	sql  string
	wide uint64 // bit n: the parameter $n is a list of wide numbers
}

// wideNumber is how many bytes each number of a list of wide numbers takes, in
// decimal: any of them is found without looking at those before it. To find one in
// JSON is to walk there, which made a table of 500 rows cost 125,000 steps a column.
const wideNumber = 20

// dialect rewrites the lists of a statement for SQLite. Parameters called $1, $2
// the driver understands itself.
func (e *lite) dialect(text string) liteText {
	if known, ok := e.texts.Load(text); ok {
		return known.(liteText) //nolint:forcetypeassert,errcheck // nothing else is stored
	}
	out := liteText{sql: pgList.ReplaceAllString(text, "IN (SELECT value FROM json_each($1))")}
	out.sql = pgTable.ReplaceAllStringFunc(out.sql, func(table string) string { return out.table(text, table) })
	e.texts.Store(text, out)
	return out
}

// table makes a table of lists of one length. The lists of numbers but for the first
// are wide ones, if the statement, text, uses them nowhere else.
func (l *liteText) table(text, table string) string {
	parts := pgTable.FindStringSubmatch(table)
	lists, names := strings.Split(parts[1], ", "), strings.Split(parts[3], ", ")
	var b strings.Builder
	for i, name := range names {
		list, kind, _ := strings.Cut(lists[i], "::")
		n, _ := strconv.Atoi(list[1:])
		switch {
		case i == 0:
			b.WriteString("(SELECT j.value AS " + name)
		case kind == "bigint[]" && n < 64 && timesUsed(text, list) == 1:
			l.wide |= 1 << n
			fmt.Fprintf(&b, ", CAST(substr(%s, 1 + %d * j.key, %d) AS INTEGER) AS %s", list, wideNumber, wideNumber, name)
		default:
			b.WriteString(", " + list + " ->> j.key AS " + name)
		}
	}
	first, _, _ := strings.Cut(lists[0], "::")
	b.WriteString(" FROM json_each(" + first + ") j) AS " + parts[2])
	return b.String()
}

// timesUsed counts where a statement has the parameter.
func timesUsed(text, parameter string) (n int) {
	for {
		_, after, found := strings.Cut(text, parameter)
		if !found {
			return n
		}
		if after == "" || after[0] < '0' || after[0] > '9' {
			n++
		}
		text = after
	}
}

// liteArgs turns lists into what dialect has made of them: wide numbers, or else
// JSON, which json_each reads.
func liteArgs(args []any, wide uint64) ([]any, error) {
	if err := storable(args); err != nil {
		return nil, err
	}
	for i, a := range args {
		numbers, are := a.([]int64)
		switch _, words := a.([]string); {
		case are && i+1 < 64 && wide&(1<<(i+1)) != 0:
			args[i] = wideNumbers(numbers)
		case are, words:
			text, err := json.Marshal(a)
			if err != nil {
				return nil, fmt.Errorf("encode a list: %w", err)
			}
			args[i] = string(text)
		}
	}
	return args, nil
}

func wideNumbers(list []int64) []byte {
	out := make([]byte, 0, wideNumber*len(list))
	for _, n := range list {
		start := len(out)
		out = append(out, "                    "...)
		var digits [wideNumber]byte
		text := strconv.AppendInt(digits[:0], n, 10)
		copy(out[start+wideNumber-len(text):], text)
	}
	return out
}

// liteRows only drops the error of Close, which Err has told already.
type liteRows struct{ *sql.Rows }

func (r liteRows) Close() { _ = r.Rows.Close() }

// ignoreDone drops the complaint that a transaction is over already.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
