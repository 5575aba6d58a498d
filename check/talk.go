package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"rambla/mqttwire"
)

// talk is what a client publishes, and what of it is under way. It belongs to
// its actor.
type talk struct {
	topics []string
	qos    byte
	keyed  bool
	only   string // a second reader of private posts beside the archive; empty: for all
	size   int    // bytes of filling
	every  time.Duration
	window int // unacknowledged at once

	count  int
	packet uint16
	due    time.Duration
	open   []*sending // in the order of their first sending
	done   []*sending // keyed and stored, to be sent again now and then
}

// sending is a publish under way.
type sending struct {
	*Publish
	out      outgoing
	recorded bool // its PUBREC came: the rest is PUBREL and PUBCOMP
}

// next publishes what it is time for.
func (t *talk) next(a *actor, l *link) error {
	a.ready.Store(a.run.settling.Load() && len(t.open) == 0)
	now := a.run.now()
	if a.run.settling.Load() || len(t.open) >= t.window || now < t.due {
		return nil
	}
	t.due = now + t.every/2 + time.Duration(a.dice.Int64N(int64(t.every)))
	var s *sending
	if len(t.done) > 0 && a.dice.IntN(8) == 0 {
		s = t.done[0] // under the same key: it has to be what it was
		t.done = nil
	} else {
		s = t.create(a, now)
	}
	s.Fresh++
	s.recorded = false
	s.out.packet, s.out.dup = t.identifier(), false
	t.open = append(t.open, s)
	return l.write(t.send(a, l, nil, s))
}

// create makes a new publish.
func (t *talk) create(a *actor, now time.Duration) *sending {
	t.count++
	topic := t.topics[t.count%len(t.topics)]
	p := &Publish{
		Mark: fmt.Sprintf("%s%s-%d", markPrefix, a.Name, t.count), Client: a.Name, Person: a.Person,
		Stream: streamOf(topic), QoS: t.qos, Began: now,
	}
	if t.keyed {
		p.Key = "k-" + p.Mark
	}
	p.Exactly = t.keyed || t.qos == 2 && a.Session
	text := p.Mark + " " + strings.Repeat("x", t.size)
	s := &sending{Publish: p, out: outgoing{topic: topic, qos: t.qos}}
	switch {
	case isData(p.Stream):
		s.out.payload, s.out.key = []byte(text), p.Key
	case t.only != "":
		p.Only = []string{t.only, a.run.site.archive.name}
		s.out.payload = draft(text, p)
	case t.count%3 == 0 && a.Version == 5:
		s.out.payload, s.out.key = []byte(text), p.Key // text, and the key as a property
	default:
		s.out.payload = draft(text, p)
	}
	a.run.add(p)
	return s
}

// draft is a post in JSON.
func draft(text string, p *Publish) []byte {
	b, err := json.Marshal(struct {
		Content string   `json:"content"`
		Key     string   `json:"key,omitempty"`
		To      []string `json:"to,omitempty"`
	}{text, p.Key, p.Only})
	if err != nil {
		panic(err) // texts can always be written
	}
	return b
}

// identifier is a packet identifier that is not in use.
func (t *talk) identifier() uint16 {
	for {
		if t.packet++; t.packet >= subscribePacket {
			t.packet = 1
		}
		if !slices.ContainsFunc(t.open, func(s *sending) bool { return s.out.packet == t.packet }) {
			return t.packet
		}
	}
}

// send writes a PUBLISH, or the PUBREL that its exchange has come to.
func (t *talk) send(a *actor, l *link, b []byte, s *sending) []byte {
	if s.recorded {
		a.record(Event{Kind: SentPubrel, Link: l.number, Packet: s.out.packet, QoS: 2, Stream: s.Stream, Mark: s.Mark})
		return appendAck(b, mqttwire.Pubrel, s.out.packet)
	}
	a.record(Event{Kind: SentPublish, Link: l.number, Packet: s.out.packet, QoS: s.out.qos, Dup: s.out.dup, Stream: s.Stream, Mark: s.Mark})
	return appendPublish(b, a.Version, &s.out)
}

// again sends on a new link what has no answer. A session repeats it as MQTT
// says [MQTT-4.4.0-1]. Without one it is something new: sent once more if a key
// or QoS 1 allows for it, else nobody will ever know.
func (t *talk) again(a *actor, l *link, b []byte) []byte {
	var open []*sending
	for _, s := range t.open {
		switch {
		case l.present:
			s.out.dup = true
			if s.QoS == 1 {
				s.Fresh++ // the server may store it anew
			}
		case s.recorded:
			t.over(a, s) // the server has it, and has forgotten the exchange
			continue
		case s.QoS == 2 && s.Key == "":
			continue
		default:
			s.Fresh++
			s.out.packet, s.out.dup = t.identifier(), false
		}
		open = append(open, s)
		b = t.send(a, l, b, s)
	}
	t.open = open
	return b
}

// answer takes PUBACK, PUBREC and PUBCOMP.
func (t *talk) answer(a *actor, l *link, p *packet) {
	e := Event{Kind: GotPuback, Link: l.number, Packet: p.id, Code: p.code}
	switch p.kind {
	case mqttwire.Pubrec:
		e.Kind = GotPubrec
	case mqttwire.Pubcomp:
		e.Kind = GotPubcomp
	}
	i := slices.IndexFunc(t.open, func(s *sending) bool { return s.out.packet == p.id })
	if i < 0 {
		a.record(e)
		return
	}
	s := t.open[i]
	e.Stream, e.Mark = s.Stream, s.Mark
	if p.kind != mqttwire.Pubcomp {
		t.told(a, s, p, &e)
	}
	a.record(e)
	if p.kind == mqttwire.Pubrec && p.code < 0x80 {
		s.recorded = true
		_ = l.write(t.send(a, l, nil, s)) // a broken link is found by its reader, and PUBREL sent again
		return
	}
	t.open = slices.Delete(t.open, i, i+1)
	t.over(a, s)
}

// over is the end of an exchange.
func (t *talk) over(a *actor, s *sending) {
	if s.Key != "" && s.Outcome == Stored && a.dice.IntN(4) == 0 {
		t.done = []*sending{s}
	}
}

// told takes what an acknowledgement says of a publish.
func (t *talk) told(a *actor, s *sending, p *packet, e *Event) {
	if p.code >= 0x80 {
		if s.Outcome == Unknown && s.Fresh == 1 {
			s.Outcome, s.Code, s.Ended = Denied, int(p.code), a.run.now()
		}
		return
	}
	if s.Outcome == Unknown {
		s.Outcome, s.Ended = Stored, a.run.now()
	}
	if a.Version != 5 {
		return
	}
	e.ID = p.told("id")
	_, _ = fmt.Sscan(p.told("seq"), &e.Seq) // what is no number stays 0, which a rule looks at
	e.Note = wantsTold
	s.Told, s.ID, s.Seq = true, e.ID, e.Seq
	if e.Seq > 0 {
		a.run.ask(question{client: a.describe(), what: e.Kind, stream: s.Stream, topic: s.out.topic, seq: e.Seq, mark: s.Mark})
	}
}
