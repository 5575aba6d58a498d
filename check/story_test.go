package check

import (
	"fmt"
	"slices"
	"time"
)

// story is a small history in which every promise is kept: ann publishes six
// posts and two samples, one of the posts to sue alone; sue's session is cut and
// comes back; moe loses the right after the second post and regains it after the
// fourth. Rules are tested by changing it.
type story struct {
	*History
	ann, sue, moe, tap *Client
}

const (
	posts   = "/ctx/a/messages"
	samples = "/ctx/a/data"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func idOf(n int) string   { return fmt.Sprintf("id-%d", n) }
func markNo(n int) string { return fmt.Sprintf("m:%d", n) }
func dataNo(n int) string { return fmt.Sprintf("m:d%d", n) }

// publishedAt is when the n-th post is sent; its answer comes 10 ms later.
func publishedAt(n int) time.Duration { return time.Duration(n) * time.Second }

func sound() *story {
	s := &story{
		History: &History{
			Readers: map[string][]string{"a": {"ann", "sue", "moe", "arc"}}, Public: map[string]bool{},
			Logs: map[string][]Entry{}, Settled: 20 * time.Second, Over: 21 * time.Second,
			Changes: []Change{
				{Context: "a", Person: "moe", Asked: ms(2500), Done: ms(2510)},
				{Context: "a", Person: "moe", Given: true, Asked: ms(4500), Done: ms(4510)},
			},
		},
		ann: &Client{Name: "ann-1", Role: "publisher", Person: "ann", Version: 5, Session: true},
		sue: &Client{Name: "sue-1", Role: "subscriber", Person: "sue", Version: 5, Session: true, Filters: []string{posts}, QoS: 1, ReceiveMaximum: 2},
		moe: &Client{Name: "moe-1", Role: "moody", Person: "moe", Version: 4, Filters: []string{"/ctx/+/messages"}, QoS: 1},
		tap: &Client{Name: "tap-1", Role: "data subscriber", Person: "sue", Version: 4, Session: true, Filters: []string{samples + "/#"}, QoS: 2},
	}
	s.Clients = []*Client{s.ann, s.sue, s.moe, s.tap}
	s.publish()
	s.hearSue()
	s.hearMoe()
	s.hearTap()
	return s
}

func (s *story) publish() {
	in(s.ann, 1, false)
	for n := 1; n <= 6; n++ {
		p := &Publish{
			Mark: markNo(n), Client: "ann-1", Person: "ann", Stream: posts, QoS: 1, Fresh: 1, Began: publishedAt(n), Ended: publishedAt(n) + ms(10),
			Outcome: Stored, Told: true, ID: idOf(n), Seq: uint64(n),
		}
		if n == 3 {
			p.Only = []string{"sue", "arc"}
		}
		if n == 5 {
			p.QoS, p.Exactly = 2, true
		}
		s.send(p, uint16(n))
		s.Logs[posts] = append(s.Logs[posts], Entry{Seq: uint64(n), ID: idOf(n), Mark: markNo(n), Type: "Create", Sum: uint64(100 + n)})
	}
	for n := 1; n <= 2; n++ {
		p := &Publish{
			Mark: dataNo(n), Key: "k", Client: "ann-1", Person: "ann", Stream: samples, QoS: 2, Fresh: 1, Exactly: true,
			Began: publishedAt(n + 6), Ended: publishedAt(n+6) + ms(10), Outcome: Stored, Told: true, Seq: uint64(n),
		}
		s.send(p, uint16(n+6))
		s.Logs[samples] = append(s.Logs[samples], Entry{Seq: uint64(n), Mark: dataNo(n)})
	}
}

func (s *story) send(p *Publish, packet uint16) {
	s.Publishes = append(s.Publishes, p)
	base := Event{Link: 1, Packet: packet, Stream: p.Stream, Mark: p.Mark, QoS: p.QoS}
	tell := base
	tell.Seq, tell.ID, tell.Note, tell.QoS = p.Seq, p.ID, wantsTold, 0
	s.ann.add(p.Began, SentPublish, base)
	if p.QoS == 1 {
		s.ann.add(p.Ended, GotPuback, tell)
		return
	}
	s.ann.add(p.Ended, GotPubrec, tell)
	s.ann.add(p.Ended+1, SentPubrel, base)
	s.ann.add(p.Ended+2, GotPubcomp, Event{Link: 1, Packet: packet})
}

// hearSue: posts 1 and 2 come, 2 is not acknowledged, the link is cut; on the
// next one 2 comes again and then the others.
func (s *story) hearSue() {
	in(s.sue, 1, false)
	s.sue.add(ms(20), GotSuback, Event{Link: 1, Stream: posts, Code: 1})
	s.sue.hear(1, 1, 1, ms(1020), true)
	s.sue.hear(1, 2, 2, ms(2020), false)
	s.sue.add(ms(2100), LinkEnded, Event{Link: 1, Note: "cut"})
	in(s.sue, 2, true)
	s.sue.add(ms(2300), GotPublish, post(2, 2, 2, true))
	s.sue.add(ms(2310), SentPuback, Event{Link: 2, Packet: 2})
	for n := 3; n <= 6; n++ {
		s.sue.hear(2, n, uint16(n), publishedAt(n)+ms(20), true)
	}
}

func (s *story) hearMoe() {
	in(s.moe, 1, false)
	s.moe.add(ms(20), GotSuback, Event{Link: 1, Stream: "/ctx/+/messages", Code: 1})
	for _, n := range []int{1, 2, 5, 6} {
		s.moe.hear(1, n, uint16(n), publishedAt(n)+ms(30), true)
	}
}

func (s *story) hearTap() {
	in(s.tap, 1, false)
	s.tap.add(ms(20), GotSuback, Event{Link: 1, Stream: samples + "/#", Code: 2})
	for n := 1; n <= 2; n++ {
		at := publishedAt(n+6) + ms(20)
		s.tap.add(at, GotPublish, Event{Link: 1, Packet: uint16(n), QoS: 2, Stream: samples, Mark: dataNo(n)})
		s.tap.add(at+1, SentPubrec, Event{Link: 1, Packet: uint16(n)})
		s.tap.add(at+2, GotPubrel, Event{Link: 1, Packet: uint16(n)})
		s.tap.add(at+3, SentPubcomp, Event{Link: 1, Packet: uint16(n)})
	}
}

func post(link, n int, packet uint16, dup bool) Event {
	return Event{Link: link, Packet: packet, QoS: 1, Dup: dup, Stream: posts, Seq: uint64(n), ID: idOf(n), Mark: markNo(n), Sum: uint64(100 + n)}
}

func (c *Client) add(at time.Duration, kind Kind, e Event) {
	e.At, e.Kind = at, kind
	c.Events = append(c.Events, e)
}

// in lets a client in.
func in(c *Client, link int, present bool) {
	at := ms(10)
	if len(c.Events) > 0 {
		at = c.Events[len(c.Events)-1].At + ms(50)
	}
	c.add(at, SentConnect, Event{Link: link})
	c.add(at+1, GotConnack, Event{Link: link, Present: present})
}

func (c *Client) hear(link, n int, packet uint16, at time.Duration, acknowledge bool) {
	c.add(at, GotPublish, post(link, n, packet, false))
	if acknowledge {
		c.add(at+ms(1), SentPuback, Event{Link: link, Packet: packet})
	}
}

// find is the index of the k-th event (from 1) of a kind that concerns a mark.
func (c *Client) find(kind Kind, mark string, k int) int {
	for i := range c.Events {
		if e := &c.Events[i]; e.Kind == kind && (mark == "" || e.Mark == mark) {
			if k--; k == 0 {
				return i
			}
		}
	}
	panic(fmt.Sprintf("%s has no %s of %q", c.Name, kind, mark))
}

// at is that event, to be changed.
func (c *Client) at(kind Kind, mark string) *Event { return &c.Events[c.find(kind, mark, 1)] }

// drop takes that event away, with the next one where it is a delivery's answer.
func (c *Client) drop(kind Kind, mark string, k int) {
	i := c.find(kind, mark, k)
	n := 1
	if kind == GotPublish && i+1 < len(c.Events) && (c.Events[i+1].Kind == SentPuback || c.Events[i+1].Kind == SentPubrec) {
		n = 2
	}
	c.Events = slices.Delete(c.Events, i, i+n)
}

// insert puts an event in front of another.
func (c *Client) insert(i int, kind Kind, e Event) {
	e.Kind, e.At = kind, c.Events[i].At
	c.Events = slices.Insert(c.Events, i, e)
}
