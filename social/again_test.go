package social_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rambla/social"
)

func TestAMemberAddedAndRemovedAThousandTimesIsOneMember(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.found(social.Space{ID: "den", Policies: social.Presets()["closed"], History: social.HistorySinceJoin})
	owner := s.as("alice")
	const times = 1000
	var last social.Post
	for n := range times {
		s.must(s.spaces.Admit(t.Context(), owner, "den", "carol"))
		if n%100 == 99 { // what is posted meanwhile is hers while she belongs to it
			last = s.say(owner, "den", fmt.Sprintf(`{"content":"%d"}`, n))
			if got := s.contents(s.as("carol"), "den"); len(got) != 1 || got[0] != fmt.Sprint("Create ", n) {
				t.Fatalf("the %dth time she reads %q", n+1, got)
			}
		}
		if n < times-1 {
			s.must(s.spaces.Dismiss(t.Context(), owner, "den", "carol"))
		}
	}
	// A join and a leave each time, in order and without a gap; the last is a join.
	page, err := s.posts.History(t.Context(), owner, social.InContext("den"), social.ChannelEvents, social.Page{Limit: 10})
	if err != nil || page.State.Head != 2*times-1 || page.Posts[0].Type != social.TypeJoin {
		t.Errorf("the events stand at %d, %v", page.State.Head, err)
	}
	members, _, err := s.spaces.Members(t.Context(), owner, "den", 0, 10)
	if err != nil || len(members) != 2 {
		t.Errorf("%d members, %v", len(members), err)
	}
	if sight, err := s.dir.See(s.as("carol"), "den"); err != nil || sight.Joined[social.ChannelEvents] != 2*times-2 || sight.Floor[social.ChannelMessages] != last.Seq-1 {
		t.Errorf("she sees %+v, %v", sight, err)
	}
	// The journal of rights has a line for each, and keeps none that every process
	// must have read long ago.
	lines := func() int {
		t.Helper()
		n := 0
		for version := int64(0); ; {
			list, err := s.db.ChangesAfter(context.Background(), version, 500)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				return n
			}
			n, version = n+len(list), list[len(list)-1].Version
		}
	}
	if n := lines(); n < 2*times-1 {
		t.Errorf("the journal has %d lines", n)
	}
	s.pass(365 * 24 * time.Hour)
	for {
		n, err := s.db.Purge(t.Context(), s.now())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	version, err := s.db.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ChangesAfter(t.Context(), version-2, 10); err == nil {
		t.Error("a year later the journal still goes further back than its last line")
	}
	if list, err := s.db.ChangesAfter(t.Context(), version-1, 10); err != nil || len(list) != 1 {
		t.Errorf("its last line: %v, %v", list, err)
	}
	if got := s.contents(s.as("carol"), "den"); len(got) != 1 {
		t.Errorf("she reads %q", got)
	}
}
