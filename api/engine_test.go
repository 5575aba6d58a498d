package api_test

import (
	"context"
	"testing"
	"time"

	"rambla/storage"
	"rambla/storage/pgtest"
)

// engines are the databases a store can stand on.
var engines = []string{"sqlite", "postgres"}

// open opens a new, empty store, which is verified and closed in the end.
func open(t *testing.T, engine string) *storage.DB {
	t.Helper()
	cfg := storage.Config{Migrate: true}
	if engine == "postgres" {
		cfg.URL = pgtest.Database(t)
	} else {
		cfg.Dir = t.TempDir()
	}
	db, err := storage.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		findings, err := db.Verify(ctx)
		if err != nil {
			t.Errorf("verify the store: %v", err)
		}
		for _, f := range findings {
			t.Errorf("broken invariant: %v", f)
		}
		if err := db.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return db
}
