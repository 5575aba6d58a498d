package storage

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"

	"rambla/social"
)

// StoreFile is the name of the embedded store in its data directory, and what a
// backup calls it.
const StoreFile = sqliteFile

// backupPages is how much of a file is copied between two looks at the context.
const backupPages = 2048

// Backup copies the embedded store, as it is at one moment, to a new file at path,
// for the owner only. A server may be running and is not kept waiting: only its
// write-ahead log cannot begin anew while the copy is made. KindInvalid where there
// is no embedded store.
func Backup(ctx context.Context, cfg Config, path string) (Copied, error) {
	if !cfg.embedded() {
		return Copied{}, social.Invalid("database.url", "is of PostgreSQL, which has its own tools for backups: see pg_dump")
	}
	source := filepath.Join(cfg.Dir, sqliteFile)
	if _, err := os.Stat(source); errors.Is(err, fs.ErrNotExist) {
		return Copied{}, social.Invalid("data", "holds no store: there is no %s", source)
	}
	// An older schema is copied too; what this program cannot read it refuses to
	// pass for a backup.
	if _, err := Status(ctx, cfg); err != nil {
		return Copied{}, err
	}
	if err := makeNew(path); err != nil {
		return Copied{}, err
	}
	out, err := copyLite(ctx, source, path)
	return out, failure(err)
}

// Copied is what a copy of a store holds.
type Copied struct {
	Schema int    // its version
	Epochs string // a digest of the epochs of its streams
}

// makeNew makes an empty file for its owner only.
func makeNew(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the caller's own
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("make the copy: %w", err)
	}
	return nil
}

// copyLite copies page by page, which costs a third of what VACUUM INTO does. The
// transaction around it holds one state of the store: without it every commit of
// another process would begin the copy anew.
func copyLite(ctx context.Context, source, path string) (out Copied, err error) {
	db, err := sql.Open("sqlite", liteDSN(source, "ro"))
	if err != nil {
		return out, fmt.Errorf("open the store: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	work := context.WithoutCancel(ctx) // see lite
	c, err := db.Conn(work)
	if err != nil {
		return out, fmt.Errorf("open the store: %w", err)
	}
	defer func() { _ = c.Close() }() // back to the pool
	if _, err := c.ExecContext(work, "BEGIN"); err != nil {
		return out, fmt.Errorf("begin reading: %w", err)
	}
	defer func() { _, _ = c.ExecContext(work, "ROLLBACK") }() // nothing was written
	if out, err = describe(work, c); err != nil {
		return out, fmt.Errorf("begin reading: %w", err)
	}
	return out, c.Raw(func(driver any) error {
		from, ok := driver.(interface {
			NewBackup(path string) (*sqlite.Backup, error)
		})
		if !ok {
			return &brokenRuleError{"the driver cannot make backups"}
		}
		// Whoever made the file keeps it only when it is whole, and syncs it then.
		q := url.Values{"mode": {"rw"}, "_pragma": {"journal_mode(OFF)", "synchronous(OFF)"}}
		to := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
		b, err := from.NewBackup(to.String())
		if err != nil {
			return fmt.Errorf("begin the copy: %w", err)
		}
		for more := true; more && err == nil; {
			if err = ctx.Err(); err == nil {
				more, err = b.Step(backupPages)
			}
		}
		return errors.Join(err, b.Finish())
	})
}

// describe reads what tells a copy from others.
func describe(ctx context.Context, c *sql.Conn) (out Copied, err error) {
	var begun string
	if err := c.QueryRowContext(ctx, schemaVersion).Scan(&out.Schema, &begun); err != nil {
		return out, err
	}
	rs, err := c.QueryContext(ctx, "SELECT id, epoch FROM streams ORDER BY id")
	if err != nil {
		return out, err
	}
	defer func() { _ = rs.Close() }() // read to its end, or failed already
	sum := sha256.New()
	for rs.Next() {
		var id int64
		var epoch string
		if err := rs.Scan(&id, &epoch); err != nil {
			return out, err
		}
		fmt.Fprintf(sum, "%d %s\n", id, epoch)
	}
	out.Epochs = hex.EncodeToString(sum.Sum(nil)[:8])
	return out, rs.Err()
}
