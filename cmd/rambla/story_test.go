package main

import (
	"net/http"
	"testing"
)

// story is embedded by tests that tell one: a server, which may be another one later,
// and what its people ask over REST. Their passwords equal their names.
type story struct {
	*testing.T
	s *instance
}

// as is a request of somebody's.
func (st *story) as(name string, want int, method, path string, body any) {
	st.Helper()
	st.s.do(st.T, want, st.s.token(st.T, name), method, path, body)
}

// reads is a request whose answer is decoded.
func (st *story) reads(name, path string, into any) {
	st.Helper()
	if code := st.s.call(st.T, st.s.token(st.T, name), http.MethodGet, path, nil, into); code != http.StatusOK {
		st.Fatalf("%s reads %s: %d", name, path, code)
	}
}

// writes is a request that makes a post.
func (st *story) writes(name, path string, body any) published {
	st.Helper()
	return st.s.writes(st.T, name, path, body)
}

// writes posts as a person.
func (s *instance) writes(t *testing.T, name, path string, body any) (post published) {
	t.Helper()
	if code := s.call(t, s.token(t, name), http.MethodPost, path, body, &post); code != http.StatusCreated {
		t.Fatalf("%s posts to %s: %d", name, path, code)
	}
	return post
}
