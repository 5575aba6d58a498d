package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestWallsAndFollowing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		s := serve(t, append(flags, "--demo")...)
		s.withRole(t, "alice", "manager")
		for name, test := range map[string]func(*testing.T, *instance, cast){
			"who subscribed before there was anything gets the first post ever":      firstEver,
			"a session that is away when the first post comes gets it on its return": firstEverAway,
			"a wildcard covers those whom one follows, from the follow on":           followed,
			"following while away counts from the follow":                            followedAway,
			"a position on a wall without posts holds":                               emptyWallPosition,
			"nobody publishes to a wall over MQTT":                                   wallsAreWrittenOverREST,
			"a session left while it follows gets what it missed":                    missedOnWalls,
			"a person who becomes hidden is gone from sight at once":                 hiddenAtOnce,
			"a removed person takes its wall along":                                  removedWall,
			"a renamed person keeps its wall and its followers":                      renamedWall,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, s, s.cast(t))
			})
		}
	})
}

// cast are people of one test's own. Passwords equal names.
type cast struct{ writer, reader, other string }

func (s *instance) cast(t *testing.T) cast {
	t.Helper()
	mark := strings.ToLower(rand.Text()[:8])
	c := cast{"writer-" + mark, "reader-" + mark, "other-" + mark}
	for _, name := range []string{c.writer, c.reader, c.other} {
		s.do(t, http.StatusCreated, s.token(t, "alice"), http.MethodPost, "/v1/people", map[string]string{"name": name, "password": name})
	}
	return c
}

// tells posts on the person's own wall.
func (s *instance) tells(t *testing.T, name string, contents ...string) {
	t.Helper()
	for _, c := range contents {
		s.do(t, http.StatusCreated, s.token(t, name), http.MethodPost, "/v1/people/me/activities", map[string]string{"content": c})
	}
}

func (s *instance) follows(t *testing.T, name, whom string) {
	t.Helper()
	s.do(t, http.StatusCreated, s.token(t, name), http.MethodPut, "/v1/people/"+whom+"/follow", nil)
}

func firstEver(t *testing.T, s *instance, c cast) {
	topic := "/user/" + c.writer + "/posts"
	readers := map[string]*wire{}
	for id, filter := range map[string]string{"named": topic, "whole": "/user/" + c.writer + "/#"} {
		name := map[string]string{"named": c.reader, "whole": c.writer}[id]
		for _, qos := range []byte{0, 1} {
			w := s.as(t, 5, name, fmt.Sprintf("%s-%d", id, qos))
			if code := w.subscribe(filter, qos); code != qos {
				t.Fatalf("%s subscribes to %s: %#x", name, filter, code)
			}
			readers[fmt.Sprintf("%s at %d", id, qos)] = w
		}
	}
	s.tells(t, c.writer, "first", "second")
	for how, w := range readers {
		for n, want := range []string{"first", "second"} {
			f := w.hears()
			for how[0] == 'w' && f.topic != topic { // one's own counters and presence
				f = w.hears()
			}
			post := readPost(t, f)
			if f.topic != topic || post.Object.Content != want || post.Seq != uint64(n+1) {
				t.Errorf("%s: %q with seq %d on %s", how, post.Object.Content, post.Seq, f.topic)
			}
		}
		if how[0] != 'w' {
			w.quiet()
		}
	}
}

func firstEverAway(t *testing.T, s *instance, c cast) {
	topic := "/user/" + c.writer + "/posts"
	for _, version := range []byte{4, 5} {
		s.begins(t, version, c.reader, fmt.Sprint("away", version), 1, topic).leaves()
	}
	s.tells(t, c.writer, "first", "second")
	// To follow afterwards does not take away what was subscribed to by name.
	s.follows(t, c.reader, c.writer)
	for _, version := range []byte{4, 5} {
		w := s.returns(t, version, c.reader, fmt.Sprint("away", version))
		w.gets("first", "second")
		w.leaves()
	}
	s.tells(t, c.writer, "third")
	w := s.returns(t, 5, c.reader, "away5")
	w.gets("third")
	w.quiet()
}

