package check

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// site is what a run makes on the server and removes afterwards: three contexts
// (two closed ones and one that everybody may read) and people. Those who are
// steady are members of all three throughout; the moody ones lose and regain
// their right; the stranger is a member of nothing; the archivist, among the
// readers of every private message, reads the logs.
type site struct {
	rest     *rest
	unique   string
	manager  string // access token
	contexts []string
	steady   []*person
	moody    []*person
	stranger *person
	archive  *person
	made     []*person // all of them
}

// person is one of those made for the run.
type person struct {
	name, password, token string
}

const (
	setupWithin   = 2 * time.Minute
	cleanupWithin = time.Minute
	setupAtOnce   = 4
)

// The contexts by their place in site.contexts.
const (
	closedOne = iota
	closedTwo
	openOne
)

func (r *run) openSite(ctx context.Context, o *Options) (*site, error) {
	ctx, cancel := context.WithTimeout(ctx, setupWithin)
	defer cancel()
	var chance [4]byte
	_, _ = rand.Read(chance[:]) // never fails (crypto/rand)
	s := &site{rest: newRest(o.HTTP, o.Roots), unique: hex.EncodeToString(chance[:])}
	var err error
	if s.manager, err = s.rest.login(ctx, o.User, o.Password); err != nil {
		return nil, err
	}
	err = s.build(ctx, max(3, o.Clients/20), 2+o.Clients/50)
	if err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

func (s *site) build(ctx context.Context, steady, moody int) error {
	for i, preset := range []string{"closed", "closed", "open"} {
		id := fmt.Sprintf("check-%s-%c", s.unique, 'a'+i)
		s.contexts = append(s.contexts, id)
		err := s.ask(ctx, http.MethodPost, "/v1/contexts", map[string]string{"id": id, "displayName": "Check", "preset": preset})
		if err != nil {
			return err
		}
	}
	for range steady {
		s.steady = append(s.steady, s.newPerson("steady"))
	}
	for range moody {
		s.moody = append(s.moody, s.newPerson("moody"))
	}
	s.archive, s.stranger = s.newPerson("archive"), s.newPerson("stranger")
	return inParallel(ctx, len(s.made), func(ctx context.Context, i int) error { return s.admit(ctx, s.made[i]) })
}

func (s *site) newPerson(kind string) *person {
	p := &person{name: fmt.Sprintf("check-%s-%s%d", s.unique, kind, len(s.made)), password: rand.Text()}
	s.made = append(s.made, p)
	return p
}

// admit makes a person, and a member of the contexts.
func (s *site) admit(ctx context.Context, p *person) error {
	err := s.ask(ctx, http.MethodPost, "/v1/people", map[string]string{"name": p.name, "displayName": "Check", "password": p.password})
	if err != nil {
		return err
	}
	if p.token, err = s.rest.login(ctx, p.name, p.password); err != nil || p == s.stranger {
		return err
	}
	for _, c := range s.contexts {
		if err := s.ask(ctx, http.MethodPut, memberPath(c, p.name), nil); err != nil {
			return err
		}
	}
	return nil
}

func memberPath(context, name string) string {
	return "/v1/contexts/" + context + "/members/" + name
}

// ask sends one request in the manager's name, again while nobody answers. What
// was done already is as good as done.
func (s *site) ask(ctx context.Context, method, path string, body any) error {
	err := s.rest.untilAnswered(ctx, request{method: method, path: path, token: s.manager, body: body}, nil)
	status := statusOf(err)
	if method == http.MethodDelete && status == http.StatusNotFound || method == http.MethodPost && status == http.StatusConflict {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// close removes what was made, for a bounded time and also after ctx has ended.
func (s *site) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupWithin)
	defer cancel()
	defer s.rest.client.CloseIdleConnections()
	var errs []error
	for _, id := range s.contexts {
		errs = append(errs, s.ask(ctx, http.MethodDelete, "/v1/contexts/"+id, nil))
	}
	errs = append(errs, inParallel(ctx, len(s.made), func(ctx context.Context, i int) error {
		return s.ask(ctx, http.MethodDelete, "/v1/people/"+s.made[i].name, nil)
	}))
	return errors.Join(errs...)
}

// inParallel calls f for 0 … n-1, a few at once, and returns what went wrong
// first.
func inParallel(ctx context.Context, n int, f func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	gate := make(chan struct{}, setupAtOnce)
	var wg sync.WaitGroup
	for i := range n {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if ctx.Err() != nil {
				return
			}
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
