package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAContextIsExportedWholeAsItsOwnerReadsIt(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("admin", "POST", "/v1/contexts", map[string]any{"id": "maths", "preset": "closed", "displayName": "Maths"}).wants(201)
		s.as("admin", "PUT", "/v1/contexts/maths/owner", map[string]any{"owner": "alice"}).wants(200)
		for _, name := range []string{"bob", "carol"} {
			s.as("alice", "PUT", "/v1/contexts/maths/members/"+name).wants(201)
		}
		post := s.post("alice", "maths", "first")
		s.as("bob", "POST", "/v1/activities/"+post+"/comments", map[string]any{"content": "a comment"}).wants(201)
		s.as("bob", "PUT", "/v1/activities/"+post+"/like").wants(201)
		s.as("bob", "POST", "/v1/contexts/maths/activities", map[string]any{"content": "for carol", "to": []string{"carol"}}).wants(201)
		s.as("bob", "POST", "/v1/contexts/maths/activities", map[string]any{"content": "for alice", "to": []string{"alice"}}).wants(201)
		const many = 450 // more than two pages
		for range many {
			s.post("bob", "maths", "one of many")
		}

		s.as("bob", "GET", "/v1/contexts/maths/export").wants(403)
		s.as("bob", "GET", "/v1/contexts/physics/export").wants(404)
		export := s.as("alice", "GET", "/v1/contexts/maths/export").wants(200)
		kinds := map[string]int{}
		lines := strings.Split(strings.TrimSuffix(string(export.body), "\n"), "\n")
		for i, line := range lines {
			var x struct {
				Kind     string
				Lines    int
				Activity struct{ Seq int }
			}
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			kinds[x.Kind]++
			if x.Kind == "end" && (i != len(lines)-1 || x.Lines != i) {
				t.Errorf("the end is %s, line %d", line, i)
			}
			if x.Kind == "messages" && x.Activity.Seq == 0 {
				t.Errorf("an entry without a seq: %s", line)
			}
		}
		if kinds["context"] != 1 || kinds["member"] < 3 || kinds["messages"] != many+2 || kinds["comments"] != 1 || kinds["reactions"] != 1 || kinds["end"] != 1 {
			t.Errorf("it has %v", kinds)
		}
		if text := string(export.body); !strings.Contains(text, "for alice") || strings.Contains(text, "for carol") {
			t.Error("private posts are not those of the reader")
		}
		if acts := s.acts("verb=context.export"); len(acts) != 1 || !strings.Contains(acts[0], "alice") {
			t.Errorf("the audit log tells %v", acts)
		}
	})
}
