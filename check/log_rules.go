package check

import (
	"cmp"
	"fmt"
	"slices"
)

// offence is about a publish, whoever it was delivered to.
func (p *Publish) offence(format string, args ...any) Offence {
	return Offence{At: max(p.Began, p.Ended), Client: p.Client + " (" + p.Person + ")", Stream: p.Stream, Seq: p.Seq, Text: fmt.Sprintf(format, args...)}
}

// gap finds seqs that a log leaves out or uses twice.
func gap(x *index) []Offence {
	var out []Offence
	for stream, entries := range x.Logs {
		last := uint64(0)
		for _, e := range entries {
			switch {
			case e.Seq == last:
				out = append(out, Offence{At: x.stored[e.Mark], Stream: stream, Seq: e.Seq, Text: fmt.Sprintf("the log uses seq %d twice, the second time for %s", e.Seq, e.name())})
			case e.Seq != last+1:
				out = append(out, Offence{At: x.stored[e.Mark], Stream: stream, Seq: last + 1, Text: fmt.Sprintf("the log has no seq %d: seq %d (%s) follows seq %d", last+1, e.Seq, e.name(), last)})
			}
			last = max(last, e.Seq)
		}
	}
	return out
}

func (e *Entry) name() string { return cmp.Or(e.Mark, e.Type, "some entry") }

// acknowledgedButAbsent finds what was acknowledged and is not stored, or not as
// what the acknowledgement said.
func acknowledgedButAbsent(x *index) []Offence {
	var out []Offence
	for _, p := range x.Publishes {
		if p.Outcome != Stored || !contains(x.Readers[contextOf(p.Stream)], p.Person) {
			continue
		}
		entries := x.logged[p.Mark]
		if len(entries) == 0 {
			out = append(out, p.offence("%s was acknowledged, and the log has it not", p.Mark))
			continue
		}
		if !p.Told {
			continue
		}
		is := slices.ContainsFunc(entries, func(e Entry) bool { return e.Seq == p.Seq && (isData(p.Stream) || e.ID == p.ID) })
		if !is {
			e := entries[0]
			out = append(out, p.offence("%s was acknowledged as seq %d, id %q; the log has it as seq %d, id %q", p.Mark, p.Seq, p.ID, e.Seq, e.ID))
		}
	}
	return out
}

// announcedButAbsent finds deliveries that the log has not, or has otherwise.
func announcedButAbsent(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		c.eachDelivery(func(i int, e *Event) {
			if _, read := x.Logs[e.Stream]; !read {
				return
			}
			entry, ok := x.bySeq[e.Stream][x.seqOf(e)]
			switch {
			case !ok:
				found(c.offence(i, x.seqOf(e), "%s was delivered, and the log has it not", cmp.Or(e.Mark, e.ID)))
			case isData(e.Stream): // found by its mark
			case entry.ID != e.ID || entry.Mark != e.Mark:
				found(c.offence(i, e.Seq, "seq %d was delivered as %s %s; the log has %s %s there", e.Seq, e.ID, e.Mark, entry.ID, entry.Mark))
			case entry.Sum != e.Sum:
				found(c.offence(i, e.Seq, "%s was delivered with another content than the log has", e.Mark))
			case e.Note != "":
				found(c.offence(i, e.Seq, "%s", e.Note))
			}
		})
	})
}

// notCommittedYet finds what was told before it was in the log.
func notCommittedYet(x *index) []Offence {
	var out []Offence
	for _, p := range x.Probes {
		if !p.Found {
			out = append(out, Offence{
				At: p.At, Client: p.Client, Stream: p.Stream, Seq: p.Seq,
				Text: fmt.Sprintf("%s: after the %s of seq %d the log did not have it yet", p.Mark, p.What, p.Seq),
			})
		}
	}
	return out
}

// storedTwice finds what the log has more often than it may.
func storedTwice(x *index) []Offence {
	var out []Offence
	for _, p := range x.Publishes {
		most := p.Fresh
		if p.Exactly {
			most = 1
		}
		if p.Outcome == Denied {
			most = 0
		}
		if entries := x.logged[p.Mark]; len(entries) > most {
			e := entries[len(entries)-1]
			o := p.offence("%s was published %s and is stored %d times, last as seq %d", p.Mark, p.how(), len(entries), e.Seq)
			o.Seq = e.Seq
			out = append(out, o)
		}
	}
	return out
}

func (p *Publish) how() string {
	switch {
	case p.Key != "":
		return "with a key"
	case p.Exactly:
		return "at QoS 2"
	}
	return fmt.Sprintf("%d times", p.Fresh)
}
