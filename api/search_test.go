package api_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"rambla/api"
)

// found asks and returns the ids of what was found.
func (s *site) found(who, query string) []string {
	s.Helper()
	if err := s.indexer.CatchUp(s.Context()); err != nil {
		s.Fatal(err)
	}
	return s.walk(who, "/v1/search?"+query, "id")
}

func (s *site) finds(who, query string, want ...string) {
	s.Helper()
	if got := s.found(who, query); !slices.Equal(got, want) {
		s.Errorf("%s asked for %s and found %v, wanted %v", who, query, got, want)
	}
}

func TestWhatIsPostedIsFoundUntilItSaysSomethingElse(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("one", "closed")
		first := s.post("alice", "one", "The final EXAM of Crème brûlée, on Monday #Exams")
		second := s.post("bob", "one", "no exams today, says x-ray")
		for query, want := range map[string][]string{
			"q=exam":                               {second, first},
			"q=creme+brulee":                       {first},
			"q=exam+-monday":                       {second},
			"q=" + url.QueryEscape(`"final exam"`): {first},
			"q=" + url.QueryEscape(`"exam final"`): nil,
			"q=mon*":                               {first},
			"q=mon":                                nil,
			"q=%23exams":                           {first},
			"tag=EXAMS":                            {first},
			"q=exam&author=bob":                    {second},
			"q=exam&author=nobody":                 nil,
			"q=x-ray":                              {second},
			"author=me":                            {first},
			"q=exam&context=one":                   {second, first},
			"q=exam&limit=1":                       {second, first},
			"q=exam&to=2001-01-01T00:00:00Z":       nil,
			"q=exam&from=2001-01-01T00:00:00Z":     {second, first},
		} {
			s.finds("alice", query, want...)
		}
		s.as("alice", "PATCH", "/v1/activities/"+first, `{"content":"The final lecture"}`).wants(200)
		// Not even before it is indexed anew.
		if got := s.walk("alice", "/v1/search?q=exam", "id"); !slices.Equal(got, []string{second}) {
			t.Errorf("after the edit %v", got)
		}
		s.finds("alice", "q=lectures", first)
		s.finds("alice", "tag=exams")
		s.as("alice", "DELETE", "/v1/activities/"+first).wants(204)
		s.finds("alice", "q=lecture")
	})
}

func TestWhoMayNotReadItFindsNothing(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("closed", "closed")
		s.as("admin", "POST", "/v1/contexts", `{"id":"open","preset":"open"}`).wants(201)
		closed := s.post("alice", "closed", "secret word")
		open := s.post("admin", "open", "public word")
		private := s.as("alice", "POST", "/v1/contexts/closed/activities", `{"content":"private word","to":["admin"]}`).wants(201).text("id")
		comment := s.as("bob", "POST", "/v1/activities/"+closed+"/comments", `{"content":"a word on it"}`).wants(201).text("id")
		s.finds("alice", "q=word", private, open, closed)
		s.finds("bob", "q=word", open, closed)
		s.finds("carol", "q=word", open)
		s.finds("admin", "q=word", private, open, closed)
		s.finds("alice", "q=word&type=comments", comment)
		s.finds("carol", "q=word&type=comments")
		s.as("carol", "GET", "/v1/search?q=word&context=closed").wants(404)

		conv := s.as("alice", "POST", "/v1/conversations", `{"participants":["bob"]}`).wants(201).text("id")
		message := s.as("alice", "POST", "/v1/conversations/"+conv+"/messages", `{"content":"between us: the word"}`).wants(201).text("id")
		s.finds("bob", "q=word&type=messages", message)
		s.finds("bob", "q=word&type=messages&conversation="+conv, message)
		s.finds("admin", "q=word&type=messages")
		s.as("admin", "GET", "/v1/search?q=word&type=messages&conversation="+conv).wants(404)

		// With the activity its comments are gone, and with the right all at once.
		s.as("admin", "PUT", "/v1/contexts/closed/bans/bob").wants(201)
		s.finds("bob", "q=word", open)
		s.finds("bob", "q=word&type=comments")
		s.as("alice", "DELETE", "/v1/activities/"+closed).wants(204)
		s.finds("alice", "q=word&type=comments")
	})
}

func TestPeopleAndContextsAreFoundByTheBeginningsOfTheirWords(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("algebra-1", "closed")
	s.as("admin", "PATCH", "/v1/contexts/algebra-1", `{"displayName":"Àlgebra lineal","tags":["2026"]}`).wants(200)
	if got := s.walk("alice", "/v1/search?type=contexts&q=alg+lin", "id"); !slices.Equal(got, []string{"algebra-1"}) {
		t.Errorf("alice found %v", got)
	}
	if got := s.walk("carol", "/v1/search?type=contexts&q=alg", "id"); len(got) != 0 {
		t.Errorf("carol may not know of it and found %v", got)
	}
	if got := s.walk("carol", "/v1/search?type=people&q=al", "name"); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("carol found %v", got)
	}
	s.as("admin", "PUT", "/v1/admin/roles/hidden/alice").wants(204)
	if got := s.walk("carol", "/v1/search?type=people&q=al", "name"); len(got) != 0 {
		t.Errorf("alice is hidden, and found: %v", got)
	}
}

func TestAQueryIsTextWhateverItIsMadeOf(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("one", "closed")
		id := s.post("alice", "one", "near the drop table of or and not words")
		for query, status := range map[string]int{
			"": 422, "-only": 422, strings.Repeat("(", 900): 422, strings.Repeat("(", 2000): 422,
			"' OR 1=1 --": 200, `words:near`: 200, `NEAR(near drop, 5)`: 200, "near AND drop": 200, `"unclosed near`: 200, `near & drop | !x <-> 'y'`: 200,
			"near\x00": 422, "\xff": 422, strings.Repeat("a ", 20): 422, "^near*": 200, `{words marks}: near`: 200, `\`: 422,
		} {
			s.as("alice", "GET", "/v1/search?"+url.Values{"q": {query}}.Encode()).wants(status)
		}
		s.finds("alice", "q="+url.QueryEscape(`NEAR(the) "table of" OR & AND | not`), id)
		for _, filter := range []string{"type=people&q=a&context=one", "type=contexts&q=a&author=bob", "q=a&conversation=x", "type=messages&q=a&context=one", "q=a&tag=a-b", "q=a&cursor=AAAA", "q=a&type=files", "q=a&from=yesterday"} {
			s.as("alice", "GET", "/v1/search?"+filter).wants(422)
		}
	})
}
