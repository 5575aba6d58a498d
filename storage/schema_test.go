package storage_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// execRaw runs a statement behind the store's back.
func execRaw(t *testing.T, cfg storage.Config, text string) {
	t.Helper()
	ctx := context.Background()
	if cfg.URL != "" {
		c, err := pgx.Connect(ctx, cfg.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(ctx) }()
		if _, err := c.Exec(ctx, text, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(cfg.Dir, "rambla.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func TestMigrationsRunOnceHoweverManyStart(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		cfg := storagetest.Config(t, engine)
		before, err := storage.Status(t.Context(), cfg)
		if err != nil || before.Version != 0 || len(before.Pending) != before.Newest || before.Newest == 0 {
			t.Fatalf("an empty place: %+v, %v", before, err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := storage.Migrate(context.Background(), cfg); err != nil {
					t.Errorf("migrate: %v", err)
				}
			})
		}
		wg.Wait()
		after, err := storage.Status(t.Context(), cfg)
		if err != nil || after.Version != after.Newest || after.Pending != nil {
			t.Errorf("afterwards: %+v, %v", after, err)
		}
		if again, err := storage.Migrate(t.Context(), cfg); err != nil || again.Version != again.Newest {
			t.Errorf("once more: %+v, %v", again, err)
		}
		storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	})
}

func TestTheEmbeddedStoreIsItsOwnersOnly(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.SQLite)
	if err := os.Chmod(cfg.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "rambla.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", file, mode)
		}
	}
}

func TestASchemaThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		cfg := storagetest.Config(t, engine)
		refused := func(what string, cfg storage.Config) {
			t.Helper()
			db, err := storage.Open(t.Context(), cfg)
			if err == nil {
				_ = db.Close()
				t.Fatalf("%s was opened", what)
			}
			if social.KindOf(err) != social.KindInvalid || !errors.Is(err, storage.ErrSchema) {
				t.Errorf("%s: %v", what, err)
			}
		}
		empty := cfg
		empty.Migrate = false
		refused("an empty store without leave to migrate", empty)
		if _, err := storage.Migrate(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		execRaw(t, cfg, `INSERT INTO schema_migrations (version, name, applied_at) VALUES (1000, '1000_tomorrow', 0)`)
		refused("a newer schema", cfg)
		refused("a newer schema without leave to migrate", empty)
	})
}

func TestAConfigurationThatCannotWorkIsNamed(t *testing.T) {
	t.Parallel()
	for _, cfg := range []storage.Config{{}, {URL: "mysql://localhost/rambla"}, {URL: "postgres://user:secret@host:port/x"}} {
		_, err := storage.Open(t.Context(), cfg)
		storagetest.Wants(t, err, social.KindInvalid)
	}
	_, err := storage.Open(t.Context(), storage.Config{URL: "postgres://nobody:secret@127.0.0.1:1/none"})
	storagetest.Wants(t, err, social.KindUnavailable)
}

func TestAReadOnlyStoreOnlyReads(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		cfg := storagetest.Config(t, engine)
		db, err := storage.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		storagetest.NewWorld(t, db)
		check := func(when string) {
			t.Helper()
			readOnly := cfg
			readOnly.ReadOnly = true
			w := &storagetest.World{T: t, DB: storagetest.OpenAt(t, readOnly), Alice: 1}
			if got := w.ReadPerson(w.Alice); got.Name != "alice" {
				t.Errorf("%s: %+v", when, got)
			}
			if _, err := w.DB.CreatePerson(t.Context(), social.NewPerson{Name: "x"}, storagetest.Epoch()); err == nil {
				t.Errorf("%s it was written to", when)
			}
			if out, err := w.DB.Append(t.Context(), storagetest.Entries(&social.Post{Stream: 1, ID: social.ID{1}, Type: social.TypeCreate, Author: 1}), storagetest.Epoch()); err == nil {
				t.Errorf("%s it was appended to: %+v", when, out)
			}
		}
		check("while a server runs")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		check("while none does")
	})
}
