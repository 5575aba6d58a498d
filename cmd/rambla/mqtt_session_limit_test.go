package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// inStore changes rows behind the server's back, and gives how many.
func inStore(t *testing.T, flags []string, statement string) int64 {
	t.Helper()
	if i := slices.Index(flags, "--database"); i >= 0 {
		conn, err := pgx.Connect(t.Context(), flags[i+1])
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		tag, err := conn.Exec(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		return tag.RowsAffected()
	}
	db, err := sql.Open("sqlite", flags[slices.Index(flags, "--data")+1]+"/rambla.db?_pragma=busy_timeout(30000)") // the server writes, too
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASessionRowThatIsCorruptIsToldAndHarmsNobody(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		for _, id := range []string{"good", "bad-position", "bad-subscriptions"} {
			s.begins(t, 5, "bob", id, 1, "/ctx/lobby/messages").leaves()
		}
		if code := s.stop(); code != exitOK {
			t.Fatalf("it ended with %d", code)
		}
		blob := map[bool]string{true: `'\xff00ff00ff'::BYTEA`, false: `X'FF00FF00FF'`}[slices.Contains(flags, "--database")]
		for _, column := range []string{"position", "subscriptions"} {
			if n := inStore(t, flags, fmt.Sprintf("UPDATE sessions SET %s = %s WHERE name = 'bad-%s'", column, blob, column)); n != 1 {
				t.Fatalf("%d rows were damaged", n)
			}
		}
		out, _, code := here(nil, append([]string{"doctor"}, flags...)...)
		if code != exitFailure {
			t.Errorf("doctor ends with %d\n%s", code, out)
		}
		for _, column := range []string{"position", "subscriptions"} {
			if strings.Count(out, column+" of a session") != 1 {
				t.Errorf("doctor on the damaged %s\n%s", column, out)
			}
		}
		s = serve(t, append(flags, "--demo")...)
		s.posts(t, "lobby", "missed")
		s.returns(t, 5, "bob", "good").gets("missed")
		for _, id := range []string{"bad-position", "bad-subscriptions"} {
			w := s.wire(t, 5)
			if w.keeps("bob", id) {
				t.Errorf("%s: the damaged session is there", id)
			}
			w.subscribe("/ctx/lobby/messages", 1)
			s.posts(t, "lobby", "to "+id)
			w.gets("to " + id)
			w.leaves()
			s.returns(t, 5, "bob", id).quiet()
		}
		// The doctor is content again: see eachStore.
	})
}

func TestSessionsOfARemovedPersonVanish(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.begins(t, 5, "bob", "away", 1, "/ctx/lobby/messages").leaves()
		live := s.begins(t, 5, "bob", "live", 1, "/ctx/lobby/messages")
		s.begins(t, 5, "carol", "stays", 1, "/ctx/lobby/messages").leaves()
		if _, stderr, code := here(nil, append([]string{"user", "remove", "bob"}, flags...)...); code != exitOK {
			t.Fatal(stderr)
		}
		live.ends(0x87)
		left := func() int64 { return inStore(t, flags, "UPDATE sessions SET fence = fence") }
		for deadline := time.Now().Add(patience); left() != 1; {
			if time.Now().After(deadline) {
				t.Fatalf("%d sessions are in the store", left())
			}
			passes(50 * time.Millisecond)
		}
		s.posts(t, "lobby", "missed")
		s.returns(t, 5, "carol", "stays").gets("missed")
	})
}

func TestAPersonHasSoManySessionsAndNoMore(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		dir := t.TempDir()
		writeFile(t, dir+"/rambla.yaml", "broker: {sessions_per_person: 3, session_expiry_max: 2h}\n")
		s := serve(t, append(flags, "--demo", "--config", dir+"/rambla.yaml")...)
		for _, id := range []string{"1", "2", "3", "4"} {
			s.begins(t, 5, "bob", id, 1, "/ctx/lobby/messages").leaves()
		}
		s.begins(t, 5, "carol", "hers", 1, "/ctx/lobby/messages").leaves()
		s.posts(t, "lobby", "missed")
		// The one that was away for longest has made room.
		var live []*wire
		for _, id := range []string{"2", "3", "4"} {
			w := s.returns(t, 5, "bob", id)
			w.gets("missed")
			live = append(live, w)
		}
		// Where all are connected there is no room.
		for version := byte(4); version <= 5; version++ {
			w := s.wire(t, version)
			h := hello{id: "1", name: "bob", password: "bob", unclean: true}
			if version == 5 {
				h.properties = [][]byte{sessionExpiry(hour)}
			}
			if ack := w.connect(h); ack.code == 0 || version == 5 && ack.code != 0x97 {
				t.Errorf("version %d: one too many: %#x", version, ack.code)
			}
		}
		s.as(t, 5, "bob", "clean").quiet() // which keeps nothing
		for _, w := range live {
			w.quiet()
		}
		s.returns(t, 5, "carol", "hers").gets("missed")
		w := s.wire(t, 5)
		ack := w.connect(hello{id: "capped", name: "carol", password: "carol", unclean: true, properties: [][]byte{sessionExpiry(3 * hour)}})
		if ack.props[0x11] != uint32(2*hour) {
			t.Errorf("a session may live for %v s", ack.props[0x11])
		}
	})
}

func TestAClockThatJumpsEndsNoSessionEarlyAndKeepsNoneForEver(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		for _, id := range []string{"back", "forward", "now"} {
			s.begins(t, 5, "bob", id, 1, "/ctx/lobby/messages").leaves()
		}
		s.posts(t, "lobby", "missed")
		if code := s.stop(); code != exitOK {
			t.Fatalf("it ended with %d", code)
		}
		// The clock went back by a day, or forward by two hours, while nobody looked.
		const micro = 1_000_000
		for id, by := range map[string]int64{"back": 24 * hour * micro, "forward": -2 * hour * micro} {
			if n := inStore(t, flags, fmt.Sprintf("UPDATE sessions SET left_at = left_at + %d, created_at = created_at + %d WHERE name = '%s'", by, min(by, 0), id)); n != 1 {
				t.Fatalf("%d rows", n)
			}
		}
		s = serve(t, append(flags, "--demo")...)
		s.returns(t, 5, "bob", "back").gets("missed")
		s.returns(t, 5, "bob", "now").gets("missed")
		if s.wire(t, 5).keeps("bob", "forward") {
			t.Error("a session is there that was over two hours ago")
		}
	})
}

func TestMoreSubscriptionsThanAllowedAreRefused(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		dir := t.TempDir()
		writeFile(t, dir+"/rambla.yaml", "broker: {max_subscriptions: 2}\n")
		s := serve(t, append(flags, "--demo", "--config", dir+"/rambla.yaml")...)
		w := s.begins(t, 5, "bob", "subs", 1, "/ctx/lobby/messages", "/ctx/news/messages")
		if code := w.subscribe("/ctx/staff/messages", 1); code != 0x97 {
			t.Errorf("one too many: %#x", code)
		}
		w.leaves()
		s.posts(t, "staff", "unheard")
		s.posts(t, "lobby", "missed")
		w = s.returns(t, 5, "bob", "subs")
		w.gets("missed")
		if code := w.subscribe("/ctx/staff/messages", 1); code != 0x97 {
			t.Errorf("one too many after a return: %#x", code)
		}
		if code := w.subscribe("/ctx/lobby/messages", 1); code != 1 {
			t.Errorf("one that is there: %#x", code)
		}
	})
}
