package storagetest

import (
	"context"
	"testing"
	"time"

	"rambla/storage"
	"rambla/storage/pgtest"
)

// Engine names one of the databases that a store can stand on.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Engines are all of them.
func Engines() []Engine { return []Engine{SQLite, Postgres} }

// Config is the way to a new, empty store, which is gone when the test ends.
func Config(t testing.TB, engine Engine) storage.Config {
	t.Helper()
	cfg := storage.Config{Migrate: true}
	if engine == Postgres {
		cfg.URL = pgtest.Database(t)
	} else {
		cfg.Dir = t.TempDir()
	}
	return cfg
}

// Open opens a new, empty store of that engine.
func Open(t testing.TB, engine Engine) *storage.DB {
	t.Helper()
	return OpenAt(t, Config(t, engine))
}

// OpenAt opens the store that cfg names; several handles of one store are
// several nodes. When the test ends it is verified and closed; what a benchmark left
// may be too much to look through.
func OpenAt(t testing.TB, cfg storage.Config) *storage.DB {
	t.Helper()
	db, err := storage.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		if _, bench := t.(*testing.B); !bench {
			Verify(t, db)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return db
}

// Verify fails the test for every invariant that does not hold.
func Verify(t testing.TB, db *storage.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	findings, err := db.Verify(ctx)
	if err != nil {
		t.Errorf("verify the store: %v", err)
	}
	for _, f := range findings {
		t.Errorf("broken invariant: %v", f)
	}
}

// Each runs f on a new store of every engine, side by side.
func Each(t *testing.T, f func(t *testing.T, db *storage.DB)) {
	t.Helper()
	for _, engine := range Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			f(t, Open(t, engine))
		})
	}
}
