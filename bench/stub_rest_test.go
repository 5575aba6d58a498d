package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// serveREST knows the few requests that a setup makes, and what they depend on.
func (s *stub) serveREST(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	if r.URL.Path == "/v1/oauth/token" {
		name, password := r.FormValue("username"), r.FormValue("password")
		if s.busyLogins > 0 {
			s.busyLogins--
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if s.people[name] != "" && s.people[name] == password {
			fmt.Fprintf(w, `{"access_token":"token of %s"}`, name)
			return
		}
		if name != "admin" || password != "secret" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant","error_description":"wrong name or password"}`)
			return
		}
		fmt.Fprint(w, `{"access_token":"access","refresh_token":"refresh","token_type":"Bearer"}`)
		return
	}
	if r.URL.Path == "/v1/oauth/revoke" {
		s.revoked = r.FormValue("token") == "refresh"
		return
	}
	if r.Header.Get("Authorization") != "Bearer access" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var body map[string]string
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
	}
	part := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch {
	case r.Method == http.MethodPost && part[0] == "contexts":
		if s.failContext != "" && strings.HasSuffix(body["id"], s.failContext) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"code":"unavailable","detail":"the store is away"}`)
			return
		}
		s.contexts[body["id"]] = true
		s.members[body["id"]] = map[string]bool{}
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPost && part[0] == "people":
		s.people[body["name"]] = body["password"]
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut && len(part) == 3 && part[2] == "members":
		var list struct{ Members []struct{ Name string } }
		if err := json.NewDecoder(r.Body).Decode(&list); err != nil || s.members[part[1]] == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		for _, m := range list.Members {
			s.members[part[1]][m.Name] = s.people[m.Name] != ""
		}
	case r.Method == http.MethodDelete && part[0] == "contexts" && s.contexts[part[1]]:
		delete(s.contexts, part[1])
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete && part[0] == "people" && s.people[part[1]] != "":
		delete(s.people, part[1])
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// leftBehind names what a load should have removed.
func (s *stub) leftBehind() (left []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.contexts {
		left = append(left, id)
	}
	for name := range s.people {
		left = append(left, name)
	}
	if !s.revoked {
		left = append(left, "its login")
	}
	return left
}
