package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rambla/api"
	"rambla/social"
)

// pushedTo is a directory with the person bob, who has a device of FCM.
func pushedTo(t *testing.T) (dir string, device social.Device) {
	t.Helper()
	c := defaultConfig()
	c.Data = t.TempDir()
	s, err := openSite(t.Context(), &c, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	var ids social.IDs
	now := time.Now()
	for _, name := range []string{"bob", "carol"} {
		if _, err := s.people.Found(t.Context(), social.NewPerson{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	bob, _ := s.dir.PersonByName("bob")
	grant, err := s.db.CreateGrant(t.Context(), social.Grant{ID: ids.New(now), Person: bob.Key, Kind: social.GrantNamed, Created: now}, []social.Token{{Kind: social.TokenAccess}})
	if err != nil {
		t.Fatal(err)
	}
	device, _, err = s.devices.Register(t.Context(), social.Actor{Person: bob.Key, Grant: grant}, social.Registration{Platform: "fcm", Token: "secret-token"})
	if err != nil {
		t.Fatal(err)
	}
	return c.Data, device
}

func TestAnOperatorAsksWhyThereWasNoPush(t *testing.T) {
	t.Parallel()
	dir, device := pushedTo(t)
	ask := func(want int, args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		code := run(t.Context(), append(args, "--data", dir), nil, strings.NewReader(""), &out, &errOut)
		if code != want || strings.Contains(out.String()+errOut.String(), "secret-token") {
			t.Errorf("%v: exit code %d\n%s%s", args, code, out.String(), errOut.String())
		}
		return out.String() + errOut.String()
	}
	if text := ask(exitOK, "push", "why", "bob"); !strings.Contains(text, device.ID.String()) || !strings.Contains(text, "nothing was decided") {
		t.Errorf("of bob: %s", text)
	}
	if text := ask(exitOK, "push", "why", "carol"); !strings.Contains(text, "carol has no device") {
		t.Errorf("of carol: %s", text)
	}
	var trace api.PushTrace
	if err := json.Unmarshal([]byte(ask(exitOK, "push", "why", "bob", "--json")), &trace); err != nil || trace.Person != "bob" || len(trace.Devices) != 1 || trace.Items == nil {
		t.Errorf("%+v, %v", trace, err)
	}
	ask(exitFailure, "push", "why", "nobody")
	ask(exitFailure, "push", "why", "bob", "not-a-post")

	// Without credentials nobody takes a push, and the command says so.
	if text := ask(exitFailure, "push", "test", "bob"); !strings.Contains(text, "fcm  misconfigured") {
		t.Errorf("a test: %s", text)
	}
	var results []tested
	text := ask(exitFailure, "push", "test", "bob", device.ID.String(), "--json")
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&results); err != nil || len(results) != 1 || results[0].Accepted || results[0].Device != device.ID.String() {
		t.Errorf("%s: %+v, %v", text, results, err)
	}
	ask(exitFailure, "push", "test", "carol")
	ask(exitFailure, "push", "test", "bob", "another-device")
}

func TestATraceIsToldAsAPersonReadsIt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	d := social.Device{Key: 7, ID: social.ID{1}, Platform: social.PlatformAPNs, App: "org.example.chat", Set: at}
	trace := social.PushTrace{Person: social.Person{Name: "bob"}, Devices: []social.Device{d}, Decisions: []social.PushDecided{
		{Topic: "/ctx/lobby/messages", PushDecision: social.PushDecision{At: at, Since: 41, Seq: 42, What: social.PushWaits, Until: at.Add(time.Minute)}},
		{Topic: "/ctx/lobby/messages", Device: &d, PushDecision: social.PushDecision{Device: 7, At: at, Since: 35, Seq: 41, What: social.PushSent, Status: 200, Answer: "x"}},
		{PushDecision: social.PushDecision{Device: 9, At: at, Since: 1, Seq: 2, What: social.PushSuppressed, Reason: "muted"}},
	}}
	var out strings.Builder
	if err := writeTrace(&out, &trace); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2026-11-21T12:00:00Z  /ctx/lobby/messages seq 42  waiting until 2026-11-21T12:01:00Z  all devices\n",
		"/ctx/lobby/messages seq 36 to 41  sent  answer 200 ", "device " + d.ID.String() + "\n",
		"a stream that is gone seq 2  suppressed: muted  a device that is gone\n", "apns org.example.chat production fetch hint ", "no push accepted yet\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
