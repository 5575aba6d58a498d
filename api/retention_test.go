package api_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"rambla/api"
)

func TestTheLastValueIsTheNewestOneThatIsKept(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		const at = "/v1/contexts/den/data/lamp/1"
		last := func() []map[string]any { return s.as("bob", "GET", at+"?last=true").wants(200).list("items") }
		value := func() (payload string, retained bool) {
			t.Helper()
			items := last()
			if len(items) != 1 {
				t.Fatalf("%v", items)
			}
			retained, _ = items[0]["retained"].(bool)
			payload, _ = items[0]["payload"].(string)
			return payload, retained
		}
		if got := last(); len(got) != 0 {
			t.Errorf("before anything was published: %v", got)
		}
		s.as("alice", "POST", at+"?retain=true", "on").with("Content-Type", "text/plain").wants(201)
		if payload, retained := value(); payload != "b24=" || !retained {
			t.Errorf("%s, retained %v", payload, retained)
		}
		s.as("alice", "POST", at, "off").wants(201)
		if payload, retained := value(); payload != "b2Zm" || retained {
			t.Errorf("after a newer value: %s, retained %v", payload, retained)
		}
		s.as("alice", "POST", at+"?retain=true", "dim").wants(201)
		// What was retained stays when the log has given it up.
		s.skew.Store(int64(30 * 24 * time.Hour))
		s.purge(time.Now().Add(30 * 24 * time.Hour))
		s.tokens["bob"] = s.login("bob", "bob-password")
		s.tokens["alice"] = s.login("alice", "alice-password")
		if got := s.as("bob", "GET", at).wants(200).list("items"); len(got) != 0 {
			t.Errorf("the log still has %v", got)
		}
		if payload, retained := value(); payload != "ZGlt" || !retained {
			t.Errorf("after a month: %s, retained %v", payload, retained)
		}
		s.as("alice", "POST", at+"?retain=true").wants(201) // an empty one removes it
		if payload, _ := value(); payload != "" {
			t.Errorf("after its end: %s", payload)
		}
	})
}

// purge gives up all that is over at a moment.
func (s *site) purge(now time.Time) {
	s.Helper()
	for {
		n, err := s.db.Purge(s.Context(), now)
		if err != nil {
			s.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func TestWhatRetentionGaveUpIsToldInTheLog(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		s.as("admin", "PATCH", "/v1/contexts/den", `{"retention":{"posts":4}}`).wants(200)
		for i := range 10 {
			s.post("alice", "den", strconv.Itoa(i))
		}
		s.purge(time.Now())
		epoch := ""
		for _, c := range []struct {
			query    string
			seqs     []int
			complete bool
			position string
		}{
			{"?after=6", []int{7, 8, 9, 10}, true, "10"},
			{"?after=5", []int{7, 8, 9, 10}, false, "10"},
			{"?after=0", []int{7, 8, 9, 10}, false, "10"},
			{"?after=0&limit=2", []int{7, 8}, false, "8"}, // to go on from
			{"?after=8&limit=2", []int{9, 10}, true, "10"},
			{"?after=11", []int{}, false, "10"},
			{"", []int{10, 9, 8, 7}, true, "10"},
			{"?limit=1", []int{10}, true, "10"},
		} {
			a := s.as("bob", "GET", "/v1/contexts/den/log/messages"+c.query).wants(200)
			position := a.text("position")
			if epoch == "" {
				epoch = position[:len(position)-len(":10")]
			}
			if !slices.Equal(a.seqs(), c.seqs) || a.json()["complete"] != c.complete || position != epoch+":"+c.position {
				t.Errorf("%s gives %s", c.query, a.body)
			}
		}
	})
}

func TestAContextSaysHowMuchItKeeps(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	kept := func(a *answer) map[string]any {
		t.Helper()
		r, ok := a.json()["retention"].(map[string]any)
		if !ok {
			t.Fatalf("%s", a.body)
		}
		return r
	}
	made := s.as("admin", "POST", "/v1/contexts", `{"id":"den","retention":{"age":"720h","posts":10000,"dataAge":"90m","samples":5}}`).wants(201)
	if r := kept(made); len(r) != 4 || r["age"] != "720h" || r["posts"] != 10000.0 || r["dataAge"] != "1h30m" || r["samples"] != 5.0 {
		t.Errorf("%v", r)
	}
	s.as("admin", "PATCH", "/v1/contexts/den", `{"displayName":"Den"}`).wants(200)
	if r := kept(s.as("admin", "GET", "/v1/contexts/den").wants(200)); len(r) != 4 {
		t.Errorf("after another change %v", r)
	}
	if r := kept(s.as("admin", "PATCH", "/v1/contexts/den", `{"retention":{"posts":7}}`).wants(200)); len(r) != 1 || r["posts"] != 7.0 {
		t.Errorf("%v", r)
	}
	if r := kept(s.as("admin", "PATCH", "/v1/contexts/den", `{"retention":{}}`).wants(200)); len(r) != 0 {
		t.Errorf("%v", r)
	}
}
