package social

import (
	"slices"
	"strings"
	"testing"
)

func TestOthersDoNotSeeWhetherADiscreetPersonIsThere(t *testing.T) {
	t.Parallel()
	s := smallTown()
	s.putSpace(Space{Key: 7, Kind: KindConversation, ID: "c", Owner: alice})
	for _, p := range []PersonKey{alice, bob} {
		s.putMember(Affiliation{Space: 7, Person: p, Member: true})
	}
	d := NewDirectory(s, quiet(), atNoon)
	var told []Delta
	d.OnDelta(func(delta Delta) { told = append(told, delta) })
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !d.SeesPresence(as(bob), alice) {
		t.Fatal("bob talks with alice and does not see whether it is there")
	}
	s.putPerson(Person{Key: alice, Name: "alice", Discreet: true})
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d.SeesPresence(as(bob), alice) || !d.SeesPresence(as(alice), alice) {
		t.Error("bob sees whether a discreet person is there, or it does not see itself")
	}
	if len(told) != 1 || !slices.Equal(told[0].Watched, []PersonKey{alice}) {
		t.Errorf("live connections are told %+v", told)
	}
}

func TestPreferencesAreWhatOthersCanUse(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Preferences{
		"":              {Discreet: true, Locale: "zh-Hant-TW", Timezone: "America/Argentina/Buenos_Aires", Notify: "nothing", Quiet: &Quiet{From: "23:30", To: "00:00", Zone: "UTC", Days: []string{"fri", "sat"}, Except: QuietExceptions()}},
		"locale":        {Locale: "c"},
		"locale ":       {Locale: "ca-" + strings.Repeat("a-", 20) + "b"},
		"timezone":      {Timezone: "../etc/passwd"},
		"timezone ":     {Timezone: "Local"},
		"notifications": {Notify: "loud"},
		"quiet.from":    {Quiet: &Quiet{From: "24:00", To: "07:00"}},
		"quiet.to":      {Quiet: &Quiet{From: "22:00", To: "07:60"}},
		"quiet.to ":     {Quiet: &Quiet{From: "22:00", To: "22:00"}},
		"quiet.days":    {Quiet: &Quiet{From: "22:00", To: "07:00", Days: []string{"friday"}}},
		"quiet.days ":   {Quiet: &Quiet{From: "22:00", To: "07:00", Days: []string{"fri", "fri"}}},
		"quiet.except":  {Quiet: &Quiet{From: "22:00", To: "07:00", Except: []string{"bob"}}},
		"quiet.zone":    {Quiet: &Quiet{From: "22:00", To: "07:00", Zone: "here"}},
	} {
		err := p.check()
		if want == "" {
			if err != nil {
				t.Errorf("%+v: %v", p, err)
			}
			continue
		}
		problem, ok := err.(*Error) //nolint:errorlint // check returns it bare
		if !ok || problem.Kind != KindInvalid || problem.Fields[0].Name != strings.TrimSpace(want) {
			t.Errorf("%+v: %v, want the field %s", p, err, want)
		}
	}
}
