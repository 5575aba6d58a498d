package social_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func TestWhoMayPostWhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.found(social.Space{ID: "box", Policies: social.Policies{1: social.PolicyPublic, 0: social.PolicyMembers}})
	s.override("staff", "eve", social.Write, false, time.Time{})
	for _, c := range []struct {
		name, where string
		actor       social.Actor
		want        social.Kind // KindOrNil of success where allowed
		allowed     bool
	}{
		{"a member", "lobby", s.as("bob"), 0, true},
		{"the owner of announcements", "news", s.as("alice"), 0, true},
		{"a manager anywhere", "staff", s.as("root"), 0, true},
		{"somebody granted to write, who cannot read", "staff", s.as("eve"), 0, true},
		{"anybody into a box that all may write into", "box", s.as("carol"), 0, true},
		{"a token for the context", "lobby", s.token("bob", "write ctx:lobby"), 0, true},
		{"a stranger where reading is public", "lobby", s.as("carol"), social.KindForbidden, false},
		{"a member of announcements", "news", s.as("bob"), social.KindForbidden, false},
		{"a stranger of a closed context learns nothing", "staff", s.as("carol"), social.KindNotFound, false},
		{"nobody where nothing is", "nowhere", s.as("root"), social.KindNotFound, false},
		{"a token that only reads", "lobby", s.token("bob", "read"), social.KindForbidden, false},
		{"a token for another context", "lobby", s.token("bob", "read write ctx:staff"), social.KindNotFound, false},
		{"a token for its data", "lobby", s.token("bob", "read write data:lobby"), social.KindNotFound, false},
		{"a manager's token without admin", "staff", s.token("root", "read write"), social.KindNotFound, false},
	} {
		_, _, err := s.trySay(c.actor, c.where, c.name)
		if c.allowed {
			s.allowed(err, c.name)
		} else {
			s.refused(err, c.want, c.name)
		}
		// The asynchronous entrance decides alike, and answers a refusal at once.
		calls := 0
		var told error
		if !c.allowed {
			s.posts.Publish(c.actor, social.InContext(c.where), social.ChannelMessages, social.Draft{Type: social.TypeCreate, Content: "x"}, func(_ social.Appended, err error) { calls, told = calls+1, err })
			if calls != 1 || social.KindOrNil(told) != c.want {
				t.Errorf("%s, published: told %d times, %v", c.name, calls, told)
			}
		}
	}
}

func TestNobodyAnswersWhatIsNotItsToRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.found(social.Space{ID: "box", Policies: social.Policies{1: social.PolicyPublic, 0: social.PolicyMembers}})
	first := s.say(s.as("alice"), "box", `{"content":"to all"}`)
	secret := s.say(s.as("alice"), "box", `{"content":"to one","to":["bob"]}`)
	own := s.say(s.as("carol"), "box", `{"content":"a wish"}`)
	answer := func(to social.Post) string { return `{"content":"x","inReplyTo":"` + to.ID.String() + `"}` }
	for _, c := range []struct {
		name  string
		actor social.Actor
		to    social.Post
		fine  bool
	}{
		{"who writes and does not read", s.as("carol"), first, false},
		{"the same, to its own", s.as("carol"), own, true},
		{"what is private to others", s.as("root"), secret, false},
		{"who reads", s.as("alice"), own, true},
		{"a token that only writes", s.token("alice", "write"), own, false},
	} {
		if _, _, err := s.trySay(c.actor, "box", answer(c.to)); c.fine {
			s.allowed(err, c.name)
		} else {
			s.refused(err, social.KindInvalid, c.name)
		}
		// A comment needs to read what it is about, whichever way it comes.
		_, _, err := s.activities.Comment(t.Context(), c.actor, c.to.ID.String(), social.Draft{Type: social.TypeCreate, Content: "x"})
		var told error
		done := make(chan error, 1)
		d := social.Draft{Type: social.TypeCreate, Content: "x", InReplyTo: c.to.ID}
		s.posts.Publish(c.actor, social.InContext("box"), social.ChannelComments, d, func(_ social.Appended, err error) { done <- err })
		told = <-done
		mayWrite := s.posts.MayWrite(c.actor, social.InContext("box"), social.ChannelComments)
		switch c.name {
		case "who reads":
			s.allowed(err, c.name)
			s.allowed(told, c.name)
			s.allowed(mayWrite, c.name)
		case "what is private to others": // there the place is known
			s.refused(err, social.KindNotFound, c.name)
			s.refused(told, social.KindInvalid, c.name)
		default:
			s.refused(err, social.KindNotFound, c.name)
			s.refused(told, social.KindNotFound, c.name)
			s.refused(mayWrite, social.KindNotFound, c.name)
		}
	}
}

