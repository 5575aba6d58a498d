package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"rambla/social"
)

// firstStart makes the person admin where the store holds nobody. Its password
// is printed, once, where the operator chose none.
func (s *server) firstStart(in *invocation) error {
	if s.dir.Peopled() {
		return nil
	}
	password := string(s.config.AdminPassword)
	generated := password == ""
	if generated {
		password = rand.Text()
	}
	hash, err := s.auth.Hash(in.ctx, password)
	if err != nil {
		return usagef("admin.password: %w", err)
	}
	_, err = s.people.Found(in.ctx, social.NewPerson{Name: "admin", DisplayName: "Administrator", Roles: social.RoleManager, PasswordHash: hash})
	if err != nil {
		return fmt.Errorf("make the person admin: %w", err)
	}
	if generated {
		_, err = fmt.Fprintf(in.out, "first start: the person admin was made; its password, shown only now, is %s\n", password)
	}
	return err
}

// demo adds the demo's people and contexts that are not there yet. Where the
// server can be reached from elsewhere their passwords are generated.
func (s *server) demo(in *invocation) error {
	generate := s.reachable()
	for _, p := range []struct{ name, shown string }{{"alice", "Alice"}, {"bob", "Bob"}, {"carol", "Carol"}} {
		if _, there := s.dir.PersonByName(p.name); there {
			continue
		}
		password := p.name
		if generate {
			password = rand.Text()
		}
		hash, err := s.auth.HashUnchecked(in.ctx, password)
		if err != nil {
			return err
		}
		if _, err := s.people.Found(in.ctx, social.NewPerson{Name: p.name, DisplayName: p.shown, PasswordHash: hash}); err != nil {
			return err
		}
		if generate {
			if _, err := fmt.Fprintf(in.out, "demo: the password of %s, shown only now, is %s\n", p.name, password); err != nil {
				return err
			}
		}
	}
	owner, _ := s.dir.PersonByName("alice")
	alice := social.Actor{Person: owner.Key, Generator: "server"}
	for _, c := range []struct {
		id, shown, preset string
		members           []string
	}{
		{"lobby", "Lobby", "open", []string{"bob", "carol"}},
		{"news", "News", "announcement", []string{"bob", "carol"}},
		{"staff", "Staff", "closed", []string{"bob"}},
	} {
		if err := s.demoContext(in.ctx, alice, c.id, c.shown, c.preset, c.members); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) demoContext(ctx context.Context, owner social.Actor, id, shown, preset string, members []string) error {
	_, err := s.spaces.Found(ctx, owner, social.Space{ID: id, DisplayName: shown, Preset: preset, Policies: social.Presets()[preset]})
	if social.KindOrNil(err) == social.KindConflict {
		return nil // made by an earlier start, and since then its people's own affair
	}
	if err != nil {
		return err
	}
	for _, name := range members {
		if _, err := s.spaces.Admit(ctx, owner, id, name); err != nil {
			return err
		}
	}
	return nil
}
