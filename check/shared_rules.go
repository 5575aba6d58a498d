package check

import "time"

// shared holds the members of a shared subscription together to what one
// subscriber would get: all of it, and each message to one of them, unless its
// connection ended before it was acknowledged.
func shared(x *index) []Offence {
	groups := map[string][]*Client{}
	for _, c := range x.Clients {
		if c.Group != "" {
			groups[c.Group] = append(groups[c.Group], c)
		}
	}
	var out []Offence
	for _, members := range groups {
		out = append(out, sharedBy(x, members)...)
	}
	return out
}

func sharedBy(x *index, members []*Client) (out []Offence) {
	type receipt struct {
		c     *Client
		event int
	}
	got := map[string]receipt{}
	since := time.Duration(-1) // when the first of them was subscribed
	for _, c := range members {
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.Kind == GotSuback && e.Code < 0x80 && (since < 0 || e.At < since):
				since = e.At
			case e.Kind == GotPublish && !e.Again:
				first, twice := got[e.Mark]
				if twice && first.c != c && first.c.acknowledgedLongBefore(first.event, x, e.At) {
					out = append(out, c.offence(i, x.seqOf(e), "%s came to %s too, which had acknowledged it", e.Mark, first.c.Name))
				}
				got[e.Mark] = receipt{c, i}
			}
		}
	}
	if since < 0 {
		return out
	}
	c := members[0]
	for stream, entries := range x.Logs {
		for n := range entries {
			entry := &entries[n]
			if _, ok := got[entry.Mark]; !ok && c.covers(stream) && x.due(c, stream, entry, since, x.Over) {
				o := x.byMark[entry.Mark].offence("seq %d (%s) came to no member of the group %s", entry.Seq, entry.Mark, c.Group)
				o.Stream, o.Seq, o.Client = stream, entry.Seq, c.describe()
				out = append(out, o)
				break
			}
		}
	}
	return out
}

// acknowledgedLongBefore tells whether the client surely had its acknowledgement
// of the delivery read by the server.
func (c *Client) acknowledgedLongBefore(delivery int, x *index, at time.Duration) bool {
	d := &c.Events[delivery]
	for i := delivery + 1; i < len(c.Events); i++ {
		e := &c.Events[i]
		if (e.Kind == SentPuback || e.Kind == SentPubrec) && e.Link == d.Link && e.Packet == d.Packet {
			return at-e.At > inFlight && !x.troubled(e.At-crashRepeats, at)
		}
	}
	return false
}
