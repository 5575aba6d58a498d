package hooks_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rambla/broker"
	"rambla/hooks"
	"rambla/social"
)

// connections are the principals that are connected.
type connections struct {
	mu    sync.Mutex
	live  map[string]*broker.Principal
	asked []string // what RightsChanged was asked
	ended []string // names with reason
}

func (c *connections) RightsChanged(scopes []social.Scope, people []social.PersonKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, fmt.Sprint(scopes, people))
}

func (c *connections) RightsEnded(scope social.Scope, people []social.PersonKey, _ []*broker.Delivery) {
	c.RightsChanged([]social.Scope{scope}, people)
}

func (c *connections) End(match func(*broker.Principal) bool, reason byte, text string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, p := range c.live {
		if match(p) {
			delete(c.live, name)
			c.ended = append(c.ended, fmt.Sprintf("%s %#x", name, reason))
			n++
		}
		if text == "" {
			c.ended = append(c.ended, "without a word")
		}
	}
	return n
}

func TestConnectionsFollowWhatChanged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		delta social.Delta
		ended []string
		asked []string
	}{
		{"nothing", social.Delta{}, nil, nil},
		{
			"who is barred ends, by whatever it connected",
			social.Delta{People: []social.PersonKey{1}, Barred: []social.PersonKey{1}},
			[]string{"1 by password 0x87", "1 by token 0x87"},
			[]string{"[] [1]"},
		},
		{
			"a changed password ends what used it",
			social.Delta{Passwords: []social.PersonKey{1, 2}},
			[]string{"1 by password 0x87", "2 by password 0x87"},
			nil,
		},
		{"an ended grant ends what used it", social.Delta{Grants: []social.GrantKey{7}}, []string{"1 by token 0x87"}, nil},
		{"changed roles are looked at everywhere", social.Delta{People: []social.PersonKey{2}}, nil, []string{"[] [2]"}},
		{"a changed context is looked at for everybody", social.Delta{Spaces: []social.SpaceKey{5, 6}}, nil, []string{"[{1 5} {1 6}] []"}},
		{
			"changed members are looked at where they are",
			social.Delta{Members: []social.Member{{Space: 5, Person: 1}, {Space: 6, Person: 1}, {Space: 5, Person: 2}}},
			nil,
			[]string{"[{1 5}] [1 2]", "[{1 6}] [1]"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all := &connections{live: map[string]*broker.Principal{
				"1 by password": principal(1, 0), "1 by token": principal(1, 7), "2 by password": principal(2, 0), "2 by token": principal(2, 8),
			}}
			hooks.New(nil, social.NewDirectory(nil, nil, time.Now)).Follow(all, c.delta)
			slices.Sort(all.ended)
			slices.Sort(all.asked)
			if !slices.Equal(all.ended, c.ended) || !slices.Equal(all.asked, c.asked) {
				t.Errorf("ended %q, looked at %q; want %q, %q", all.ended, all.asked, c.ended, c.asked)
			}
		})
	}
}

func principal(person social.PersonKey, grant social.GrantKey) *broker.Principal {
	return broker.NewPrincipal(person, "", broker.Credential{Grant: grant})
}

func TestAConnectionEndsWhenItsCredentialDoes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ends, stays := s.login("ends:bob"), s.login("bob")
	synctest.Test(t, func(t *testing.T) {
		all := &connections{live: map[string]*broker.Principal{"ends": ends, "stays": stays, "foreign": {Person: 1}}}
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			hooks.Expire(ctx, all, time.Second, func() time.Time { return s.now().Add(time.Since(began)) })
		}()
		after := func(d time.Duration, want ...string) {
			t.Helper()
			<-time.After(d)
			synctest.Wait()
			all.mu.Lock()
			defer all.mu.Unlock()
			if !slices.Equal(all.ended, want) {
				t.Errorf("after %v: ended %q, want %q", time.Since(began), all.ended, want)
			}
		}
		after(59*time.Second+time.Second/2, "foreign 0x87")
		after(time.Second, "foreign 0x87", "ends 0x87")
		cancel()
		<-done
	})
}
