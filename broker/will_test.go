package broker

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

func someWills() []will {
	return []will{
		{topic: "/ctx/lobby/data/x"},
		{topic: "/ctx/lobby/data/x", payload: []byte("gone"), qos: 1, retain: true},
		{topic: "/ctx/lobby/messages", payload: []byte("bye"), qos: 2, properties: &social.Properties{
			TextPayload: true, ContentType: "text/plain", ResponseTopic: "/r", CorrelationData: []byte{0, 1}, Expiry: 90,
			User: []social.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}},
		}},
	}
}

func TestAWillComesBackFromTheStoreAsItWas(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, w := range append(someWills(), someWills()...) {
		stored := w.encode()
		got, id, err := decodeWill(stored)
		clear(stored)
		if len(got.payload) == 0 {
			got.payload = nil
		}
		if err != nil || !reflect.DeepEqual(got, w) {
			t.Errorf("%+v, %v; want %+v", got, err, w)
		}
		if seen[id] {
			t.Errorf("the identifier %s is used twice", id)
		}
		seen[id] = true
	}
}

// FuzzStoredWill holds that any bytes are either a will, which is then stored as
// the same will, or an error.
func FuzzStoredWill(f *testing.F) {
	f.Add([]byte{})
	for _, w := range someWills() {
		f.Add(w.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, _, err := decodeWill(b)
		if err != nil {
			return
		}
		again, _, err := decodeWill(w.encode())
		if err != nil || !reflect.DeepEqual(again, w) {
			t.Fatalf("% x is %+v, and then %+v, %v", b, w, again, err)
		}
	})
}

func TestSection3_1_2_5WhenAWillIsDue(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	const never = -1
	for _, c := range []struct {
		name          string
		cause         cause
		delay, expiry time.Duration
		want          time.Duration
	}{
		{"the client said goodbye", causeDisconnect, 0, time.Hour, never},
		{"and with a delay", causeDisconnect, time.Minute, time.Hour, never},
		{"the client wants it sent", causeDisconnectWithWill, 0, time.Hour, 0},
		{"the connection was lost", causeLost, 0, time.Hour, 0},
		{"it was closed without a word", causeClosed, 0, 0, 0},
		{"the keep alive passed", causeKeepAlive, 0, time.Hour, 0},
		{"a protocol error", causeProtocol, 0, time.Hour, 0},
		{"the credential ended", causeEnded, 0, time.Hour, 0},
		{"taken over", causeTakenOver, 0, time.Hour, 0},
		{"after its delay", causeLost, time.Minute, time.Hour, time.Minute},
		{"with the session, if that ends before", causeLost, time.Hour, time.Minute, time.Minute},
		{"at once where the session ends at once", causeLost, time.Hour, 0, 0},
		{"the session never ends", causeLost, time.Hour, social.SessionForever, time.Hour},
		{"a restart is waited for", causeShutdown, 0, time.Hour, restartGrace},
		{"also for sessions that end", causeShutdown, time.Hour, 0, restartGrace},
		{"a longer delay stands", causeShutdown, time.Hour, 2 * time.Hour, time.Hour},
	} {
		due, ok := willDue(c.cause, c.delay, c.expiry, now)
		if ok != (c.want != never) || ok && due.Sub(now) != c.want {
			t.Errorf("%s: %v, %v; want %v", c.name, due.Sub(now), ok, c.want)
		}
	}
}

func TestSection3_1_4WhatBecomesOfAWillWhenItsClientComesBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	left := now.Add(-10 * time.Second)
	for _, c := range []struct {
		name          string
		delay, expiry time.Duration
		due           time.Duration // after left; -1 = the session is connected
		clean         bool
		want          bool
	}{
		{"resumed before the delay is over", time.Minute, time.Hour, time.Minute, false, false},
		{"the delay is over, and nobody sent it", time.Second, time.Hour, time.Second, false, true},
		{"a clean start ends the session", time.Minute, time.Hour, time.Minute, true, true},
		{"no delay, and nobody sent it", 0, time.Hour, 0, false, true},
		{"taken over without a delay", 0, time.Hour, -1, false, true},
		{"taken over with a delay", time.Minute, time.Hour, -1, false, false},
		{"taken over by a clean start", time.Minute, time.Hour, -1, true, true},
		{"taken over, the session ends with its connection", time.Minute, 0, -1, false, true},
		{"back after a restart", 0, time.Hour, restartGrace, false, false},
		{"back after a restart, with a clean start", 0, 0, restartGrace, true, false},
		{"back after a restart, late", 0, 0, 9 * time.Second, true, true},
	} {
		s := social.Session{Will: []byte{1}, WillDelay: c.delay, Expiry: c.expiry}
		if c.due >= 0 {
			s.Left, s.WillDue = left, left.Add(c.due)
		}
		if got := willAtClaim(&s, c.clean, now); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		s.Will = nil
		if willAtClaim(&s, c.clean, now) {
			t.Errorf("%s: there is no will", c.name)
		}
	}
}

// willGate answers for one will.
type willGate struct {
	openGate
	revive, publish error
	got             *Publication
	by              *Principal
}

