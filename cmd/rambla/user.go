package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"rambla/auth"
	"rambla/social"
)

type userCommand struct {
	Add     userAddCommand     `cmd:"" help:"Add a person or service account."`
	List    userListCommand    `cmd:"" help:"List people."`
	Passwd  userPasswdCommand  `cmd:"" help:"Set a password; the person's logins end."`
	Suspend userSuspendCommand `cmd:"" help:"Suspend a person at once, or with --undo let it in again."`
	Rename  userRenameCommand  `cmd:"" help:"Give a person another name; the old one stays an alias."`
	Remove  userRemoveCommand  `cmd:"" help:"Remove a person; the name is never given again."`
	Import  userImportCommand  `cmd:"" help:"Bring in people, contexts and members, a JSON object a line."`
	Role    userRoleCommand    `cmd:"" help:"Give (+ROLE) and take (-ROLE) the roles manager, moderator, auditor, hidden."`
}

// administer opens the site for one command. A server that runs on the same
// store follows within a tenth of a second, as it reads the same journal.
func (in *invocation) administer(f func(ctx context.Context, s *site) error) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	s, err := openSite(in.ctx, &c, in.logger(&c), nil, nil)
	if err != nil {
		return err
	}
	err = f(in.ctx, s)
	if closeErr := s.close(); err == nil {
		err = closeErr
	}
	return err
}

// passwordSource is how a command gets a password.
type passwordSource struct {
	PasswordFile string `placeholder:"FILE" help:"Read the password from the first line of FILE (- for standard input); without it there is a prompt."`
}

func (p passwordSource) read(in *invocation) (string, error) {
	if p.PasswordFile != "" && p.PasswordFile != "-" {
		f, err := os.Open(filepath.Clean(p.PasswordFile))
		if err != nil {
			return "", usagef("--password-file: %w", err)
		}
		defer f.Close()
		return firstLine(f)
	}
	stdin, isFile := in.in.(*os.File)
	if p.PasswordFile == "" && isFile && term.IsTerminal(int(stdin.Fd())) {
		fmt.Fprint(in.err, "Password: ")
		b, err := term.ReadPassword(int(stdin.Fd()))
		fmt.Fprintln(in.err)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(b), nil
	}
	return firstLine(in.in)
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", usagef("no password was given; use --password-file FILE, or type it at the prompt")
	}
	return line, nil
}

type userAddCommand struct {
	passwordSource `embed:""`
	Name           string `arg:"" help:"The name, 1 to 64 of a-z 0-9 . _ @ -"`
	DisplayName    string `name:"name" placeholder:"TEXT" help:"The name that others see."`
	Manager        bool   `help:"Give the role manager."`
	Service        bool   `help:"Make a service account."`
}

func (u userAddCommand) Run(in *invocation) error {
	name, err := social.ParsePersonName("NAME", u.Name)
	if err != nil {
		return usageError{err}
	}
	password, err := u.read(in)
	if err != nil {
		return err
	}
	return in.administer(func(ctx context.Context, s *site) error {
		hash, err := s.auth.Hash(ctx, password)
		if err != nil {
			return err
		}
		p := social.NewPerson{Name: name, DisplayName: u.DisplayName, Service: u.Service, PasswordHash: hash}
		if u.Manager {
			p.Roles = social.RoleManager
		}
		if _, err := s.people.Found(ctx, p); err != nil {
			return err
		}
		return say(in, "added %s", name)
	})
}

func say(in *invocation, format string, args ...any) error {
	_, err := fmt.Fprintf(in.out, format+"\n", args...)
	return err
}

type userListCommand struct{}

func (userListCommand) Run(in *invocation) error {
	return in.administer(func(_ context.Context, s *site) error {
		w := tabwriter.NewWriter(in.out, 0, 8, 2, ' ', 0)
		after := ""
		for more := true; more; {
			var page []social.Person
			page, more = s.dir.Everybody(after, 1000)
			for _, p := range page {
				after = p.Name
				marks := p.Roles.Words()
				if p.Service {
					marks = append(marks, "service")
				}
				if p.Suspended {
					marks = append(marks, "suspended")
				}
				if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, p.DisplayName, strings.Join(marks, " ")); err != nil {
					return err
				}
			}
		}
		return w.Flush()
	})
}

type userPasswdCommand struct {
	passwordSource `embed:""`
	Name           string `arg:"" help:"Whose password."`
}

func (u userPasswdCommand) Run(in *invocation) error {
	password, err := u.read(in)
	if err != nil {
		return err
	}
	return in.administer(func(ctx context.Context, s *site) error {
		p, ok := s.dir.PersonByName(u.Name)
		if !ok {
			return social.Errorf(social.KindNotFound, "there is no person %q", u.Name)
		}
		err := s.dir.Audit().Do(ctx, func(ctx context.Context) error {
			return s.auth.ResetPassword(ctx, p.Key, password)
		}, social.Act{Verb: social.VerbPassword, Person: p.Key})
		if err != nil {
			return err
		}
		return say(in, "the password of %s is set; its logins have ended", p.Name)
	})
}

