package check

import (
	"fmt"
	"slices"
	"time"
)

// crashRepeats is how much of what was acknowledged may come again after a crash:
// what the last 5 s moved, and the time that writing it down takes.
const crashRepeats = 6500 * time.Millisecond

// inFlight is how long before an end without goodbye an acknowledgement may have
// been sent and yet not be read by the server.
const inFlight = 2 * time.Second

// cursor is how far a client got in one stream.
type cursor struct {
	since time.Duration // when the subscription held
	held  bool
	last  uint64
	seen  map[uint64]bool
}

func (k *cursor) start(at time.Duration) {
	*k = cursor{since: at, held: true, seen: map[uint64]bool{}}
}

// progress walks the events of a client and keeps its cursors as a rule has to
// judge them: those of a session go on over its connections, those of others
// begin anew with each.
type progress struct {
	c       *Client
	link    int // the newest that was let in
	streams []string
	cursors map[string]*cursor
}

func newProgress(x *index, c *Client) *progress {
	p := &progress{c: c, cursors: map[string]*cursor{}}
	for stream := range x.Logs {
		if c.covers(stream) {
			p.streams = append(p.streams, stream)
			p.cursors[stream] = &cursor{}
		}
	}
	return p
}

// step takes one event in, but for deliveries.
func (p *progress) step(e *Event) {
	switch {
	case e.Kind == GotConnack && e.Code == 0:
		p.link = e.Link
		for _, k := range p.cursors {
			if !e.Present && !p.c.Since {
				*k = cursor{}
			}
		}
	case e.Kind == GotSuback && e.Code < 0x80:
		for stream, k := range p.cursors {
			// Who asks for no position has seen nothing yet.
			anew := p.c.Since && plainFilter(e.Stream) == e.Stream
			if (!k.held || anew) && covers(e.Stream, stream) {
				k.start(e.At)
			}
		}
	}
}

// cursor is the one that a delivery moves; nil where it says nothing: an old
// connection of a client without a session was not yet read to its end.
func (p *progress) cursor(e *Event) *cursor {
	k := p.cursors[e.Stream]
	if k == nil || !k.held || e.Late || e.Link != p.link && !p.c.Session {
		return nil
	}
	return k
}

// hole finds deliveries before which something is missing: a cursor that passed
// by what it had to deliver.
func hole(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		if c.Group != "" {
			return // each member gets its share
		}
		p := newProgress(x, c)
		for i := range c.Events {
			e := &c.Events[i]
			if e.Kind != GotPublish || e.Again {
				p.step(e)
				continue
			}
			seq, k := x.seqOf(e), p.cursor(e)
			if seq == 0 || k == nil {
				continue
			}
			for s := k.last + 1; k.last > 0 && s < seq; s++ {
				entry, kept := x.bySeq[e.Stream][s]
				if kept && !k.seen[s] && x.due(c, e.Stream, &entry, k.since, e.At) {
					found(c.offence(i, s, "seq %d (%s) was passed by: seq %d came without it", s, entry.Mark, seq))
					break
				}
			}
			k.seen[seq] = true
			k.last = max(k.last, seq)
		}
	})
}

// loss finds what never came though the client was there at the end, and had all
// the time it wanted.
func loss(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		if c.Group != "" {
			return
		}
		p := newProgress(x, c)
		for i := range c.Events {
			e := &c.Events[i]
			if e.Kind != GotPublish {
				p.step(e)
			} else if k := p.cursor(e); k != nil {
				k.seen[x.seqOf(e)] = true
			}
		}
		for _, stream := range p.streams {
			k := p.cursors[stream]
			for n := range x.Logs[stream] {
				entry := &x.Logs[stream][n]
				if k.held && !k.seen[entry.Seq] && x.due(c, stream, entry, k.since, x.Over) {
					o := c.offence(len(c.Events)-1, entry.Seq, "seq %d (%s), published at %.3fs, never came",
						entry.Seq, entry.Mark, x.byMark[entry.Mark].Began.Seconds())
					o.At, o.Stream, o.Around = x.byMark[entry.Mark].Began, stream, c.around(x, stream, entry.Seq)
					found(o)
					break // the first tells enough
				}
			}
		}
	})
}

// around tells what a client saw of a stream before and after a seq, and the
// life of its connections and rights meanwhile.
func (c *Client) around(x *index, stream string, seq uint64) []string {
	var lines []string
	changes := x.changesOf(c.Person, contextOf(stream))
	at := -1
	for i := range c.Events {
		e := &c.Events[i]
		for len(changes) > 0 && changes[0].Done < e.At {
			lines = append(lines, changes[0].String())
			changes = changes[1:]
		}
		delivery := e.Kind == GotPublish && e.Stream == stream
		if delivery && x.seqOf(e) > seq && at < 0 {
			at = len(lines)
		}
		if delivery || e.Kind == GotConnack || e.Kind == LinkEnded || e.Kind == GotSuback && covers(e.Stream, stream) {
			lines = append(lines, e.String())
		}
	}
	if at < 0 {
		at = len(lines)
	}
	return lines[max(0, at-2*aroundEach):min(len(lines), at+aroundEach)]
}

// order finds what came after something later, on one connection.
func order(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		if c.Group != "" {
			return // what another member left behind comes when it does
		}
		type place struct {
			link   int
			stream string
		}
		last := map[place]uint64{}
		c.eachDelivery(func(i int, e *Event) {
			seq, at := x.seqOf(e), place{e.Link, e.Stream}
			if seq > 0 && seq < last[at] {
				found(c.offence(i, seq, "seq %d came after seq %d", seq, last[at]))
			}
			last[at] = max(last[at], seq)
		})
	})
}

