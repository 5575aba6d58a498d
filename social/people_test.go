package social_test

import (
	"strings"
	"testing"

	"rambla/social"
)

func TestManagersMakePeople(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	for name, a := range map[string]social.Actor{
		"an ordinary person": s.as("alice"), "a token without admin": s.token("root", "read write"),
		"acting for another": s.acting("bob"), "a narrowed token": s.token("root", "admin read write ctx:lobby"),
	} {
		_, err := s.people.Create(ctx, a, social.NewPerson{Name: "ann"})
		s.refused(err, social.KindForbidden, name)
		_, err = s.people.Rename(ctx, &a, "bob", "rob")
		s.refused(err, social.KindForbidden, name+" renames")
		s.refused(s.people.Remove(ctx, &a, "bob"), social.KindForbidden, name+" removes")
	}
	p, err := s.people.Create(ctx, s.as("root"), social.NewPerson{Name: "Ann@X.org", Roles: social.RoleAuditor, Service: true})
	if err != nil || p.Name != "ann@x.org" || p.DisplayName != "ann@x.org" || !p.Service || p.Roles != social.RoleAuditor {
		t.Errorf("a manager: %+v, %v", p, err)
	}
	for _, name := range []string{"", "me", "ME", "-a", "a b", "a/b", "é", strings.Repeat("a", 65), "ctx:a", "a\n"} {
		_, err := s.people.Create(ctx, s.as("root"), social.NewPerson{Name: name})
		s.refused(err, social.KindInvalid, "the name "+name)
	}
	_, err = s.people.Create(ctx, s.as("root"), social.NewPerson{Name: "ann", DisplayName: strings.Repeat("x", social.MaxDisplayName+1)})
	s.refused(err, social.KindInvalid, "a long display name")
	_, err = s.people.Create(ctx, s.as("root"), social.NewPerson{Name: "BOB"})
	s.refused(err, social.KindConflict, "a name that is taken")
}

func TestNamesStayTheirOwners(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	root := s.as("root")
	p, err := s.people.Rename(ctx, &root, "bob", "Rob")
	if err != nil || p.Name != "rob" {
		t.Fatalf("renamed: %+v, %v", p, err)
	}
	for _, name := range []string{"bob", "rob", "BOB"} {
		if got, err := s.people.Get(s.as("alice"), name); err != nil || got.Key != p.Key {
			t.Errorf("%s finds %+v, %v", name, got, err)
		}
	}
	_, err = s.people.Create(ctx, root, social.NewPerson{Name: "bob"})
	s.refused(err, social.KindConflict, "a former name")
	_, err = s.people.Rename(ctx, &root, "carol", "bob")
	s.refused(err, social.KindConflict, "renaming to a former name of another")
	p, err = s.people.Rename(ctx, nil, "rob", "bob")
	if err != nil || p.Name != "bob" {
		t.Errorf("taken back: %+v, %v", p, err)
	}
	s.allowed(s.people.Remove(ctx, &root, "bob"), "removed")
	for _, name := range []string{"bob", "rob"} {
		_, err = s.people.Create(ctx, root, social.NewPerson{Name: name})
		s.refused(err, social.KindConflict, "a removed person's name")
		_, err = s.people.Get(root, name)
		s.refused(err, social.KindNotFound, "a removed person")
	}
	s.refused(s.people.Remove(ctx, &root, "bob"), social.KindNotFound, "twice")
}

