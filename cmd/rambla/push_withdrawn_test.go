package main

import (
	"net/http"
	"testing"
	"time"

	"rambla/pushgw/simulator"
)

// What becomes of a push when its post changes, or whoever it is for.

func editedBefore(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		devices := p.all(t, c.reader, with{"mode": "preview"})
		began := time.Now()
		post := c.post(t, "an exam")
		c.asks(t, http.StatusOK, c.writer, http.MethodPatch, "/v1/activities/"+post.ID, with{"content": "the exam"})
		return began, func() {
			for _, g := range devices {
				if n := g.told(t, "message", post, 1, 1); n.Title != c.id || n.Body != c.writer+": the exam" {
					t.Errorf("%s was told %+v", g.provider, n)
				}
			}
			p.decided(t, c.reader, post, "sent", "")
		}
	})
}

func editedAfter(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, with{"mode": "preview"})
	plain := p.gadget(t, c.reader, simulator.FCM, nil)
	post := c.post(t, "an exam")
	collapse := map[string]string{}
	for _, g := range devices {
		n := g.told(t, "message", post, 1, 1)
		collapse[g.provider] = n.collapse
		if n.Body != c.writer+": an exam" {
			t.Errorf("%s was told %+v", g.provider, n)
		}
	}
	plain.told(t, "message", post, 1, 1)
	c.asks(t, http.StatusOK, c.writer, http.MethodPatch, "/v1/activities/"+post.ID, with{"content": "the exam"})
	for _, g := range devices {
		n := g.next(t, "the edit")
		if n.Silent != "1" || n.Kind != "message" || n.ID != post.ID || n.N != "1" || n.Badge != "1" || n.Body != c.writer+": the exam" || n.collapse != collapse[g.provider] {
			t.Errorf("%s was told %+v", g.provider, n)
		}
	}
	p.decided(t, c.reader, post, "replaced", "")
	plain.nothing(t) // it shows nothing of the content
}

func deletedBefore(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		devices := p.all(t, c.reader, nil)
		began := time.Now()
		post := c.post(t, "never mind")
		// What goes sooner was for nobody, and what is looked at later has gone to somebody.
		if waits, _ := p.decides(t, pushHold, c.reader, post, "waiting", ""); waits == nil {
			return began, nil
		}
		c.asks(t, http.StatusNoContent, c.writer, http.MethodDelete, "/v1/activities/"+post.ID, nil)
		return began, func() {
			p.decided(t, c.reader, post, "suppressed", "removed")
			for _, g := range devices {
				g.nothing(t)
			}
		}
	})
}

func deletedAfter(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	post := c.post(t, "I should not have said that")
	for _, g := range devices {
		g.told(t, "message", post, 1, 1)
	}
	c.asks(t, http.StatusNoContent, c.writer, http.MethodDelete, "/v1/activities/"+post.ID, nil)
	for _, g := range devices {
		g.cleared(t, post, 0)
	}
	p.decided(t, c.reader, post, "withdrawn", "")
}

func removedBefore(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		devices := p.all(t, c.reader, nil)
		began := time.Now()
		post := c.post(t, "not for you any more, @"+c.reader)
		c.asks(t, http.StatusNoContent, "alice", http.MethodDelete, c.at("/members/"+c.reader), nil)
		return began, func() {
			p.decided(t, c.reader, post, "suppressed", "right")
			c.post(t, "@"+c.reader+" is gone")
			c.fence(t, devices...)
		}
	})
}

func removedAfter(t *testing.T, p *pushSite) {
	for _, how := range []struct {
		method, path string
		want         int
	}{{http.MethodDelete, "/members/", http.StatusNoContent}, {http.MethodPut, "/bans/", http.StatusCreated}} {
		c := p.club(t)
		devices := p.all(t, c.reader, nil)
		post := c.post(t, "seen, @"+c.reader)
		for _, g := range devices {
			g.told(t, "mention", post, 1, 1)
		}
		c.asks(t, how.want, "alice", how.method, c.at(how.path+c.reader), nil)
		for _, g := range devices {
			g.cleared(t, post, 0)
		}
		p.decided(t, c.reader, post, "withdrawn", "")
		c.post(t, "@"+c.reader+" does not hear this")
		c.fence(t, devices...)
	}
}

func blockedPush(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		devices := p.all(t, c.reader, nil)
		talk := c.talks(t, http.StatusCreated, c.writer, with{"participants": []string{c.reader}})
		shown := c.writes(t, c.writer, talk.path("/messages"), with{"content": "hello"})
		for _, g := range devices {
			g.told(t, "message", shown, 1, 1)
		}
		began := time.Now()
		second := c.writes(t, c.writer, talk.path("/messages"), with{"content": "are you there?"})
		c.asks(t, http.StatusCreated, c.reader, http.MethodPut, "/v1/people/"+c.writer+"/block", nil)
		return began, func() {
			p.decided(t, c.reader, second, "suppressed", "blocked")
			for _, g := range devices {
				if g.provider != simulator.WebPush {
					if n := g.next(t, "clear"); n.Kind != "clear" {
						t.Errorf("%s was told %+v", g.provider, n)
					}
				}
			}
			c.fence(t, devices...)
		}
	})
}