func followed(t *testing.T, s *instance, c cast) {
	s.tells(t, c.writer, "before the follow")
	w := s.as(t, 5, c.reader, "wild")
	if code := w.subscribe("/user/+/posts", 1); code != 1 {
		t.Fatalf("/user/+/posts: %#x", code)
	}
	s.tells(t, c.writer, "not followed yet")
	s.follows(t, c.reader, c.writer)
	s.follows(t, c.reader, c.other) // who never posted
	s.tells(t, c.writer, "followed")
	w.gets("followed")
	s.tells(t, c.other, "hello")
	s.tells(t, c.reader, "one's own")
	w.gets("hello")
	s.do(t, http.StatusNoContent, s.token(t, c.reader), http.MethodDelete, "/v1/people/"+c.writer+"/follow", nil)
	s.tells(t, c.writer, "followed no longer")
	s.tells(t, c.other, "end")
	w.gets("end")
	w.quiet()
}

func followedAway(t *testing.T, s *instance, c cast) {
	s.begins(t, 5, c.reader, "follower", 1, "/user/+/posts").leaves()
	s.tells(t, c.writer, "before the follow")
	s.follows(t, c.reader, c.writer)
	s.tells(t, c.writer, "after the follow")
	w := s.returns(t, 5, c.reader, "follower")
	w.gets("after the follow")
	w.quiet()
}

func missedOnWalls(t *testing.T, s *instance, c cast) {
	s.follows(t, c.reader, c.writer)
	w := s.begins(t, 4, c.reader, "missed", 1, "/user/+/posts", "/user/"+c.reader+"/posts")
	s.tells(t, c.writer, "live")
	w.gets("live")
	w.leaves()
	s.tells(t, c.writer, "missed")
	w = s.returns(t, 4, c.reader, "missed")
	w.gets("missed")
	s.tells(t, c.reader, "mine")
	w.gets("mine")
	w.quiet()
}

func emptyWallPosition(t *testing.T, s *instance, c cast) {
	w := s.as(t, 5, c.reader, "positions")
	topic := "/user/" + c.writer + "/posts"
	f := w.seek("$since/0/"+topic, "$last/5//user/"+c.other+"/posts")
	if f.codes[0] > 1 || f.codes[1] > 1 || f.user["complete"] != "true,true" {
		t.Fatalf("SUBACK %+v", f)
	}
	s.tells(t, c.writer, "first")
	w.gets("first")
	s.tells(t, c.other, "other's")
	w.gets("other's")
	again := s.as(t, 5, c.reader, "positions-again")
	if f := again.seek("$since/0/" + topic); f.codes[0] > 1 || f.user["complete"] != "true" {
		t.Fatalf("SUBACK %+v", f)
	}
	if got := readPost(t, again.hears()).Object.Content; got != "first" {
		t.Errorf("replayed %q", got)
	}
	var log struct {
		Items    []struct{ Object struct{ Content string } }
		Position string
		Complete bool
	}
	s.call(t, s.token(t, c.reader), http.MethodGet, "/v1/people/"+c.writer+"/log/posts?after=0", nil, &log)
	if len(log.Items) != 1 || log.Items[0].Object.Content != "first" || !log.Complete || log.Position == "" {
		t.Errorf("the log is %+v", log)
	}
}

func wallsAreWrittenOverREST(t *testing.T, s *instance, c cast) {
	for _, name := range []string{c.writer, c.reader} {
		w := s.as(t, 5, name, "publisher")
		for _, channel := range []string{"posts", "reactions"} {
			if ack := w.publish(1, "/user/"+c.writer+"/"+channel, "hello"); ack.code != 0x87 {
				t.Errorf("%s publishes %s: %#x", name, channel, ack.code)
			}
		}
	}
}

