package main

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
)

// The life of a course, from its creation to its end, as its people's devices and
// the secretary's script see it.
func TestACoursesLife(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		c := newCourse(t, flags)
		c.isCreated()
		c.peopleAreSynchronised()
		c.postIsTalkedAbout()
		c.groupChatsOnTheSide()
		c.memberIsRemoved()
		c.ends()
	})
}

// course is maths-3: taught by teacher, attended by ann and ben, who were enrolled
// by a script of the manager's.
type course struct {
	story

	ann, ben, cat *wire // their phones, which follow all their contexts
	exam          published
}

const (
	courseTopic    = "/ctx/maths-3/messages"
	commentsTopic  = "/ctx/maths-3/comments"
	reactionsTopic = "/ctx/maths-3/reactions"
)

func newCourse(t *testing.T, flags []string) *course {
	t.Helper()
	c := &course{story: story{T: t, s: serve(t, append(flags, "--demo")...)}}
	c.s.withRole(t, "alice", "manager")
	for _, name := range []string{"teacher-tess", "student-ann", "student-ben", "student-cat"} {
		c.as("alice", http.StatusCreated, http.MethodPost, "/v1/people", with{"name": name, "password": name})
	}
	c.ann, c.ben, c.cat = c.phone("student-ann"), c.phone("student-ben"), c.phone("student-cat")
	return c
}

// phone follows whatever its person belongs to.
func (c *course) phone(name string) *wire {
	c.Helper()
	return c.s.hearing(c.T, 5, name, "phone", "/ctx/+/messages", "/ctx/+/comments", "/ctx/+/reactions")
}

// hear expects the same on each phone: what was done, and for what is written the
// text, on the topic.
func (c *course) hear(topic, kind, content string, phones ...*wire) {
	c.Helper()
	for _, w := range phones {
		f := w.hears()
		if p := readPost(c.T, f); f.topic != topic || p.Type != kind || p.Object.Content != content {
			c.Errorf("heard %s %q on %s, want %s %q on %s", p.Type, p.Object.Content, f.topic, kind, content, topic)
		}
	}
}

func (c *course) quiet(phones ...*wire) {
	c.Helper()
	for _, w := range phones {
		w.quiet()
	}
}

// The manager's script makes the course and hands it to its teacher. Nobody else
// knows of it.
func (c *course) isCreated() {
	c.as("student-ann", http.StatusForbidden, http.MethodPost, "/v1/contexts", with{"id": "maths-3"})
	c.as("alice", http.StatusCreated, http.MethodPost, "/v1/contexts", with{
		"id": "maths-3", "displayName": "Applied maths III", "preset": "closed", "tags": []string{"2026"},
		"permissions": with{"subscribe": "restricted", "unsubscribe": "restricted"},
	})
	c.as("alice", http.StatusCreated, http.MethodPut, "/v1/contexts/maths-3/members/teacher-tess", nil)
	c.as("alice", http.StatusOK, http.MethodPut, "/v1/contexts/maths-3/owner", with{"owner": "teacher-tess"})
	c.as("student-ann", http.StatusNotFound, http.MethodGet, "/v1/contexts/maths-3", nil)
	c.quiet(c.ann, c.ben, c.cat)
}

// The secretary sends the list of who attends, first to see what it would change.
func (c *course) peopleAreSynchronised() {
	list := with{"members": []with{{"name": "teacher-tess"}, {"name": "student-ann"}, {"name": "student-ben"}, {"name": "student-nil"}}}
	var report struct {
		Added, Removed int
		Unknown        []string
	}
	alice := c.s.token(c.T, "alice")
	for _, path := range []string{"/v1/contexts/maths-3/members?dry_run=true", "/v1/contexts/maths-3/members"} {
		if code := c.s.call(c.T, alice, http.MethodPut, path, list, &report); code != http.StatusOK {
			c.Fatalf("%s: %d", path, code)
		}
		if report.Added != 2 || !slices.Equal(report.Unknown, []string{"student-nil"}) {
			c.Errorf("%s: %+v", path, report)
		}
	}
	c.as("student-ann", http.StatusOK, http.MethodGet, "/v1/contexts/maths-3", nil)
	c.as("student-cat", http.StatusNotFound, http.MethodGet, "/v1/contexts/maths-3", nil)
}

