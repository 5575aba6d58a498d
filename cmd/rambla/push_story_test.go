package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rambla/pushgw/simulator"
)

// Who is told of what through which device: nothing is missed, nothing needless.
func TestNoPushIsMissedAndNoneIsNeedless(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		p := servePush(t, flags)
		t.Cleanup(func() { p.count(t) })
		t.Run("all at once", func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *pushSite){
				"an app in the foreground acknowledges, and is not pushed to":    foregroundPush,
				"an app whose network is dead is pushed to":                      deadPush,
				"a closed app is pushed to, through each provider":               closedPush,
				"what a session acknowledged before it went is not told again":   awayPush,
				"reading on a second device takes away what the first one shows": readElsewhere,
				"what is read while it is held is not pushed":                    readInTime,
				"muted is muted": mutedPush,
				"the level mentions lets mentions through":   mentionsOnlyPush,
				"the levels none and all, and the default":   levelsPush,
				"quiet hours are quiet until they end":       quietPush,
				"quiet hours that are called off":            quietCalledOff,
				"an edit before is one push, with the new":   editedBefore,
				"an edit after replaces in silence":          editedAfter,
				"what is deleted before is not pushed":       deletedBefore,
				"what is deleted after is taken away":        deletedAfter,
				"who is removed before is not told":          removedBefore,
				"who is removed or banned sees it go":        removedAfter,
				"who is blocked is not told, and sees it go": blockedPush,
				"a post for some is pushed to those":         privatePush,
				"a device goes with its login or token":      loggedOutPush,
				"a comment on my post, a mention, a group":   namedPush,
				"many posts are one push":                    mergedPush,
				"a sealed preview is for the app alone":      sealedPush,
				"an operator tries a device":                 testedPush,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					test(t, p)
				})
			}
		})
	})
}

func foregroundPush(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		phone := p.gadget(t, c.reader, simulator.APNs, with{"mqttClientId": "phone"})
		tablet := p.gadget(t, c.reader, simulator.FCM, with{"mqttClientId": "tablet"}) // its app is closed
		app := p.hearing(t, 5, c.reader, "phone", "/ctx/+/messages")
		began := time.Now()
		post := c.post(t, "seen at once")
		if f := app.hears(); readPost(t, f).ID != post.ID {
			t.Fatalf("heard %+v", f)
		}
		app.quiet() // so that the acknowledgement has been read
		return began, func() {
			if d := p.decided(t, c.reader, post, "suppressed", "acknowledged"); d.Device != phone.id {
				t.Errorf("decided of %s, not of %s", d.Device, phone.id)
			}
			tablet.told(t, "message", post, 1, 1)
			phone.nothing(t)
		}
	})
}

func deadPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	phone := p.gadget(t, c.reader, simulator.APNs, with{"mqttClientId": "phone"})
	app := p.begins(t, 5, c.reader, "phone", 1, "/ctx/"+c.id+"/messages")
	post := c.post(t, "into the void") // the connection stands, and nobody reads
	phone.told(t, "message", post, 1, 1)
	app.vanishes()
	back := p.returns(t, 5, c.reader, "phone")
	back.gets("into the void")
	c.marks(t, c.reader, post)
	phone.cleared(t, post, 0)
	p.decided(t, c.reader, post, "sent", "")
	p.decided(t, c.reader, post, "withdrawn", "")
}

func closedPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, with{"mqttClientId": "never-connected", "locale": "ca"})
	writers := p.gadget(t, c.writer, simulator.FCM, nil)
	post := c.post(t, "nobody is there")
	for _, g := range devices {
		n := g.told(t, "message", post, 1, 1)
		if n.Stream != "/ctx/"+c.id+"/messages" || n.AlertTitle != c.id || n.AlertBody != "Missatge nou a "+c.id || n.Title+n.Body+n.Sealed != "" {
			t.Errorf("%s was told %+v", g.provider, n)
		}
	}
	trace := p.why(t, c.reader, post.ID)
	for _, g := range devices {
		p.decided(t, c.reader, post, "sent", "")
		found := 0
		for _, d := range p.why(t, c.reader, post.ID).Items {
			if d.Device == g.id && d.What == "sent" && d.Status >= 200 && d.Status < 300 {
				found++
			}
		}
		if len(trace.Devices) != 3 || found != 1 {
			t.Errorf("of %s it is told %d times that it was sent; devices %+v", g.provider, found, trace.Devices)
		}
	}
	// The author knows.
	c.marks(t, c.writer, post)
	if items := p.why(t, c.writer, post.ID).Items; len(items) != 0 {
		t.Errorf("of the author it was decided %+v", items)
	}
	writers.nothing(t)
}

