package api_test

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/api"
	"rambla/social"
)

// liveSessions stand in for the broker.
type liveSessions struct {
	mu   sync.Mutex
	list []social.LiveSession
}

func (l *liveSessions) connect(s social.LiveSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, s)
}

func (l *liveSessions) LiveSessions(person social.PersonKey) []social.LiveSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.list), func(s social.LiveSession) bool { return person != 0 && s.Person != person })
}

func (l *liveSessions) Subscriptions(_ social.PersonKey, name string) []social.Subscription {
	return []social.Subscription{{Filter: "/live/" + name, QoS: 1}}
}

func (l *liveSessions) EndSession(_ context.Context, person social.PersonKey, name string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.list)
	l.list = slices.DeleteFunc(l.list, func(s social.LiveSession) bool { return s.Person == person && s.Name == name })
	return len(l.list) < n, nil
}

func (s *site) key(name string) social.PersonKey {
	s.Helper()
	p, ok := s.dir.PersonByName(name)
	if !ok {
		s.Fatalf("there is no %s", name)
	}
	return p.Key
}

// session stores one that left now; expiry 0: that is connected.
func (s *site) session(id social.SessionID, name, client string, expiry time.Duration) {
	s.Helper()
	now := time.Now()
	claim := &social.SessionClaim{ID: id, Person: s.key(name), Name: client, Version: 4, Node: 7, Expiry: expiry, Rights: 1}
	out, err := s.db.WriteSessions(s.Context(), []social.SessionWrite{{Claim: claim}}, now)
	if err != nil || out[0].Err != nil {
		s.Fatalf("claim: %v, %+v", err, out)
	}
	save := &social.SessionSave{
		ID: id, Fence: out[0].Claimed.Session.Fence, Rights: 1, Left: now,
		Subscriptions: social.EncodeSubscriptions([]social.Subscription{{Filter: "/stored/" + client, QoS: 2}}),
	}
	if out, err = s.db.WriteSessions(s.Context(), []social.SessionWrite{{Save: save}}, now); err != nil || out[0].Stale {
		s.Fatalf("save: %v, %+v", err, out)
	}
}

func TestSessionsAreListedWhereverTheyAre(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.session(10, "bob", "away", time.Hour)
		s.session(20, "bob", "both", time.Hour)
		s.session(30, "bob", "for ever", social.SessionForever)
		s.session(15, "carol", "hers", time.Hour)
		at := netip.MustParseAddrPort("192.0.2.7:1234")
		since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		s.live.connect(social.LiveSession{ID: 20, Person: s.key("bob"), Name: "both", Version: 5, Transport: "ws", Remote: at, Since: since, Queued: 3, Unacknowledged: 2})
		s.live.connect(social.LiveSession{ID: 25, Person: s.key("bob"), Name: "not stored", Version: 4, Transport: "tcp", Remote: at, Since: since})
		s.live.connect(social.LiveSession{ID: 12, Person: s.key("alice"), Name: "other's", Version: 4, Transport: "tcp", Remote: at, Since: since})

		mine := s.as("bob", "GET", "/v1/me/sessions").wants(200)
		if got := mine.names("client"); !slices.Equal(got, []string{"away", "both", "not stored", "for ever"}) {
			t.Fatalf("bob's: %s", mine.body)
		}
		items := mine.list("items")
		away, both, ever := items[0], items[1], items[3]
		if away["connected"] != false || away["left"] == nil || away["expires"] == nil || away["since"] != nil || away["protocol"] != "3.1.1" || away["person"] != nil ||
			fmt.Sprint(away["subscriptions"]) != "[map[filter:/stored/away qos:2]]" || away["transport"] != nil || away["queued"] != nil {
			t.Errorf("stored: %v", away)
		}
		if both["connected"] != true || both["since"] != "2026-01-02T03:04:05.000Z" || both["protocol"] != "5.0" || both["transport"] != "ws" ||
			both["address"] != "192.0.2.7:1234" || both["queued"] != 3.0 || both["unacknowledged"] != 2.0 ||
			fmt.Sprint(both["subscriptions"]) != "[map[filter:/live/both qos:1]]" || both["left"] != nil {
			t.Errorf("both: %v", both)
		}
		if ever["expires"] != nil || ever["left"] == nil {
			t.Errorf("for ever: %v", ever)
		}
		var paged []string
		for path := "/v1/me/sessions?limit=1"; path != ""; {
			a := s.as("bob", "GET", path).wants(200)
			paged = append(paged, a.names("client")...)
			path, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
		}
		if !slices.Equal(paged, []string{"away", "both", "not stored", "for ever"}) {
			t.Errorf("page by page: %q", paged)
		}
		s.as("bob", "GET", "/v1/me/sessions?cursor=x").refused(422, "invalid", "cursor")

		all := s.as("admin", "GET", "/v1/admin/sessions").wants(200)
		if got := all.names("person"); !slices.Equal(got, []string{"bob", "alice", "carol", "bob", "bob", "bob"}) {
			t.Errorf("everybody's: %s", all.body)
		}
		if got := s.as("admin", "GET", "/v1/admin/sessions?person=carol").wants(200).names("client"); !slices.Equal(got, []string{"hers"}) {
			t.Errorf("carol's: %q", got)
		}
		s.as("admin", "GET", "/v1/admin/sessions?person=nobody").refused(404, "not_found")
		s.as("bob", "GET", "/v1/admin/sessions").refused(403, "forbidden")
		s.as("bob", "DELETE", "/v1/admin/sessions/bob/away").refused(403, "forbidden")
	})
}

