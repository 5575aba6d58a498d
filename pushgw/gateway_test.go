package pushgw_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/pushgw"
	"rambla/social"
)

const lobby = "/ctx/lobby/messages"

func TestAPostIsPushedToThoseWhoAreAway(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		for token, person := range map[string]string{"a": "alice", "b": "bob", "c": "carol", "d": "dave"} {
			s.device(person, token, nil)
		}
		s.post("alice", "hello")
		s.tells("b message "+lobby+" seq 1 n 1 badge 1", "c message "+lobby+" seq 1 n 1 badge 1")
		s.settled()
		s.decides("bob", "sent")
	})
}

func TestOfSeveralPostsOnePushTells(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.stop() // so that all have come when the first is looked at
	for range 5 {
		s.post("alice", "hello")
	}
	s.serve()
	s.tells("b message " + lobby + " seq 5 n 5 badge 5")
	s.settled()
	// A flood is spaced: the second comes three seconds after the first, at once when it is over.
	s.post("alice", "again")
	s.pass(2 * time.Second)
	if got := s.told(); len(got) != 1 {
		t.Errorf("pushed %v", got)
	}
	s.pass(2 * time.Second)
	s.tells("b message "+lobby+" seq 5 n 5 badge 5", "b message "+lobby+" seq 6 n 6 badge 6")
	s.post("bob", "I know")
	s.post("alice", "see @bob") // does not wait
	s.tells("b message "+lobby+" seq 5 n 5 badge 5", "b message "+lobby+" seq 6 n 6 badge 6", "b mention "+lobby+" seq 8 n 7 badge 7")
}

func TestADeviceWhoseSessionAcknowledgedIsLeftAlone(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "phone", nil)
	s.device("bob", "laptop", nil)
	s.acknowledge("client-laptop", 1)
	s.acknowledge("client-phone", 0) // connected, and does not answer
	s.post("alice", "hello")
	s.tells("phone message " + lobby + " seq 1 n 1 badge 1")
	s.settled()
	s.decides("bob", "suppressed acknowledged")
	// What it acknowledged is nothing that the next push tells of.
	s.acknowledge("client-phone", 1)
	s.pass(3 * time.Minute)
	s.post("alice", "there?")
	s.tells("phone message "+lobby+" seq 1 n 1 badge 1", "phone message "+lobby+" seq 2 n 1 badge 2", "laptop message "+lobby+" seq 2 n 1 badge 2")
}

func TestWhatAnAbsentSessionAcknowledgedCounts(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.device("bob", "other", func(d *social.Device) { d.Client = "another" })
	space, _ := s.dir.Find(social.InContext("lobby"))
	stream := space.Stream(social.ChannelMessages)
	position := social.EncodePosition(social.Position{
		Cursors: []social.Cursor{{Stream: stream, Seq: 2}},
		Open:    []social.OpenPacket{{Packet: 1, State: social.AwaitsPuback, Stream: stream, Seq: 2}},
	})
	claim := social.SessionClaim{ID: 5, Person: s.key("bob"), Name: "client-b", Version: 5, Node: 7, Expiry: time.Hour}
	out, err := s.db.WriteSessions(t.Context(), []social.SessionWrite{{Claim: &claim}}, s.now())
	s.must(err)
	_, err = s.db.WriteSessions(t.Context(), []social.SessionWrite{{Save: &social.SessionSave{ID: 5, Fence: out[0].Claimed.Session.Fence, Position: position}}}, s.now())
	s.must(err)
	s.post("alice", "hello")
	s.tells("other message " + lobby + " seq 1 n 1 badge 1")
	s.settled()
	s.post("alice", "again") // sent to it and not acknowledged
	s.pass(time.Minute)
	s.tells("other message "+lobby+" seq 1 n 1 badge 1", "other message "+lobby+" seq 2 n 2 badge 2", "b message "+lobby+" seq 2 n 1 badge 2")
}

