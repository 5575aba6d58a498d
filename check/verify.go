package check

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Offence is a promise that was not kept, told by the first message it shows in.
type Offence struct {
	Rule   string        `json:"rule"`
	At     time.Duration `json:"at"`
	Client string        `json:"client,omitempty"`
	Stream string        `json:"stream,omitempty"`
	Seq    uint64        `json:"seq,omitempty"`
	Text   string        `json:"text"` // what was seen and what was expected
	Around []string      `json:"around,omitempty"`
}

// Print explains the offence to a person.
func (o *Offence) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", o.Rule, o.Text)
	for _, fact := range []struct{ name, value string }{
		{"client", o.Client}, {"stream", o.Stream}, {"at", fmt.Sprintf("%.3fs", o.At.Seconds())},
	} {
		if fact.value != "" {
			fmt.Fprintf(&b, "  %-7s %s\n", fact.name, fact.value)
		}
	}
	if o.Seq != 0 {
		fmt.Fprintf(&b, "  %-7s %d\n", "seq", o.Seq)
	}
	if len(o.Around) > 0 {
		b.WriteString("  what this client saw around it:\n")
	}
	for _, line := range o.Around {
		b.WriteString("    " + line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// rule is one promise. verify gives what breaks it, in any order.
type rule struct {
	name   string
	verify func(*index) []Offence
}

// rules are all of them. Those of one client see a promise from its side, those
// of the log from the side of what is stored.
func rules() []rule {
	return []rule{
		{"loss", loss},
		{"hole", hole},
		{"order", order},
		{"duplicate", duplicate},
		{"resend", resend},
		{"stale right", staleRight},
		{"private", private},
		{"gap", gap},
		{"acknowledged but absent", acknowledgedButAbsent},
		{"announced but absent", announcedButAbsent},
		{"not committed yet", notCommittedYet},
		{"stored twice", storedTwice},
		{"refused", refused},
		{"subscription", subscription},
		{"acknowledgement", acknowledgement},
		{"order of acknowledgements", orderOfAcknowledgements},
		{"packet identifiers", packetIdentifiers},
		{"session present", sessionPresent},
		{"takeover", takeover},
		{"shared", shared},
	}
}

// Verify holds the history to every rule. What it returns is in the order of
// time; nothing means that all promises were kept.
func Verify(h *History) []Offence {
	x := newIndex(h)
	var all []Offence
	for _, r := range rules() {
		for _, o := range r.verify(x) {
			o.Rule = r.name
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b Offence) int { return cmp.Compare(a.At, b.At) })
	return all
}

// aroundEach is how many events before and after an offence are told.
const aroundEach = 6

// offence makes an Offence of what happened to c at its event i; where that
// belongs to a stream, what else the client saw of this stream is told around it.
func (c *Client) offence(i int, seq uint64, format string, args ...any) Offence {
	e := &c.Events[i]
	o := Offence{At: e.At, Client: c.describe(), Stream: e.Stream, Seq: seq, Text: fmt.Sprintf(format, args...)}
	related := func(other *Event) bool { return e.Stream == "" || other.Stream == "" || other.Stream == e.Stream }
	var before []string
	for k := i; k >= 0 && len(before) <= aroundEach; k-- {
		if related(&c.Events[k]) {
			before = append(before, c.Events[k].String())
		}
	}
	slices.Reverse(before)
	before[len(before)-1] += "   <--"
	o.Around = before
	for k, n := i+1, 0; k < len(c.Events) && n < aroundEach; k++ {
		if related(&c.Events[k]) {
			o.Around = append(o.Around, c.Events[k].String())
			n++
		}
	}
	return o
}

func (c *Client) describe() string {
	return fmt.Sprintf("%s (%s, %s, MQTT %d)", c.Name, c.Role, c.Person, c.Version)
}

// eachDelivery calls f for every delivery that counts.
func (c *Client) eachDelivery(f func(i int, e *Event)) {
	for i := range c.Events {
		if e := &c.Events[i]; e.Kind == GotPublish && !e.Again {
			f(i, e)
		}
	}
}

// perClient gathers what a rule about single clients finds.
func perClient(x *index, verify func(*Client, func(Offence))) []Offence {
	var out []Offence
	for _, c := range x.Clients {
		verify(c, func(o Offence) { out = append(out, o) })
	}
	return out
}
