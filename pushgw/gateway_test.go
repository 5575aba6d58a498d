package pushgw_test

import (
	"testing"

	"rambla/social"
)

func TestAPostIsPushedToThoseWhoAreAway(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		s.device("alice", "a", nil)
		s.device("bob", "b", nil)
		s.device("carol", "c", nil)
		s.device("dave", "d", nil)
		s.post("alice", "hello")
		s.tells("b message /ctx/lobby/messages seq 1 n 1 badge 1", "c message /ctx/lobby/messages seq 1 n 1 badge 1")
		s.settled()
		s.decides("bob", "sent")
	})
}

func TestOfSeveralPostsOnePushTells(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	for range 5 {
		s.post("alice", "hello")
	}
	s.tells("b message /ctx/lobby/messages seq 5 n 5 badge 5")
	s.settled()
	_ = social.PushLife
}