// delivered is one delivery, and what the client answered.
type delivered struct {
	event  int
	link   int
	packet uint16
	answer time.Duration // of the PUBACK or PUBREC; 0 = none yet
}

// duplicate finds what came twice and was not allowed to.
func duplicate(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		type message struct {
			stream, mark string
			seq          uint64
		}
		seen := map[message]*delivered{}
		open := map[uint16]*delivered{} // by packet identifier, of the newest link
		ends, goodbyes := map[int]time.Duration{}, map[int]bool{}
		for i := range c.Events {
			e := &c.Events[i]
			switch e.Kind {
			case SentPuback, SentPubrec:
				if d := open[e.Packet]; d != nil && d.link == e.Link {
					d.answer = e.At
				}
			case SentDisconnect:
				goodbyes[e.Link] = true
			case LinkEnded:
				ends[e.Link] = e.At
			case GotPublish:
				if e.Again || e.Late || e.Seq == 0 && e.Mark == "" { // the last: of no stream, such as presence
					continue
				}
				m := message{e.Stream, e.Mark, e.Seq}
				d := &delivered{event: i, link: e.Link, packet: e.Packet}
				if before := seen[m]; before != nil {
					end, over := ends[before.link]
					if text := x.repeats(c, e, before, end, over, goodbyes[before.link]); text != "" {
						found(c.offence(i, e.Seq, "%s came again, after %s: %s", e.Mark, c.Events[before.event].String(), text))
					}
				}
				seen[m], open[e.Packet] = d, d
			}
		}
	})
}

// repeats says why a second delivery is not allowed; empty where it is. end is
// when the connection of the first one ended, if it did.
func (x *index) repeats(c *Client, e *Event, before *delivered, end time.Duration, over, goodbye bool) string {
	first := &c.Events[before.event]
	switch {
	case before.link == e.Link:
		return "on the same connection"
	case c.Since:
		return "though it was resumed behind it"
	case !c.Session:
		return "though the session was a new one"
	case e.QoS == 2 && first.QoS == 2:
		return "QoS 2 is exactly once"
	case before.answer == 0:
		return "" // not acknowledged
	case !over:
		end = e.At
	}
	age := end - before.answer
	switch {
	case x.troubled(end-crashRepeats, e.At):
		if age > crashRepeats {
			return fmt.Sprintf("it had been acknowledged for %.1fs before the connection ended, and a crash repeats at most the last 5 s", age.Seconds())
		}
	case goodbye && c.Group == "": // a group keeps one place: behind what one member left open all comes again
		return "it was acknowledged before the client said goodbye"
	case age > inFlight:
		return fmt.Sprintf("it had been acknowledged for %.1fs before the connection ended", age.Seconds())
	}
	return ""
}

// resend finds what a session that came back should have been given first: what
// it had not acknowledged, with the same packet identifier and DUP, in the order
// of before [MQTT-4.4.0-1], [MQTT-4.6.0-1].
func resend(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		if !c.Session || c.Group != "" {
			return
		}
		var open []*delivered // unanswered deliveries of this connection, oldest first
		var due []*delivered  // those of before, which come first
		link, end := 0, time.Duration(0)
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.Kind == LinkEnded:
				end = max(end, e.At)
			case e.Kind == GotConnack && e.Code == 0:
				due, open = append(due, open...), nil
				if link = e.Link; !e.Present || x.troubled(end-crashRepeats, e.At) {
					due = nil
				}
			case e.Link != link:
			case e.Kind == SentPuback, e.Kind == SentPubrec:
				open = slices.DeleteFunc(open, func(d *delivered) bool { return d.packet == e.Packet })
			case e.Kind == GotPublish:
				due = x.resent(c, i, due, found)
				open = append(open, &delivered{event: i, link: e.Link, packet: e.Packet})
			}
		}
	})
}

// resent compares a delivery with what is due first, and returns what still is.
func (x *index) resent(c *Client, i int, due []*delivered, found func(Offence)) []*delivered {
	e := &c.Events[i]
	for n, d := range due {
		first := &c.Events[d.event]
		if first.Mark != e.Mark || first.Stream != e.Stream {
			continue
		}
		switch {
		case !e.Dup:
			found(c.offence(i, x.seqOf(e), "%s is sent again without DUP", e.Mark))
		case e.Packet != first.Packet:
			found(c.offence(i, x.seqOf(e), "%s is sent again with the packet identifier %d, not %d", e.Mark, e.Packet, first.Packet))
		}
		for _, skipped := range due[:n] {
			if x.stillMay(c, skipped, e.At) {
				s := &c.Events[skipped.event]
				found(c.offence(i, x.seqOf(e), "%s is sent again before %s (packet %d), which came first", e.Mark, s.Mark, s.Packet))
			}
		}
		return due[n+1:]
	}
	if e.Dup {
		return due // sent before, and never read
	}
	for _, d := range due {
		if x.stillMay(c, d, e.At) {
			first := &c.Events[d.event]
			found(c.offence(i, x.seqOf(e), "something new came before %s (packet %d), which was not acknowledged", first.Mark, first.Packet))
			break
		}
	}
	return nil // told once
}

// stillMay tells whether a delivery that was not acknowledged surely had to be
// made again.
func (x *index) stillMay(c *Client, d *delivered, until time.Duration) bool {
	e := &c.Events[d.event]
	return x.standing(c.Person, contextOf(e.Stream), e.At, until) == had
}
