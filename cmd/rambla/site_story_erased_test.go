package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func decoded[T any](t testing.TB, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// Others write about her, where it is hers to take away.
func (l *siteStory) othersActOnHer() {
	l.as("ben", http.StatusCreated, http.MethodPut, "/v1/people/"+herName+"/follow", nil)
	l.as("chief", http.StatusOK, http.MethodPatch, "/v1/people/"+herName, with{"title": "Jurisprudens"})
	l.as("chief", http.StatusCreated, http.MethodPut, "/v1/contexts/stoa/bans/"+herName, with{"reason": "banishmentum"})
	l.as("cleo", http.StatusCreated, http.MethodPost, "/v1/activities/"+l.old.ID+"/report", with{"reason": "querulantia"})
	l.as(herName, http.StatusCreated, http.MethodPost, "/v1/activities/"+l.answer.ID+"/report", with{"reason": "denunciatoria"})
}

// What was written is found by who may read it, what was imported too, and as it reads
// now.
func (l *siteStory) searchFindsAllOfIt() {
	found := func(name, query string) int {
		var page struct{ Items []json.RawMessage }
		l.reads(name, "/v1/search?"+query, &page)
		return len(page.Items)
	}
	for _, query := range []string{
		"q=zephyrologia", "q=bewildermentum", "q=clandestinarium", "q=domesticitas", "q=diary&context=agora", "q=picture&author=" + herName,
		"type=comments&q=quixotropic", "type=comments&tag=velocipedomania", "type=messages&q=susurr*", "type=people&q=papad",
	} {
		if !within(patience, func() bool { return found("ben", query) == 1 }) {
			l.Errorf("search of %s finds %d", query, found("ben", query))
		}
	}
	for name, query := range map[string]string{"ben": "q=obfuscatorium", "cleo": "q=clandestinarium"} {
		if n := found(name, query); n != 0 {
			l.Errorf("search of %s by %s finds %d", query, name, n)
		}
	}
}

// She takes along all that she has, her files too.
func (l *siteStory) sheTakesItAlong() {
	r := l.s.ask(l.T, http.MethodGet, "/v1/me/export", "", "Authorization: Bearer "+l.token)
	lines := strings.Split(strings.TrimSuffix(r.body, "\n"), "\n")
	counts, files := map[string]int{}, 0
	var end struct{ Lines int }
	for _, line := range lines {
		x := decoded[struct {
			Kind       string
			Attachment struct{ ID, URL string }
		}](l.T, line)
		counts[x.Kind]++
		for _, f := range l.files {
			if x.Attachment.ID == f.ID && bytes.Equal(l.downloads(herName, x.Attachment.URL), f.content) {
				files++
			}
		}
		end.Lines = 0
		_ = json.Unmarshal([]byte(line), &end) // the last line has it
	}
	if r.status != http.StatusOK || end.Lines != len(lines)-1 || files != len(l.files) {
		l.Errorf("the export: %d, %d lines of %d, %d files\n%s", r.status, len(lines)-1, end.Lines, files, r.body)
	}
	for kind, n := range map[string]int{
		"person": 1, "preferences": 1, "device": 1, "token": 1, "membership": 1, "attachment": 3, "favorite": 1, "like": 1, "conversation": 1,
		"message": 2, "post": 7, "comment": 2, "end": 1,
	} {
		if counts[kind] != n {
			l.Errorf("of %s it has %d, want %d", kind, counts[kind], n)
		}
	}
	for _, word := range hers() {
		// Data is documented to be left out, and so is what is secret, was said before an
		// edit, or is for others.
		left := []string{
			"obfuscatorium", "thermometrix", "propertarium", "lanternaria", "denunciatoria", "querulantia", "banishmentum", "pushtokenaria",
			"calligraphia",
		}
		if has := strings.Contains(strings.ToLower(r.body), word); has == slices.Contains(left, word) {
			l.Errorf("the export: that it has %q is %v", word, has)
		}
	}
}

// storeHasHer looks for everything that is to be gone later: who does not find it now
// would not then.
func (l *siteStory) storeHasHer() {
	found := l.traces(l.data(), l.database())
	for _, n := range l.needles() {
		if len(found[n.name]) == 0 {
			l.Errorf("nothing in the store has %s", n.name)
		}
	}
	if l.embedded() {
		l.before = filepath.Join(l.TempDir(), "before.tar")
		l.command("backup", l.before)
	}
}

// From one moment on she is nobody: her connections end, her names are nobody's, and
// those who had heard what she wrote hear that it is gone.
func (l *siteStory) sheIsErased() {
	ben, began := l.s.token(l.T, "ben"), time.Now()
	if code := l.s.call(l.T, ben, http.MethodDelete, "/v1/people/"+herName+"?erase=true", nil, nil); code != http.StatusForbidden {
		l.Errorf("ben erases her: %d", code)
	}
	r := l.s.ask(l.T, http.MethodDelete, "/v1/people/"+herName+"?erase=true", "", "Authorization: Bearer "+l.s.token(l.T, "chief"))
	type receipt struct {
		ID, State                                   string
		Posts, Likes, Samples, Files, Logins, Names int
	}
	got := decoded[receipt](l.T, r.body)
	for at := r.header.Get("Location"); got.State == "running" && time.Since(began) < time.Minute; {
		l.reads("chief", at, &got)
	}
	l.storeHasNothing(l.data(), l.database()) // whatever the receipt says is done
	l.erasure = got.ID
	want := receipt{ID: got.ID, State: "done", Posts: 10, Likes: 1, Samples: 2, Files: 3, Logins: got.Logins, Names: 2}
	if got != want || got.Logins < 2 {
		l.Errorf("the receipt is %+v, want %+v", got, want)
	}
	l.Logf("erased after %v", time.Since(began).Round(time.Millisecond))
	l.live.ends(0x87)
	l.socket.ends(0x87)
	l.listening.ends(l.T, "she was erased", began)
	l.deletes(l.ben, 6) // the private one too
	l.deletes(l.cleo, 5)
}

// deletes reads so many removals; that she has left, too, is told to who listens to
// events.
func (l *siteStory) deletes(w *wire, n int) {
	l.Helper()
	for n > 0 {
		f := w.hears()
		switch p := readPost(l.T, f); p.Type {
		case "Delete":
			n--
		case "Leave":
		default:
			l.Errorf("heard %s", f.payload)
		}
		l.silent("what is told of it", f.payload)
	}
}

// silent tells whether a text has nothing of her.
func (l *siteStory) silent(where, text string) {
	l.Helper()
	low := strings.ToLower(text)
	for _, word := range hers() {
		if i := strings.Index(low, word); i >= 0 {
			l.Errorf("%s has %q: %s", where, word, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

// nothingIsLeftOfHer looks everywhere, with the eyes of these.
func (l *siteStory) nothingIsLeftOfHer(eyes ...string) {
	if code := l.s.call(l.T, l.token, http.MethodGet, "/v1/me", nil, nil); code != http.StatusUnauthorized {
		l.Errorf("her token: %d", code)
	}
	for _, name := range []string{herName, herFirst} {
		if code := l.s.form(l.T, "/v1/oauth/token", []string{"grant_type", "password", "username", name, "password", herName}, nil); code != http.StatusBadRequest {
			l.Errorf("%s signs in: %d", name, code)
		}
		if ack := l.s.wire(l.T, 4).connect(hello{id: "x", name: name, password: herName}); ack.code == 0 {
			l.Errorf("%s connects", name)
		}
		l.as("chief", http.StatusConflict, http.MethodPost, "/v1/people", with{"name": name})
	}
	for _, f := range l.files {
		for _, path := range []string{f.URL, f.URL + "/thumbnail?size=96"} {
			for _, who := range []string{"ben", "chief"} {
				l.as(who, http.StatusNotFound, http.MethodGet, path, nil)
			}
			if r := l.s.ask(l.T, http.MethodGet, path, "", "Authorization: Bearer "+l.s.token(l.T, "cleo"), "Range: bytes=0-9"); r.status != http.StatusNotFound {
				l.Errorf("a part of %s: %d", path, r.status)
			}
		}
	}
	for _, link := range append(l.links, l.files[0].URL+"?t="+l.media) {
		if r := l.s.ask(l.T, http.MethodGet, link, ""); r.status != http.StatusNotFound {
			l.Errorf("%s: %d %s", link, r.status, r.body)
		}
	}
	for _, who := range eyes {
		l.walk(who)
	}
	l.storeHasNothing(l.data(), l.database())
}

func (l *siteStory) storeHasNothing(data, database string) {
	l.Helper()
	found := l.traces(data, database)
	for _, n := range l.needles() {
		for _, place := range found[n.name] {
			l.Errorf("%s is still in %s", n.name, place)
		}
	}
}

// walk reads whatever can be read, with everything that is known to put into paths.
func (l *siteStory) walk(who string) {
	l.Helper()
	spec := decoded[struct {
		Paths map[string]map[string]json.RawMessage
	}](l.T, l.s.ask(l.T, http.MethodGet, "/v1/openapi.json", "").body)
	ids := map[string][]string{
		"/v1/contexts/{id}": {"agora", "stoa"}, "/v1/activities/{id}": {l.old.ID, l.posts[2], l.answer.ID}, "/v1/comments/{id}": {l.posts[3]},
		"/v1/conversations/{id}": {l.talk.ID}, "/v1/attachments/{id}": {l.files[0].ID, l.files[1].ID, l.files[2].ID},
		"/v1/admin/erasures/{id}": {l.erasure}, "/v1/people/{name}": {herName, herFirst, "ben", "chief"},
	}
	queries := map[string][]string{
		"/v1/admin/push": {"person=ben", "person=cleo"},
		"/v1/search": {
			"q=zephyrologia", "q=bewildermentum", "q=clandestinarium", "q=domesticitas", "q=diary", "type=comments&q=quixotropic",
			"type=comments&tag=velocipedomania", "type=messages&q=susurr*", "type=people&q=papad", "type=contexts&q=" + herName,
		},
	}
	asked := 0
	for path, operations := range spec.Paths {
		if operations["get"] == nil {
			continue
		}
		all := []string{path}
		for prefix, list := range ids {
			if rest, is := strings.CutPrefix(path, prefix); is {
				all = nil
				for _, id := range list {
					all = append(all, strings.TrimSuffix(prefix, prefix[strings.Index(prefix, "{"):])+id+strings.ReplaceAll(rest, "{topic}", "lantern"))
				}
			}
		}
		for _, one := range all {
			if strings.Contains(one, "{") {
				l.Fatalf("the story does not know what to ask %s for", path)
			}
			parameters := queries[path]
			if parameters == nil {
				parameters = []string{""}
			}
			for _, q := range parameters {
				if q == "" && strings.Contains(one, "/log/") {
					q = "after=0"
				}
				asked++
				l.answers(who, one, q)
			}
		}
	}
	if asked < 100 {
		l.Errorf("%s could ask for %d things only", who, asked)
	}
}

// answers has one answer tell nothing of her; what is named after her is not there.
func (l *siteStory) answers(who, path, query string) {
	l.Helper()
	r := l.s.ask(l.T, http.MethodGet, path+"?"+query, "", "Authorization: Bearer "+l.s.token(l.T, who))
	if strings.Contains(path, herName) || strings.Contains(path, herFirst) {
		if r.status != http.StatusNotFound {
			l.Errorf("GET %s by %s: %d %s", path, who, r.status, r.body)
		}
		return
	}
	if r.status >= 500 || r.status == http.StatusUnprocessableEntity {
		l.Errorf("GET %s?%s by %s: %d %s", path, query, who, r.status, r.body)
	}
	l.silent(fmt.Sprintf("GET %s?%s by %s", path, query, who), r.body)
	for _, chunk := range l.chunks {
		if strings.Contains(r.body, string(chunk)) {
			l.Errorf("GET %s by %s has bytes of her file", path, who)
		}
	}
}
