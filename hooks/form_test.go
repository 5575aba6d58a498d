package hooks_test

import (
	"strings"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestClientsPublishWhereTheGrammarSaysSoAndNowhereElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.login("bob")
	for _, f := range social.Forms() {
		topic := strings.NewReplacer("{id}", "staff", "{name}", "bob", "{topic}", "a/b").Replace(f.Topic())
		o := s.publish(bob, broker.Publication{Topic: topic, Payload: []byte(`{"nonsense":true}`)})
		refused := o.err != nil && strings.Contains(social.Safe(o.err), "no such topic")
		if f.Kind != social.ScopeConversation && refused == f.Said {
			t.Errorf("%s: published with %v", topic, o.err)
		}
	}
}
