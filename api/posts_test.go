package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/api"
)

func TestAPostIsEditedAndRemovedAndKeepsItsSeq(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		id := s.post("alice", "den", "one")
		s.post("bob", "den", "two")
		s.as("bob", "PATCH", "/v1/activities/"+id, `{"content":"mine"}`).refused(403, "forbidden")
		s.as("bob", "DELETE", "/v1/activities/"+id).refused(403, "forbidden")
		edited := s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"*uno*","format":"markdown"}`).wants(200)
		if edited.text("id") != id || edited.text("object.content") != "*uno*" || edited.text("object.mediaType") != "text/markdown" || edited.text("updated") == "" || edited.json()["seq"] != float64(1) {
			t.Errorf("edited %s", edited.body)
		}
		// What an edit leaves out stays.
		if a := s.as("alice", "PATCH", "/v1/activities/"+id, `{"data":{"grade":7}}`).wants(200); a.text("object.content") != "*uno*" || a.text("object.mediaType") == "" {
			t.Errorf("after an edit of the data only: %s", a.body)
		}
		for _, fixed := range []string{`"to":["bob"]`, `"inReplyTo":"` + id + `"`, `"type":"app:told"`} {
			s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"x",`+fixed+`}`).refused(422, "invalid")
		}
		s.as("alice", "DELETE", "/v1/activities/"+id).wants(204)
		s.as("alice", "DELETE", "/v1/activities/"+id).wants(204)
		s.as("alice", "PATCH", "/v1/activities/"+id, `{"content":"x"}`).refused(404, "not_found")
		if a := s.as("bob", "GET", "/v1/activities/"+id).wants(200); a.text("object.type") != "Tombstone" || strings.Contains(string(a.body), "uno") {
			t.Errorf("removed, it reads %s", a.body)
		}
		if got := s.as("bob", "GET", "/v1/contexts/den/activities").wants(200).seqs(); !slices.Equal(got, []int{2}) {
			t.Errorf("the living posts are %v", got)
		}
		log := s.as("bob", "GET", "/v1/contexts/den/log/messages?after=0").wants(200)
		var types []string
		for _, e := range log.list("items") {
			types = append(types, fmt.Sprint(e["seq"], e["type"], e["object"].(map[string]any)["type"]))
		}
		if want := []string{"1CreateTombstone", "2CreateNote", "3UpdateTombstone", "4UpdateTombstone", "5DeleteTombstone"}; !slices.Equal(types, want) {
			t.Errorf("the log is %q: %s", types, log.body)
		}
		if strings.Contains(string(log.body), "uno") {
			t.Errorf("the log still has the content: %s", log.body)
		}
	})
}

func TestAPrivatePostIsForThoseItNames(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.as("admin", "PUT", "/v1/contexts/den/members/carol").wants(201)
	a := s.as("alice", "POST", "/v1/contexts/den/activities", `{"content":"for bob","to":["bob"]}`).wants(201)
	id := a.text("id")
	s.as("bob", "GET", "/v1/activities/"+id).wants(200)
	for _, other := range []string{"carol", "admin"} {
		s.as(other, "GET", "/v1/activities/"+id).refused(404, "not_found")
		s.as(other, "PATCH", "/v1/activities/"+id, `{"content":"x"}`).refused(404, "not_found")
		for _, list := range []string{"activities", "log/messages", "log/messages?after=0"} {
			if b := s.as(other, "GET", "/v1/contexts/den/"+list).wants(200); strings.Contains(string(b.body), "for bob") {
				t.Errorf("%s reads %s in %s", other, b.body, list)
			}
		}
	}
	if got := s.as("bob", "GET", "/v1/contexts/den/activities").wants(200).seqs(); !slices.Equal(got, []int{1}) {
		t.Errorf("bob reads %v", got)
	}
}

