package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	stdhex "encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	restTime    = 30 * time.Second      // of one request
	restAtOnce  = 16                    // requests at once while setting up
	cleanupTime = time.Minute           // for removing what was made, also after a cancel,
	cleanupEach = 50 * time.Millisecond // and so much more for each of them
	busyTime    = 30 * time.Second      // of asking a busy server again
	maxPause    = 2 * time.Second
)

// Site is what a load needs on a Rambla server and removes afterwards:
// contexts of its own, and people.
type Site struct {
	// Manager may publish to all of the contexts. Its Password is an access
	// token, so that no connection waits for a password to be hashed.
	Manager Credential
	// Contexts holds the ids of the contexts made.
	Contexts []string
	// People are those made, each a member of some of the contexts. Their
	// Passwords are access tokens too.
	People []Credential

	base    string
	client  *http.Client
	refresh string
	unique  string
	report  *progress
}

// Setup logs in over REST, makes o.Contexts contexts (at least one), and with
// people > 0 that many people, each a member of o.MemberOf of the contexts,
// evenly spread. The caller has to call Close, also when ctx has ended.
func Setup(ctx context.Context, o Options, people int) (*Site, error) {
	o = o.withDefaults(1, 1, 1)
	if people < 0 || people > maxConnections {
		return nil, fmt.Errorf("people is %d; it must lie between 0 and %d", people, maxConnections)
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Site{
		base:   strings.TrimSuffix(o.HTTP, "/"),
		unique: uniqueText(),
		report: &progress{w: o.Progress},
		client: &http.Client{
			Timeout: restTime,
			Transport: &http.Transport{
				MaxIdleConnsPerHost: restAtOnce,
				TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			},
			// A token is for the server that was named, not for where it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	first := o.credential(0)
	access, refresh, err := s.login(ctx, first)
	if err != nil {
		s.client.CloseIdleConnections()
		return nil, err
	}
	s.Manager, s.refresh = Credential{Name: first.Name, Password: access}, refresh
	if err := s.build(ctx, o, people); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

// uniqueText is eight digits of chance.
func uniqueText() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return stdhex.EncodeToString(b[:])
}

// login gives tokens for a password. A server that is busy with other
// passwords is asked again.
func (s *Site) login(ctx context.Context, c Credential) (access, refresh string, err error) {
	form := url.Values{"grant_type": {"password"}, "username": {c.Name}, "password": {c.Password}}.Encode()
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	err = untilFree(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/v1/oauth/token", strings.NewReader(form))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return s.send(req, &answer)
	})
	if err != nil {
		return "", "", fmt.Errorf("log in as %s: %w", c.Name, err)
	}
	if answer.Access == "" {
		return "", "", fmt.Errorf("log in as %s: the server gave no token", c.Name)
	}
	return answer.Access, answer.Refresh, nil
}

func (s *Site) build(ctx context.Context, o Options, people int) error {
	for i := range o.Contexts {
		s.Contexts = append(s.Contexts, fmt.Sprintf("bench-%s-%d", s.unique, i))
	}
	err := s.each(ctx, "contexts", o.Contexts, func(ctx context.Context, i int) error {
		return s.call(ctx, http.MethodPost, "/v1/contexts", map[string]string{
			"id": s.Contexts[i], "displayName": "Load test", "preset": "closed",
		})
	})
	if err != nil || people == 0 {
		return err
	}
	for i := range people {
		var secret [18]byte
		_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
		s.People = append(s.People, Credential{
			Name:     fmt.Sprintf("bench-%s-%d", s.unique, i),
			Password: base64.RawURLEncoding.EncodeToString(secret[:]),
		})
	}
	err = s.each(ctx, "people", people, func(ctx context.Context, i int) error {
		return s.call(ctx, http.MethodPost, "/v1/people", map[string]string{
			"name": s.People[i].Name, "displayName": "Load test", "password": s.People[i].Password,
		})
	})
	if err != nil {
		return err
	}
	err = s.each(ctx, "logins", people, func(ctx context.Context, i int) error {
		access, _, err := s.login(ctx, s.People[i])
		s.People[i].Password = access
		return err
	})
	if err != nil {
		return err
	}
	return s.join(ctx, o.MemberOf)
}

// join makes the people members of the contexts, with one request for each.
func (s *Site) join(ctx context.Context, memberships int) error {
	type member struct {
		Name string `json:"name"`
	}
	lists := membersOf(len(s.People), len(s.Contexts), memberships)
	return s.each(ctx, "lists of members", len(lists), func(ctx context.Context, i int) error {
		list := make([]member, len(lists[i]))
		for k, person := range lists[i] {
			list[k].Name = s.People[person].Name
		}
		return s.call(ctx, http.MethodPut, "/v1/contexts/"+s.Contexts[i]+"/members", map[string]any{"members": list})
	})
}

// membersOf is memberOf for each of the contexts: the numbers of its people.
func membersOf(people, contexts, each int) [][]int {
	lists := make([][]int, contexts)
	for person := range people {
		for _, c := range memberOf(person, contexts, each) {
			lists[c] = append(lists[c], person)
		}
	}
	return lists
}

// memberOf spreads people over contexts: the numbers of those that a person is
// a member of, all different. Every context gets about as many.
func memberOf(person, contexts, each int) []int {
	each = min(each, contexts)
	step := contexts / each
	of := make([]int, each)
	for j := range of {
		of[j] = (person + j*step) % contexts
	}
	return of
}

// Close removes what Setup has made and ends its login. It goes on after ctx
// has ended, for a bounded time.
func (s *Site) Close(ctx context.Context) error {
	made := len(s.Contexts) + len(s.People)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime+time.Duration(made)*cleanupEach)
	defer cancel()
	defer s.client.CloseIdleConnections()
	gone := func(path string) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			name := ""
			if path == "/v1/contexts/" {
				name = s.Contexts[i]
			} else {
				name = s.People[i].Name
			}
			err := s.call(ctx, http.MethodDelete, path+name, nil)
			var refusal *restError
			if errors.As(err, &refusal) && refusal.status == http.StatusNotFound {
				return nil // it was never made
			}
			return err
		}
	}
	err := errors.Join(
		s.each(ctx, "contexts removed", len(s.Contexts), gone("/v1/contexts/")),
		s.each(ctx, "people removed", len(s.People), gone("/v1/people/")),
	)
	if s.refresh != "" {
		form := strings.NewReader(url.Values{"token": {s.refresh}, "token_type_hint": {"refresh_token"}}.Encode())
		req, e := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/v1/oauth/revoke", form)
		if e != nil {
			return errors.Join(err, e)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		err = errors.Join(err, s.send(req, nil))
	}
	return err
}

