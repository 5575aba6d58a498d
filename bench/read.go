package bench

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lists that Read can ask for.
const (
	ListActivities = "activities" // the newest of one context
	ListContexts   = "contexts"   // one's own, with what is unread
	ListTimeline   = "timeline"
	ListSearch     = "search"  // words that all posts have and that none has, everywhere and in one context, in turn
	ListNothing    = "nothing" // who one is: what any request costs here, beside which the others are to be seen
)

// Lists are the words of Options.List.
func Lists() []string {
	return []string{ListActivities, ListContexts, ListTimeline, ListSearch, ListNothing}
}

// Read publishes o.Fill posts to the contexts, and then asks for a page of a list
// o.Rate times a second, from o.Connections connections of as many people, each a
// member of o.MemberOf of them. A request that the server or the generator keeps
// waiting is as old as its plan. Besides what all loads use it reads List, Fill,
// Rate (1,000), Connections (16), Contexts, MemberOf and Payload. A report comes
// with an error when a run was cut short.
func Read(ctx context.Context, o Options) (Report, error) {
	o = o.withDefaults(16, 1, 1)
	o.Topic = ""
	if o.Rate == 0 {
		o.Rate = 1000
	}
	o.MemberOf = min(o.MemberOf, o.Contexts)
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	if !slices.Contains(Lists(), o.List) || o.Foreign {
		return Report{}, fmt.Errorf("list is %q; there are %s, of a Rambla server", o.List, strings.Join(Lists(), ", "))
	}
	t, err := openTarget(ctx, o, o.Connections)
	if err != nil {
		return Report{}, err
	}
	report, err := readFrom(ctx, o, t)
	return report, errors.Join(err, t.close(ctx))
}

func readFrom(ctx context.Context, o Options, t *target) (Report, error) {
	report := Report{
		Load: "read " + o.List, Address: o.HTTP, MQTT: mqttName(o.Version), Connections: o.Connections,
		Shape: fmt.Sprintf("%g requests/s from %d connections, %d posts of %d bytes, memberships of each: %d of %d contexts",
			o.Rate, o.Connections, o.Fill, o.Payload, o.MemberOf, o.Contexts),
	}
	if err := fill(ctx, o, t); err != nil {
		return report, err
	}
	filled := time.Now().Add(-time.Second)
	readers := make([]*reader, o.Connections)
	for i := range readers {
		readers[i] = newReader(o, t, i)
		defer readers[i].client.CloseIdleConnections()
	}
	if o.Fill > 0 {
		// Streams are indexed from their beginnings, so that the last posts come last;
		// until then the server is busy with them, whatever is asked for.
		if err := indexed(ctx, t, readers[0], filled); err != nil && (o.List == ListSearch || ctx.Err() != nil) {
			return report, err
		}
		t.report.status("indexed %s after the last post", time.Since(filled).Round(time.Second))
	}
	if o.Warmup > 0 {
		t.report.status("warming up for %s", o.Warmup)
		if _, _, err := readRun(ctx, o, readers, o.Warmup); err != nil {
			return report, err
		}
	}
	err := t.measure(&report, func(int) (Run, []string, error) { return readRun(ctx, o, readers, o.Duration) })
	return report, err
}

