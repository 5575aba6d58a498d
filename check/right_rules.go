package check

import (
	"fmt"
	"strings"
	"time"
)

// staleRight finds deliveries of what was published while the subscriber had no
// right to it, be it delivered then or later.
func staleRight(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		c.eachDelivery(func(i int, e *Event) {
			p := x.byMark[e.Mark]
			if first := x.logged[e.Mark]; len(first) > 1 && x.seqOf(e) != first[0].Seq {
				return // QoS 1 that was stored again, nobody knows when
			}
			if p == nil || x.standing(c.Person, contextOf(e.Stream), p.Began, x.stored[e.Mark]) != lacked {
				return
			}
			o := c.offence(i, x.seqOf(e), "%s was published at %.3fs, when %s had no right to read it; it came at %.3fs",
				e.Mark, p.Began.Seconds(), c.Person, e.At.Seconds())
			o.Around = c.around(x, e.Stream, x.seqOf(e))
			found(o)
		})
	})
}

// changesOf are the changes of one right.
func (x *index) changesOf(person, context string) []Change {
	var out []Change
	for _, c := range x.Changes {
		if c.Person == person && c.Context == context {
			out = append(out, c)
		}
	}
	return out
}

// String is one line of an explanation.
func (c Change) String() string {
	what := "removed"
	if c.Given {
		what = "given back"
	}
	return fmt.Sprintf("%9.3fs the right is %s (asked for at %.3fs)", c.Done.Seconds(), what, c.Asked.Seconds())
}

// private finds what was delivered to somebody whom it was not for.
func private(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		c.eachDelivery(func(i int, e *Event) {
			if p := x.byMark[e.Mark]; p != nil && !x.visible(e.Mark, c.Person) {
				found(c.offence(i, x.seqOf(e), "%s is for %s and %v alone", e.Mark, p.Person, p.Only))
			}
		})
	})
}

// The answers to a publisher who asks too much.
const (
	codeRateTooHigh = 0x96
	codeQuota       = 0x97
)

// refused finds what members were not let publish, and what others were.
func refused(x *index) []Offence {
	var out []Offence
	for _, p := range x.Publishes {
		member := contains(x.Readers[contextOf(p.Stream)], p.Person)
		switch {
		case member && p.Outcome == Denied && p.Code != codeRateTooHigh && p.Code != codeQuota:
			out = append(out, p.offence("%s was refused with %#x, though %s may write there", p.Mark, p.Code, p.Person))
		case !member && p.Told && p.Outcome == Stored:
			out = append(out, p.offence("%s was acknowledged, though %s may not write there", p.Mark, p.Person))
		case !member && len(x.logged[p.Mark]) > 0:
			out = append(out, p.offence("%s is in the log, though %s may not write there", p.Mark, p.Person))
		}
	}
	return out
}

// subscription finds filters that were refused to whoever had the right to them,
// and positions of which something is said to be gone.
func subscription(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		let := time.Duration(0) // when the newest link was let in
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.Kind == GotConnack:
				let = e.At
			case e.Kind != GotSuback:
			case e.Code >= 0x80 && (strings.Contains(e.Stream, "+") || x.standing(c.Person, contextOf(plainFilter(e.Stream)), let, e.At) == had):
				found(c.offence(i, 0, "%s was refused with 0x%02x", e.Stream, e.Code))
			case e.Code < 0x80 && e.Code < c.QoS:
				found(c.offence(i, 0, "%s was granted at QoS %d, not %d", e.Stream, e.Code, c.QoS))
			case e.Note == "complete=false":
				found(c.offence(i, 0, "something of %s is said to be gone", e.Stream))
			}
		}
	})
}
