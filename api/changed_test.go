package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"

	"rambla/api"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// shelf is what a client keeps of a list that tells what has changed.
type shelf struct {
	s       *site
	who     string
	path    string
	token   string
	entries map[string]string // by id, as they were shown
	came    int               // entries of the last answer
}

// page reads all pages of a query.
func (k *shelf) read(query url.Values) (entries map[string]string, first *answer) {
	k.s.Helper()
	entries = map[string]string{}
	for {
		a := k.s.as(k.who, "GET", k.path+"?"+query.Encode()).wants(200)
		if first == nil {
			first = a
		} else if a.text("token") != "" {
			k.s.Errorf("a token on a page behind the first: %s", a.body)
		}
		for _, item := range a.list("items") {
			b, _ := json.Marshal(item)
			entries[item["id"].(string)] = string(b)
		}
		next := a.text("next")
		if next == "" {
			return entries, first
		}
		query.Set("cursor", next)
	}
}

// update brings the shelf up to date by what has changed, and holds it to the
// whole list.
func (k *shelf) update(what string) {
	k.s.Helper()
	query := url.Values{"limit": {"3"}}
	if k.token != "" {
		query.Set("changed_since", k.token)
	}
	entries, first := k.read(query)
	if first.json()["reset"] == true {
		k.entries = map[string]string{}
	}
	gone, _ := first.json()["gone"].([]any)
	for _, id := range gone {
		delete(k.entries, id.(string))
	}
	maps.Copy(k.entries, entries)
	k.came, k.token = len(entries), first.text("token")
	if k.token == "" {
		k.s.Fatalf("no token: %s", first.body)
	}
	if whole, _ := k.read(url.Values{"limit": {"200"}}); !maps.Equal(whole, k.entries) {
		k.s.Fatalf("after %s the client has\n%v\nand the server\n%v", what, k.entries, whole)
	}
}

func TestWhatHasChangedSinceLeadsToWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // no secret, and the same again
		var ids []string
		for i := range 9 {
			ids = append(ids, fmt.Sprintf("c%d", i))
			s.context(ids[i], "closed")
		}
		k := &shelf{s: s, who: "bob", path: "/v1/me/contexts", entries: map[string]string{}}
		k.update("the first answer")
		k.update("nothing")
		if k.came != 0 {
			t.Errorf("nothing has changed, and %d entries came", k.came)
		}
		posts := map[string]string{}
		for step := range 60 {
			id := ids[r.IntN(len(ids))]
			at := "/v1/contexts/" + id
			var a *answer
			switch r.IntN(9) {
			case 0, 1:
				if a = s.as("alice", "POST", at+"/activities", fmt.Sprintf(`{"content":"%d"}`, step)).do(); a.status == 201 {
					posts[id] = a.text("id")
				}
			case 2:
				a = s.as("alice", "PATCH", "/v1/activities/"+posts[id], fmt.Sprintf(`{"content":"edited %d"}`, step)).do()
			case 3:
				a = s.as("alice", "DELETE", "/v1/activities/"+posts[id]).do()
			case 4:
				a = s.as("bob", "PUT", at+"/read", fmt.Sprintf(`{"read":%d}`, r.IntN(5))).do()
			case 5:
				a = s.as("bob", "DELETE", at+"/members/bob").do()
			case 6:
				a = s.as("admin", "PUT", at+"/members/bob").do()
			case 7:
				a = s.as("admin", "PATCH", at, map[string]any{"displayName": fmt.Sprint("name ", step)}).do()
			case 8:
				a = s.as("admin", []string{"PUT", "DELETE"}[r.IntN(2)], at+"/members/bob/vetoes/"+[]string{"read", "write"}[r.IntN(2)]).do()
			}
			if step == 40 {
				a = s.as("admin", "DELETE", "/v1/contexts/c0").wants(204)
			}
			if r.IntN(3) > 0 {
				k.update(fmt.Sprintf("step %d, %s (%d)", step, a.what, a.status))
			}
		}
		k.update("all")
	})
}

func TestATokenIsOfOneListAndOnePerson(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("den", "closed")
	token := s.as("bob", "GET", "/v1/me/contexts").wants(200).text("token")
	query := "?changed_since=" + url.QueryEscape(token)
	if a := s.as("bob", "GET", "/v1/me/contexts"+query).wants(200); len(a.list("items")) != 0 {
		t.Errorf("nothing has changed: %s", a.body)
	}
	s.as("alice", "GET", "/v1/me/contexts"+query).refused(422, "invalid", "changed_since")
	s.as("bob", "GET", "/v1/me/conversations"+query).refused(422, "invalid", "changed_since")
	s.as("bob", "GET", "/v1/me/contexts?changed_since=x").refused(422, "invalid", "changed_since")
}

func TestATokenOfAnotherHistoryBringsEverything(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		s := newSite(t, db, api.Config{}, nil)
		s.context("den", "closed")
		// A store with a longer past, as one that a backup of which was restored.
		later := newSite(t, storagetest.Open(t, storagetest.SQLite), api.Config{}, nil)
		for i := range 5 {
			later.context(fmt.Sprint("c", i), "closed")
		}
		token := later.as("bob", "GET", "/v1/me/contexts").wants(200).text("token")
		a := s.as("bob", "GET", "/v1/me/contexts?changed_since="+url.QueryEscape(token)).wants(200)
		if a.json()["reset"] != true || !slices.Equal(a.names("id"), []string{"den"}) || a.text("token") == "" {
			t.Errorf("%s", a.body)
		}
	})
}