// fill publishes what the lists are of.
func fill(ctx context.Context, o Options, t *target) error {
	if o.Fill == 0 {
		return nil
	}
	t.report.status("publishing %d posts", o.Fill)
	c := newClock()
	publishers := make([]*publisher, 8)
	defer func() {
		for _, p := range publishers {
			if p != nil {
				p.wire.bye()
			}
		}
	}()
	_, err := t.connect(ctx, crowd{role: "f", n: len(publishers), who: t.credential}, func(i int, w *wire) error {
		p := newPublisher(w, c, o.Window, o.Patience, t.load)
		publishers[i] = p
		for k := range t.topics {
			p.publishTo(newTemplate(byte(o.Version), t.topics[(i+k)%len(t.topics)], o.Payload, false, t.keyOf(k)), uint16(i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.PID, o.Written = 0, nil
	run, problems, err := publishRun(ctx, o, publishers, c, 0, o.Fill)
	if err == nil && run.Operations != uint64(o.Fill) {
		err = fmt.Errorf("only %d of %d posts were stored: %s", run.Operations, o.Fill, strings.Join(problems, "; "))
	}
	return err
}

// reader is one connection that asks for a list.
type reader struct {
	client *http.Client
	urls   []string // asked in turn
	next   int
	token  string
}

func newReader(o Options, t *target, i int) *reader {
	who := t.site.People[i]
	path := "/v1/me/" + o.List
	switch o.List {
	case ListNothing:
		path = "/v1/me"
	case ListActivities:
		path = "/v1/contexts/" + t.site.Contexts[memberOf(i, o.Contexts, o.MemberOf)[0]] + "/activities"
	}
	urls := []string{t.site.base + path}
	if o.List == ListSearch {
		urls = searches(t.site.base, t.site.Contexts[memberOf(i, o.Contexts, o.MemberOf)[0]])
	}
	return &reader{
		urls: urls, token: who.Password,
		client: &http.Client{Timeout: restTime, Transport: &http.Transport{
			MaxIdleConnsPerHost: 1, MaxConnsPerHost: 1, DisableCompression: true,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		}},
	}
}

// searches are questions about the posts that fill publishes.
func searches(base, context string) []string {
	asked := []url.Values{
		{"q": {"fox"}},
		{"q": {"fox"}, "context": {context}},
		{"q": {"zebra"}},
		{"q": {`"lazy dog"`}},
		{"q": {"zeb*"}},
		{"q": {"fox -zebra"}},
	}
	out := make([]string, len(asked))
	for i, q := range asked {
		out[i] = base + "/v1/search?" + q.Encode()
	}
	return out
}

// indexed waits until a post is found that was made after the others.
func indexed(ctx context.Context, t *target, r *reader, begun time.Time) error {
	t.report.status("waiting until the posts are indexed")
	asked := url.Values{"q": {"fox"}, "limit": {"1"}, "from": {begun.UTC().Format(time.RFC3339Nano)}}
	for {
		found, err := r.finds(ctx, t.site.base+"/v1/search?"+asked.Encode())
		if found || err != nil {
			return err
		}
		pause := time.NewTimer(time.Second)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("wait for the index: %w", context.Cause(ctx))
		}
	}
}

// finds tells whether there is anything on a page.
func (r *reader) finds(ctx context.Context, address string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, fmt.Errorf("search: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	resp, err := r.client.Do(req)
	if err != nil {
		return false, fmt.Errorf("search: %w", err)
	}
	var page struct {
		Items []json.RawMessage `json:"items"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&page)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("search: the server said %s: %w", resp.Status, err)
	}
	return len(page.Items) > 0, nil
}

// seenPages is what one reader saw in a run.
type seenPages struct {
	latency  histogram
	pages    uint64
	problems map[string]uint64
}

// drive asks at its times until the deadline.
func (r *reader) drive(ctx context.Context, c clock, todo plan, seen *seenPages) {
	seen.problems = map[string]uint64{}
	for due := todo.begin; due < todo.deadline && ctx.Err() == nil; due += int64(todo.interval) {
		if wait := due - c.now(); wait > 0 {
			pause := time.NewTimer(time.Duration(wait))
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return
			}
		}
		if err := r.ask(ctx); err != nil {
			seen.problems[err.Error()]++
			continue
		}
		seen.latency.add(c.now() - due)
		seen.pages++
	}
}

func (r *reader) ask(ctx context.Context) error {
	r.next = (r.next + 1) % len(r.urls)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.urls[r.next], nil)
	if err != nil {
		return fmt.Errorf("ask for a page: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	resp, err := r.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for a page: %w", err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("read a page: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asked for a page, the server said %s", resp.Status)
	}
	return nil
}

// readRun drives all readers once.
func readRun(ctx context.Context, o Options, readers []*reader, d time.Duration) (Run, []string, error) {
	m, err := newMeter(o.PID)
	if err != nil {
		return Run{}, nil, err
	}
	c := newClock()
	seen := make([]seenPages, len(readers))
	interval := time.Duration(float64(time.Second) * float64(len(readers)) / o.Rate)
	var wg sync.WaitGroup
	for i, r := range readers {
		first := int64(interval) * int64(i) / int64(len(readers))
		wg.Go(func() {
			r.drive(ctx, c, plan{begin: first, deadline: int64(d), interval: interval}, &seen[i])
		})
	}
	wg.Wait()
	var run Run
	var all histogram
	var problems []string
	for i := range seen {
		all.merge(&seen[i].latency)
		run.Operations += seen[i].pages
		for text, n := range seen[i].problems {
			run.Errors += n
			problems = append(problems, fmt.Sprintf("%d times: %s", n, text))
		}
	}
	run.Latency = latencyOf(&all)
	slices.Sort(problems)
	if err := run.spend(m, time.Duration(c.now()), run.Operations); err != nil {
		return run, problems, err
	}
	if err := context.Cause(ctx); err != nil {
		return run, problems, err
	}
	return run, slices.Compact(problems), nil
}