func (g *willGate) Revive(_ context.Context, person social.PersonKey, grant social.GrantKey) (*Principal, error) {
	return NewPrincipal(person, "alice", Credential{Grant: grant}), g.revive
}

func (g *willGate) Publish(p *Principal, pub *Publication, done func(Receipt, error)) {
	g.by, g.got = p, pub
	done(Receipt{}, g.publish)
}

func TestWhatBecomesOfAStoredWill(t *testing.T) {
	t.Parallel()
	w := someWills()[2]
	stored := w.encode()
	down := social.Unavailable(errors.New("connection refused"))
	forbidden := social.Errorf(social.KindForbidden, "No.")
	for _, c := range []struct {
		name            string
		will            []byte
		revive, publish error
		published       bool
		result          willResult
		again           bool
	}{
		{"it is sent", stored, nil, nil, true, willSent, false},
		{"the credential has ended", stored, social.Errorf(social.KindUnauthenticated, "No."), nil, false, willRefused, false},
		{"the right has ended", stored, nil, forbidden, true, willRefused, false},
		{"the store is away", stored, down, nil, false, willDelayed, true},
		{"the store is away when it is published", stored, nil, down, true, willDelayed, true},
		{"a fault of ours", stored, nil, errors.New("oops"), true, willFailed, false},
		{"it is corrupt", stored[:len(stored)-1], nil, nil, false, willFailed, false},
		{"it is of a later version", append([]byte{9}, stored[1:]...), nil, nil, false, willFailed, false},
	} {
		g := &willGate{revive: c.revive, publish: c.publish}
		reg := prometheus.NewRegistry()
		b, err := New(Config{}, Deps{Gate: g, Logger: slog.New(slog.DiscardHandler), Metrics: reg})
		if err != nil {
			t.Fatal(err)
		}
		var answers []error
		b.publishWill(t.Context(), social.Session{ID: 7, Person: 3, Grant: 9, Version: 4, Will: c.will}, func(err error) { answers = append(answers, err) })
		if len(answers) != 1 || (answers[0] != nil) != c.again {
			t.Errorf("%s: answered %v", c.name, answers)
		}
		for i, n := range counted(t, reg, "rambla_broker_wills_total", willResultNames[:]) {
			if (n == 1) != (willResult(i) == c.result) {
				t.Errorf("%s: %v of %s", c.name, n, willResultNames[i])
			}
		}
		if (g.got != nil) != c.published {
			t.Errorf("%s: published %+v", c.name, g.got)
		}
		if g.got == nil {
			continue
		}
		if p := g.got; g.by.Person != 3 || g.by.Credential().Grant != 9 || p.Topic != w.topic || string(p.Payload) != "bye" || p.QoS != 2 || p.Retain ||
			p.Session != 7 || p.Version != 4 || !slices.Equal(p.Properties.User, w.properties.User) || len(p.Key) < 20 || p.Durable || p.PacketID != 0 {
			t.Errorf("%s: %+v by %+v", c.name, p, g.by)
		}
	}
}

// counted reads a counter for each value of its label.
func counted(t *testing.T, reg prometheus.Gatherer, name string, labels []string) []float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(labels))
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if i := slices.Index(labels, m.GetLabel()[0].GetValue()); i >= 0 {
				out[i] = m.GetCounter().GetValue()
			}
		}
	}
	return out
}

func TestAWillThatIsTriedAgainHasTheSameKey(t *testing.T) {
	t.Parallel()
	w := someWills()[1]
	stored := w.encode()
	g := &willGate{publish: social.Unavailable(errors.New("connection refused"))}
	b, err := New(Config{}, Deps{Gate: g, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for fence := range uint64(2) {
		b.publishWill(t.Context(), social.Session{ID: 7, Person: 3, Fence: fence, Will: stored}, func(error) {})
		keys = append(keys, g.got.Key)
	}
	if keys[0] != keys[1] || keys[0] == "" {
		t.Errorf("%q", keys)
	}
}

// The claim has replaced the row that held the will, so nobody else has it.
func TestAWillThatCouldNotBeSentAtTheClaimIsSentLater(t *testing.T) {
	t.Parallel()
	w := someWills()[1]
	g := &willGate{publish: social.Unavailable(errors.New("connection refused"))}
	b, err := New(Config{}, Deps{Gate: g, Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	before := social.Session{ID: 7, Person: 3, Version: 5, Will: w.encode()} // connected, and taken over
	b.settleWill(t.Context(), &social.SessionClaimed{Before: &before}, true)
	for round, owed := range []int{1, 1, 0} {
		if len(b.owed) != owed {
			t.Errorf("round %d: %d wills are owed, want %d", round, len(b.owed), owed)
		}
		if round == 1 {
			g.publish = nil
		}
		g.got = nil
		b.sendOwed(t.Context())
	}
	if g.got != nil {
		t.Error("it was sent twice")
	}
	for range mostOwed + 1 {
		b.owe(before)
	}
	if len(b.owed) != mostOwed {
		t.Errorf("%d wills wait in memory", len(b.owed))
	}
}