// The teacher posts; the phones of those who attend, connected since before there
// was a course, hear it and all that follows.
func (c *course) postIsTalkedAbout() {
	c.exam = c.writes("teacher-tess", "/v1/contexts/maths-3/activities", with{"content": "The exam is on **Friday**, @student-ann", "format": "markdown"})
	c.hear(courseTopic, "Create", c.exam.Object.Content, c.ann, c.ben)

	comment := c.writes("student-ann", "/v1/activities/"+c.exam.ID+"/comments", with{"content": "At what time?"})
	c.hear(commentsTopic, "Create", "At what time?", c.ann, c.ben)
	c.writes("teacher-tess", "/v1/activities/"+c.exam.ID+"/comments", with{"content": "At nine", "inReplyTo": comment.ID})
	c.hear(commentsTopic, "Create", "At nine", c.ann, c.ben)

	c.as("student-ben", http.StatusCreated, http.MethodPut, "/v1/activities/"+c.exam.ID+"/like", nil)
	c.hear(reactionsTopic, "Like", "", c.ann, c.ben)
	c.as("student-ben", http.StatusOK, http.MethodPut, "/v1/activities/"+c.exam.ID+"/like", nil)
	c.as("student-cat", http.StatusNotFound, http.MethodPut, "/v1/activities/"+c.exam.ID+"/like", nil)

	c.as("teacher-tess", http.StatusOK, http.MethodPatch, "/v1/activities/"+c.exam.ID, with{"content": "The exam is on **Monday**"})
	c.hear(courseTopic, "Update", "The exam is on **Monday**", c.ann, c.ben)

	var page struct {
		Items []struct {
			ID              string
			Comments, Likes int
			Liked           bool
			Object          struct{ Content string }
		}
	}
	c.reads("student-ben", "/v1/contexts/maths-3/activities", &page)
	if len(page.Items) != 1 || page.Items[0].Comments != 2 || page.Items[0].Likes != 1 || !page.Items[0].Liked || page.Items[0].Object.Content != "The exam is on **Monday**" {
		c.Errorf("the list shows %+v", page.Items)
	}
	c.quiet(c.ann, c.ben, c.cat)
}

// Ann and Ben prepare for it among themselves. Each has a phone and a laptop,
// which agree on what has arrived and what was read.
func (c *course) groupChatsOnTheSide() {
	talk := c.s.talks(c.T, http.StatusCreated, "student-ann", with{"participants": []string{"student-ben"}, "displayName": "Exam on Monday"})
	devices := map[string]*wire{}
	for _, name := range []string{"student-ann", "student-ben"} {
		for _, device := range []string{"chat-phone", "chat-laptop"} {
			w := c.s.hearing(c.T, 5, name, device, talk.topic("messages"))
			w.send(bytesOf(0x82, twoBytes(6), w.props(), utf8String(talk.topic("receipts/+")), []byte{0}))
			w.expect(kindSuback)
			devices[name+" "+device] = w
		}
	}
	says := func(device, content string) {
		c.Helper()
		if ack := devices[device].publish(1, talk.topic("messages"), content); ack.code != 0 {
			c.Fatalf("%s: %#x", device, ack.code)
		}
	}
	if code := c.cat.subscribe(talk.topic("messages"), 1); code != 0x87 {
		c.Errorf("who takes no part is granted %#x", code)
	}

	says("student-ann chat-phone", "Shall we learn together?")
	for name, w := range devices {
		if got := c.chat(w, talk); got.Object.Content != "Shall we learn together?" || got.Actor.ID != "student-ann" {
			c.Errorf("%s got %+v", name, got)
		}
	}
	// It reaches Ben's phone, and is read on the laptop: all four devices know.
	tells := func(device, receipt string) {
		c.Helper()
		devices[device].send(devices[device].publishPacket(1, talk.topic("receipts"), receipt))
	}
	tells("student-ben chat-phone", `{"delivered":1}`)
	for name, w := range devices {
		if got := c.receipt(w, talk, "student-ben"); got.Delivered != 1 || got.Read != 0 {
			c.Errorf("%s is told %+v", name, got)
		}
	}
	tells("student-ben chat-laptop", `{"read":1}`)
	for name, w := range devices {
		if got := c.receipt(w, talk, "student-ben"); got.Read != 1 {
			c.Errorf("%s is told %+v", name, got)
		}
	}
	var mine struct{ Items []standing }
	c.reads("student-ben", "/v1/me/conversations", &mine)
	if len(mine.Items) != 1 || mine.Items[0].Unread != 0 || mine.Items[0].Read != 1 {
		c.Errorf("ben's conversations: %+v", mine.Items)
	}
	for _, w := range devices {
		w.vanishes()
	}
}

// chat reads up to the next message, past receipts and acknowledgements.
func (c *course) chat(w *wire, talk talk) published {
	c.Helper()
	return readPost(c.T, c.on(w, talk.topic("messages")))
}

// receipt reads up to the next one of the person.
func (c *course) receipt(w *wire, talk talk, name string) receipt {
	c.Helper()
	var r receipt
	if err := json.Unmarshal([]byte(c.on(w, talk.topic("receipts/"+name)).payload), &r); err != nil {
		c.Fatal(err)
	}
	return r
}

