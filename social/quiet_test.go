package social

import (
	"testing"
	"time"
	_ "time/tzdata" // the rules of 2026, whatever the machine knows
)

func TestQuietHoursEndWhenTheClockOfThePersonSaysSo(t *testing.T) {
	t.Parallel()
	night := Quiet{From: "22:00", To: "07:00"}
	for name, c := range map[string]struct {
		quiet      Quiet
		zone       string // of the person
		device     string
		now, until string // UTC; empty: it is not quiet
	}{
		"before":                     {night, "", "", "2026-01-10T21:59:59", ""},
		"at the beginning":           {night, "", "", "2026-01-10T22:00:00", "2026-01-11T07:00:00"},
		"after midnight":             {night, "", "", "2026-01-11T00:00:00", "2026-01-11T07:00:00"},
		"at the end":                 {night, "", "", "2026-01-11T07:00:00", ""},
		"within a day":               {Quiet{From: "13:00", To: "15:30"}, "", "", "2026-01-10T15:29:59", "2026-01-10T15:30:00"},
		"until midnight":             {Quiet{From: "13:00", To: "00:00"}, "", "", "2026-01-10T23:59:59", "2026-01-11T00:00:00"},
		"all but a minute":           {Quiet{From: "00:01", To: "00:00"}, "", "", "2026-01-10T00:00:30", ""},
		"where the person is":        {night, "America/New_York", "Europe/Madrid", "2026-01-11T03:00:00", "2026-01-11T12:00:00"},
		"where the device is":        {night, "", "Europe/Madrid", "2026-01-10T21:00:00", "2026-01-11T06:00:00"},
		"in a zone that is none":     {night, "Nowhere/Land", "", "2026-01-10T22:00:00", "2026-01-11T07:00:00"},
		"in a zone of its own":       {Quiet{From: "22:00", To: "07:00", Zone: "Asia/Kolkata"}, "Europe/Madrid", "", "2026-01-10T16:30:00", "2026-01-11T01:30:00"},
		"on the far side of the day": {night, "Pacific/Kiritimati", "", "2026-01-10T08:00:00", "2026-01-10T17:00:00"},

		"on the day on which it begins":     {Quiet{From: "22:00", To: "07:00", Days: []string{"fri", "sat"}}, "", "", "2026-01-09T23:00:00", "2026-01-10T07:00:00"},
		"on the morning after the last day": {Quiet{From: "22:00", To: "07:00", Days: []string{"fri", "sat"}}, "", "", "2026-01-11T06:00:00", "2026-01-11T07:00:00"},
		"on the evening of another day":     {Quiet{From: "22:00", To: "07:00", Days: []string{"fri", "sat"}}, "", "", "2026-01-11T23:00:00", ""},
		"on the morning of the first day":   {Quiet{From: "22:00", To: "07:00", Days: []string{"fri", "sat"}}, "", "", "2026-01-09T06:00:00", ""},

		// In Madrid, 2026-03-29: at 02:00 it is 03:00. 2026-10-25: at 03:00 it is 02:00.
		"a night that is shorter":           {night, "Europe/Madrid", "", "2026-03-28T21:00:00", "2026-03-29T05:00:00"},
		"a night that is longer":            {night, "Europe/Madrid", "", "2026-10-24T20:00:00", "2026-10-25T06:00:00"},
		"an end that never comes":           {Quiet{From: "22:00", To: "02:30"}, "Europe/Madrid", "", "2026-03-28T23:00:00", "2026-03-29T01:00:00"},
		"behind an end that never comes":    {Quiet{From: "22:00", To: "02:30"}, "Europe/Madrid", "", "2026-03-29T01:00:00", ""},
		"a beginning that never comes":      {Quiet{From: "02:30", To: "05:00"}, "Europe/Madrid", "", "2026-03-29T01:00:00", "2026-03-29T03:00:00"},
		"hours that are jumped over":        {Quiet{From: "02:10", To: "02:50"}, "Europe/Madrid", "", "2026-03-29T01:00:00", ""},
		"an end that comes twice":           {Quiet{From: "22:00", To: "02:30"}, "Europe/Madrid", "", "2026-10-25T01:00:00", "2026-10-25T01:30:00"},
		"a beginning that comes twice":      {Quiet{From: "02:30", To: "05:00"}, "Europe/Madrid", "", "2026-10-25T00:30:00", "2026-10-25T04:00:00"},
		"an end at a midnight that is none": {Quiet{From: "22:00", To: "00:30"}, "America/Santiago", "", "2026-09-06T03:59:00", "2026-09-06T04:00:00"},
		"a day that is none":                {Quiet{From: "09:00", To: "10:00"}, "Pacific/Apia", "", "2011-12-30T19:30:00", "2011-12-30T20:00:00"},
	} {
		now, err := time.Parse("2006-01-02T15:04:05", c.now)
		if err != nil {
			t.Fatal(err)
		}
		p := Preferences{Timezone: c.zone, Quiet: &c.quiet}
		got := ""
		if until := p.QuietUntil(now, c.device); !until.IsZero() {
			got = until.UTC().Format("2006-01-02T15:04:05")
		}
		if got != c.until {
			t.Errorf("%s, %s: until %q, want %q", name, c.now, got, c.until)
		}
	}
	if p := (Preferences{}); !p.QuietUntil(time.Now(), "UTC").IsZero() {
		t.Error("who said nothing has quiet hours")
	}
}

// Whatever the hours are, the end lies within two days, and behind it others begin
// at the earliest at their From.
func TestQuietHoursAlwaysEnd(t *testing.T) {
	t.Parallel()
	clocks := []string{"00:00", "00:30", "01:59", "02:00", "02:30", "03:00", "12:00", "23:59"}
	for _, zone := range []string{"UTC", "Europe/Madrid", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		for _, from := range clocks {
			for _, to := range clocks {
				if from == to {
					continue
				}
				p := Preferences{Timezone: zone, Quiet: &Quiet{From: from, To: to}}
				for now := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC); now.Month() < 4 || now.Day() < 7; now = now.Add(157 * time.Minute) {
					until := p.QuietUntil(now, "")
					if !until.IsZero() && (!until.After(now) || until.Sub(now) > 48*time.Hour) {
						t.Fatalf("%s to %s in %s: at %s until %s", from, to, zone, now, until)
					}
				}
			}
		}
	}
}

func TestWhatQuietHoursSpareRings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		except        []string
		named, direct bool
		want          bool
	}{
		{nil, true, true, false},
		{[]string{"mentions"}, true, false, true},
		{[]string{"mentions"}, false, true, false},
		{[]string{"direct"}, false, true, true},
		{[]string{"direct"}, true, false, false},
		{[]string{"mentions", "direct"}, false, false, false},
	} {
		if q := (Quiet{Except: c.except}); q.Spares(c.named, c.direct) != c.want {
			t.Errorf("%v spares, of named %v and direct %v: %v", c.except, c.named, c.direct, !c.want)
		}
	}
}
