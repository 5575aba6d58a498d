package check

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAHistoryInWhichEveryPromiseIsKeptHasNoOffence(t *testing.T) {
	t.Parallel()
	for _, o := range Verify(sound().History) {
		t.Errorf("%+v", o)
	}
}

func TestEachRuleFindsWhatBreaksIt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		rule   string
		change func(*story)
		seq    uint64
	}{
		{"the last post never comes", "loss", func(s *story) { s.sue.drop(GotPublish, markNo(6), 1) }, 6},
		{"a post is passed by", "hole", func(s *story) { s.sue.drop(GotPublish, markNo(4), 1) }, 4},
		{"a clean subscriber is not given a post", "hole", func(s *story) { s.moe.drop(GotPublish, markNo(5), 1) }, 0},
		{"a right that is back is not obeyed", "loss", func(s *story) {
			s.moe.drop(GotPublish, markNo(5), 1)
			s.moe.drop(GotPublish, markNo(6), 1)
		}, 5},
		{"two posts change places", "order", func(s *story) {
			i, k := s.sue.find(GotPublish, markNo(4), 1), s.sue.find(GotPublish, markNo(5), 1)
			s.sue.Events[i], s.sue.Events[k] = s.sue.Events[k], s.sue.Events[i]
		}, 4},
		{"a post comes twice on one connection", "duplicate", func(s *story) {
			i := s.sue.find(GotPublish, markNo(4), 1)
			s.sue.insert(i+2, GotPublish, post(2, 4, 40, false))
		}, 4},
		{"what was acknowledged long before comes again", "duplicate", func(s *story) {
			s.sue.insert(s.sue.find(GotPublish, markNo(2), 2), GotPublish, post(2, 1, 40, false))
			s.sue.at(LinkEnded, "").At = ms(9000)
		}, 1},
		{"what was acknowledged before a goodbye comes again", "duplicate", func(s *story) {
			i := s.sue.find(LinkEnded, "", 1)
			s.sue.insert(i, SentDisconnect, Event{Link: 1})
			s.sue.insert(s.sue.find(GotPublish, markNo(2), 2), GotPublish, post(2, 1, 40, false))
		}, 1},
		{"after a crash what was acknowledged long before comes again", "duplicate", func(s *story) {
			s.sue.add(ms(30_000), LinkEnded, Event{Link: 2, Note: endedByServer})
			s.sue.add(ms(30_100), Refused, Event{Link: 3})
			in(s.sue, 4, true)
			s.sue.add(ms(31_000), GotPublish, post(4, 6, 50, false))
			s.Over, s.Settled = ms(40_000), ms(39_000)
		}, 6},
		{"QoS 2 comes twice", "duplicate", func(s *story) {
			in(s.tap, 2, true)
			s.tap.add(ms(9000), GotPublish, Event{Link: 2, Packet: 9, QoS: 2, Stream: "/ctx/a/data", Mark: dataNo(1)})
		}, 0},
		{"a repeat does not say DUP", "resend", func(s *story) { s.sue.Events[s.sue.find(GotPublish, markNo(2), 2)].Dup = false }, 2},
		{"a repeat has another packet identifier", "resend", func(s *story) {
			i := s.sue.find(GotPublish, markNo(2), 2)
			s.sue.Events[i].Packet, s.sue.Events[i+1].Packet = 77, 77
		}, 2},
		{"something new comes before a repeat", "resend", func(s *story) {
			i := s.sue.find(GotPublish, markNo(2), 2)
			s.sue.insert(i, GotPublish, post(2, 3, 30, false))
		}, 3},
		{"repeats change places", "resend", func(s *story) {
			s.sue.Events = slices.Delete(s.sue.Events, s.sue.find(SentPuback, "", 1), s.sue.find(SentPuback, "", 1)+1)
			i := s.sue.find(GotPublish, markNo(2), 2)
			s.sue.insert(i+1, GotPublish, post(2, 1, 1, true))
		}, 2},
		{"what was published without the right is delivered", "stale right", func(s *story) {
			s.moe.insert(s.moe.find(GotPublish, markNo(5), 1), GotPublish, post(1, 4, 40, false))
		}, 4},
		{"a stranger is delivered to", "stale right", func(s *story) { s.moe.Person = "nobody" }, 1},
		{"a private post comes to others", "private", func(s *story) {
			s.Changes = nil
			s.moe.insert(s.moe.find(GotPublish, markNo(5), 1), GotPublish, post(1, 3, 40, false))
		}, 3},
		{"the log leaves a seq out", "gap", func(s *story) {
			s.Logs[posts] = slices.Delete(s.Logs[posts], 2, 3)
		}, 3},
		{"the log uses a seq twice", "gap", func(s *story) { s.Logs[posts][3].Seq = 3 }, 3},
		{"what was acknowledged is not in the log", "acknowledged but absent", func(s *story) { s.Logs[posts] = s.Logs[posts][:5] }, 6},
		{"the acknowledgement told another seq", "acknowledged but absent", func(s *story) { s.Publishes[1].Seq = 9 }, 9},
		{"the acknowledgement told another id", "acknowledged but absent", func(s *story) { s.Publishes[1].ID = "other" }, 2},
		{"what was delivered is not in the log", "announced but absent", func(s *story) {
			s.Logs[posts] = s.Logs[posts][:5]
			s.Publishes[5].Outcome = Unknown
		}, 6},
		{"what was delivered has another id in the log", "announced but absent", func(s *story) { s.sue.at(GotPublish, markNo(4)).ID = "other" }, 4},
		{"what was delivered has another content in the log", "announced but absent", func(s *story) { s.Logs[posts][3].Sum++ }, 4},
		{"the user properties tell another seq", "announced but absent", func(s *story) { s.sue.at(GotPublish, markNo(4)).Note = "the user properties say …" }, 4},
		{"data that was delivered is not in the log", "announced but absent", func(s *story) { s.tap.at(GotPublish, dataNo(2)).Mark = "m:d9" }, 0},
		{"something is told before it is committed", "not committed yet", func(s *story) {
			s.Probes = []Probe{{At: ms(3000), What: GotPublish, Stream: posts, Seq: 3, Mark: markNo(3)}}
		}, 3},
		{"QoS 2 is stored twice", "stored twice", func(s *story) {
			s.Logs[posts] = append(s.Logs[posts], Entry{Seq: 7, ID: idOf(7), Mark: markNo(5)})
		}, 7},
		{"a publish that was sent once is stored twice", "stored twice", func(s *story) {
			s.Logs[posts] = append(s.Logs[posts], Entry{Seq: 7, ID: idOf(7), Mark: markNo(4)})
		}, 7},
		{"what was refused is stored", "stored twice", func(s *story) { s.Publishes[3].Outcome, s.Publishes[3].Code = Denied, codeQuota }, 4},
		{"a member is refused", "refused", func(s *story) { s.Publishes[3].Outcome, s.Publishes[3].Code = Denied, 0x87 }, 4},
		{"a stranger is acknowledged", "refused", func(s *story) { s.Publishes[3].Person = "nobody" }, 4},
		{"a reader's filter is refused", "subscription", func(s *story) { s.sue.at(GotSuback, "").Code = 0x87 }, 0},
		{"a filter is granted less", "subscription", func(s *story) { s.tap.at(GotSuback, "").Code = 1 }, 0},
		{"a position is said to be incomplete", "subscription", func(s *story) { s.sue.at(GotSuback, "").Note = "complete=false" }, 0},
		{"an acknowledgement of nothing", "acknowledgement", func(s *story) {
			s.ann.insert(s.ann.find(SentPublish, markNo(4), 1), GotPuback, Event{Link: 1, Packet: 99})
		}, 0},
		{"PUBREC of QoS 1", "acknowledgement", func(s *story) { s.ann.at(GotPuback, markNo(4)).Kind = GotPubrec }, 0},
		{"PUBCOMP before PUBREL", "acknowledgement", func(s *story) { s.ann.drop(SentPubrel, markNo(5), 1) }, 0},
		{"an acknowledgement tells nothing", "acknowledgement", func(s *story) { s.ann.at(GotPuback, markNo(4)).Seq = 0 }, 0},
		{"acknowledgements change places", "order of acknowledgements", func(s *story) {
			i := s.ann.find(GotPuback, markNo(3), 1)
			e := s.ann.Events[i]
			s.ann.Events = slices.Delete(s.ann.Events, i, i+1)
			s.ann.insert(s.ann.find(GotPuback, markNo(4), 1)+1, GotPuback, e)
		}, 4},
		{"a packet identifier is used for two", "packet identifiers", func(s *story) {
			i := s.sue.find(GotPublish, markNo(3), 1)
			s.sue.Events = slices.Delete(s.sue.Events, i+1, i+2)
			s.sue.at(GotPublish, markNo(4)).Packet = 3
		}, 4},
		{"more than Receive Maximum", "packet identifiers", func(s *story) { s.sue.ReceiveMaximum = 1; s.sue.drop(SentPuback, "", 3) }, 4},
		{"no PUBREL", "packet identifiers", func(s *story) { s.tap.drop(GotPubrel, "", 1) }, 0},
		{"the session is forgotten", "session present", func(s *story) { s.sue.Events[s.sue.find(GotConnack, "", 2)].Present = false }, 0},
		{"a session that nobody began", "session present", func(s *story) { s.sue.at(GotConnack, "").Present = true }, 0},
		{"a clean start finds a session", "session present", func(s *story) { s.moe.at(GotConnack, "").Present = true }, 0},
		{"a link lives on", "takeover", func(s *story) { s.sue.add(ms(15_000), LinkEnded, Event{Link: 1, Note: neverEnded}) }, 0},
		{"a link is not told why", "takeover", func(s *story) {
			s.sue.add(ms(15_000), LinkEnded, Event{Link: 1, Note: endedByServer, Code: 0x8b})
		}, 0},
		{"a group gets it twice", "shared", func(s *story) {
			s.moe.Group, s.sue.Group, s.Changes = "g", "g", nil
			s.moe.Person = "sue"
			s.moe.at(GotPublish, markNo(1)).At = ms(9000)
			slices.SortStableFunc(s.moe.Events, func(a, b Event) int { return int(a.At - b.At) })
		}, 1},
		{"a group does not get it", "shared", func(s *story) {
			s.moe.Group, s.Changes = "g", nil
			s.moe.drop(GotPublish, markNo(6), 1)
		}, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := sound()
			row.change(s)
			offences := Verify(s.History)
			i := slices.IndexFunc(offences, func(o Offence) bool { return o.Rule == row.rule })
			if i < 0 {
				t.Fatalf("no offence against %q among %+v", row.rule, offences)
			}
			if o := offences[i]; row.seq != 0 && o.Seq != row.seq {
				t.Errorf("seq %d, want %d: %s", o.Seq, row.seq, o.Text)
			}
		})
	}
}