func TestAnApplicationTellsInItsOwnWords(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	body := `{"type":"uni:graded","object":{"type":"Document","id":"exam-2","name":"Exam 2","url":"https://example.org/2"},"data":{"grade":7.5,"tags":["a"]}}`
	a := s.as("alice", "POST", "/v1/contexts/den/activities", body).wants(201)
	if a.text("type") != "uni:graded" || a.text("object.name") != "Exam 2" {
		t.Errorf("told %s", a.body)
	}
	var strict struct {
		api.Post
		Object json.RawMessage `json:"object"`
		Target json.RawMessage `json:"target"`
	}
	dec := json.NewDecoder(strings.NewReader(string(a.body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&strict); err != nil {
		t.Errorf("the document does not describe %s: %v", a.body, err)
	}
}

func TestTheDocumentDescribesPostsAsTheyAreRendered(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	first := s.post("alice", "den", "one")
	s.as("bob", "POST", "/v1/contexts/den/activities", `{"content":"two","inReplyTo":"`+first+`","to":["alice"],"key":"k","format":"markdown"}`).wants(201)
	s.as("alice", "PATCH", "/v1/activities/"+first, `{"content":"uno"}`).wants(200)
	s.as("admin", "POST", "/v1/contexts/den/activities", `{"content":"x","target":{"type":"Place","id":"p","name":"P","url":"https://example.org/p"}}`).with("X-Rambla-Act-As", "ctx:den").wants(201)
	gone := s.post("alice", "den", "three")
	s.as("alice", "DELETE", "/v1/activities/"+gone).wants(204)
	for _, list := range []string{"log/messages?after=0", "log/events?after=0"} {
		var page api.LogPage
		dec := json.NewDecoder(strings.NewReader(string(s.as("alice", "GET", "/v1/contexts/den/"+list).wants(200).body)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&page); err != nil || len(page.Items) < 2 {
			t.Errorf("%s is not as described: %v", list, err)
		}
	}
}

func TestStreamsPageBothWaysWithoutLossOrRepeat(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		const n = 23
		var forward, backward []int
		for i := range n {
			id := s.post("alice", "den", fmt.Sprint(i))
			if i%5 == 4 {
				s.as("alice", "DELETE", "/v1/activities/"+id).wants(204)
			}
		}
		log := s.as("bob", "GET", "/v1/contexts/den/log/messages?after=0&limit=200").wants(200)
		all := log.seqs()
		for i, seq := range all {
			if seq != i+1 {
				t.Fatalf("the log has seqs %v", all)
			}
		}
		var living []int
		for _, e := range log.list("items") {
			if e["type"] == "Create" && e["object"].(map[string]any)["type"] == "Note" {
				living = append(living, int(e["seq"].(float64)))
			}
		}
		if len(living) != n-4 {
			t.Fatalf("%d living posts", len(living))
		}
		for path, want := range map[string][]int{"log/messages": all, "activities": living} {
			for _, limit := range []int{1, 4, 7, 200} {
				forward = s.walkSeqs("bob", fmt.Sprintf("/v1/contexts/den/%s?after=0&limit=%d", path, limit))
				backward = s.walkSeqs("bob", fmt.Sprintf("/v1/contexts/den/%s?limit=%d", path, limit))
				slices.Reverse(backward)
				if !slices.Equal(forward, want) || !slices.Equal(backward, want) {
					t.Errorf("%s by %d: forward %v, backward %v, wanted %v", path, limit, forward, backward, want)
				}
			}
		}
		if got := s.as("bob", "GET", "/v1/contexts/den/log/messages?before=4").wants(200).seqs(); !slices.Equal(got, []int{3, 2, 1}) {
			t.Errorf("before 4 are %v", got)
		}
		if got := s.as("bob", "GET", "/v1/contexts/den/log/messages?after=2&limit=2").wants(200).seqs(); !slices.Equal(got, []int{3, 4}) {
			t.Errorf("after 2 are %v", got)
		}
		if got := s.as("bob", "GET", "/v1/contexts/den/log/messages").wants(200).seqs(); len(got) != 20 {
			t.Errorf("a page without a limit has %d", len(got))
		}
	})
}

func (s *site) walkSeqs(as, path string) []int {
	s.Helper()
	var out []int
	for range 1000 {
		a := s.as(as, "GET", path).wants(200)
		out = append(out, a.seqs()...)
		l := a.target("next")
		if next, has := a.json()["next"]; !has {
			if l != "" {
				s.Fatalf("the next page is %q at the end", l)
			}
			return out
		} else if int(next.(float64)) != out[len(out)-1] {
			s.Fatalf("next is %v after %v", next, out)
		}
		path = l
	}
	s.Fatalf("%s has no end", path)
	return nil
}

func TestThePositionTellsWhetherAnythingIsMissing(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		get := func(query string) *answer {
			return s.as("bob", "GET", "/v1/contexts/den/log/messages"+query).wants(200)
		}
		empty := get("")
		epoch, seq, _ := strings.Cut(empty.text("position"), ":")
		if epoch == "" || seq != "0" || empty.json()["complete"] != true {
			t.Errorf("an empty log: %s", empty.body)
		}
		for range 3 {
			s.post("alice", "den", "x")
		}
		for _, c := range []struct {
			query    string
			seqs     []int
			complete bool
		}{
			{"?after=1", []int{2, 3}, true},
			{"?after=" + epoch + ":1", []int{2, 3}, true},
			{"?after=3", []int{}, true},
			{"?after=4", []int{}, false},
			{"?after=9223372036854775807", []int{}, false},
			{"?after=" + epoch + ":7", []int{}, false},
			{"?after=elsewhere:2", []int{1, 2, 3}, false},
			{"?after=elsewhere:200", []int{1, 2, 3}, false},
			{"", []int{3, 2, 1}, true},
		} {
			a := get(c.query)
			if !slices.Equal(a.seqs(), c.seqs) || a.json()["complete"] != c.complete || a.text("position") != epoch+":3" {
				t.Errorf("%s gives %s", c.query, a.body)
			}
		}
		s.as("bob", "GET", "/v1/contexts/den/activities?after="+epoch+":1").refused(422, "invalid", "after")
	})
}

