package api_test

import (
	"strings"
	"testing"
	"time"

	"rambla/api"
)

func TestAManagerTellsEverybodyAndItIsInTheAuditLog(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	const path = "/v1/admin/broadcast"
	for fields, body := range map[string]map[string]any{
		"content":         {},
		"actor":           {"content": "x", "actor": "alice"},
		"until":           {"content": "x", "until": time.Now().Add(-time.Minute)},
		"until ":          {"content": "x", "until": time.Now().Add(31 * 24 * time.Hour)},
		"content ":        {"content": "\n "},
		"content  ":       {"content": "a\x00b"},
		"content of long": {"content": strings.Repeat("é", 9000)},
	} {
		field, _, _ := strings.Cut(fields, " ")
		s.as("admin", "POST", path, body).refused(422, "invalid", field)
	}
	s.as("alice", "POST", path, map[string]any{"content": "x"}).refused(403, "forbidden")
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	said := s.as("admin", "POST", path, map[string]any{"content": "closed <tonight>", "until": until}).with("Idempotency-Key", "once").wants(201)
	if said.text("topic") != "/sys/broadcast" || said.text("content") != "closed <tonight>" || said.text("until") != until.Format("2006-01-02T15:04:05.000Z") || said.text("published") == "" {
		t.Errorf("%s", said.body)
	}
	if again := s.as("admin", "POST", path, map[string]any{"content": "closed <tonight>", "until": until}).with("Idempotency-Key", "once").wants(201); again.text("id") != said.text("id") {
		t.Errorf("%s, then %s", said.body, again.body)
	}
	entries := s.as("admin", "GET", "/v1/admin/audit?verb=site.broadcast").wants(200).list("items")
	if len(entries) != 1 || entries[0]["actor"] != "admin" || entries[0]["target"] != "broadcast "+said.text("id") {
		t.Errorf("%v", entries)
	}
}
