package hooks_test

import (
	"slices"
	"strings"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestACommentIsPublishedToItsOwnTopic(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	on := s.publish(s.login("alice"), broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte("x"), QoS: 1})
	private := s.publish(s.login("alice"), broker.Publication{Topic: "/ctx/lobby/messages", Payload: []byte(`{"content":"x","to":["alice"]}`), QoS: 1})
	s.take()
	for _, c := range []struct{ who, payload, want string }{
		{"bob", `{"content":"c","inReplyTo":"` + on.ID + `"}`, "allowed"},
		{"bob", `{"content":"c"}`, "invalid"},
		{"bob", `plain text`, "invalid"},
		{"bob", `{"content":"c","inReplyTo":"` + on.ID + `","to":["alice"]}`, "invalid"},
		{"bob", `{"content":"c","inReplyTo":"01900000-0000-7000-8000-000000000000"}`, "invalid"},
		{"bob", `{"content":"c","inReplyTo":"` + private.ID + `"}`, "invalid"},
		{"carol", `{"content":"c","inReplyTo":"` + on.ID + `"}`, "forbidden"},
		{"bob/read", `{"content":"c","inReplyTo":"` + on.ID + `"}`, "forbidden"},
		{"bob/write", `{"content":"c","inReplyTo":"` + on.ID + `"}`, "not_found"},
	} {
		if o := s.publish(s.login(c.who), broker.Publication{Topic: "/ctx/lobby/comments", Payload: []byte(c.payload), QoS: 1}); kind(o.err) != c.want {
			t.Errorf("%s publishes %s: %v, want %s", c.who, c.payload, o.err, c.want)
		}
	}
	out := s.take()
	if len(out) != 1 || out[0].Topic != "/ctx/lobby/comments" || out[0].Seq != 1 || out[0].QoS != 1 || !strings.Contains(string(out[0].Payload()), `"inReplyTo":"`+on.ID+`"`) {
		t.Errorf("delivered %+v", out)
	}
	answer := s.publish(s.login("alice"), broker.Publication{Topic: "/ctx/lobby/comments", Payload: []byte(`{"content":"c","inReplyTo":"` + private.ID + `"}`), QoS: 1})
	out = s.take()
	if answer.err != nil || len(out) != 1 || !slices.Equal(out[0].Only, []social.PersonKey{s.key("alice")}) {
		t.Errorf("a comment on what is private: %v, %+v", answer.err, out)
	}
	for _, topic := range []string{"/ctx/lobby/reactions", "/user/alice/comments"} {
		if o := s.publish(s.login("alice"), broker.Publication{Topic: topic, Payload: []byte(`{"content":"c","inReplyTo":"` + on.ID + `"}`), QoS: 1}); kind(o.err) != "forbidden" {
			t.Errorf("to %s: %v", topic, o.err)
		}
	}
}
