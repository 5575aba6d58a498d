package main

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestRightsOfSessionsThatAreAway(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.withRole(t, "alice", "manager")
		t.Run("a context joined while away counts from the join", func(t *testing.T) { joinedAway(t, s) })
		t.Run("a context left while away brings nothing", func(t *testing.T) { leftAway(t, s) })
		for how, change := range map[string]func(t *testing.T, id string, may bool){
			"a veto": func(t *testing.T, id string, may bool) {
				s.allows(t, map[bool]string{true: http.MethodDelete, false: http.MethodPut}[may], id, "bob", "vetoes")
			},
			"a membership": func(t *testing.T, id string, may bool) {
				method, want := http.MethodPut, http.StatusCreated
				if !may {
					method, want = http.MethodDelete, http.StatusNoContent
				}
				s.do(t, want, s.token(t, "alice"), method, "/v1/contexts/"+id+"/members/bob", nil)
			},
			"a ban": func(t *testing.T, id string, may bool) {
				method, want := http.MethodPut, http.StatusCreated
				if may {
					method, want = http.MethodDelete, http.StatusNoContent
				}
				s.do(t, want, s.token(t, "alice"), method, "/v1/contexts/"+id+"/bans/bob", nil)
			},
			"a policy": func(t *testing.T, id string, may bool) {
				s.reads(t, id, map[bool]string{true: "members", false: "restricted"}[may])
			},
		} {
			t.Run(how+" that goes and comes back skips what was posted meanwhile", func(t *testing.T) {
				goesAndComes(t, s, change)
			})
		}
		t.Run("a public context hides what was posted while it was not", func(t *testing.T) { publicAgain(t, s) })
		t.Run("a grant that ends while away ends deliveries", func(t *testing.T) { grantEnds(t, s) })
	})
}

// reads sets who may read a context of alice.
func (s *instance) reads(t *testing.T, context, policy string) {
	t.Helper()
	s.do(t, http.StatusOK, s.token(t, "alice"), http.MethodPatch, "/v1/contexts/"+context,
		map[string]any{"permissions": map[string]string{"read": policy}})
}

func joinedAway(t *testing.T, s *instance) {
	s.begins(t, 5, "bob", "joins", 1, "/ctx/+/messages").leaves()
	s.room(t, "joined", "closed")
	s.posts(t, "joined", "before the join")
	s.do(t, http.StatusCreated, s.token(t, "alice"), http.MethodPut, "/v1/contexts/joined/members/bob", nil)
	s.posts(t, "joined", "after the join", "and more")
	w := s.returns(t, 5, "bob", "joins")
	w.gets("after the join", "and more")
	w.leaves()
	s.posts(t, "joined", "later")
	s.returns(t, 5, "bob", "joins").gets("later")
}

func leftAway(t *testing.T, s *instance) {
	topic := s.room(t, "left", "closed", "bob")
	s.room(t, "stays", "closed", "bob")
	s.begins(t, 5, "bob", "leaver-wild", 1, "/ctx/+/messages").leaves()
	s.begins(t, 4, "bob", "leaver-named", 1, topic, "/ctx/stays/messages").leaves()
	s.posts(t, "left", "while a member")
	s.do(t, http.StatusNoContent, s.token(t, "bob"), http.MethodDelete, "/v1/contexts/left/members/me", nil)
	s.posts(t, "left", "after it left")
	s.posts(t, "stays", "end")
	for id, version := range map[string]byte{"leaver-wild": 5, "leaver-named": 4} {
		w := s.returns(t, version, "bob", id)
		w.gets("end")
		w.quiet()
	}
}

// goesAndComes takes the right to read from somebody who is away, and gives it back.
func goesAndComes(t *testing.T, s *instance, change func(t *testing.T, id string, may bool)) {
	id := "comes-" + strings.ToLower(rand.Text()[:8])
	topic := s.room(t, id, "closed", "bob")
	s.begins(t, 5, "bob", id+"-named", 1, topic).leaves()
	s.begins(t, 4, "bob", id+"-wild", 1, "/ctx/+/messages").leaves()
	change(t, id, false)
	s.posts(t, id, "unheard")
	change(t, id, true)
	s.posts(t, id, "heard")
	change(t, id, false)
	s.posts(t, id, "unheard again")
	change(t, id, true)
	s.posts(t, id, "end")
	for session, version := range map[string]byte{"-named": 5, "-wild": 4} {
		w := s.returns(t, version, "bob", id+session)
		got := w.until("end")
		if slices.Contains(got, "unheard") || slices.Contains(got, "unheard again") {
			t.Errorf("%s got %q", session, got)
		}
		w.quiet()
		w.leaves()
	}
	// And while it is away without the right it gets nothing at all, then what follows.
	change(t, id, false)
	s.posts(t, id, "unheard")
	w := s.returns(t, 5, "bob", id+"-named")
	w.quiet()
	change(t, id, true)
	s.posts(t, id, "live")
	w.gets("live")
}

func publicAgain(t *testing.T, s *instance) {
	topic := s.room(t, "public", "open")
	s.begins(t, 5, "carol", "public", 1, topic).leaves()
	s.reads(t, "public", "members")
	s.posts(t, "public", "for members")
	s.reads(t, "public", "public")
	s.posts(t, "public", "for all")
	w := s.returns(t, 5, "carol", "public")
	w.gets("for all")
	w.quiet()
}

func grantEnds(t *testing.T, s *instance) {
	topic := s.room(t, "granted", "closed")
	s.allows(t, http.MethodPut, "granted", "carol", "grants")
	s.begins(t, 5, "carol", "granted", 1, topic).leaves()
	s.posts(t, "granted", "while granted")
	s.allows(t, http.MethodDelete, "granted", "carol", "grants")
	s.posts(t, "granted", "after it")
	w := s.returns(t, 5, "carol", "granted")
	w.quiet()
	s.allows(t, http.MethodPut, "granted", "carol", "grants")
	s.posts(t, "granted", "granted again")
	if got := w.until("granted again"); slices.Contains(got, "after it") {
		t.Errorf("got %q", got)
	}
}