func TestASessionIsEndedWhereverItIs(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.session(10, "bob", "away", time.Hour)
		s.session(30, "bob", "a/b?c%2F #é", time.Hour)
		s.session(40, "bob", "keeps", time.Hour)
		s.session(50, "carol", "away", time.Hour)
		s.live.connect(social.LiveSession{ID: 20, Person: s.key("bob"), Name: "connected", Version: 5})
		s.live.connect(social.LiveSession{ID: 60, Person: s.key("carol"), Name: "live", Version: 5})
		for _, client := range []string{"away", "connected", "a/b?c%2F #é"} {
			path := "/v1/me/sessions/" + url.PathEscape(client)
			s.as("bob", "DELETE", path).wants(204)
			s.as("bob", "DELETE", path).refused(404, "not_found")
		}
		if got := s.as("bob", "GET", "/v1/me/sessions").wants(200).names("client"); !slices.Equal(got, []string{"keeps"}) {
			t.Errorf("bob has %q left", got)
		}
		s.as("bob", "DELETE", "/v1/me/sessions/live").refused(404, "not_found")
		s.as("admin", "DELETE", "/v1/admin/sessions/carol/live").wants(204)
		s.as("admin", "DELETE", "/v1/admin/sessions/carol/live").refused(404, "not_found")
		s.as("admin", "DELETE", "/v1/admin/sessions/nobody/live").refused(404, "not_found")
		if got := s.as("carol", "GET", "/v1/me/sessions").wants(200).names("client"); !slices.Equal(got, []string{"away"}) {
			t.Errorf("carol has %q left", got)
		}
	})
}

func TestNarrowedTokensNeitherSeeNorEndSessions(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("lobby", "open")
	s.session(10, "bob", "away", time.Hour)
	token := func(scopes ...string) {
		t.Helper()
		s.tokens["narrow"] = s.as("bob", "POST", "/v1/me/tokens", map[string]any{"name": "n", "scopes": scopes}).wants(201).text("token")
	}
	token("read", "write", "ctx:lobby")
	s.as("narrow", "GET", "/v1/me/sessions").refused(403, "forbidden")
	s.as("narrow", "DELETE", "/v1/me/sessions/away").refused(403, "forbidden")
	token("read")
	s.as("narrow", "GET", "/v1/me/sessions").wants(200)
	s.as("narrow", "DELETE", "/v1/me/sessions/away").refused(403, "forbidden")
}