func TestAPublishIsAcknowledgedAfterItIsStoredAndAnnounced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	type outcome struct {
		a   social.Appended
		err error
	}
	done := make(chan outcome, 1)
	a := s.as("bob")
	a.Generator, a.Session = "mqtt", 7
	s.posts.Publish(a, social.InContext("lobby"), social.ChannelMessages, social.Draft{Type: social.TypeCreate, Content: "x", Key: "k"}, func(a social.Appended, err error) { done <- outcome{a, err} })
	o := <-done
	if o.err != nil || o.a.Seq != 1 || o.a.ID.IsZero() {
		t.Fatalf("%+v", o)
	}
	s.hears("lobby messages Create by bob")
	p, err := s.posts.Get(t.Context(), s.as("carol"), social.SortActivity, o.a.ID.String())
	if err != nil || p.Content != "x" || p.Seq != 1 || p.Generator != "mqtt" || p.Key != "k" || p.Published.IsZero() {
		t.Errorf("stored %+v, %v", p, err)
	}
}

func TestAKeyStandsForOneThing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob")
	first := s.say(bob, "lobby", `{"content":"x","key":"k"}`)
	again, repeat, err := s.trySay(bob, "lobby", `{"key":"k","content":"\u0078"}`)
	if err != nil || !repeat || again.ID != first.ID || again.Seq != first.Seq {
		t.Errorf("a repeat: %+v, %v, %v", again, repeat, err)
	}
	s.hears("lobby messages Create by bob")
	for name, try := range map[string]func() error{
		"another content": func() error { _, _, err := s.trySay(bob, "lobby", `{"content":"y","key":"k"}`); return err },
		"another context": func() error { _, _, err := s.trySay(bob, "staff", `{"content":"x","key":"k"}`); return err },
		"private now": func() error {
			_, _, err := s.trySay(bob, "lobby", `{"content":"x","key":"k","to":["alice"]}`)
			return err
		},
		"an edit with those words": func() error { _, err := s.edit(bob, first.ID.String(), `{"content":"x","key":"k"}`); return err },
		"data": func() error {
			_, err := s.data.Put(t.Context(), bob, "lobby", social.Sample{Topic: "t", Payload: []byte("x"), Key: "k"})
			return err
		},
	} {
		s.refused(try(), social.KindConflict, name)
	}
	_, repeat, err = s.trySay(s.as("alice"), "lobby", `{"content":"x","key":"k"}`)
	if err != nil || repeat {
		t.Errorf("another person's key: %v, %v", repeat, err)
	}
	s.pass(social.KeyLife + time.Second)
	if _, repeat, err = s.trySay(bob, "lobby", `{"content":"y","key":"k"}`); err != nil || repeat {
		t.Errorf("after a week: %v, %v", repeat, err)
	}
	if got := s.contents(bob, "lobby"); !slices.Equal(got, []string{"Create x", "Create x", "Create y"}) {
		t.Errorf("stored %q", got)
	}
}

func TestAnEditIsDoneOncePerKeyAndPost(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bob := s.as("bob")
	one, two := s.say(bob, "lobby", "one"), s.say(bob, "lobby", "two")
	_, err := s.edit(bob, one.ID.String(), `{"content":"new","key":"k"}`)
	s.allowed(err, "an edit")
	_, err = s.edit(bob, one.ID.String(), `{"content":"new","key":"k"}`)
	s.allowed(err, "its repeat")
	_, err = s.edit(bob, two.ID.String(), `{"content":"new","key":"k"}`)
	s.refused(err, social.KindConflict, "the same words for another post")
	if got := s.contents(bob, "lobby"); !slices.Equal(got, []string{"Create new", "Create two", "Update new"}) {
		t.Errorf("stored %q", got)
	}
}

func TestPrivatePostsAreForTheirReaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.say(s.as("bob"), "lobby", `{"content":"psst","to":["Carol","carol","bob"]}`)
	if len(p.To) != 1 {
		t.Errorf("readers %v", p.To)
	}
	id := p.ID.String()
	for name, reads := range map[string]bool{"bob": true, "carol": true, "alice": false, "root": false, "eve": false} {
		_, err := s.posts.Get(t.Context(), s.as(name), social.SortActivity, id)
		if reads {
			s.allowed(err, name)
		} else {
			s.refused(err, social.KindNotFound, name)
		}
		if got := len(s.contents(s.as(name), "lobby")) == 1; got != reads {
			t.Errorf("%s finds it in the log: %v", name, got)
		}
	}
	s.refused(s.posts.Remove(t.Context(), s.as("root"), social.SortActivity, id), social.KindNotFound, "a manager removes what it cannot read")
	for _, name := range []string{"bob", "carol", "ctx:lobby"} {
		_, err := s.posts.Get(t.Context(), s.acting(name), social.SortActivity, id)
		s.refused(err, social.KindNotFound, "acting for "+name)
		if got := s.contents(s.acting(name), "lobby"); len(got) != 0 {
			t.Errorf("acting for %s finds %q", name, got)
		}
	}
	_, _, err := s.trySay(s.as("bob"), "lobby", `{"content":"x","to":["nobody"]}`)
	s.refused(err, social.KindInvalid, "to nobody")
	f, err := s.edit(s.as("bob"), id, "psst!")
	s.allowed(err, "an edit")
	if !f.Private || f.Content != "psst!" {
		t.Errorf("after the edit %+v", f)
	}
	if got := s.contents(s.as("alice"), "lobby"); len(got) != 0 {
		t.Errorf("the edit of a private post is public: %q", got)
	}
	if got := s.contents(s.as("carol"), "lobby"); !slices.Equal(got, []string{"Create psst!", "Update psst!"}) {
		t.Errorf("its reader finds %q", got)
	}
	s.allowed(s.posts.Remove(t.Context(), s.as("bob"), social.SortActivity, id), "the author removes it")
	if got := s.contents(s.as("alice"), "lobby"); len(got) != 0 {
		t.Errorf("the removal of a private post is public: %q", got)
	}
}

func TestReadersMustAlsoHaveTheRight(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.say(s.as("bob"), "staff", `{"content":"psst","to":["carol"]}`)
	_, err := s.posts.Get(t.Context(), s.as("carol"), social.SortActivity, p.ID.String())
	s.refused(err, social.KindNotFound, "a named reader outside a closed context")
}

func TestWhoMayEditAndWhatStays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.say(s.as("alice"), "lobby", "first")
	p := s.say(s.as("bob"), "lobby", `{"content":"old","data":{"n":1},"inReplyTo":"`+first.ID.String()+`"}`)
	id := p.ID.String()
	for _, name := range []string{"alice", "root", "carol"} {
		_, err := s.edit(s.as(name), id, "mine now")
		s.refused(err, social.KindForbidden, name)
	}
	_, err := s.edit(s.token("bob", "read"), id, "x")
	s.refused(err, social.KindForbidden, "a token that only reads")
	s.pass(time.Minute)
	f, err := s.edit(s.token("bob", "write ctx:lobby"), id, `{"content":"new","format":"markdown"}`)
	if err != nil || f.Content != "new" || !f.Markdown || f.Updated.IsZero() || string(f.Extra) != `{"data":{"n":1}}` || f.InReplyTo != first.ID || f.Seq != p.Seq || f.Type != social.TypeCreate {
		t.Errorf("after the edit %+v, %v", f.Post, err)
	}
	s.hears("lobby messages Create by alice", "lobby messages Create by bob", "lobby messages Update by bob")
	list, err := s.posts.History(t.Context(), s.as("bob"), social.InContext("lobby"), social.ChannelMessages, social.Page{Limit: 1})
	if err != nil || len(list.Posts) != 1 || list.Posts[0].Object != p.ID || list.Posts[0].Type != social.TypeUpdate || !list.More {
		t.Fatalf("the newest entry: %+v, %v", list, err)
	}
	_, err = s.edit(s.as("bob"), list.Posts[0].ID.String(), "an edit of the edit")
	s.refused(err, social.KindConflict, "an entry that is no post")
	s.refused(s.posts.Remove(t.Context(), s.as("bob"), social.SortActivity, list.Posts[0].ID.String()), social.KindConflict, "removing an entry that is no post")
	s.override("lobby", "bob", social.Write, true, time.Time{})
	_, err = s.edit(s.as("bob"), id, "newer")
	s.refused(err, social.KindForbidden, "an author who may no longer write")
}

