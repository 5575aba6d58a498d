package check

import (
	"fmt"
	"maps"
	"slices"
)

// acknowledgement finds answers to what was not asked, of the wrong kind, or
// without what they have to tell.
func acknowledgement(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		open := map[uint16]Event{} // publishes on their way
		for i := range c.Events {
			e := &c.Events[i]
			switch e.Kind {
			case GotConnack:
				if !e.Present {
					clear(open)
				}
			case SentPublish, SentPubrel:
				open[e.Packet] = *e
			case GotPuback, GotPubrec, GotPubcomp:
				was, known := open[e.Packet]
				if text := answers(&was, known, e); text != "" {
					found(c.offence(i, 0, "%s", text))
				}
				if e.Kind != GotPubrec || e.Code >= 0x80 {
					delete(open, e.Packet)
				}
			}
		}
	})
}

// answers says what is wrong with an answer to was.
func answers(was *Event, known bool, e *Event) string {
	switch {
	case !known:
		return fmt.Sprintf("%s of packet %d, which is not on its way", e.Kind, e.Packet)
	case e.Kind == GotPubcomp && was.Kind != SentPubrel:
		return fmt.Sprintf("PUBCOMP of packet %d before its PUBREL", e.Packet)
	case e.Kind == GotPuback && (was.Kind != SentPublish || was.QoS != 1), e.Kind == GotPubrec && was.QoS != 2 && was.Kind == SentPublish:
		return fmt.Sprintf("%s of packet %d, which was a publish at QoS %d", e.Kind, e.Packet, was.QoS)
	case e.Kind == GotPubcomp || e.Code >= 0x80 || e.Note != wantsTold:
		return ""
	case e.Seq == 0 || e.ID == "" && !isData(e.Stream):
		return fmt.Sprintf("%s of packet %d does not tell its seq and id", e.Kind, e.Packet)
	}
	return ""
}

// wantsTold is the Note of an acknowledgement that has to tell id and seq.
const wantsTold = "of a stored publish"

// orderOfAcknowledgements finds PUBACKs and PUBRECs that overtook others
// [MQTT-4.6.0-2], [MQTT-4.6.0-3].
func orderOfAcknowledgements(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		type line struct {
			link int
			qos  byte
		}
		sent := map[line][]uint16{}
		for i := range c.Events {
			e := &c.Events[i]
			switch e.Kind {
			case SentPublish:
				at := line{e.Link, e.QoS}
				sent[at] = append(sent[at], e.Packet)
			case GotPuback, GotPubrec:
				at := line{e.Link, 1}
				if e.Kind == GotPubrec {
					at.qos = 2
				}
				n := slices.Index(sent[at], e.Packet)
				if n > 0 {
					found(c.offence(i, e.Seq, "%s of packet %d came before that of packet %d, which was sent first", e.Kind, e.Packet, sent[at][0]))
				}
				if n >= 0 {
					sent[at] = slices.Delete(sent[at], n, n+1)
				}
			}
		}
	})
}

// packetIdentifiers finds identifiers that the server uses for two deliveries at
// once [MQTT-2.2.1-3], more deliveries than the client's Receive Maximum allows
// [MQTT-3.3.4-9], a PUBREL for what was never received, and none for what was.
func packetIdentifiers(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		open := map[uint16]*Event{}   // deliveries that are not over
		here := map[uint16]bool{}     // those that were made on this connection
		awaits := map[uint16]int{}    // PUBRECs whose PUBREL has not come, by event
		recorded := map[uint16]bool{} // those of exchanges that are not over
		link := 0
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.Kind == GotConnack && e.Code == 0:
				link = e.Link
				clear(here)
				// A client keeps nothing of QoS 1; what comes of it again is another rule's.
				maps.DeleteFunc(open, func(_ uint16, was *Event) bool { return was.QoS == 1 })
				if !e.Present {
					clear(open)
					clear(awaits)
					clear(recorded)
				}
			case e.Link != link:
			case e.Kind == GotPublish && e.QoS > 0:
				if was := open[e.Packet]; was != nil && was.Mark != e.Mark {
					found(c.offence(i, x.seqOf(e), "packet identifier %d is used for %s, while %s is not over", e.Packet, e.Mark, was.Mark))
				}
				open[e.Packet], here[e.Packet] = e, true
				if c.ReceiveMaximum > 0 && len(here) > c.ReceiveMaximum {
					found(c.offence(i, x.seqOf(e), "%d deliveries are unacknowledged, and Receive Maximum is %d", len(here), c.ReceiveMaximum))
				}
			case e.Kind == SentPuback, e.Kind == SentPubcomp:
				delete(open, e.Packet)
				delete(here, e.Packet)
				delete(recorded, e.Packet)
			case e.Kind == SentPubrec:
				awaits[e.Packet], recorded[e.Packet] = i, true
			case e.Kind == GotPubrel:
				if open[e.Packet] != nil && !recorded[e.Packet] {
					found(c.offence(i, 0, "PUBREL of packet %d before its PUBREC", e.Packet))
				}
				delete(awaits, e.Packet)
			}
		}
		for packet, i := range awaits {
			if c.Events[i].At < x.Settled {
				found(c.offence(i, 0, "no PUBREL followed the PUBREC of packet %d", packet))
			}
		}
	})
}

// sessionPresent finds CONNACKs that deny a session there is, or claim one there
// is not [MQTT-3.2.2-2], [MQTT-3.2.2-3].
func sessionPresent(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		asked, made := 0, false
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.Kind == SentConnect:
				asked++
			case e.Kind != GotConnack || e.Code != 0:
			case !c.Session && e.Present:
				found(c.offence(i, 0, "session present, after a CONNECT that asked for a clean start"))
			case c.Session && made && !e.Present:
				found(c.offence(i, 0, "the session is gone"))
			case c.Session && asked == 1 && e.Present:
				found(c.offence(i, 0, "session present, for a client identifier that was never used"))
			default:
				made = true
			}
		}
	})
}

// takeover finds connections that lived on after another took their session over
// [MQTT-3.1.4-3], or were not told so.
func takeover(x *index) []Offence {
	return perClient(x, func(c *Client, found func(Offence)) {
		newest := 0
		for i := range c.Events {
			e := &c.Events[i]
			switch {
			case e.Kind == GotConnack && e.Code == 0:
				newest = max(newest, e.Link)
			case e.Kind != LinkEnded || e.Link >= newest:
			case e.Note == neverEnded:
				found(c.offence(i, 0, "link %d lived on after link %d took its session over", e.Link, newest))
			case e.Note == endedByServer && c.Version == 5 && e.Code != takenOver && !x.troubled(e.At, e.At):
				found(c.offence(i, 0, "link %d ended with 0x%02x after link %d took its session over, not with 0x8e", e.Link, e.Code, newest))
			}
		}
	})
}

// takenOver is the reason code of a link whose session another took over.
const takenOver = 0x8e

// neverEnded is the Note of a link that was taken over and not ended.
const neverEnded = "never, though it was taken over"