func TestEditingPeople(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	name, none, yes := "Bobby", "", true
	roles, ordinary := social.RoleManager|social.RoleHidden, social.Roles(0)
	p, err := s.people.Edit(ctx, s.as("bob"), "me", social.PersonPatch{DisplayName: &name})
	if err != nil || p.DisplayName != name {
		t.Errorf("oneself: %+v, %v", p, err)
	}
	p, err = s.people.Edit(ctx, s.as("bob"), "bob", social.PersonPatch{DisplayName: &none})
	if err != nil || p.DisplayName != "bob" {
		t.Errorf("an empty display name: %+v, %v", p, err)
	}
	_, err = s.people.Edit(ctx, s.as("bob"), "alice", social.PersonPatch{DisplayName: &name})
	s.refused(err, social.KindForbidden, "another")
	_, err = s.people.Edit(ctx, s.as("bob"), "bob", social.PersonPatch{Roles: &roles})
	s.refused(err, social.KindForbidden, "one's own roles")
	_, err = s.people.Edit(ctx, s.as("bob"), "bob", social.PersonPatch{Suspended: &yes})
	s.refused(err, social.KindForbidden, "one's own suspension")
	_, err = s.people.Edit(ctx, s.token("bob", "read"), "bob", social.PersonPatch{DisplayName: &name})
	s.refused(err, social.KindForbidden, "a token that only reads")
	_, err = s.people.Edit(ctx, s.token("bob", "read write ctx:lobby"), "bob", social.PersonPatch{DisplayName: &name})
	s.refused(err, social.KindForbidden, "a token for one context")
	_, err = s.people.Edit(ctx, s.as("root"), "root", social.PersonPatch{Suspended: &yes})
	s.refused(err, social.KindConflict, "a manager suspends itself")
	_, err = s.people.Edit(ctx, s.as("root"), "root", social.PersonPatch{Roles: &ordinary})
	s.refused(err, social.KindConflict, "a manager gives its role up")
	p, err = s.people.Edit(ctx, s.as("root"), "bob", social.PersonPatch{Roles: &roles, Suspended: &yes})
	if err != nil || p.Roles != roles || !p.Suspended {
		t.Errorf("a manager: %+v, %v", p, err)
	}
	_, err = s.people.Edit(ctx, s.as("root"), "nobody", social.PersonPatch{})
	s.refused(err, social.KindNotFound, "nobody")
	long := strings.Repeat("x", social.MaxDisplayName+1)
	_, err = s.people.Amend(ctx, "alice", social.PersonPatch{DisplayName: &long})
	s.refused(err, social.KindInvalid, "the operator's command line, too")
}

func TestRemovingPeople(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	root := s.as("root")
	p := s.say(s.as("bob"), "lobby", "x")
	s.refused(s.people.Remove(ctx, &root, "root"), social.KindConflict, "a manager removes itself")
	s.refused(s.people.Remove(ctx, &root, "alice"), social.KindConflict, "who owns contexts")
	bob := s.as("bob")
	s.allowed(s.people.Remove(ctx, &root, "bob"), "bob")
	if got := s.dir.Mine(bob); len(got) != 0 {
		t.Errorf("memberships are left: %v", got)
	}
	_, _, err := s.trySay(bob, "lobby", "y")
	s.refused(err, social.KindNotFound, "who was removed posts")
	f, err := s.posts.Get(ctx, s.as("carol"), social.SortActivity, p.ID.String())
	if err != nil || s.dir.AnyPerson(f.Author).Name != "bob" {
		t.Errorf("the post has lost its author: %+v, %v", f.Post, err)
	}
	for _, id := range []string{"lobby", "news", "staff"} {
		s.allowed(s.spaces.Delete(ctx, s.as("alice"), id), "delete "+id)
	}
	s.allowed(s.people.Remove(ctx, &root, "alice"), "who owns nothing any more")
}

func TestASuspendedPersonLosesEverythingUntilItComesBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	bob, yes, no := s.as("bob"), true, false
	if _, err := s.people.Edit(ctx, s.as("root"), "bob", social.PersonPatch{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.trySay(bob, "lobby", "x")
	s.refused(err, social.KindNotFound, "posting")
	_, err = s.posts.Activities(ctx, bob, social.InContext("lobby"), social.Page{Limit: 1})
	s.refused(err, social.KindNotFound, "reading")
	if _, err := s.people.Edit(ctx, s.as("root"), "bob", social.PersonPatch{Suspended: &no}); err != nil {
		t.Fatal(err)
	}
	s.say(bob, "lobby", "back")
}