func TestAuthorsAlwaysRemoveTheirOwnAndOthersNeedDelete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	mod := social.RoleModerator
	if _, err := s.people.Amend(ctx, "eve", social.PersonPatch{Roles: &mod}); err != nil {
		t.Fatal(err)
	}
	say := func(where string) string { return s.say(s.as("bob"), where, "x").ID.String() }

	id := say("lobby")
	s.refused(s.posts.Remove(ctx, s.as("carol"), social.SortActivity, id), social.KindForbidden, "a reader")
	s.refused(s.posts.Remove(ctx, s.token("bob", "read"), social.SortActivity, id), social.KindForbidden, "the author by a token that only reads")
	s.allowed(s.posts.Remove(ctx, s.as("eve"), social.SortActivity, id), "a moderator where it reads")
	s.allowed(s.posts.Remove(ctx, s.as("eve"), social.SortActivity, id), "once more")
	f, err := s.posts.Get(ctx, s.as("carol"), social.SortActivity, id)
	if err != nil || f.Removed.IsZero() || f.Content != "" || f.Seq == 0 {
		t.Errorf("what is left: %+v, %v", f.Post, err)
	}
	_, err = s.edit(s.as("bob"), id, "back")
	s.refused(err, social.KindNotFound, "an edit of what was removed")
	list, err := s.posts.Activities(ctx, s.as("bob"), social.InContext("lobby"), social.Page{Limit: 10})
	if err != nil || len(list.Posts) != 0 {
		t.Errorf("living posts: %+v, %v", list.Posts, err)
	}
	if got := s.contents(s.as("bob"), "lobby"); !slices.Equal(got, []string{"Create ", "Delete "}) {
		t.Errorf("the log: %q", got)
	}

	id = say("staff")
	s.refused(s.posts.Remove(ctx, s.as("eve"), social.SortActivity, id), social.KindNotFound, "a moderator where it does not read")
	s.must(s.spaces.Dismiss(ctx, s.as("alice"), "staff", "bob"))
	_, err = s.posts.Get(ctx, s.as("bob"), social.SortActivity, id)
	s.refused(err, social.KindNotFound, "the author reads where the context is gone for it")
	_, err = s.edit(s.as("bob"), id, "new")
	s.refused(err, social.KindNotFound, "the author edits there")
	s.allowed(s.posts.Remove(ctx, s.as("bob"), social.SortActivity, id), "the author removes it nevertheless")

	id = say("lobby")
	s.override("lobby", "carol", social.Delete, false, time.Time{})
	s.allowed(s.posts.Remove(ctx, s.as("carol"), social.SortActivity, id), "who was granted delete")
	s.refused(s.posts.Remove(ctx, s.as("bob"), social.SortActivity, "no-id"), social.KindNotFound, "what is no id")
}

