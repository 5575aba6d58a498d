package api_test

import (
	"context"
	"testing"
	"time"

	"rambla/api"
	"rambla/storage"
	"rambla/storage/pgtest"
)

func TestAnOutageOfTheDatabaseIsToldAndPasses(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t)
	db, err := storage.Open(t.Context(), storage.Config{URL: server.URL(), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s := newSite(t, db, api.Config{RequestTimeout: 3 * time.Second}, nil)
	s.context("den", "closed")
	id := s.post("alice", "den", "before")
	path := "/v1/contexts/den/activities"
	said := s.as("alice", "POST", path, `{"content":"during"}`).with("Idempotency-Key", "k")

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for db.Ping(ctx) == nil { // a backend may outlive its server for a moment
		if ctx.Err() != nil {
			t.Fatal("the store survives its server")
		}
	}
	for _, c := range []*call{
		said, s.as("bob", "GET", path), s.as("bob", "GET", "/v1/activities/"+id), s.as("alice", "DELETE", "/v1/activities/"+id),
		s.as("bob", "GET", "/v1/contexts/den/members"), s.as("bob", "GET", "/v1/contexts/den/log/messages"),
		s.as("alice", "POST", "/v1/contexts/den/data/t", "x"), s.as("bob", "GET", "/v1/contexts/den/data/t"),
		s.as("admin", "POST", "/v1/contexts", `{"id":"hut"}`), s.as("admin", "POST", "/v1/people", `{"name":"ann"}`).with("Idempotency-Key", "p"),
		s.as("alice", "POST", "/v1/me/tokens", `{"name":"x"}`), s.as("", "GET", "/readyz"),
	} {
		c.refused(503, "unavailable")
	}
	// From memory, but for what is in the database alone.
	s.as("alice", "GET", "/v1/me").wants(200)
	if den := s.as("alice", "GET", "/v1/contexts/den").wants(200); den.text("displayName") != "den" || den.json()["level"] != nil || den.json()["muted"] != nil {
		t.Errorf("without the database it is %v", den.json())
	}
	if list := s.as("alice", "GET", "/v1/contexts").wants(200).list("items"); len(list) == 0 {
		t.Error("without the database there are no contexts")
	}

	if err := server.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	for s.as("", "GET", "/readyz").do().status != 200 {
		if ctx.Err() != nil {
			t.Fatal("it does not get ready again")
		}
	}
	for said.do().status != 201 {
		if ctx.Err() != nil {
			t.Fatal("a post is refused for ever")
		}
	}
	said.wants(201)
	if got := s.as("bob", "GET", path).wants(200).list("items"); len(got) != 2 {
		t.Errorf("afterwards there are %d posts", len(got))
	}
	s.as("admin", "POST", "/v1/people", `{"name":"ann"}`).with("Idempotency-Key", "p").wants(201)
}