func TestReadingDropsWhatWaitsAndClearsWhatIsShown(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		s.device("bob", "b", nil)
		s.device("bob", "web", func(d *social.Device) {
			d.Platform, d.P256dh, d.Auth = social.PlatformWebPush, make([]byte, 65), make([]byte, 16)
		})
		s.whileHeld(func() {
			s.post("alice", "hello")
			s.read("bob", 1)
		})
		s.settled()
		s.decides("bob", "suppressed read")
		s.tells()
		s.post("alice", "more")
		s.tells("b message "+lobby+" seq 2 n 1 badge 1", "web message "+lobby+" seq 2 n 1 badge 1")
		s.settled()
		s.read("bob", 2)
		s.tells("b message "+lobby+" seq 2 n 1 badge 1", "web message "+lobby+" seq 2 n 1 badge 1", "b clear "+lobby+" seq 2 n 0 badge 0")
		s.decides("bob", "withdrawn")
		s.settled()
	})
}

func TestEditsAndRemovalsReplaceWhatIsShown(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", func(d *social.Device) { d.Preview = true })
	s.device("carol", "c", nil)
	var one, two social.Found
	s.whileHeld(func() { one, two = s.post("alice", "one"), s.post("alice", "two") })
	first := []string{"b message " + lobby + " seq 2 n 2 badge 2", "c message " + lobby + " seq 2 n 2 badge 2"}
	s.tells(first...)
	s.settled()
	s.must(s.posts.Edit(t.Context(), s.as("alice"), social.SortActivity, two.Post.ID.String(), social.Draft{Content: "zwei"}))
	edited := append(slices.Clone(first), "b message "+lobby+" seq 2 n 2 badge 2 silent") // the line says the same
	s.tells(edited...)
	s.settled()
	s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, two.Post.ID.String()))
	removed := append(edited, "b message "+lobby+" seq 1 n 1 badge 1 silent", "c message "+lobby+" seq 1 n 1 badge 1 silent")
	s.tells(removed...)
	s.settled()
	s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, one.Post.ID.String()))
	s.tells(append(removed, "b clear "+lobby+" seq 2 n 0 badge 0", "c clear "+lobby+" seq 2 n 0 badge 0")...)
	s.settled()
	// What waits is of what is there when it is due.
	s.whileHeld(func() {
		last := s.post("alice", "never mind")
		s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, last.Post.ID.String()))
	})
	s.settled()
	s.tells(append(removed, "b clear "+lobby+" seq 2 n 0 badge 0", "c clear "+lobby+" seq 2 n 0 badge 0")...)
}

func TestWhoLosesTheRightHearsNothingMore(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.device("carol", "c", nil)
	s.must(s.spaces.Edit(t.Context(), s.as("alice"), "lobby", social.SpacePatch{Policies: &social.Policies{social.PolicyMembers}}))
	s.whileHeld(func() {
		s.post("alice", "hello")
		s.must(s.spaces.Ban(t.Context(), s.as("alice"), "lobby", "bob", social.Ban{}))
	})
	s.tells("c message " + lobby + " seq 1 n 1 badge 1")
	s.settled()
	s.decides("bob", "suppressed right")
	s.must(s.spaces.Dismiss(t.Context(), s.as("alice"), "lobby", "carol"))
	s.tells("c message "+lobby+" seq 1 n 1 badge 1", "c clear "+lobby+" seq 1 n 0 badge 0")
	s.settled()
}

func TestADeletedContextIsCleared(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.post("alice", "hello")
	s.tells("b message " + lobby + " seq 1 n 1 badge 1")
	s.settled()
	s.must(s.spaces.Delete(t.Context(), s.as("alice"), "lobby"))
	s.tells("b message "+lobby+" seq 1 n 1 badge 1", "b clear "+lobby+" seq 1 n 0 badge 0")
}