func hiddenAtOnce(t *testing.T, s *instance, c cast) {
	s.tells(t, c.writer, "seen")
	s.follows(t, c.reader, c.writer)
	topic := "/user/" + c.writer + "/posts"
	named, wild := s.as(t, 5, c.reader, "hidden-named"), s.as(t, 5, c.reader, "hidden-wild")
	named.subscribe(topic, 1)
	wild.subscribe("/user/+/posts", 1)
	away := s.begins(t, 5, c.reader, "hidden-away", 1, topic)
	away.leaves()
	manager := s.as(t, 5, "alice", "hidden-manager")
	manager.subscribe(topic, 1)
	s.withRole(t, c.writer, "hidden")
	s.tells(t, c.writer, "unseen")
	manager.gets("unseen")
	named.quiet()
	wild.quiet()
	reader := s.token(t, c.reader)
	for _, path := range []string{"", "/activities", "/followers", "/following", "/log/posts"} {
		s.do(t, http.StatusNotFound, reader, http.MethodGet, "/v1/people/"+c.writer+path, nil)
	}
	s.do(t, http.StatusNotFound, s.token(t, c.other), http.MethodPut, "/v1/people/"+c.writer+"/follow", nil)
	s.do(t, http.StatusNotFound, s.token(t, c.other), http.MethodDelete, "/v1/people/"+c.writer+"/follow", nil)
	if code := s.as(t, 5, c.other, "hidden-other").subscribe(topic, 1); code != 0x87 {
		t.Errorf("a stranger subscribes: %#x", code)
	}
	s.do(t, http.StatusNoContent, s.token(t, "alice"), http.MethodDelete, "/v1/admin/roles/hidden/"+c.writer, nil)
	s.tells(t, c.writer, "seen again")
	named.gets("seen again")
	wild.gets("seen again")
	s.returns(t, 5, c.reader, "hidden-away").gets("seen again")
}

func removedWall(t *testing.T, s *instance, c cast) {
	s.follows(t, c.reader, c.writer)
	var post struct{ ID string }
	if code := s.call(t, s.token(t, c.writer), http.MethodPost, "/v1/people/me/activities", map[string]string{"content": "hello"}, &post); code != http.StatusCreated {
		t.Fatalf("posting: %d", code)
	}
	reader := s.token(t, c.reader)
	s.do(t, http.StatusOK, reader, http.MethodGet, "/v1/activities/"+post.ID, nil)
	s.do(t, http.StatusNoContent, s.token(t, "alice"), http.MethodDelete, "/v1/people/"+c.writer, nil)
	for _, path := range []string{"/v1/activities/" + post.ID, "/v1/people/" + c.writer + "/activities", "/v1/people/" + c.writer + "/log/posts"} {
		s.do(t, http.StatusNotFound, reader, http.MethodGet, path, nil)
	}
	var list struct{ Items []struct{ Name string } }
	if s.call(t, reader, http.MethodGet, "/v1/people/me/following", nil, &list); len(list.Items) != 0 {
		t.Errorf("%s still follows %+v", c.reader, list.Items)
	}
}

func renamedWall(t *testing.T, s *instance, c cast) {
	s.follows(t, c.reader, c.writer)
	w := s.as(t, 5, c.reader, "renamed")
	w.subscribe("/user/+/posts", 1)
	s.tells(t, c.writer, "one")
	w.gets("one")
	writer := s.token(t, c.writer)
	s.do(t, http.StatusOK, s.token(t, "alice"), http.MethodPatch, "/v1/people/"+c.writer, map[string]string{"name": c.writer + "-anew"})
	s.do(t, http.StatusCreated, writer, http.MethodPost, "/v1/people/me/activities", map[string]string{"content": "two"})
	if f := w.hears(); f.topic != "/user/"+c.writer+"-anew/posts" || readPost(t, f).Object.Content != "two" {
		t.Errorf("%s on %s", f.payload, f.topic)
	}
	var list struct{ Items []struct{ Seq uint64 } }
	s.call(t, s.token(t, c.reader), http.MethodGet, "/v1/people/"+c.writer+"/activities", nil, &list)
	if len(list.Items) != 2 || list.Items[0].Seq != 2 {
		t.Errorf("by its former name: %+v", list)
	}
}