func TestHistoryNeedsReadAndShowsItsPosition(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 5 {
		s.say(s.as("bob"), "staff", fmt.Sprint(i))
	}
	_, err := s.posts.History(t.Context(), s.as("carol"), social.InContext("staff"), social.ChannelMessages, social.Page{Limit: 9})
	s.refused(err, social.KindNotFound, "a stranger")
	_, err = s.posts.Activities(t.Context(), s.token("bob", "write"), social.InContext("staff"), social.Page{Limit: 9})
	s.refused(err, social.KindNotFound, "a token that only writes")
	s.override("lobby", "carol", social.Read, true, time.Time{})
	_, err = s.posts.Activities(t.Context(), s.as("carol"), social.InContext("lobby"), social.Page{Limit: 9})
	s.refused(err, social.KindNotFound, "a vetoed reader of a public context")
	for _, c := range []struct {
		name string
		page social.Page
		want string
		more bool
	}{
		{"the newest first", social.Page{Limit: 2}, "4 3", true},
		{"before a seq", social.Page{Before: 3, Limit: 5}, "1 0", false},
		{"after a seq", social.Page{Forward: true, After: 2, Limit: 2}, "2 3", true},
		{"to the end", social.Page{Forward: true, After: 3, Limit: 2}, "3 4", false},
		{"beyond the end", social.Page{Forward: true, After: 99, Limit: 2}, "", false},
	} {
		l, err := s.posts.History(t.Context(), s.as("bob"), social.InContext("staff"), social.ChannelMessages, c.page)
		var got []string
		for _, p := range l.Posts {
			got = append(got, p.Content)
		}
		if err != nil || strings.Join(got, " ") != c.want || l.More != c.more || l.State.Head != 5 || l.State.Epoch == "" {
			t.Errorf("%s: %q, more %v, head %d of %q, %v", c.name, got, l.More, l.State.Head, l.State.Epoch, err)
		}
	}
}

func TestHistorySinceJoinHidesWhatWasBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	s.found(social.Space{ID: "room", Policies: social.Presets()["closed"], History: social.HistorySinceJoin})
	s.must(s.spaces.Admit(ctx, s.as("alice"), "room", "bob"))
	old := s.say(s.as("bob"), "room", "old")
	s.must(s.spaces.Admit(ctx, s.as("alice"), "room", "carol"))
	s.say(s.as("bob"), "room", "new")
	if got := s.contents(s.as("carol"), "room"); !slices.Equal(got, []string{"Create new"}) {
		t.Errorf("carol finds %q", got)
	}
	_, err := s.posts.Get(ctx, s.as("carol"), social.SortActivity, old.ID.String())
	s.refused(err, social.KindNotFound, "by its id")
	for _, name := range []string{"alice", "root", "bob"} {
		if got := s.contents(s.as(name), "room"); len(got) != 2 {
			t.Errorf("%s finds %q", name, got)
		}
	}
	s.must(s.spaces.Dismiss(ctx, s.as("alice"), "room", "bob"))
	s.must(s.spaces.Admit(ctx, s.as("alice"), "room", "bob"))
	if got := s.contents(s.as("bob"), "room"); len(got) != 0 {
		t.Errorf("who came back finds %q", got)
	}
	_, err = s.posts.Get(ctx, s.as("bob"), social.SortActivity, old.ID.String())
	s.allowed(err, "an author finds its own")
}

func TestActingForOthersKeepsBoth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	root := s.as("root")
	p := s.say(s.acting("bob"), "staff", "by bob")
	if p.Author != s.as("bob").Person || p.Creator != root.Person || p.AsSpace {
		t.Errorf("for bob: %+v", p)
	}
	if _, err := s.edit(s.acting("bob"), p.ID.String(), "edited for bob"); err != nil {
		t.Errorf("the edit: %v", err)
	}
	_, err := s.edit(root, p.ID.String(), "x")
	s.refused(err, social.KindForbidden, "an edit in its own voice")
	_, err = s.edit(s.as("bob"), p.ID.String(), "bob edits what was said for him")
	s.allowed(err, "bob")

	c := s.say(s.acting("ctx:staff"), "staff", "we say")
	if !c.AsSpace || c.Creator != root.Person {
		t.Errorf("for the context: %+v", c)
	}
	_, err = s.edit(root, c.ID.String(), "x")
	s.refused(err, social.KindForbidden, "an edit of the context's words in its own voice")
	_, err = s.edit(s.acting("ctx:lobby"), c.ID.String(), "x")
	s.refused(err, social.KindForbidden, "another context edits them")
	_, err = s.edit(s.acting("ctx:staff"), c.ID.String(), "we edit")
	s.allowed(err, "the context edits them")
	_, _, err = s.trySay(s.acting("ctx:staff"), "lobby", "x")
	s.refused(err, social.KindForbidden, "a context speaks elsewhere")
	_, err = s.data.Put(ctx, s.acting("ctx:staff"), "lobby", social.Sample{Topic: "t"})
	s.refused(err, social.KindForbidden, "a context sends data elsewhere")
	q := s.say(s.acting("bob"), "lobby", `{"content":"psst","to":["carol"]}`)
	_, err = s.edit(s.acting("bob"), q.ID.String(), "psst!")
	s.allowed(err, "who wrote a private post for bob mends it")

	_, err = s.people.Edit(ctx, s.acting("bob"), "bob", social.PersonPatch{})
	s.refused(err, social.KindForbidden, "acting changes a profile")
	_, err = s.spaces.Create(ctx, s.acting("bob"), social.Space{ID: "new"})
	s.refused(err, social.KindForbidden, "acting founds a context")
}

func TestDataIsKeptUnchangedForWhoMayRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	props := &social.Properties{ContentType: "text/csv", User: []social.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}}
	put := func(a social.Actor, topic, payload, key string) (social.Appended, error) {
		return s.data.Put(ctx, a, "staff", social.Sample{Topic: topic, Payload: []byte(payload), QoS: 1, Properties: props, Key: key})
	}
	sensor := s.token("bob", "write data:staff")
	first, err := put(sensor, "room/temp", "21", "k")
	if err != nil || first.Seq != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := put(sensor, "room/temp", "21", "k")
	if err != nil || !again.Repeat || again.Seq != 1 {
		t.Errorf("a repeat: %+v, %v", again, err)
	}
	_, err = put(sensor, "room/temp", "22", "k")
	s.refused(err, social.KindConflict, "another value with that key")
	_, err = put(sensor, "room/hum", "21", "k")
	s.refused(err, social.KindConflict, "another topic with that key")
	_, err = s.data.Put(ctx, s.as("bob"), "lobby", social.Sample{Topic: "room/temp", Payload: []byte("21"), Key: "k"})
	s.refused(err, social.KindConflict, "another context with that key")
	_, err = put(sensor, "room/temp", "", "")
	s.allowed(err, "an empty payload")
	s.hears("staff data room/temp=21", "staff data room/temp=")
	for _, topic := range []string{"", "a/+", "#", "a\x00", strings.Repeat("x", social.MaxTopicBytes)} {
		_, err = put(sensor, topic, "1", "")
		s.refused(err, social.KindInvalid, fmt.Sprintf("topic %.10q", topic))
	}
	_, err = put(s.as("carol"), "t", "1", "")
	s.refused(err, social.KindNotFound, "a stranger sends")
	_, err = put(s.token("bob", "read data:staff"), "t", "1", "")
	s.refused(err, social.KindForbidden, "a token that only reads sends")
	_, err = put(s.token("bob", "write data:lobby"), "t", "1", "")
	s.refused(err, social.KindNotFound, "another context's sensor sends")

	list, err := s.data.Read(ctx, s.token("bob", "read data:staff"), "staff", "room/temp", social.SampleQuery{Limit: 9})
	if err != nil || len(list) != 2 || string(list[0].Payload) != "21" || list[0].Properties.ContentType != "text/csv" || len(list[0].Properties.User) != 2 {
		t.Errorf("read %+v, %v", list, err)
	}
	_, err = s.data.Read(ctx, sensor, "staff", "room/temp", social.SampleQuery{Limit: 9})
	s.refused(err, social.KindNotFound, "a sensor that only writes reads")
	_, err = s.data.Read(ctx, s.as("carol"), "staff", "room/temp", social.SampleQuery{Limit: 9})
	s.refused(err, social.KindNotFound, "a stranger reads")
	_, err = s.data.Read(ctx, s.as("bob"), "staff", "room/+", social.SampleQuery{Limit: 9})
	s.refused(err, social.KindInvalid, "a wildcard")
}
