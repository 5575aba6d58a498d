package pushgw_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/social"
)

func TestAKillRepeatsNothingThatAProviderHadTaken(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		s.device("bob", "b", nil)
		s.device("bob", "slow", nil)
		s.device("carol", "c", nil)
		s.answer("slow", func(int) pushgw.Answer { return pushgw.Answer{Verdict: pushgw.Retry, After: time.Hour} })
		s.kill()
		s.post("alice", "hello")
		all := []string{"b message " + lobby + " seq 1 n 1 badge 1", "c message " + lobby + " seq 1 n 1 badge 1"}
		s.tells(all...)
		s.answer("slow", nil)
		s.revive()
		s.pass(10 * time.Second) // the lease is far from over
		all = append(all, "slow message "+lobby+" seq 1 n 1 badge 1")
		s.tells(all...)
		s.settled()
		s.read("bob", 1) // it is known what they show
		s.tells(append(all, "b clear "+lobby+" seq 1 n 0 badge 0", "slow clear "+lobby+" seq 1 n 0 badge 0")...)
		s.settled()
	})
}

func TestWithoutNotesAKillRepeatsAndLosesNothing(t *testing.T) {
	s := onSQLite(t)
	s.stop()
	s.notes = filepath.Join(s.notes, "file", "below") // cannot be
	s.must(os.WriteFile(filepath.Dir(s.notes), nil, 0o600))
	s.serve()
	s.device("bob", "b", nil)
	s.kill()
	s.post("alice", "hello")
	all := []string{"b message " + lobby + " seq 1 n 1 badge 1"}
	s.tells(all...)
	s.revive()
	s.pass(30 * time.Second)
	s.tells(all...)
	s.pass(31 * time.Second)
	s.tells(append(all, all...)...)
	s.settled()
}

func TestWhatADeadProcessMayHaveShownIsCleared(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.device("bob", "web", func(d *social.Device) {
		d.Platform, d.P256dh, d.Auth = social.PlatformWebPush, make([]byte, 65), make([]byte, 16)
	})
	s.stop()
	s.notes = t.TempDir() // those of before are lost with their disk
	s.serve()
	s.kill()
	post := s.post("alice", "hello")
	all := []string{"b message " + lobby + " seq 1 n 1 badge 1", "web message " + lobby + " seq 1 n 1 badge 1"}
	s.tells(all...)
	s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, post.Post.ID.String()))
	s.notes = t.TempDir()
	s.revive()
	s.pass(2 * time.Minute)
	s.tells(append(all, "b clear "+lobby+" seq 1 n 0 badge 0")...)
	s.settled()
}

func TestARetryOfOneDeviceLeavesWhatAnotherShows(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.device("bob", "slow", nil)
	s.answer("slow", func(int) pushgw.Answer { return pushgw.Answer{Verdict: pushgw.Retry, After: time.Minute} })
	s.post("alice", "hello")
	all := []string{"b message " + lobby + " seq 1 n 1 badge 1"}
	s.tells(all...)
	s.decides("bob", "waiting retry")
	// Looked at while the flood pauses, and the first device was told already.
	s.must(s.db.WakePeople(t.Context(), []social.PersonKey{s.key("bob")}, s.now()))
	s.pass(4 * time.Second)
	s.answer("slow", nil)
	s.pass(2 * time.Minute)
	s.tells(append(all, "slow message "+lobby+" seq 1 n 1 badge 1")...)
	s.settled()
}

func TestSomebodyRemovedWhileAPushIsInFlightHearsNothingMore(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		s.device("bob", "b", nil)
		s.device("carol", "c", nil)
		asked, answer := s.delay("b")
		s.post("alice", "hello")
		<-asked
		s.must(s.people.Remove(s.Context(), nil, "bob"))
		close(answer)
		s.tells("b message "+lobby+" seq 1 n 1 badge 1", "c message "+lobby+" seq 1 n 1 badge 1")
		s.settled()
		s.post("alice", "again")
		s.pass(time.Minute)
		s.tells("b message "+lobby+" seq 1 n 1 badge 1", "c message "+lobby+" seq 1 n 1 badge 1", "c message "+lobby+" seq 2 n 2 badge 2")
		s.settled()
		if found, err := s.db.Verify(s.Context()); err != nil || len(found) != 0 {
			s.Errorf("the store is not sound: %v, %v", found, err)
		}
	})
}

func TestTwoGatewaysOverOneStorePushOnce(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		first := s.stop
		s.serve() // the second is the one that hears of posts and markers
		for _, person := range []string{"bob", "carol"} {
			for i := range 4 {
				s.device(person, fmt.Sprint(person, i), nil)
			}
		}
		var told, cleared []string
		for _, person := range []string{"bob", "carol"} {
			for i := range 4 {
				told = append(told, fmt.Sprintf("%s%d message %s seq 1 n 1 badge 1", person, i, lobby))
				cleared = append(cleared, fmt.Sprintf("%s%d clear %s seq 1 n 0 badge 0", person, i, lobby))
			}
		}
		s.post("alice", "hello")
		s.tells(told...)
		s.settled()
		s.read("bob", 1)
		s.read("carol", 1)
		told = append(told, cleared...)
		s.tells(told...)
		s.settled()
		// One that dies is not waited for, and takes nothing of the other's with it.
		first()
		s.kill()
		s.pass(time.Hour)
		s.post("alice", "more")
		for _, person := range []string{"bob", "carol"} {
			for i := range 4 {
				told = append(told, fmt.Sprintf("%s%d message %s seq 2 n 1 badge 1", person, i, lobby))
			}
		}
		s.tells(told...)
		s.revive()
		s.pass(10 * time.Second)
		s.settled()
		s.tells(told...)
	})
}
