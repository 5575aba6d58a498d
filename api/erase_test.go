package api_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rambla/api"
	"rambla/storage/storagetest"
)

func TestWhoIsErasedIsFoundNowhere(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("den", "closed")
		s.as("admin", "PATCH", "/v1/people/alice", map[string]any{"displayName": "Xanthippe", "about": "Xanthippe of Athens"}).wants(200)
		post := s.post("alice", "den", "Xanthippe writes")
		s.as("alice", "PATCH", "/v1/activities/"+post, map[string]any{"content": "Xanthippe edits"}).wants(200)
		other := s.post("bob", "den", "Hello")
		s.as("alice", "PUT", "/v1/activities/"+other+"/like").wants(201)
		s.as("alice", "POST", "/v1/activities/"+other+"/comments", map[string]any{"content": "Xanthippe comments"}).wants(201)
		s.as("bob", "POST", "/v1/activities/"+post+"/comments", map[string]any{"content": "mine"}).wants(201)
		s.as("alice", "POST", "/v1/people/me/activities", map[string]any{"content": "Xanthippe at home", "key": "xanthippe-key"}).wants(201)
		s.as("alice", "POST", "/v1/contexts/den/data/x", "Xanthippe measures").with("Content-Type", "text/plain").do()
		talk := s.as("alice", "POST", "/v1/conversations", map[string]any{"participants": []string{"bob"}}).wants(201).text("id")
		s.as("alice", "POST", "/v1/conversations/"+talk+"/messages", map[string]any{"content": "Xanthippe whispers"}).wants(201)
		s.as("bob", "DELETE", "/v1/people/alice?erase=true").refused(403, "forbidden")
		s.as("admin", "DELETE", "/v1/people/admin?erase=true").refused(409, "conflict")
		a := s.as("admin", "DELETE", "/v1/people/alice?erase=true").wants(200)
		if a.text("state") != "done" || a.json()["posts"] != float64(4) || a.json()["likes"] != float64(1) || a.json()["names"] != float64(1) {
			t.Errorf("the receipt: %s", a.body)
		}
		if again := s.as("admin", "GET", a.header.Get("Location")).wants(200); again.text("id") != a.text("id") {
			t.Errorf("kept is %s", again.body)
		}
		s.as("bob", "GET", a.header.Get("Location")).refused(403, "forbidden")
		s.as("alice", "GET", "/v1/me").wants(401)
		s.as("admin", "GET", "/v1/people/alice").wants(404)
		s.as("admin", "POST", "/v1/people", map[string]any{"name": "alice"}).refused(409, "conflict")
		log := s.as("bob", "GET", "/v1/contexts/den/log/messages?after=0").wants(200)
		if kinds := strings.Join(log.names("type"), " "); kinds != "Create Update Create Delete" || bytes.Contains(log.body, []byte("alice")) {
			t.Errorf("the log says %s", log.body)
		}
		if o := s.as("bob", "GET", "/v1/activities/"+other).wants(200).json(); o["likes"] != float64(0) || o["comments"] != float64(0) {
			t.Errorf("of the other's post it says %v", o)
		}
		found, err := s.db.Verify(t.Context())
		if err != nil || len(found) > 0 {
			t.Errorf("the store: %v, %v", found, err)
		}
	})
}

func TestTheFilesHoldNothingOfWhoIsErased(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.SQLite)
	s := newSite(t, storagetest.OpenAt(t, cfg), api.Config{}, nil)
	s.context("den", "closed")
	s.as("admin", "PATCH", "/v1/people/carol", map[string]any{"name": "xanthippe", "displayName": "Xanthippe"}).wants(200)
	s.as("admin", "PUT", "/v1/contexts/den/members/xanthippe").wants(201)
	for range 50 {
		id := s.post("carol", "den", strings.Repeat("xanthippe ", 300))
		s.as("carol", "PATCH", "/v1/activities/"+id, map[string]any{"content": "Xanthippe once more", "key": "xanthippe" + id}).wants(200)
	}
	s.as("admin", "DELETE", "/v1/people/xanthippe").wants(204)
	s.as("admin", "DELETE", "/v1/people/xanthippe?erase=true").wants(200)
	files, err := filepath.Glob(filepath.Join(cfg.Dir, "rambla.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"xanthippe", "Xanthippe"} {
			if i := bytes.Index(b, []byte(word)); i >= 0 {
				t.Errorf("%s has %q", filepath.Base(file), b[max(0, i-40):min(len(b), i+60)])
			}
		}
	}
}
