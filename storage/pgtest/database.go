//go:build unix

package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// EnvDatabase names the environment variable with the URL of a server on which
// the tests may create databases.
const EnvDatabase = "RAMBLA_TEST_DATABASE"

const (
	// namePrefix is followed by the Unix time of creation and something random.
	namePrefix = "rambla_test_"
	// leftoverAge is when a database can no longer belong to a running test.
	leftoverAge = 24 * time.Hour
)

// Database makes an empty database and returns its URL. It is dropped when the
// test ends, whoever is still connected to it. Without a server the test fails
// and says how to get one.
func Database(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*startLimit)
	defer cancel()
	server := os.Getenv(EnvDatabase)
	if server == "" {
		var err error
		if server, err = sharedURL(ctx); err != nil {
			t.Fatalf("no database to test with: %v", err)
		}
	}
	made, err := createDatabase(ctx, server, time.Now())
	if err != nil {
		t.Fatalf("no database to test with: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		if err := dropDatabase(ctx, server, made.name); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return made.url
}

type database struct{ name, url string }

// createDatabase makes a database on server and drops those that crashed runs
// have left there.
func createDatabase(ctx context.Context, server string, now time.Time) (database, error) {
	at, err := url.Parse(server)
	if err != nil || at.Host == "" {
		// The URL holds a password, and so does the parser's error.
		return database{}, fmt.Errorf("%s is not of the form postgres://user:password@host:port/database", EnvDatabase)
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return database{}, fmt.Errorf("connect to the test server: %w", err)
	}
	// Nothing was written on the connection whose loss would matter.
	defer func() { _ = conn.Close(ctx) }()

	if err := dropLeftovers(ctx, conn, now); err != nil {
		return database{}, err
	}
	name := namePrefix + strconv.FormatInt(now.Unix(), 10) + "_" + strings.ToLower(rand.Text()[:12])
	// template0 is the one that nobody can be connected to, so that any number
	// of tests copies it at once; its pages go through the log, which is half the
	// price of the two checkpoints that a copy of its files takes.
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 STRATEGY wal_log"); err != nil {
		return database{}, fmt.Errorf("create database: %w", err)
	}
	at.Path = "/" + name
	return database{name: name, url: at.String()}, nil
}

func dropDatabase(ctx context.Context, server, name string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// dropLeftovers drops the test databases that are older than any test.
func dropLeftovers(ctx context.Context, conn *pgx.Conn, now time.Time) error {
	rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", namePrefix)
	if err != nil {
		return fmt.Errorf("list test databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list test databases: %w", err)
	}
	for _, name := range names {
		made, _, _ := strings.Cut(strings.TrimPrefix(name, namePrefix), "_")
		seconds, err := strconv.ParseInt(made, 10, 64)
		if err != nil || now.Sub(time.Unix(seconds, 0)) < leftoverAge {
			continue
		}
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("drop leftover %s: %w", name, err)
		}
	}
	return nil
}