func awayPush(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		phone := p.gadget(t, c.reader, simulator.FCM, with{"mqttClientId": "phone"})
		app := p.begins(t, 4, c.reader, "phone", 1, "/ctx/"+c.id+"/messages")
		began := time.Now()
		first := c.post(t, "first")
		app.gets("first")
		app.quiet() // so that the acknowledgement has been read
		return began, func() {
			p.decided(t, c.reader, first, "suppressed", "acknowledged")
			app.leaves()
			second := c.post(t, "second")
			phone.told(t, "message", second, 1, 2) // the first one is unread, and known
			c.marks(t, c.reader, second)
			phone.cleared(t, second, 0)
		}
	})
}

func readElsewhere(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, with{"mqttClientId": "closed"})
	laptop := p.hearing(t, 5, c.reader, "laptop", "/ctx/+/messages")
	post := c.post(t, "for all devices")
	laptop.hears()
	for _, g := range devices {
		g.told(t, "message", post, 1, 1)
	}
	began := time.Now()
	if ack := laptop.publish(1, "/ctx/"+c.id+"/receipts", fmt.Sprintf(`{"read":%d}`, post.Seq)); ack.code != 0 {
		t.Fatalf("a receipt is refused: %#x", ack.code)
	}
	for _, g := range devices {
		g.cleared(t, post, 0)
	}
	if took := time.Since(began); took > 10*time.Second { // 2 s, on a machine that is not busy
		t.Errorf("taken away after %v", took)
	}
	p.decided(t, c.reader, post, "withdrawn", "")
}

func readInTime(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		devices := p.all(t, c.reader, nil)
		began := time.Now()
		post := c.post(t, "read at once")
		c.marks(t, c.reader, post)
		return began, func() {
			p.decided(t, c.reader, post, "suppressed", "read")
			for _, g := range devices {
				g.nothing(t)
			}
		}
	})
}

func mutedPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	c.asks(t, http.StatusOK, c.reader, http.MethodPut, c.at("/mute"), with{"duration": "1h"})
	post := c.post(t, "hush, @"+c.reader)
	p.decided(t, c.reader, post, "suppressed", "muted")
	c.asks(t, http.StatusNoContent, c.reader, http.MethodDelete, c.at("/mute"), nil)
	next := c.post(t, "now you hear me")
	for _, g := range devices {
		g.told(t, "message", next, 1, 2)
	}
}

func mentionsOnlyPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	c.asks(t, http.StatusOK, c.reader, http.MethodPut, c.at("/mute"), with{"level": "mentions"})
	c.asks(t, http.StatusNoContent, c.reader, http.MethodDelete, c.at("/mute"), nil)
	plain := c.post(t, "to nobody in particular")
	p.decided(t, c.reader, plain, "suppressed", "level")
	named := c.post(t, "but this one, @"+c.reader)
	for _, g := range devices {
		if n := g.told(t, "mention", named, 1, 2); g.provider == simulator.APNs && n.APS.Level != "time-sensitive" {
			t.Errorf("a mention is %+v", n.APS)
		}
	}
}

func levelsPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	g := p.gadget(t, c.reader, simulator.FCM, nil)
	level := func(word string) {
		c.asks(t, http.StatusOK, c.reader, http.MethodPut, c.at("/mute"), with{"level": word})
	}
	level("none")
	p.decided(t, c.reader, c.post(t, "none, @"+c.reader), "suppressed", "level")
	level("default")
	c.asks(t, http.StatusOK, c.reader, http.MethodPut, "/v1/me/preferences", with{"notifications": "nothing"})
	p.decided(t, c.reader, c.post(t, "nothing, @"+c.reader), "suppressed", "preferences")
	level("all") // says more of this context than the preferences of all
	post := c.post(t, "all")
	g.told(t, "message", post, 1, 3)
}