// each calls f for 0 … n-1, a few at once, until one fails.
func (s *Site) each(ctx context.Context, what string, n int, f func(context.Context, int) error) error {
	return inParallel(ctx, n, restAtOnce, func(ctx context.Context, i int) error {
		if i%100 == 0 {
			s.report.status("%s: %d of %d", what, i, n)
		}
		return f(ctx, i)
	})
}

// inParallel calls f for 0 … n-1 from at most so many goroutines, stops at the
// first error and returns it when all have ended.
func inParallel(ctx context.Context, n, atOnce int, f func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, atOnce) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// call sends one request in the manager's name and discards the answer. A
// server that is busy is asked again: each of these can be repeated, as what
// is refused so has not been done.
func (s *Site) call(ctx context.Context, method, path string, body any) error {
	return s.callAs(ctx, s.Manager, method, path, body, nil)
}

// callAs is call in the name of somebody who is let in by a token; the answer is
// read into into, unless that is nil.
func (s *Site) callAs(ctx context.Context, who Credential, method, path string, body, into any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	err := untilFree(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(raw))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+who.Password)
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		return s.send(req, into)
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// untilFree repeats f while the server says that it is too busy, with pauses
// that double up to maxPause, for busyTime at most.
func untilFree(ctx context.Context, f func() error) error {
	pause := 50 * time.Millisecond
	for end := time.Now().Add(busyTime); ; {
		err := f()
		var busy interface{ busy() bool }
		if err == nil || !errors.As(err, &busy) || !busy.busy() || time.Now().After(end) {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
		pause = min(2*pause, maxPause)
	}
}

// restError is an answer that is not a success.
type restError struct {
	status int
	detail string
	retry  bool // the server says when to come back
}

// busy: a 503 that names no time may last.
func (e *restError) busy() bool { return e.status == http.StatusTooManyRequests || e.retry }

func (e *restError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s: %s", e.status, http.StatusText(e.status), e.detail))
}

// send reads at most a mebibyte of the answer into into, which may be nil.
func (s *Site) send(req *http.Request, into any) error {
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		var problem struct {
			Detail      string `json:"detail"`
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(raw, &problem) // the status says enough
		return &restError{
			status: res.StatusCode, detail: problem.Detail + problem.Description,
			retry: res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "",
		}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
