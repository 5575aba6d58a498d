//go:build unix

package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestWhatWasCommittedIsThereAfterAKill(t *testing.T) {
	t.Parallel()
	s := start(t)
	url := s.URL()
	exec1(t, url, "CREATE TABLE posts (seq bigint); INSERT INTO posts VALUES (1), (2)")

	open := connect(t, url)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a connection has gone with its server", func() bool { return open.Ping(t.Context()) != nil })
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("a killed server lets one in")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.URL() != url {
		t.Errorf("the URL has changed from %s to %s", url, s.URL())
	}
	if n := query[int](t, url, "SELECT count(*) FROM posts"); n != 2 {
		t.Errorf("%d of 2 committed rows are there after a kill", n)
	}
}

func TestAKillInTheMiddleOfWritesLosesNoCommit(t *testing.T) {
	t.Parallel()
	s := start(t)
	exec1(t, s.URL(), "CREATE TABLE posts (seq bigint)")

	// The writer owns committed until it is done.
	committed, done, many := 0, make(chan struct{}), make(chan struct{})
	conn := connect(t, s.URL())
	go func() {
		defer close(done)
		for {
			if _, err := conn.Exec(t.Context(), "INSERT INTO posts VALUES ($1)", committed+1); err != nil {
				return
			}
			committed++
			if committed == 100 {
				close(many)
			}
		}
	}()
	select {
	case <-many:
	case <-done:
		t.Fatal("the writer ended before the kill")
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	<-done
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// One more may have been committed whose answer did not arrive.
	if n := query[int](t, s.URL(), "SELECT count(*) FROM posts"); n != committed && n != committed+1 {
		t.Errorf("%d commits were confirmed and %d rows are there", committed, n)
	}
}

func TestRestartWithoutAKillKeepsTheData(t *testing.T) {
	t.Parallel()
	s := start(t)
	exec1(t, s.URL(), "CREATE TABLE posts (seq bigint)")
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := query[int](t, s.URL(), "SELECT count(*) FROM posts"); n != 0 {
		t.Errorf("an empty table has %d rows after a restart", n)
	}
}

func TestStopLeavesNothingBehindAndIsFinal(t *testing.T) {
	t.Parallel()
	s, err := startIn(t.Context(), privateRoom(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if exists(s.dir) {
		t.Errorf("%s is still there", s.dir)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("the second Stop: %v", err)
	}
	if err := s.Restart(t.Context()); err == nil {
		t.Error("a server that was stopped for good starts again")
	}
}

func TestCommitsAreAsDurableAsInProduction(t *testing.T) {
	if fsyncOff() {
		t.Fatal("RAMBLA_TEST_FSYNC is off: this run says nothing about durability")
	}
	t.Parallel()
	s := start(t)
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if value := query[string](t, s.URL(), "SHOW "+setting); value != "on" {
			t.Errorf("%s is %s", setting, value)
		}
	}
}

func TestAStrangerWithoutThePasswordIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	config, err := pgx.ParseConfig(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "guess"
	if _, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		t.Error("any user of the machine is let in as a superuser")
	}
}