func TestLevelsMutesAndPreferences(t *testing.T) {
	s := onSQLite(t)
	on := func(m social.Mute) social.InterestPatch { return social.InterestPatch{Mute: &m} }
	at := func(l social.Level) social.InterestPatch { return social.InterestPatch{Level: &l} }
	for _, c := range []struct {
		what    string
		patch   social.InterestPatch
		prefs   social.Preferences
		decided string
		plain   bool
		mention bool
	}{
		{"none", at(social.LevelNone), social.Preferences{}, "suppressed level", false, false},
		{"mentions", at(social.LevelMentions), social.Preferences{}, "suppressed level", false, true},
		{"in general mentions", at(social.LevelDefault), social.Preferences{Notify: "mentions"}, "suppressed preferences", false, true},
		{"in general nothing", at(social.LevelDefault), social.Preferences{Notify: "nothing"}, "suppressed preferences", false, false},
		{"all against that", at(social.LevelAll), social.Preferences{Notify: "nothing"}, "", true, true},
		{"muted", on(social.Mute{On: true, Until: s.now().Add(time.Hour)}), social.Preferences{}, "suppressed muted", false, false},
	} {
		s.must(s.settings.Put(t.Context(), s.as("bob"), c.prefs))
		s.must(s.attention.Set(t.Context(), s.as("bob"), social.InContext("lobby"), c.patch))
		device := s.device("bob", "b", nil)
		before := len(s.told())
		expect := func(want bool, what string) {
			t.Helper()
			n := before
			if want {
				n++
			}
			s.until(func() error {
				if got := s.told(); len(got) != n {
					return fmt.Errorf("%s, %s: pushed %v", c.what, what, got)
				}
				return nil
			})
			s.settled()
			if got := s.told(); len(got) != n {
				t.Fatalf("%s, %s: pushed %v", c.what, what, got)
			}
			before = n
		}
		s.post("alice", "hello")
		s.settled()
		expect(c.plain, "a post")
		if c.decided != "" {
			s.decides("bob", c.decided)
		}
		s.pass(3 * time.Minute)
		s.post("alice", "hello @bob")
		s.settled()
		expect(c.mention, "a mention")
		s.must(s.db.DropDevice(t.Context(), s.key("bob"), device.ID))
		f, _ := s.dir.Find(social.InContext("lobby"))
		state, err := s.db.State(t.Context(), f.Stream(social.ChannelMessages))
		s.must(err)
		s.read("bob", state.Head)
		s.settled()
	}
	s.device("bob", "b", nil)
	before := len(s.told())
	s.pass(2 * time.Hour)
	s.post("alice", "the mute is over")
	s.until(func() error {
		if len(s.told()) != before+1 {
			return errors.New("the mute goes on")
		}
		return nil
	})
}

func TestQuietHoursHoldBackUntilTheyEnd(t *testing.T) {
	s := onSQLite(t)
	now := s.now().UTC()
	quiet := &social.Quiet{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(time.Hour).Format("15:04"), Except: []string{"mentions"}}
	s.must(s.settings.Put(t.Context(), s.as("bob"), social.Preferences{Quiet: quiet}))
	s.device("bob", "b", nil)
	s.device("carol", "c", nil)
	s.whileHeld(func() {
		s.post("alice", "one")
		s.post("alice", "two")
	})
	s.tells("c message " + lobby + " seq 2 n 2 badge 2")
	s.decides("bob", "waiting quiet")
	s.pass(2 * time.Hour)
	s.tells("c message "+lobby+" seq 2 n 2 badge 2", "b message "+lobby+" seq 2 n 2 badge 2")
	s.settled()
}

