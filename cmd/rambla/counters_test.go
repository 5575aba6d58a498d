package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// counts is what the server tells somebody of what is unread.
type counts struct {
	Unread struct{ Contexts, Conversations int }
	Total  int
}

// unreads waits until the person's counters say so, within the second that they
// are promised in and what a busy machine takes.
func (w *wire) unreads(contexts, conversations int) {
	w.t.Helper()
	for {
		f := w.hears()
		var c counts
		if err := json.Unmarshal([]byte(f.payload), &c); err != nil || c.Total != c.Unread.Contexts+c.Unread.Conversations {
			w.t.Fatalf("got %+v, %v", f, err)
		}
		if c.Unread.Contexts == contexts && c.Unread.Conversations == conversations {
			return
		}
	}
}

// retained waits for what is retained on the topic; what is told meanwhile may come
// before it.
func (w *wire) retained(topic string) frame {
	w.t.Helper()
	f := w.hears()
	for f.flags&1 == 0 || f.topic != topic {
		f = w.hears()
	}
	return f
}

func TestCountersAreRightOnEveryDevice(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		alice, bob := s.login(t, "alice", "alice"), s.login(t, "bob", "bob")
		for i := range 3 {
			s.post(t, alice, "lobby", fmt.Sprint(i))
		}
		phone, laptop := s.as(t, 5, "bob", "phone"), s.as(t, 4, "bob", "laptop")
		if code := phone.subscribe("/user/bob/counters", 1); code != 0 {
			t.Fatalf("granted %d", code)
		}
		if f := phone.retained("/user/bob/counters"); f.payload != `{"unread":{"contexts":3,"conversations":0},"total":3}` {
			t.Fatalf("%+v", f)
		}
		laptop.subscribe("/user/bob/counters", 0)
		laptop.unreads(3, 0)
		both := func(contexts, conversations int) {
			t.Helper()
			for _, w := range []*wire{phone, laptop} {
				w.unreads(contexts, conversations)
			}
		}
		var last struct{ ID string }
		if status := s.call(t, alice, http.MethodPost, "/v1/contexts/staff/activities", map[string]string{"content": "a post"}, &last); status != http.StatusCreated {
			t.Fatalf("posted: %d", status)
		}
		both(4, 0)
		if status := s.call(t, alice, http.MethodDelete, "/v1/activities/"+last.ID, nil, nil); status != http.StatusNoContent {
			t.Fatalf("removed: %d", status)
		}
		both(3, 0)
		phone.publish(1, "/ctx/lobby/receipts", `{"read":2}`)
		both(1, 0)
		var talk struct{ ID string }
		if status := s.call(t, alice, http.MethodPost, "/v1/conversations", map[string]any{"participants": []string{"bob"}}, &talk); status != http.StatusCreated {
			t.Fatalf("a conversation: %d", status)
		}
		a := s.as(t, 5, "alice", "a")
		a.publish(1, "/conv/"+talk.ID+"/messages", "psst")
		both(1, 1)
		if status := s.call(t, bob, http.MethodDelete, "/v1/contexts/lobby/members/me", nil, nil); status != http.StatusNoContent {
			t.Fatalf("left: %d", status)
		}
		both(0, 1)
		// One's own posts, edits, and what is for others do not count.
		phone.publish(1, "/ctx/news/messages", "mine") // refused; and in the staff room:
		phone.publish(1, "/ctx/staff/messages", "mine")
		phone.publish(1, "/conv/"+talk.ID+"/receipts", `{"read":1}`)
		both(0, 0)
		// A new server says the same.
		s.post(t, alice, "news", "while he is away")
		both(1, 0)
		s.kill()
		s = serve(t, storeFlags(flags)...)
		tablet := s.as(t, 5, "bob", "tablet")
		tablet.live = true
		tablet.subscribe("/user/bob/#", 0)
		if f := tablet.retained("/user/bob/counters"); f.payload != `{"unread":{"contexts":1,"conversations":0},"total":1}` {
			t.Errorf("%+v", f)
		}
	})
}
