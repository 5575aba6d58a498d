package check

import (
	"sort"
	"strings"
	"time"
)

// History is everything that one run saw. The rules read it and nothing else.
type History struct {
	Clients   []*Client
	Publishes []*Publish
	Changes   []Change            // of rights, in order of time
	Readers   map[string][]string // by context: who might read at the begin
	Public    map[string]bool     // contexts that everybody may read
	Logs      map[string][]Entry  // by stream, ascending by seq
	Probes    []Probe
	// Settled is when the last of all publishes was acknowledged; Over when the
	// clients stopped reading.
	Settled, Over time.Duration
}

// Client is one client identifier and what happened to it.
type Client struct {
	Name    string
	Role    string // for explanations
	Person  string
	Version byte
	// Session: it asks for a session that outlives its connections. Since: it
	// resumes by $since instead. Neither: it sees what comes while it is connected.
	Session, Since bool
	ReceiveMaximum int // 0 = not told
	Filters        []string
	QoS            byte   // asked for
	Group          string // of a shared subscription
	Events         []Event
}

// Outcome is what a publisher knows of a publish.
type Outcome uint8

const (
	Unknown Outcome = iota // it was never answered
	Stored                 // acknowledged
	Denied                 // refused, and never sent again
)

// Publish is one message that a client wants in the log.
type Publish struct {
	Mark   string
	Key    string // empty = none
	Client string
	Person string
	Stream string
	QoS    byte // 0: over REST
	// Only are those who may read it beside its author; nil = all who may read.
	Only []string
	// Fresh is how often it was sent so that the server may take it for something
	// new: all but the repeats of a QoS 2 exchange.
	Fresh   int
	Exactly bool // repeats are known to the server: QoS 2 of a session that lasts, or a key
	Began   time.Duration
	Ended   time.Duration // when the outcome was known
	Outcome Outcome
	Code    int // of a refusal
	ID      string
	Seq     uint64
	Told    bool // the answer had room for id and seq (MQTT 5.0, REST)
}

// Change is one change of a person's right to read a context.
type Change struct {
	Context, Person string
	Given           bool
	Asked, Done     time.Duration // before the first request, after its answer
}

// Entry is a line of a log, as REST gives it.
type Entry struct {
	Seq  uint64
	ID   string
	Mark string
	Type string
	Sum  uint64
}

// Probe is a look into the log right after something was told to be in it.
type Probe struct {
	At     time.Duration
	Client string
	What   Kind // GotPublish, GotPuback, GotPubrec
	Stream string
	Seq    uint64
	Mark   string
	Found  bool
}

// contextOf is the context of a stream: /ctx/{id}/messages.
func contextOf(stream string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(stream, "/ctx/"), "/")
	return id
}

// isData tells streams of bytes from streams of posts.
func isData(stream string) bool { return strings.HasSuffix(stream, "/data") }

// covers tells whether the filter reaches the stream for somebody who is a
// member of its context.
func covers(filter, stream string) bool {
	f := strings.Split(plainFilter(filter), "/")
	s := strings.Split(stream, "/")
	for i, level := range f {
		switch {
		case level == "#":
			return true
		case i >= len(s):
			return false
		case level != "+" && level != s[i]:
			return false
		}
	}
	return len(f) >= len(s)
}

// plainFilter takes the position or the group off a filter.
func plainFilter(filter string) string {
	for _, prefix := range []string{"$since/", "$last/", "$share/"} {
		if rest, is := strings.CutPrefix(filter, prefix); is {
			_, filter, _ = strings.Cut(rest, "/")
		}
	}
	return filter
}

func (c *Client) covers(stream string) bool {
	for _, f := range c.Filters {
		if covers(f, stream) {
			return true
		}
	}
	return false
}

// rightWithin is how soon a change of rights holds on live connections.
const rightWithin = 250 * time.Millisecond

// standing is what is known of a right throughout a time.
type standing uint8

const (
	unsure standing = iota
	had
	lacked
)

// standing tells whether the person surely had, or surely lacked, the right to
// read the context from … to.
func (h *History) standing(person, context string, from, to time.Duration) standing {
	s := lacked
	if h.Public[context] || contains(h.Readers[context], person) {
		s = had
	}
	for _, c := range h.Changes {
		if c.Context != context || c.Person != person {
			continue
		}
		if c.Asked > to {
			break
		}
		if c.Done+rightWithin > from {
			return unsure
		}
		if s = lacked; c.Given {
			s = had
		}
	}
	return s
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// index is what the rules look up; it is built once per verification.
type index struct {
	*History
	byMark   map[string]*Publish
	logged   map[string][]Entry // by mark, in all streams
	bySeq    map[string]map[uint64]Entry
	stored   map[string]time.Duration // by mark: when it was surely committed
	troubles []time.Duration          // when somebody was not let in, or sent away; ascending
}

func newIndex(h *History) *index {
	x := &index{
		History: h, byMark: map[string]*Publish{}, logged: map[string][]Entry{},
		bySeq: map[string]map[uint64]Entry{}, stored: map[string]time.Duration{},
	}
	known := func(mark string, at time.Duration) {
		if before, ok := x.stored[mark]; mark != "" && (!ok || at < before) {
			x.stored[mark] = at
		}
	}
	for _, p := range h.Publishes {
		x.byMark[p.Mark] = p
		if p.Outcome == Stored {
			known(p.Mark, p.Ended)
		}
	}
	for stream, entries := range h.Logs {
		x.bySeq[stream] = make(map[uint64]Entry, len(entries))
		for _, e := range entries {
			x.bySeq[stream][e.Seq] = e
			if e.Mark != "" {
				x.logged[e.Mark] = append(x.logged[e.Mark], e)
			}
		}
	}
	for _, c := range h.Clients {
		link := 0 // the newest that was asked for
		for _, e := range c.Events {
			switch {
			case e.Kind == GotPublish:
				known(e.Mark, e.At)
			case e.Kind == SentConnect:
				link = e.Link
			case e.Kind == Refused, e.Kind == LinkEnded && e.Note == endedByServer && e.Link == link:
				x.troubles = append(x.troubles, e.At)
			}
		}
	}
	sort.Slice(x.troubles, func(i, j int) bool { return x.troubles[i] < x.troubles[j] })
	return x
}

// endedByServer is the Note of a link that the client did not end.
const endedByServer = "by the server"

// troubled tells whether the server was away, or sent somebody away, at any time
// from … to or shortly before or after.
func (x *index) troubled(from, to time.Duration) bool {
	const around = 2 * time.Second
	i := sort.Search(len(x.troubles), func(i int) bool { return x.troubles[i] >= from-around })
	return i < len(x.troubles) && x.troubles[i] <= to+around
}

// seqOf is where the log has what was delivered: posts tell it themselves, of
// data the mark does. 0: nowhere.
func (x *index) seqOf(e *Event) uint64 {
	if !isData(e.Stream) {
		return e.Seq
	}
	for _, l := range x.logged[e.Mark] {
		return l.Seq
	}
	return 0
}

// visible tells whether the person is among those whom the entry is for.
func (x *index) visible(mark, person string) bool {
	p := x.byMark[mark]
	return p == nil || p.Only == nil || p.Person == person || contains(p.Only, person)
}

// due tells whether the client had to be given the entry of the stream between
// since, when its subscription held, and until.
func (x *index) due(c *Client, stream string, e *Entry, since, until time.Duration) bool {
	p := x.byMark[e.Mark]
	return p != nil && p.Began > since && x.visible(e.Mark, c.Person) &&
		x.standing(c.Person, contextOf(stream), p.Began, until) == had
}