func TestWhatQuietHoursHoldBackIsWhatIsThereInTheEnd(t *testing.T) {
	s := onSQLite(t)
	preview := func(d *social.Device) { d.Preview = true }
	s.device("bob", "b", preview)
	shown := s.post("alice", "before the night")
	all := []string{"b message " + lobby + " seq 1 n 1 badge 1"}
	s.tells(all...)
	s.settled()
	now := s.now().UTC()
	quiet := &social.Quiet{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(time.Hour).Format("15:04")}
	s.must(s.settings.Put(t.Context(), s.as("bob"), social.Preferences{Quiet: quiet}))
	s.must(s.posts.Edit(t.Context(), s.as("alice"), social.SortActivity, shown.Post.ID.String(), social.Draft{Content: "changed at night"}))
	all = append(all, "b message "+lobby+" seq 1 n 1 badge 1 silent")
	s.tells(all...)
	s.settled()
	two, three := s.post("alice", "two"), s.post("alice", "three")
	s.decides("bob", "waiting quiet")
	// What is shown changes, though something newer waits.
	s.must(s.posts.Edit(t.Context(), s.as("alice"), social.SortActivity, shown.Post.ID.String(), social.Draft{Content: "and again"}))
	all = append(all, "b message "+lobby+" seq 1 n 1 badge 3 silent")
	s.tells(all...)
	s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, shown.Post.ID.String()))
	all = append(all, "b clear "+lobby+" seq 1 n 0 badge 2")
	s.tells(all...)
	s.must(s.posts.Edit(t.Context(), s.as("alice"), social.SortActivity, two.Post.ID.String(), social.Draft{Content: "zwei"}))
	s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, three.Post.ID.String()))
	s.derived()
	s.pass(2 * time.Hour)
	all = append(all, "b message "+lobby+" seq 3 n 1 badge 1")
	s.tells(all...)
	s.settled()
	s.tells(all...)
	if last := s.lastPush(); !strings.Contains(last.Body, "zwei") || last.Silent {
		t.Errorf("in the morning it rings with %+v", last)
	}
}

func TestWhatIsWithdrawnOrReplacedIsSoWithinTwoSeconds(t *testing.T) {
	s := onSQLite(t)
	s.must(s.spaces.Edit(t.Context(), s.as("alice"), "lobby", social.SpacePatch{Policies: &social.Policies{social.PolicyMembers}}))
	s.device("bob", "b", func(d *social.Device) { d.Preview = true })
	var took []time.Duration
	for _, change := range []func(post social.Found){
		func(post social.Found) { s.read("bob", post.Post.Seq) },
		func(post social.Found) {
			s.must(s.posts.Edit(t.Context(), s.as("alice"), social.SortActivity, post.Post.ID.String(), social.Draft{Content: "new"}))
		},
		func(post social.Found) {
			s.must(s.posts.Remove(t.Context(), s.as("alice"), social.SortActivity, post.Post.ID.String()))
		},
		func(social.Found) { s.must(s.spaces.Ban(t.Context(), s.as("alice"), "lobby", "bob", social.Ban{})) },
	} {
		s.pass(time.Hour) // no flood
		before := len(s.told())
		grown := func() {
			t.Helper()
			s.until(func() error {
				if n := len(s.told()); n == before {
					return fmt.Errorf("%d pushes", n)
				}
				return nil
			})
			before = len(s.told())
		}
		post := s.post("alice", "hello")
		grown()
		s.settled()
		begin := time.Now()
		change(post)
		grown()
		took = append(took, time.Since(begin))
		s.settled()
	}
	// One of a busy machine may be late.
	if slices.Sort(took); took[len(took)/2] > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestQuietHoursThatAreCalledOffEndAtOnce(t *testing.T) {
	each(t, func(s *site) {
		now := s.now().UTC()
		quiet := &social.Quiet{From: now.Add(-time.Hour).Format("15:04"), To: now.Add(time.Hour).Format("15:04")}
		s.must(s.settings.Put(t.Context(), s.as("bob"), social.Preferences{Quiet: quiet}))
		s.device("bob", "b", nil)
		s.post("alice", "one")
		s.decides("bob", "waiting quiet")
		s.tells()
		s.must(s.settings.Put(t.Context(), s.as("bob"), social.Preferences{}))
		s.tells("b message " + lobby + " seq 1 n 1 badge 1")
		s.settled()
	})
}

func TestPrivatePostsAndBlocksArePushedToNobodyElse(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.device("carol", "c", nil)
	s.postAt("alice", social.InContext("lobby"), social.Draft{Content: "psst, not for @bob", To: []string{"carol"}, Private: true})
	s.tells("c message " + lobby + " seq 1 n 1 badge 1")
	s.settled()
}

func TestWhoIsIgnoredIsNotPushedFor(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		s.device("bob", "b", nil)
		s.must(s.ignores.Put(t.Context(), s.as("bob"), "alice"))
		s.post("alice", "hello @bob")
		s.settled()
		s.decides("bob", "suppressed ignored")
		s.pass(time.Hour)
		s.whileHeld(func() {
			s.post("carol", "hi")
			s.post("alice", "hello again")
		})
		s.tells("b message " + lobby + " seq 2 n 1 badge 3")
		s.settled()
	})
}