type userSuspendCommand struct {
	Name string `arg:"" help:"Whom."`
	Undo bool   `help:"Let the person in again."`
}

func (u userSuspendCommand) Run(in *invocation) error {
	suspended := !u.Undo
	return in.administer(func(ctx context.Context, s *site) error {
		p, err := s.people.Amend(ctx, u.Name, social.PersonPatch{Suspended: &suspended})
		if err != nil {
			return err
		}
		if u.Undo {
			return say(in, "%s may sign in again", p.Name)
		}
		return say(in, "%s is suspended", p.Name)
	})
}

type userRenameCommand struct {
	Name string `arg:"" help:"The present name."`
	To   string `arg:"" help:"The new name."`
}

func (u userRenameCommand) Run(in *invocation) error {
	if _, err := social.ParsePersonName("TO", u.To); err != nil {
		return usageError{err}
	}
	return in.administer(func(ctx context.Context, s *site) error {
		p, err := s.people.Rename(ctx, nil, u.Name, u.To)
		if err != nil {
			return err
		}
		return say(in, "%s is called %s now", strings.ToLower(u.Name), p.Name)
	})
}

type userRemoveCommand struct {
	Name  string `arg:"" help:"Whom."`
	Erase bool   `help:"Also forget the person: what it wrote becomes tombstones, and its name is nobody's. Prints a receipt."`
}

func (u userRemoveCommand) Run(in *invocation) error {
	return in.administer(func(ctx context.Context, s *site) error {
		if u.Erase {
			return s.erase(ctx, in, u.Name)
		}
		if err := s.people.Remove(ctx, nil, u.Name); err != nil {
			return err
		}
		return say(in, "%s is removed", strings.ToLower(u.Name))
	})
}

type userRoleCommand struct {
	Name  string   `arg:"" help:"Whose roles."`
	Roles []string `arg:"" optional:"" help:"+ROLE gives, -ROLE takes; without any the roles are shown."`
}

func (u userRoleCommand) Run(in *invocation) error {
	return in.administer(func(ctx context.Context, s *site) error {
		p, ok := s.dir.PersonByName(u.Name)
		if !ok {
			return social.Errorf(social.KindNotFound, "there is no person %q", u.Name)
		}
		roles := p.Roles
		for _, word := range u.Roles {
			given, isGiven := strings.CutPrefix(word, "+")
			taken, isTaken := strings.CutPrefix(word, takenRole)
			if !isGiven && !isTaken {
				return usagef("%q is neither +ROLE nor -ROLE; the roles are manager, moderator, auditor and hidden", word)
			}
			if isTaken {
				given = taken
			}
			r, err := social.ParseRoles("ROLE", []string{given})
			if err != nil {
				return usageError{err}
			}
			if roles |= r; isTaken {
				roles &^= r
			}
		}
		if roles != p.Roles {
			var err error
			if p, err = s.people.Amend(ctx, u.Name, social.PersonPatch{Roles: &roles}); err != nil {
				return err
			}
		}
		return say(in, "%s: %s", p.Name, strings.Join(p.Roles.Words(), " "))
	})
}

type tokenCommand struct {
	Create tokenCreateCommand `cmd:"" help:"Print one access token."`
}

type tokenCreateCommand struct {
	User  string        `required:"" placeholder:"NAME" help:"Whose token."`
	TTL   time.Duration `name:"ttl" default:"720h" help:"How long it lives."`
	Scope []string      `placeholder:"SCOPE" help:"read, write, act-as, admin, ctx:ID or data:ID; repeatable (all that the person has)."`
	Name  string        `default:"command line" help:"What it is called in the person's list of tokens."`
}

func (t tokenCreateCommand) Run(in *invocation) error {
	var words []string
	for _, s := range t.Scope {
		words = append(words, strings.Fields(s)...)
	}
	scopes, err := social.ParseScopeWords("--scope", words)
	if err != nil {
		return usageError{err}
	}
	return in.administer(func(ctx context.Context, s *site) error {
		p, ok := s.dir.PersonByName(t.User)
		if !ok {
			return social.Errorf(social.KindNotFound, "there is no person %q", t.User)
		}
		if len(words) == 0 {
			scopes = social.EveryScope(p.Roles)
		}
		var secret string
		err := s.dir.Audit().Do(ctx, func(ctx context.Context) (err error) {
			secret, _, err = s.auth.CreateToken(ctx, social.Actor{Person: p.Key}, auth.NewToken{Name: t.Name, Scopes: scopes, TTL: t.TTL})
			return err
		}, social.Act{Verb: social.VerbTokenCreate, Person: p.Key, After: scopes.String()})
		if err != nil {
			return err
		}
		return say(in, "%s", secret)
	})
}
