package main

import (
	"net/http"
	"slices"
	"testing"
)

// talk is a conversation as the interface shows it.
type talk struct {
	ID, DisplayName, Owner, History string
	Participants                    []struct{ Name string }
	Tags, May                       []string
}

// talks begins a conversation.
func (s *instance) talks(t *testing.T, want int, name string, body any) talk {
	t.Helper()
	var c talk
	if code := s.call(t, s.token(t, name), http.MethodPost, "/v1/conversations", body, &c); code != want {
		t.Fatalf("%s begins a conversation: %d, want %d", name, code, want)
	}
	return c
}

func (c talk) topic(channel string) string { return "/conv/" + c.ID + "/" + channel }
func (c talk) path(rest string) string     { return "/v1/conversations/" + c.ID + rest }

type with map[string]any

func TestPeopleTalkInPrivate(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		t.Run("two people have one conversation, which is live from its first message", func(t *testing.T) { twoTalk(t, s) })
	})
}

func twoTalk(t *testing.T, s *instance) {
	bob := s.as(t, 5, "bob", "phone")
	if code := bob.subscribe("/conv/+/messages", 1); code != 1 {
		t.Fatalf("granted %#x", code)
	}
	c := s.talks(t, http.StatusCreated, "alice", with{"participants": []string{"bob"}})
	if again := s.talks(t, http.StatusOK, "bob", with{"participants": []string{"alice"}}); again.ID != c.ID || again.DisplayName != "Alice" || c.DisplayName != "Bob" {
		t.Errorf("%+v, and then %+v", c, again)
	}
	alice := s.as(t, 4, "alice", "laptop")
	if ack := alice.publish(1, c.topic("messages"), "hello"); ack.code != 0 {
		t.Fatalf("%#x", ack.code)
	}
	f := bob.hears()
	if p := readPost(t, f); f.topic != c.topic("messages") || p.Object.Content != "hello" || p.Seq != 1 || p.Target.Type != "Conversation" || p.Target.ID != c.ID {
		t.Errorf("%s: %+v", f.topic, p)
	}
	s.do(t, http.StatusCreated, s.token(t, "bob"), http.MethodPost, c.path("/messages"), with{"content": "hello yourself"})
	bob.gets("hello yourself")
	var page struct{ Items []published }
	s.call(t, s.token(t, "alice"), http.MethodGet, c.path("/messages"), nil, &page)
	var contents []string
	for _, p := range page.Items {
		contents = append(contents, p.Object.Content)
	}
	if !slices.Equal(contents, []string{"hello yourself", "hello"}) {
		t.Errorf("listed %q", contents)
	}
	var mine struct{ Items []standing }
	s.call(t, s.token(t, "alice"), http.MethodGet, "/v1/me/conversations", nil, &mine)
	if len(mine.Items) != 1 || mine.Items[0].ID != c.ID || mine.Items[0].Unread != 1 || mine.Items[0].Last.Object.Content != "hello yourself" {
		t.Errorf("%+v", mine.Items)
	}
	carol := s.token(t, "carol")
	for _, path := range []string{"", "/messages", "/log/messages", "/log/events", "/log/reactions"} {
		s.do(t, http.StatusNotFound, carol, http.MethodGet, c.path(path), nil)
	}
	stranger := s.as(t, 5, "carol", "c")
	if code := stranger.subscribe(c.topic("messages"), 1); code != 0x87 {
		t.Errorf("a stranger subscribes: %#x", code)
	}
	if ack := stranger.publish(1, c.topic("messages"), "me too"); ack.code != 0x87 {
		t.Errorf("a stranger publishes: %#x", ack.code)
	}
}
