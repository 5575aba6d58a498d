package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"rambla/mqttwire"
)

// see notes that something came.
func (a *actor) see() { a.seen.Store(int64(a.run.now())) }

// take handles one packet; over tells that the link has ended.
func (a *actor) take(l *link, p *packet) (over bool) {
	switch p.kind {
	case mqttwire.Publish:
		a.receive(l, p)
	case mqttwire.Pubrel:
		a.record(Event{Kind: GotPubrel, Link: l.number, Packet: p.id})
		delete(a.held, p.id)
		a.respond(mqttwire.Pubcomp, p.id)
	case mqttwire.Puback, mqttwire.Pubrec, mqttwire.Pubcomp:
		if a.talk != nil {
			a.talk.answer(a, l, p)
		} else {
			a.record(Event{Kind: GotPuback, Link: l.number, Packet: p.id, Code: p.code})
		}
	case mqttwire.Suback:
		a.subscribed(l, p)
	case mqttwire.Disconnect:
		a.record(Event{Kind: LinkEnded, Link: l.number, Code: p.code, Note: endedByServer})
		return true
	case malformed:
		a.record(Event{Kind: LinkEnded, Link: l.number, Code: 0x81, Note: endedByServer})
		return true
	}
	return false
}

// subscribed takes a SUBACK.
func (a *actor) subscribed(l *link, p *packet) {
	var complete []string // of those with a position, in order
	for _, u := range p.user {
		if u.name == "complete" {
			complete = append(complete, u.value)
		}
	}
	for i, filter := range a.asks {
		e := Event{Kind: GotSuback, Link: l.number, Stream: filter, Code: 0x80, Note: "no answer"}
		if i < len(p.codes) {
			e.Code, e.Note = p.codes[i], ""
		}
		if plainFilter(filter) != filter && len(complete) > 0 && e.Code < 0x80 {
			e.Note, complete = "complete="+complete[0], complete[1:]
		}
		if e.Code >= 0x80 {
			a.again = append(a.again, plainFilter(filter))
		}
		a.record(e)
	}
	a.asks = nil
}

// receive takes a delivery.
func (a *actor) receive(l *link, p *packet) {
	e := a.delivery(l, p)
	if p.qos == 2 {
		e.Again = a.held[p.id]
		a.held[p.id] = true
	}
	a.record(e)
	switch p.qos {
	case 1:
		a.respond(mqttwire.Puback, p.id)
	case 2:
		a.respond(mqttwire.Pubrec, p.id)
	}
	if e.Mark == "" {
		return
	}
	a.got[e.Stream] = max(a.got[e.Stream], e.Seq)
	if e.Seq > 0 {
		a.run.ask(question{client: a.describe(), what: GotPublish, stream: e.Stream, topic: p.topic, seq: e.Seq, mark: e.Mark})
	}
	if strings.Contains(e.Mark, lastMark) {
		a.mu.Lock()
		a.lasts[e.Mark] = true
		a.mu.Unlock()
	}
}

// respond queues an acknowledgement. They leave in the order of what they
// acknowledge [MQTT-4.6.0-2], some at once and some later.
func (a *actor) respond(kind byte, id uint16) {
	due := a.run.now()
	if !a.run.settling.Load() {
		switch {
		case a.lag > 0:
			due += a.lag
		case a.dice.IntN(8) == 0:
			due += a.run.absence() / 8
		}
	}
	if n := len(a.queue); n > 0 {
		due = max(due, a.queue[n-1].due)
	}
	a.queue = append(a.queue, answer{due, kind, id})
}

// flush sends the acknowledgements whose time has come.
func (a *actor) flush(l *link) error {
	now, settling := a.run.now(), a.run.settling.Load()
	var out []byte
	for len(a.queue) > 0 && (settling || a.queue[0].due <= now) {
		next := a.queue[0]
		a.queue = a.queue[1:]
		kind := SentPuback
		switch next.kind {
		case mqttwire.Pubrec:
			kind = SentPubrec
		case mqttwire.Pubcomp:
			kind = SentPubcomp
		}
		a.record(Event{Kind: kind, Link: l.number, Packet: next.packet})
		out = appendAck(out, next.kind, next.packet)
	}
	if len(out) == 0 {
		return nil
	}
	return l.write(out)
}

// delivery is the event of a PUBLISH that came.
func (a *actor) delivery(l *link, p *packet) Event {
	e := Event{Kind: GotPublish, Link: l.number, Packet: p.id, QoS: p.qos, Dup: p.dup, Stream: streamOf(p.topic)}
	if isData(e.Stream) {
		e.Mark = markOf(string(p.payload))
		return e
	}
	entry, err := readEntry(p.payload)
	if err != nil {
		return e // presence, typing and the like
	}
	e.Seq, e.ID, e.Mark, e.Sum = entry.Seq, entry.ID, entry.Mark, entry.Sum
	if id, seq := p.told("id"), p.told("seq"); a.Version == 5 && entry.Seq > 0 && (id != e.ID || seq != fmt.Sprint(e.Seq)) {
		e.Note = fmt.Sprintf("the user properties say id %q and seq %q", id, seq)
	}
	return e
}

// streamOf is the stream of a topic: all data of a context are one.
func streamOf(topic string) string {
	if i := strings.Index(topic, "/data/"); i >= 0 {
		return topic[:i+len("/data")]
	}
	return topic
}

// markOf is the first word of what a client of ours said.
func markOf(text string) string {
	mark, _, _ := strings.Cut(text, " ")
	if !strings.HasPrefix(mark, markPrefix) {
		return ""
	}
	return mark
}

const (
	markPrefix = "m:"
	lastMark   = "-last-" // of the last messages of a run
)

// readEntry reads a post as subscribers and readers of the log get it.
func readEntry(raw []byte) (Entry, error) {
	var post struct {
		ID     string
		Seq    uint64
		Type   string
		Object struct{ Content string }
	}
	if err := json.Unmarshal(raw, &post); err != nil {
		return Entry{}, err
	}
	sum, err := sumOf(raw)
	return Entry{Seq: post.Seq, ID: post.ID, Type: post.Type, Mark: markOf(post.Object.Content), Sum: sum}, err
}

// sumOf tells one JSON value from another, however it is written.
func sumOf(raw []byte) (uint64, error) {
	var value any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return 0, err
	}
	plain, err := json.Marshal(value) // keys in order
	if err != nil {
		return 0, err
	}
	h := fnv.New64a()
	h.Write(plain)
	return h.Sum64(), nil
}