// quietFor sets quiet hours that began an hour ago and end at a full minute, at least
// so far away.
func (c *club) quietFor(t *testing.T, least time.Duration, except ...string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	until := now.Add(least + time.Minute).Truncate(time.Minute)
	quiet := with{"from": now.Add(-time.Hour).Format("15:04"), "to": until.Format("15:04"), "zone": zone.String()}
	if len(except) > 0 {
		quiet["except"] = except
	}
	c.asks(t, http.StatusOK, c.reader, http.MethodPut, "/v1/me/preferences", with{"quiet": quiet})
	return until
}

func quietPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	until := c.quietFor(t, 10*time.Second)
	first := c.post(t, "at night")
	if d := p.decided(t, c.reader, first, "waiting", "quiet"); d.Until != until.UTC().Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("quiet until %s, want %s", d.Until, until.UTC())
	}
	second := c.post(t, "at night, too")
	for _, g := range devices {
		g.nothing(t)
	}
	for _, g := range devices {
		n := g.nextWithin(t, "quiet hours to end", time.Until(until)+patience)
		if n.ID != second.ID || n.N != "2" || n.Badge != "2" || n.at.Before(until) {
			t.Errorf("at %v, quiet until %v: %s was told %+v", n.at, until, g.provider, n)
		}
	}
}

func quietCalledOff(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	c.quietFor(t, time.Hour, "mentions")
	post := c.post(t, "at night")
	p.decided(t, c.reader, post, "waiting", "quiet")
	named := c.post(t, "@"+c.reader+", wake up")
	for _, g := range devices {
		g.told(t, "mention", named, 2, 2)
	}
	another := c.writes(t, c.writer, "/v1/contexts/"+c.id+"-fence/activities", with{"content": "later"})
	p.decided(t, c.reader, another, "waiting", "quiet")
	c.asks(t, http.StatusOK, c.reader, http.MethodPut, "/v1/me/preferences", with{})
	for _, g := range devices {
		g.told(t, "message", another, 1, 3)
	}
}

func privatePush(t *testing.T, p *pushSite) {
	c := p.club(t)
	readers, others := p.gadget(t, c.reader, simulator.APNs, nil), p.gadget(t, c.other, simulator.FCM, nil)
	writers := p.gadget(t, c.writer, simulator.WebPush, nil)
	post := c.writes(t, c.writer, c.at("/activities"), with{"content": "between us; not for @" + c.other, "to": []string{c.reader}})
	readers.told(t, "message", post, 1, 1)
	fence := c.writes(t, c.reader, "/v1/contexts/"+c.id+"-fence/activities", with{"content": "fence"})
	others.told(t, "message", fence, 1, 1) // nor does the badge count it
	writers.told(t, "message", fence, 1, 1)
	if items := p.why(t, c.other, post.ID).Items; len(items) != 0 {
		t.Errorf("of who is not meant it was decided %+v", items)
	}
}

func loggedOutPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	stays := p.gadget(t, c.reader, simulator.APNs, nil)
	login := p.login(t, c.reader, c.reader)
	var named struct{ ID, Token string }
	if code := p.call(t, p.token(t, c.reader), http.MethodPost, "/v1/me/tokens", with{"name": "kiosk"}, &named); code != http.StatusCreated {
		t.Fatalf("a token: %d", code)
	}
	out, revoked := p.gadget(t, c.reader, simulator.FCM, nil, login), p.gadget(t, c.reader, simulator.WebPush, nil, named.Token)
	first := c.post(t, "three devices")
	for _, g := range []*gadget{stays, out, revoked} {
		g.told(t, "message", first, 1, 1)
	}
	if n := len(p.why(t, c.reader, "").Devices); n != 3 {
		t.Errorf("%d devices", n)
	}
	if code := p.form(t, "/v1/oauth/revoke", []string{"token", login}, nil); code != http.StatusOK {
		t.Fatalf("logout: %d", code)
	}
	c.asks(t, http.StatusNoContent, c.reader, http.MethodDelete, "/v1/me/tokens/"+named.ID, nil)
	if devices := p.why(t, c.reader, "").Devices; len(devices) != 1 || devices[0].ID != stays.id {
		t.Errorf("left are %+v", devices)
	}
	c.marks(t, c.reader, first)
	stays.cleared(t, first, 0)
	second := c.post(t, "one device")
	stays.told(t, "message", second, 1, 1)
	out.nothing(t)
	revoked.nothing(t)
}

func namedPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	mine := c.writes(t, c.reader, c.at("/activities"), with{"content": "what do you think?"})
	comment := c.writes(t, c.writer, "/v1/activities/"+mine.ID+"/comments", with{"content": "not much"})
	others := c.writes(t, c.writer, c.at("/activities"), with{"content": "@" + c.reader + " asked"})
	seen := map[string]map[string]bool{}
	for _, g := range devices {
		seen[g.provider] = map[string]bool{}
		for range 2 {
			n := g.next(t, "a comment and a mention")
			seen[g.provider][n.Kind+" "+n.ID+" "+n.N+" "+n.Badge] = true
		}
		for _, want := range []string{"comment " + comment.ID + " 1 1", "mention " + others.ID + " 1 1"} {
			if !seen[g.provider][want] {
				t.Errorf("%s was told %v, want %s", g.provider, seen[g.provider], want)
			}
		}
	}
	talk := c.talks(t, http.StatusCreated, c.other, with{"participants": []string{c.writer, c.reader}, "displayName": "Three"})
	for _, g := range devices {
		if n := g.next(t, "a group"); n.Kind != "notification" || n.Stream != talk.topic("events") || !strings.Contains(n.AlertBody, "Three") {
			t.Errorf("%s was told %+v", g.provider, n)
		}
	}
}

func mergedPush(t *testing.T, p *pushSite) {
	p.whileHeld(t, func(c *club) (time.Time, func()) {
		devices := p.all(t, c.reader, nil)
		began := time.Now()
		var last published
		for i := range 5 {
			last = c.post(t, fmt.Sprint(i))
		}
		return began, func() {
			for _, g := range devices {
				if n := g.told(t, "message", last, 5, 5); n.AlertBody != "5 new messages in "+c.id {
					t.Errorf("%s was told %+v", g.provider, n)
				}
			}
		}
	})
}

func sealedPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, with{"mode": "preview", "payloadKey": "new"})
	post := c.post(t, "the secret of the club")
	for _, g := range devices {
		n := g.told(t, "message", post, 1, 1)
		title, body := g.opens(t, n)
		if title != c.id || body != c.writer+": the secret of the club" || n.Title+n.Body != "" || n.AlertBody != "New message in "+c.id {
			t.Errorf("%s was told %+v, sealed %q %q", g.provider, n, title, body)
		}
		if raw := g.taken()[0].Body; strings.Contains(string(raw), "secret") {
			t.Errorf("%s reads %s", g.provider, raw)
		}
	}
}

func testedPush(t *testing.T, p *pushSite) {
	c := p.club(t)
	devices := p.all(t, c.reader, nil)
	stdout, stderr, code := rambla(t, append([]string{"push", "test", c.reader}, p.flags...)...)
	if code != exitOK || strings.Count(stdout, "  accepted  ") != 3 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, g := range devices {
		if n := g.next(t, "a test"); n.Kind != "notification" || n.AlertBody != "This is a test" || n.Badge != "0" {
			t.Errorf("%s was told %+v", g.provider, n)
		}
	}
	post := c.post(t, "and in earnest")
	for _, g := range devices {
		g.told(t, "message", post, 1, 1)
	}
	stdout, _, code = rambla(t, append([]string{"push", "why", c.reader, post.ID}, p.flags...)...)
	if code != exitOK || strings.Count(stdout, " sent ") != 3 {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}
