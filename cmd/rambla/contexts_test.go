package main

import (
	"database/sql"
	"fmt"
	"net/http"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"rambla/storage/pgtest"
)

func TestABanEndsDeliveriesAtOnceAndBringsThemBackWhenItEnds(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		alice := s.login(t, "alice", "alice")
		s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/members/carol", nil)
		named := listen(t, s, "bob", "bob", "/ctx/staff/messages", "/ctx/news/messages")
		wild := listen(t, s, "carol", "carol", "/ctx/+/messages")
		both := func(contents ...string) {
			t.Helper()
			named.wants(t, contents...)
			wild.wants(t, contents...)
		}
		s.post(t, alice, "staff", "one")
		both("one")
		for _, name := range []string{"bob", "carol"} {
			s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/bans/"+name, map[string]any{"duration": "5s", "reason": "spam"})
		}
		s.post(t, alice, "staff", "secret")
		s.post(t, alice, "news", "for all")
		both("for all")
		// It ends by itself, and what is posted from then on arrives.
		for _, l := range []*listener{named, wild} {
			for end := time.Now().Add(patience); len(l.posts) == 0; time.Sleep(200 * time.Millisecond) { //nolint:forbidigo // the promise is about time
				if time.Now().After(end) {
					t.Fatal("nothing arrives after the end of the ban")
				}
				s.post(t, alice, "staff", "back?")
			}
		}
		s.post(t, alice, "staff", "two")
		for _, l := range []*listener{named, wild} {
			for got := ""; got != "two"; {
				if got = l.next(t).Object.Content; got != "back?" && got != "two" {
					t.Fatalf("got %q", got)
				}
			}
		}
		// And lifted by hand.
		for _, name := range []string{"bob", "carol"} {
			s.do(t, http.StatusCreated, alice, http.MethodPut, "/v1/contexts/staff/bans/"+name, nil)
		}
		s.post(t, alice, "staff", "unheard")
		for _, name := range []string{"bob", "carol"} {
			s.do(t, http.StatusNoContent, alice, http.MethodDelete, "/v1/contexts/staff/bans/"+name, nil)
		}
		s.post(t, alice, "staff", "three")
		both("three")
		// A new owner has all rights from the answer on, whatever the policies say.
		s.do(t, http.StatusOK, alice, http.MethodPatch, "/v1/contexts/staff", map[string]any{"permissions": map[string]string{"read": "restricted"}})
		s.post(t, alice, "staff", "restricted")
		s.do(t, http.StatusOK, alice, http.MethodPut, "/v1/contexts/staff/owner", map[string]any{"owner": "bob"})
		s.post(t, s.login(t, "bob", "bob"), "staff", "mine")
		named.wants(t, "mine")
	})
}

// crowd is how many people the largest known site brings in one list.
const crowd = 38_000

func TestThirtyEightThousandPeopleAreSynchronisedInOneCall(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes 38,000 people")
	}
	// On one store; the other ones' part in it is a test of theirs, which takes as
	// many. Without the doctor, whose binary here takes minutes for so many rows.
	flags := []string{"--data", t.TempDir(), "--database", pgtest.Database(t)}
	serveUnraced(t, append(flags, "--demo")...).stop()
	fillCrowd(t, flags)
	s := serveUnraced(t, flags...)
	alice := s.login(t, "alice", "alice")
	var all []map[string]string
	for i := range crowd {
		all = append(all, map[string]string{"name": fmt.Sprint("p", 100_000+i)})
	}
	wild := listen(t, s, "carol", "carol", "/ctx/+/messages")
	list := func(query string, members []map[string]string) (r struct{ Added, Removed, Unchanged int }) {
		t.Helper()
		began := time.Now()
		code := s.call(t, alice, http.MethodPut, "/v1/contexts/staff/members"+query, map[string]any{"members": members}, &r)
		if code != http.StatusOK {
			t.Fatalf("%d", code)
		}
		t.Logf("%s %+v in %v", query, r, time.Since(began).Round(time.Millisecond))
		return r
	}
	list("?dry_run=true", all)
	all = append(all, map[string]string{"name": "carol"}, map[string]string{"name": "bob"})
	if r := list("", all); r.Added != crowd+1 || r.Unchanged != 1 {
		t.Errorf("%+v", r)
	}
	s.post(t, alice, "staff", "welcome")
	wild.wants(t, "welcome")
	if r := list("", all); r.Added != 0 || r.Unchanged != crowd+2 {
		t.Errorf("%+v", r)
	}
	if r := list("", all[crowd+1:]); r.Removed != crowd+1 {
		t.Errorf("%+v", r)
	}
}

// serveUnraced is serve with a binary that takes its real time.
func serveUnraced(t *testing.T, args ...string) *instance {
	t.Helper()
	path, err := faulty()
	if err != nil {
		t.Fatal(err)
	}
	s, err := start{path: path, mqtt: "127.0.0.1:0", http: "127.0.0.1:0"}.launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.running() && s.stop() != 0 {
			t.Errorf("the server ended badly\n%s", s.logged())
		}
	})
	return s
}

// fillCrowd makes the people in the store of a server that does not run.
func fillCrowd(t *testing.T, flags []string) {
	t.Helper()
	texts := []string{
		fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO people (name, display_name, service, roles, created_at) SELECT 'p' || CAST(i AS TEXT), '', FALSE, 0, 0 FROM n`, 100_000+crowd-1),
		`INSERT INTO names (kind, name, owner, at) SELECT 1, name, id, 0 FROM people WHERE name LIKE 'p1_____'`,
	}
	db, err := sql.Open("pgx", flags[3])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, text := range texts {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