func TestWhatIsAllowedIsNoOffence(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*story)
	}{
		{"QoS 1 that was sent twice is stored twice", func(s *story) {
			s.Publishes[3].Fresh = 2
			s.Logs[posts] = append(s.Logs[posts], Entry{Seq: 7, ID: idOf(7), Mark: markNo(4), Sum: 107})
			for _, c := range []*Client{s.sue, s.moe} {
				e := post(len(c.Events)/12+1, 7, 7, false)
				e.Link, e.Mark = c.Events[len(c.Events)-1].Link, markNo(4)
				c.add(ms(6500), GotPublish, e)
				c.add(ms(6501), SentPuback, Event{Link: e.Link, Packet: 7})
			}
		}},
		{"a publish that nobody answered is stored", func(s *story) { s.Publishes[3].Outcome, s.Publishes[3].Told = Unknown, false }},
		{"a moment after the right was removed", func(s *story) {
			s.Publishes[2].Began, s.Publishes[2].Ended, s.Publishes[2].Only = ms(2600), ms(2610), nil
			s.moe.insert(s.moe.find(GotPublish, markNo(5), 1), GotPublish, post(1, 3, 40, false))
		}},
		{"after a crash the last seconds come again, as something new", func(s *story) {
			i := s.sue.find(SentConnect, "", 2)
			s.sue.insert(i, Refused, Event{Link: 2})
			s.sue.insert(s.sue.find(GotPublish, markNo(2), 2), GotPublish, post(2, 1, 40, false))
			s.sue.Events[s.sue.find(GotPublish, markNo(2), 2)].Dup = false
		}},
		{"a QoS 2 delivery comes again before it is released", func(s *story) {
			i := s.tap.find(GotPubrel, "", 1)
			e := *s.tap.at(GotPublish, dataNo(1))
			e.Again, e.Dup = true, true
			s.tap.insert(i, GotPublish, e)
		}},
		{"a refused filter of somebody who lost the right", func(s *story) {
			s.moe.add(ms(15_000), GotSuback, Event{Link: 1, Stream: "/ctx/b/messages", Code: 0x80})
		}},
		{"behind what a group had open when it was left, all comes again", func(s *story) {
			s.sue.Group = "g"
			s.sue.insert(s.sue.find(LinkEnded, "", 1), SentDisconnect, Event{Link: 1})
			s.sue.insert(s.sue.find(GotPublish, markNo(2), 2), GotPublish, post(2, 1, 40, false))
		}},
		{"the private post does not come to others", func(s *story) { s.Changes = nil; s.give(4) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := sound()
			row.change(s)
			for _, o := range Verify(s.History) {
				t.Errorf("%s: %s", o.Rule, o.Text)
			}
		})
	}
}