func TestConversationsCommentsAndAdditions(t *testing.T) {
	s := onSQLite(t)
	for token, person := range map[string]string{"a": "alice", "b": "bob", "d": "dave"} {
		s.device(person, token, nil)
	}
	talk, _, err := s.talks.Create(t.Context(), s.as("alice"), social.NewConversation{Participants: []string{"bob"}})
	s.must(err)
	id := talk.Space.ID
	s.postAt("alice", social.InConversation(id), social.Draft{Content: "hi"})
	s.tells("b message /conv/" + id + "/messages seq 1 n 1 badge 1")
	s.settled()
	post := s.post("alice", "hello")
	all := []string{"b message /conv/" + id + "/messages seq 1 n 1 badge 1", "b message " + lobby + " seq 1 n 1 badge 2"}
	s.tells(all...)
	s.settled()
	_, _, err = s.acts.Comment(t.Context(), s.as("bob"), post.Post.ID.String(), social.Draft{Content: "well"})
	s.must(err)
	all = append(all, "a comment /ctx/lobby/comments seq 1 n 1 badge 0")
	s.tells(all...)
	s.settled()
	s.must(s.spaces.Admit(t.Context(), s.as("alice"), "lobby", "dave"))
	all = append(all, "d notification /ctx/lobby/events seq 3 n 1 badge 0")
	s.tells(all...)
	s.settled()
	// Who blocks the other hears nothing more of what waits.
	s.whileHeld(func() {
		s.postAt("alice", social.InConversation(id), social.Draft{Content: "and?"})
		s.must(s.blocks.Put(t.Context(), s.as("bob"), "alice"))
	})
	s.decides("bob", "suppressed blocked")
}

func TestAnswersOfProviders(t *testing.T) {
	s := onSQLite(t)
	one := func(first pushgw.Answer) func(int) pushgw.Answer {
		return func(n int) pushgw.Answer {
			if n == 1 {
				return first
			}
			return pushgw.Answer{Verdict: pushgw.Accepted}
		}
	}
	sandbox := true
	for token, a := range map[string]pushgw.Answer{
		"retry": {Verdict: pushgw.Retry, Status: 503, After: time.Minute}, "throttled": {Verdict: pushgw.Throttled, Status: 429},
		"paused": {Verdict: pushgw.Paused, Code: "outage"}, "misconfigured": {Verdict: pushgw.Misconfigured, Status: 403},
		"refused": {Verdict: pushgw.Refused, Status: 400, Code: "BadTopic", Err: errors.New("no")}, "gone": {Verdict: pushgw.Gone, Status: 410},
		"alive": {Verdict: pushgw.Gone, Status: 410, Since: s.now().Add(-time.Hour)}, "large": {Verdict: pushgw.TooLarge, Status: 413},
		"sandbox": {Verdict: pushgw.Accepted, Sandbox: &sandbox},
	} {
		s.device("bob", token, func(d *social.Device) { d.Preview = true })
		s.answer(token, one(a))
	}
	s.post("alice", "hello")
	soon := []string{"large message " + lobby + " seq 1 n 1 badge 1", "sandbox message " + lobby + " seq 1 n 1 badge 1"}
	s.tells(soon...)
	for _, want := range []string{"waiting retry", "waiting throttled", "waiting paused", "waiting misconfigured", "failed refused", "failed gone", "sent"} {
		s.decides("bob", want)
	}
	s.pass(20 * time.Second)
	soon = append(soon, "paused message "+lobby+" seq 1 n 1 badge 1", "misconfigured message "+lobby+" seq 1 n 1 badge 1",
		"alive message "+lobby+" seq 1 n 1 badge 1")
	s.tells(soon...)
	s.until(func() error { // not only sent, but settled
		sent := 0
		for _, what := range s.why("bob") {
			if what == "sent" {
				sent++
			}
		}
		if sent != len(soon) {
			return fmt.Errorf("%d of %d are settled", sent, len(soon))
		}
		return nil
	})
	s.pass(10 * time.Minute)
	s.tells(append(soon, "retry message "+lobby+" seq 1 n 1 badge 1", "throttled message "+lobby+" seq 1 n 1 badge 1")...)
	s.settled()
	depth, err := s.db.PushDepth(t.Context())
	if err != nil || depth.Dead != 1 || depth.Waiting != 0 {
		t.Errorf("%+v, %v", depth, err)
	}
	devices, err := s.db.Devices(t.Context(), s.key("bob"))
	s.must(err)
	var left []string
	for _, d := range devices {
		left = append(left, string(d.Token))
		if d.Sandbox != (string(d.Token) == "sandbox") {
			t.Errorf("%s: sandbox %v", string(d.Token), d.Sandbox)
		}
	}
	if slices.Contains(left, "gone") || !slices.Contains(left, "alive") {
		t.Errorf("left are %v", left)
	}
}