func TestHistoryBeginsAtTheJoinWhereTheContextSaysSo(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	s.as("admin", "PATCH", "/v1/contexts/den", `{"history":"since_join"}`).wants(200)
	old := s.post("alice", "den", "before")
	s.as("admin", "PUT", "/v1/contexts/den/members/carol").wants(201)
	s.post("alice", "den", "after")
	if got := s.as("carol", "GET", "/v1/contexts/den/log/messages?after=0").wants(200).seqs(); !slices.Equal(got, []int{2}) {
		t.Errorf("carol reads %v", got)
	}
	s.as("carol", "GET", "/v1/activities/"+old).refused(404, "not_found")
}

func TestDataIsKeptAsItCame(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		begun := time.Now().Add(-time.Second)
		raw := []byte{0, 1, 2, 0xff}
		a := s.as("alice", "POST", "/v1/contexts/den/data/kitchen/temp%20one", raw).with("Content-Type", "application/x-sensor").wants(201)
		if a.json()["seq"] != float64(1) {
			t.Errorf("stored %s", a.body)
		}
		s.as("alice", "POST", "/v1/contexts/den/data/other", "x").wants(201)
		empty := s.as("alice", "POST", "/v1/contexts/den/data/other")
		empty.wants(201)
		for range 3 {
			s.as("alice", "POST", "/v1/contexts/den/data/other", "y").with("Content-Type", "text/plain").wants(201)
		}
		got := s.as("bob", "GET", "/v1/contexts/den/data/kitchen/temp%20one").wants(200).list("items")
		if len(got) != 1 || got[0]["payload"] != "AAEC/w==" || got[0]["contentType"] != "application/x-sensor" || got[0]["topic"] != "kitchen/temp one" {
			t.Errorf("bob reads %v", got)
		}
		other := "/v1/contexts/den/data/other"
		if seqs := s.walkSeqs("bob", other+"?limit=2"); !slices.Equal(seqs, []int{6, 5, 4, 3, 2}) {
			t.Errorf("paging gives %v", seqs)
		}
		if seqs := s.walkSeqs("bob", other+"?limit=2&after=0"); !slices.Equal(seqs, []int{2, 3, 4, 5, 6}) {
			t.Errorf("paging from the beginning gives %v", seqs)
		}
		if seqs := s.as("bob", "GET", other+"?before=4").wants(200).seqs(); !slices.Equal(seqs, []int{3, 2}) {
			t.Errorf("before 4 there are %v", seqs)
		}
		s.as("bob", "GET", other+"?before=4&after=2").refused(422, "invalid")
		if seqs := s.as("bob", "GET", other+"?last=true").wants(200).seqs(); !slices.Equal(seqs, []int{6}) {
			t.Errorf("the last is %v", seqs)
		}
		if seqs := s.as("bob", "GET", other+"?after=4").wants(200).seqs(); !slices.Equal(seqs, []int{5, 6}) {
			t.Errorf("after 4 are %v", seqs)
		}
		at := func(d time.Duration) string { return begun.Add(d).UTC().Format(time.RFC3339Nano) }
		if seqs := s.as("bob", "GET", other+"?from="+at(0)+"&to="+at(time.Hour)).wants(200).seqs(); len(seqs) != 5 {
			t.Errorf("within the hour are %v", seqs)
		}
		if seqs := s.as("bob", "GET", other+"?to="+at(0)).wants(200).seqs(); len(seqs) != 0 {
			t.Errorf("before all are %v", seqs)
		}
		s.as("carol", "GET", other).refused(404, "not_found")
		s.as("alice", "POST", other, make([]byte, 256<<10+1)).refused(413, "too_large")
		s.as("alice", "POST", other, make([]byte, 256<<10)).wants(201)
		s.as("alice", "POST", other, "x").with("Content-Type", strings.Repeat("x", 300)).refused(422, "invalid", "Content-Type")

		// A page of large ones ends early, and none is lost.
		for range 20 {
			s.as("alice", "POST", "/v1/contexts/den/data/large", make([]byte, 256<<10)).wants(201)
		}
		if page := s.as("bob", "GET", "/v1/contexts/den/data/large?limit=200").wants(200); len(page.body) > 7<<20 || len(page.seqs()) == 20 {
			t.Errorf("a page has %d bytes", len(page.body))
		}
		if seqs := s.walkSeqs("bob", "/v1/contexts/den/data/large?limit=200"); len(seqs) != 20 {
			t.Errorf("of 20 large ones are read %d", len(seqs))
		}

		// The same key: stored once.
		first := s.as("alice", "POST", other, "z").with("Idempotency-Key", "k1").wants(201)
		again := s.as("alice", "POST", other, "z").with("Idempotency-Key", "k1").wants(201)
		if string(first.body) != string(again.body) {
			t.Errorf("stored %s, then %s", first.body, again.body)
		}
		s.as("alice", "POST", other, "zz").with("Idempotency-Key", "k1").refused(409, "conflict")
	})
}
