package social

import (
	"slices"
	"strings"
	"time"
)

// Quiet is when nothing is to ring, each day from From until To, both as hh:mm; To
// is on the next day where it is not later than From.
type Quiet struct {
	From string `json:"from"`
	To   string `json:"to"`
	Zone string `json:"zone,omitempty"` // empty: the person's time zone, or else the device's, or else UTC
	// Days are those on which it begins, as in QuietDays; none: every day.
	Days []string `json:"days,omitempty"`
	// Except is what rings all the same, as in QuietExceptions.
	Except []string `json:"except,omitempty"`
}

// QuietDays are the words of Quiet.Days, in the order of time.Weekday.
func QuietDays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// The words of Quiet.Except.
const (
	exceptMentions = "mentions" // what names the person
	exceptDirect   = "direct"   // conversations of two
)

// QuietExceptions are the words of Quiet.Except.
func QuietExceptions() []string { return []string{exceptMentions, exceptDirect} }

// check is KindInvalid and names the field as REST does.
func (q *Quiet) check() error {
	for _, c := range []struct{ field, at string }{{"quiet.from", q.From}, {"quiet.to", q.To}} {
		if !clockTime.MatchString(c.at) {
			return Invalid(c.field, "%q is no time of day such as 22:00", clip(c.at))
		}
	}
	if q.From == q.To {
		return Invalid("quiet.to", "is the same as quiet.from; set notifications to nothing instead")
	}
	if err := checkWords("quiet.days", q.Days, QuietDays()); err != nil {
		return err
	}
	if err := checkWords("quiet.except", q.Except, QuietExceptions()); err != nil {
		return err
	}
	return checkZone("quiet.zone", q.Zone)
}

// checkWords refuses what is none of the words, and what is there twice.
func checkWords(field string, list, words []string) error {
	for i, w := range list {
		if !slices.Contains(words, w) {
			return Invalid(field, "%q is none of %s", clip(w), strings.Join(words, ", "))
		}
		if slices.Contains(list[:i], w) {
			return Invalid(field, "%s is there twice", w)
		}
	}
	return nil
}

// Spares tells whether what is about to ring rings in quiet hours too: named says
// that it names the person, direct that it stands in a conversation of two.
func (q *Quiet) Spares(named, direct bool) bool {
	return named && slices.Contains(q.Except, exceptMentions) || direct && slices.Contains(q.Except, exceptDirect)
}

// QuietUntil is when the quiet hours end in which now lies; zero where it lies in
// none. zone is that of the device, for who has set none itself; empty: UTC. Where
// clocks are put forward over From or To it is the moment at which that happens,
// and where a time comes twice the hours last from the first to the second one.
func (p *Preferences) QuietUntil(now time.Time, zone string) time.Time {
	q := p.Quiet
	if q == nil {
		return time.Time{}
	}
	at := firstZone(q.Zone, p.Timezone, zone)
	from, to := minuteOf(q.From), minuteOf(q.To)
	over := 0 // days
	if to <= from {
		over = 1
	}
	var until time.Time
	here := now.In(at)
	for day := -over; day <= 0; day++ {
		y, m, d := here.Date()
		begins := time.Date(y, m, d+day, 0, 0, 0, 0, time.UTC)
		if len(q.Days) > 0 && !slices.Contains(q.Days, QuietDays()[begins.Weekday()]) {
			continue
		}
		start, end := clockOn(begins, from, at, false), clockOn(begins.AddDate(0, 0, over), to, at, true)
		if !now.Before(start) && now.Before(end) && end.After(until) {
			until = end
		}
	}
	return until
}

// firstZone is the first of the names that is one; else UTC.
func firstZone(names ...string) *time.Location {
	for _, name := range names {
		if name == "" {
			continue
		}
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
	}
	return time.UTC
}

// minuteOf is the minute of the day of hh:mm, which check has seen; 0 otherwise.
func minuteOf(clock string) int {
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return 0
	}
	return at.Hour()*60 + at.Minute()
}

// clockOn is when clocks at a place show a minute of a day: the first time or the
// last one, where they do so twice, and where they never do, when they jump over it.
func clockOn(day time.Time, minute int, at *time.Location, last bool) time.Time {
	shown := day.Add(time.Duration(minute) * time.Minute) // as if it were UTC
	_, before := shown.Add(-24 * time.Hour).In(at).Zone()
	_, after := shown.Add(24 * time.Hour).In(at).Zone()
	early, late := shown.Add(-time.Duration(before)*time.Second), shown.Add(-time.Duration(after)*time.Second)
	shows := func(t time.Time) bool {
		_, offset := t.In(at).Zone()
		return t.Add(time.Duration(offset) * time.Second).Equal(shown)
	}
	switch {
	case shows(early) && (!last || !shows(late)):
		return early
	case shows(late):
		return late
	}
	// Clocks jump over it: early is already behind that.
	jump, _ := early.In(at).ZoneBounds()
	return jump
}