// give lets moe have a post too.
func (s *story) give(n int) {
	i := s.moe.find(GotPublish, markNo(5), 1)
	s.moe.insert(i, SentPuback, Event{Link: 1, Packet: 40})
	s.moe.insert(i, GotPublish, post(1, n, 40, false))
}

func TestAnOffenceIsExplained(t *testing.T) {
	t.Parallel()
	s := sound()
	i, k := s.sue.find(GotPublish, markNo(4), 1), s.sue.find(GotPublish, markNo(5), 1)
	s.sue.Events[i], s.sue.Events[k] = s.sue.Events[k], s.sue.Events[i]
	offences := Verify(s.History)
	r := newReport(Options{For: time.Minute, Seed: 7}, s.History, offences)
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"seed 7", "BROKEN  order", "seq 4 came after seq 5", "sue-1 (subscriber, sue, MQTT 5)", posts, "seq 5 m:5", "<--"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing from\n%s", want, out.String())
		}
	}
	if r.Sound() {
		t.Error("the report calls it sound")
	}
}

func TestAFilterReachesWhatItSays(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		filter, stream string
		want           bool
	}{
		{"/ctx/a/messages", "/ctx/a/messages", true},
		{"/ctx/a/messages", "/ctx/b/messages", false},
		{"$since/41//ctx/a/messages", "/ctx/a/messages", true},
		{"$share/g//ctx/a/messages", "/ctx/a/messages", true},
		{"/ctx/+/messages", "/ctx/b/messages", true},
		{"/ctx/+/messages", "/ctx/b/data", false},
		{"/ctx/a/#", "/ctx/a/data", true},
		{"/ctx/a/data/#", "/ctx/a/data", true},
		{"/ctx/a/data/#", "/ctx/a/messages", false},
		{"/ctx/#", "/ctx/a/messages", true},
	} {
		if got := covers(row.filter, row.stream); got != row.want {
			t.Errorf("%s covers %s: %v", row.filter, row.stream, got)
		}
	}
}