func TestAnOutageEndsInOnePushPerStream(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.answer("b", func(int) pushgw.Answer { return pushgw.Answer{Verdict: pushgw.Paused, After: time.Hour} })
	for n := range 3 {
		s.post("alice", "hello")
		s.derived()
		s.until(func() error { // so that none is under way when the outage ends
			if asked := s.tried("b"); asked != n+1 {
				return fmt.Errorf("tried %d times, want %d", asked, n+1)
			}
			return nil
		})
		s.decides("bob", "waiting paused")
		if n < 2 {
			s.pass(time.Hour + time.Minute)
		}
	}
	s.answer("b", nil)
	s.pass(time.Hour + time.Minute)
	s.tells("b message " + lobby + " seq 3 n 3 badge 3")
	s.settled()
}

func TestWhatIsTooOldIsGivenUp(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	s.answer("b", func(int) pushgw.Answer { return pushgw.Answer{Verdict: pushgw.Paused} })
	s.post("alice", "hello")
	s.decides("bob", "waiting paused")
	s.pass(25 * time.Hour)
	s.settled()
	s.decides("bob", "failed expired")
}

func TestAPersonIsPushedToSoOftenAndTheRestIsMerged(t *testing.T) {
	s := onSQLite(t)
	s.device("bob", "b", nil)
	for i := range 15 {
		id := fmt.Sprint("room", i)
		s.must(s.spaces.Found(t.Context(), s.as("alice"), social.Space{ID: id, Policies: social.Presets()["open"]}))
		s.must(s.spaces.Admit(t.Context(), s.as("alice"), id, "bob"))
		s.postAt("alice", social.InContext(id), social.Draft{Content: "hello"})
	}
	s.decides("bob", "waiting limited")
	s.pass(time.Minute)
	s.until(func() error {
		if n := len(s.told()); n != 30 { // of being added and of the post
			return fmt.Errorf("%d pushes", n)
		}
		return nil
	})
	s.settled()
}

func TestARestartLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(s *site) {
		s.device("bob", "b", nil)
		s.post("alice", "one")
		s.tells("b message " + lobby + " seq 1 n 1 badge 1")
		s.settled()
		s.stop()
		s.mu.Lock()
		s.attached = false // nobody tells the next gateway
		s.mu.Unlock()
		s.post("alice", "two")
		s.serve()
		s.pass(10 * time.Second)
		all := []string{"b message " + lobby + " seq 1 n 1 badge 1", "b message " + lobby + " seq 2 n 2 badge 2"}
		s.tells(all...)
		s.settled()
		s.stop()
		s.read("bob", 2)
		s.serve()
		all = append(all, "b clear "+lobby+" seq 2 n 0 badge 0")
		s.tells(all...)
		s.settled()
		s.stop()
		s.post("alice", "three")
		s.serve()
		s.pass(time.Minute)
		s.tells(append(all, "b message "+lobby+" seq 3 n 1 badge 1")...)
		s.settled()
		if text := strings.Join(s.told(), "\n"); strings.Count(text, "seq 3") != 1 {
			s.Errorf("pushed %s", text)
		}
	})
}
