package social_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func TestWhoMayCreateContexts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	_, err := s.spaces.Create(ctx, s.as("alice"), social.Space{ID: "mine"})
	s.refused(err, social.KindForbidden, "an ordinary person")
	_, err = s.spaces.Create(ctx, s.token("root", "read write"), social.Space{ID: "mine"})
	s.refused(err, social.KindForbidden, "a manager's token without admin")
	sight, err := s.spaces.Create(ctx, s.as("root"), social.Space{ID: "mine", Policies: social.Presets()["closed"]})
	if err != nil || !sight.Member || sight.Space.Owner != s.as("root").Person || sight.Space.DisplayName != "mine" || sight.Space.Notifications != "posts" {
		t.Errorf("a manager: %+v, %v", sight, err)
	}
	sight, err = s.spaces.Create(ctx, s.as("root"), social.Space{})
	if err != nil || len(sight.Space.ID) != 36 {
		t.Errorf("a generated id: %+v, %v", sight.Space, err)
	}
	for _, id := range []string{"lobby", "mine"} {
		_, err = s.spaces.Create(ctx, s.as("root"), social.Space{ID: id})
		s.refused(err, social.KindConflict, "an id that is taken")
	}
	s.allowed(s.spaces.Delete(ctx, s.as("root"), "mine"), "its owner ends it")
	_, err = s.spaces.Create(ctx, s.as("root"), social.Space{ID: "mine"})
	s.refused(err, social.KindConflict, "an id that was taken once")
	for field, sp := range map[string]social.Space{
		"id":            {ID: "No Such"},
		"displayName":   {DisplayName: strings.Repeat("x", social.MaxDisplayName+1)},
		"url":           {URL: "javascript:alert(1)"},
		"tags":          {Tags: []string{" "}},
		"notifications": {Notifications: "sometimes"},
		"description":   {Description: "a\x00"},
	} {
		_, err := s.spaces.Create(ctx, s.as("root"), sp)
		if social.KindOrNil(err) != social.KindInvalid || !strings.HasPrefix(social.Safe(err), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestJoiningAndLeaving(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	first, err := s.spaces.Admit(ctx, s.as("carol"), "lobby", "me")
	if err != nil || !first {
		t.Errorf("carol joins: %v, %v", first, err)
	}
	first, err = s.spaces.Admit(ctx, s.as("carol"), "lobby", "carol")
	if err != nil || first {
		t.Errorf("once more: %v, %v", first, err)
	}
	s.hears("lobby events Join by carol")
	s.say(s.as("carol"), "lobby", "I may write now")
	_, err = s.spaces.Admit(ctx, s.as("carol"), "lobby", "eve")
	s.refused(err, social.KindForbidden, "a member without invite adds somebody")
	_, err = s.spaces.Dismiss(ctx, s.as("carol"), "lobby", "bob")
	s.refused(err, social.KindForbidden, "a member without kick removes somebody")
	_, err = s.spaces.Admit(ctx, s.as("eve"), "staff", "me")
	s.refused(err, social.KindNotFound, "joining what one may not know of")
	_, err = s.spaces.Admit(ctx, s.as("alice"), "lobby", "nobody")
	s.refused(err, social.KindNotFound, "adding nobody")
	_, err = s.spaces.Admit(ctx, s.as("bob"), "lobby", "nobody")
	s.refused(err, social.KindForbidden, "who may not add does not learn who exists")

	s.override("staff", "eve", social.Invite, false, time.Time{})
	first, err = s.spaces.Admit(ctx, s.as("eve"), "staff", "carol")
	if err != nil || !first {
		t.Errorf("a granted inviter who is no member: %v, %v", first, err)
	}
	_, err = s.spaces.Admit(ctx, s.as("eve"), "staff", "eve")
	s.refused(err, social.KindNotFound, "inviting oneself")
	s.override("staff", "bob", social.Kick, false, time.Time{})
	was, err := s.spaces.Dismiss(ctx, s.as("bob"), "staff", "carol")
	if err != nil || !was {
		t.Errorf("a granted kicker: %v, %v", was, err)
	}
	_, err = s.posts.Activities(ctx, s.as("carol"), social.InContext("staff"), social.Page{Limit: 1})
	s.refused(err, social.KindNotFound, "who was removed reads")
	was, err = s.spaces.Dismiss(ctx, s.as("alice"), "staff", "carol")
	if err != nil || was {
		t.Errorf("removing who is not there: %v, %v", was, err)
	}
	_, err = s.spaces.Dismiss(ctx, s.as("alice"), "staff", "me")
	s.refused(err, social.KindConflict, "the owner leaves")
	_, err = s.spaces.Dismiss(ctx, s.as("root"), "staff", "alice")
	s.refused(err, social.KindConflict, "a manager removes the owner")
	was, err = s.spaces.Dismiss(ctx, s.as("bob"), "staff", "me")
	if err != nil || !was {
		t.Errorf("a member of a closed context leaves: %v, %v", was, err)
	}
	s.found(social.Space{ID: "trap", Policies: social.Presets()["institutional"]})
	s.must(s.spaces.Admit(ctx, s.as("root"), "trap", "bob"))
	_, err = s.spaces.Dismiss(ctx, s.as("bob"), "trap", "me")
	s.refused(err, social.KindForbidden, "leaving where unsubscribe is restricted")
	_, err = s.spaces.Dismiss(ctx, s.token("bob", "read"), "lobby", "me")
	s.refused(err, social.KindForbidden, "leaving by a token that only reads")
	yes := true
	if _, err := s.people.Amend(ctx, "eve", social.PersonPatch{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	_, err = s.spaces.Admit(ctx, s.as("alice"), "lobby", "eve")
	s.refused(err, social.KindConflict, "adding who is suspended")
}

func TestGrantsAndVetoesReplaceEachOtherAndEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	set := func(a social.Actor, o social.Override) (bool, error) {
		return s.spaces.Override(ctx, a, "lobby", "bob", o)
	}
	may := func() social.Permissions {
		sight, err := s.dir.See(s.as("bob"), "lobby")
		if err != nil {
			t.Fatal(err)
		}
		return sight.May
	}
	for name, want := range map[string]social.Kind{"bob": social.KindForbidden, "carol": social.KindForbidden} {
		_, err := set(s.as(name), social.Override{Permission: social.Kick})
		s.refused(err, want, name)
	}
	_, err := s.spaces.Override(ctx, s.as("carol"), "staff", "carol", social.Override{Permission: social.Read})
	s.refused(err, social.KindNotFound, "a stranger helps itself")
	_, err = set(s.token("alice", "read"), social.Override{Permission: social.Kick})
	s.refused(err, social.KindForbidden, "the owner by a token that only reads")
	_, err = set(s.as("alice"), social.Override{Permission: social.Kick, Until: s.now()})
	s.refused(err, social.KindInvalid, "an end in the past")

	first, err := set(s.as("alice"), social.Override{Permission: social.Write, Veto: true})
	if err != nil || !first || may().Has(social.Write) {
		t.Errorf("a veto: %v, %v, %v", first, err, may().Words())
	}
	first, err = set(s.as("alice"), social.Override{Permission: social.Write, Veto: true})
	if err != nil || first {
		t.Errorf("the same veto: %v, %v", first, err)
	}
	_, err = set(s.as("root"), social.Override{Permission: social.Write})
	if err != nil || !may().Has(social.Write) {
		t.Errorf("a grant removes the veto: %v, %v", err, may().Words())
	}
	_, err = set(s.as("alice"), social.Override{Permission: social.Kick, Until: s.now().Add(time.Hour)})
	if err != nil || !may().Has(social.Kick) {
		t.Errorf("a grant for an hour: %v, %v", err, may().Words())
	}
	s.pass(time.Hour)
	if may().Has(social.Kick) {
		t.Error("it holds after the hour")
	}
	set1 := social.Override{Permission: social.Read, Veto: true}
	if _, err := set(s.as("alice"), set1); err != nil {
		t.Fatal(err)
	}
	n, err := s.spaces.ClearOverrides(ctx, s.as("alice"), "lobby", "bob", social.AllPermissions, true, false)
	if err != nil || may().Has(social.Read) {
		t.Errorf("taking grants back took a veto: %d, %v", n, err)
	}
	_, err = s.spaces.ClearOverrides(ctx, s.as("bob"), "lobby", "bob", social.AllPermissions, false, true)
	s.refused(err, social.KindForbidden, "who is vetoed takes it back")
	n, err = s.spaces.ClearOverrides(ctx, s.as("alice"), "lobby", "bob", social.AllPermissions, true, true)
	if err != nil || n != 1 || !may().Has(social.Read) {
		t.Errorf("taking all back: %d, %v, %v", n, err, may().Words())
	}
	s.hears() // rights of one person are not the context's news
}

func TestAVetoSurvivesLeavingAndAGrantDoesNot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	s.override("lobby", "bob", social.Kick, false, time.Time{})
	s.override("lobby", "bob", social.Write, true, time.Time{})
	s.must(s.spaces.Dismiss(ctx, s.as("bob"), "lobby", "me"))
	s.must(s.spaces.Admit(ctx, s.as("bob"), "lobby", "me"))
	sight, err := s.spaces.Get(s.as("bob"), "lobby")
	if err != nil || sight.May.Has(social.Write) || sight.May.Has(social.Kick) {
		t.Errorf("back again: %v, %v", sight.May.Words(), err)
	}
}

func TestEditingAContext(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	name, closed, level := "The lobby", social.Presets()["closed"], "loud"
	for _, who := range []string{"bob", "carol"} {
		_, err := s.spaces.Edit(ctx, s.as(who), "lobby", social.SpacePatch{DisplayName: &name})
		s.refused(err, social.KindForbidden, who)
	}
	_, err := s.spaces.Edit(ctx, s.as("alice"), "lobby", social.SpacePatch{Notifications: &level})
	s.refused(err, social.KindInvalid, "an unknown level")
	sight, err := s.spaces.Edit(ctx, s.as("alice"), "lobby", social.SpacePatch{DisplayName: &name})
	if err != nil || sight.Space.DisplayName != name {
		t.Errorf("the owner: %+v, %v", sight.Space, err)
	}
	none := ""
	sight, err = s.spaces.Edit(ctx, s.as("alice"), "lobby", social.SpacePatch{DisplayName: &none})
	if err != nil || sight.Space.DisplayName != "lobby" {
		t.Errorf("an empty name: %+v, %v", sight.Space, err)
	}
	_, err = s.spaces.Edit(ctx, s.as("root"), "lobby", social.SpacePatch{Policies: &closed})
	s.allowed(err, "a manager closes it")
	s.hears("lobby events Update by alice", "lobby events Update by alice", "lobby events Update by root")
	_, err = s.spaces.Get(s.as("carol"), "lobby")
	s.refused(err, social.KindNotFound, "a stranger sees it after it was closed")
	if s.dir.Receives(s.as("carol"), sight.Space.Key) != 0 {
		t.Error("a stranger receives it after it was closed")
	}
}

func TestADeletedContextTellsItsEndAndIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	p := s.say(s.as("bob"), "lobby", "x")
	s.refused(s.spaces.Delete(ctx, s.as("bob"), "lobby"), social.KindForbidden, "a member")
	s.allowed(s.spaces.Delete(ctx, s.as("alice"), "lobby"), "the owner")
	s.hears("lobby messages Create by bob", "lobby events Delete by alice")
	for _, who := range []string{"alice", "bob", "root"} {
		_, err := s.spaces.Get(s.as(who), "lobby")
		s.refused(err, social.KindNotFound, who+" finds it")
		_, err = s.posts.Get(ctx, s.as(who), social.SortActivity, p.ID.String())
		s.refused(err, social.KindNotFound, who+" finds its post")
		_, _, err = s.trySay(s.as(who), "lobby", "y")
		s.refused(err, social.KindNotFound, who+" posts")
		s.refused(s.posts.Remove(ctx, s.as(who), social.SortActivity, p.ID.String()), social.KindNotFound, who+" removes a post")
	}
	s.refused(s.spaces.Delete(ctx, s.as("root"), "lobby"), social.KindNotFound, "twice")
}

func TestMembersAreListedToReaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	hidden := social.RoleHidden
	if _, err := s.people.Amend(ctx, "eve", social.PersonPatch{Roles: &hidden}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"carol", "eve"} {
		s.must(s.spaces.Admit(ctx, s.as("alice"), "staff", name))
	}
	s.override("staff", "bob", social.Kick, false, time.Time{})
	list := func(a social.Actor) (names []string, overrides int) {
		for after, more := social.PersonKey(0), true; more; more = after != 0 {
			page, next, err := s.spaces.Members(ctx, a, "staff", after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page {
				names = append(names, r.Person.Name)
				overrides += len(r.Overrides)
			}
			after = next
		}
		return names, overrides
	}
	for who, want := range map[string][]string{"bob": {"alice", "bob", "carol"}, "eve": {"alice", "bob", "carol", "eve"}, "root": {"alice", "bob", "carol", "eve"}} {
		names, overrides := list(s.as(who))
		slices.Sort(names)
		if !slices.Equal(names, want) || (overrides > 0) != (who == "root") {
			t.Errorf("%s sees %q with %d overrides, want %q", who, names, overrides, want)
		}
	}
	_, _, err := s.spaces.Members(ctx, s.token("bob", "write"), "staff", 0, 9)
	s.refused(err, social.KindNotFound, "a token that only writes")
	if _, err := s.people.Amend(ctx, "carol", social.PersonPatch{}); err != nil {
		t.Fatal(err)
	}
	s.must(s.spaces.Dismiss(ctx, s.as("alice"), "staff", "carol"))
	_, _, err = s.spaces.Members(ctx, s.as("carol"), "staff", 0, 9)
	s.refused(err, social.KindNotFound, "a stranger")
	_, err = s.spaces.Member(ctx, s.as("bob"), "staff", "carol")
	s.refused(err, social.KindNotFound, "who is no member")
	_, err = s.spaces.Member(ctx, s.as("bob"), "staff", "eve")
	s.refused(err, social.KindNotFound, "who is hidden")
	r, err := s.spaces.Member(ctx, s.as("bob"), "staff", "me")
	if err != nil || r.Person.Name != "bob" || r.Overrides != nil {
		t.Errorf("oneself: %+v, %v", r, err)
	}
	r, err = s.spaces.Member(ctx, s.as("alice"), "staff", "bob")
	if err != nil || len(r.Overrides) != 1 {
		t.Errorf("the owner asks: %+v, %v", r, err)
	}
}