// on reads up to the next message on the topic.
func (c *course) on(w *wire, topic string) frame {
	c.Helper()
	for {
		f, err := w.read()
		if err != nil {
			c.Fatalf("waiting for %s: %v", topic, err)
		}
		if f.kind != kindPublish {
			continue
		}
		w.acknowledge(f)
		if f.topic == topic {
			return f
		}
	}
}

// Ben is removed. From the answer on he sees nothing more of the course, on no
// connection and by no way, and what he wrote and liked stays.
func (c *course) memberIsRemoved() {
	away := c.s.begins(c.T, 4, "student-ben", "old-tablet", 1, "/ctx/+/messages", courseTopic)
	away.leaves()
	c.as("student-ben", http.StatusForbidden, http.MethodDelete, "/v1/contexts/maths-3/members/me", nil)
	c.as("teacher-tess", http.StatusForbidden, http.MethodPut, "/v1/admin/roles/hidden/student-ben", nil)
	c.as("teacher-tess", http.StatusNoContent, http.MethodDelete, "/v1/contexts/maths-3/members/student-ben", nil)
	c.writes("teacher-tess", "/v1/contexts/maths-3/activities", with{"content": "Without Ben"})
	c.writes("student-ann", "/v1/activities/"+c.exam.ID+"/comments", with{"content": "A pity"})
	c.hear(courseTopic, "Create", "Without Ben", c.ann)
	c.hear(commentsTopic, "Create", "A pity", c.ann)
	c.quiet(c.ben)
	for _, path := range []string{
		"/v1/contexts/maths-3", "/v1/contexts/maths-3/activities", "/v1/contexts/maths-3/members", "/v1/contexts/maths-3/log/messages",
		"/v1/activities/" + c.exam.ID, "/v1/activities/" + c.exam.ID + "/comments",
	} {
		c.as("student-ben", http.StatusNotFound, http.MethodGet, path, nil)
	}
	c.as("student-ben", http.StatusNotFound, http.MethodPost, "/v1/contexts/maths-3/activities", with{"content": "x"})
	if code := c.ben.subscribe("$since/0/"+courseTopic, 1); code != 0x87 {
		c.Errorf("ben is granted %#x", code)
	}
	if ack := c.ben.publish(1, courseTopic, "x"); ack.code != 0x87 {
		c.Errorf("ben publishes: %#x", ack.code)
	}
	c.s.returns(c.T, 4, "student-ben", "old-tablet").quiet()
	var timeline struct{ Items []published }
	if c.reads("student-ben", "/v1/me/timeline", &timeline); len(timeline.Items) != 0 {
		c.Errorf("ben's timeline: %+v", timeline.Items)
	}
	var likes struct{ Items []struct{ Name string } }
	if c.reads("student-ann", "/v1/activities/"+c.exam.ID+"/likes", &likes); len(likes.Items) != 1 {
		c.Errorf("likes: %+v", likes.Items)
	}
}

// The year is over. Who came and went stands in the course's events; then it is
// deleted, and nothing of it is there any more. Its id is never given again.
func (c *course) ends() {
	events := c.s.as(c.T, 5, "student-ann", "laptop")
	if code := events.subscribe("$since/0//ctx/maths-3/events", 1); code != 1 {
		c.Fatalf("granted %#x", code)
	}
	joined := map[string]bool{}
	for p := readPost(c.T, events.hears()); p.Type != "Leave" || p.Object.ID != "student-ben"; p = readPost(c.T, events.hears()) {
		joined[p.Object.ID] = joined[p.Object.ID] || p.Type == "Join"
	}
	if !joined["teacher-tess"] || !joined["student-ann"] || !joined["student-ben"] {
		c.Errorf("joined: %v", joined)
	}
	c.as("student-ann", http.StatusForbidden, http.MethodDelete, "/v1/contexts/maths-3", nil)
	c.as("teacher-tess", http.StatusNoContent, http.MethodDelete, "/v1/contexts/maths-3", nil)
	c.quiet(c.ann, c.ben, c.cat)
	for _, name := range []string{"alice", "teacher-tess", "student-ann"} {
		c.as(name, http.StatusNotFound, http.MethodGet, "/v1/contexts/maths-3", nil)
		c.as(name, http.StatusNotFound, http.MethodGet, "/v1/activities/"+c.exam.ID, nil)
	}
	c.as("alice", http.StatusConflict, http.MethodPost, "/v1/contexts", with{"id": "maths-3"})
	if code := c.ann.subscribe(courseTopic, 1); code != 0x87 {
		c.Errorf("ann is granted %#x", code)
	}
}
