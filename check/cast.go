package check

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// describe writes down who may read what at the begin.
func (r *run) describe() {
	s := r.site
	r.history.Readers, r.history.Public = map[string][]string{}, map[string]bool{s.contexts[openOne]: true}
	for _, c := range s.contexts {
		for _, p := range s.made {
			if p != s.stranger {
				r.history.Readers[c] = append(r.history.Readers[c], p.name)
			}
		}
	}
	r.lasts = map[string]string{}
}

func (s *site) messages(context int) string { return "/ctx/" + s.contexts[context] + "/messages" }
func (s *site) data(context int) string     { return "/ctx/" + s.contexts[context] + "/data" }

// part is one kind of client. who is 0 for steady people, 1 for moody ones, 2
// for the stranger.
type part struct {
	name           string
	who            int
	version        byte
	session, since bool
	filters        []string
	qos            byte   // of the subscriptions
	group          string // of a shared subscription, whose members are one person's
	receiveMaximum int
	lag            time.Duration
	buffer         int
	talk           talk
}

// The kinds of people.
const (
	steady = iota
	moody
	stranger
)

// parts are all kinds, those first that matter most where there are few clients.
func (r *run) parts() []part {
	s := r.site
	a, b, open := s.messages(closedOne), s.messages(closedTwo), s.messages(openOne)
	data, everything := s.data(closedOne), "/ctx/"+s.contexts[closedTwo]+"/#"
	every, lag := 40*time.Millisecond, 60*time.Millisecond
	says := func(qos byte, keyed bool, topics ...string) talk {
		return talk{topics: topics, qos: qos, keyed: keyed, every: every, window: 8, size: 200}
	}
	return []part{
		{name: "publisher, keyed", version: 5, session: true, talk: says(1, true, a, b)},
		{name: "subscriber", version: 5, session: true, filters: []string{a, b}, qos: 1},
		{name: "wildcard", version: 4, session: true, filters: []string{"/ctx/+/messages"}, qos: 1},
		{name: "publisher at QoS 2", version: 5, session: true, talk: says(2, false, a, open)},
		{name: "slow", version: 5, session: true, filters: []string{"/ctx/+/messages"}, qos: 1, receiveMaximum: 8, lag: lag, buffer: 4096},
		{name: "$since", version: 5, since: true, filters: []string{a, b}, qos: 1},
		{name: "data at QoS 2", version: 5, session: true, talk: says(2, false, data+"/x", data+"/y")},
		{name: "data subscriber", version: 5, session: true, filters: []string{data + "/#"}, qos: 2},
		{name: "moody", who: moody, version: 5, session: true, filters: []string{a, b}, qos: 1},
		{name: "moody wildcard", who: moody, version: 4, filters: []string{"/ctx/+/messages"}, qos: 1},
		{name: "clean", version: 4, filters: []string{a, open}, qos: 1},
		{name: "private publisher", version: 5, session: true, talk: func() talk {
			t := says(1, true, a, b)
			t.only = s.steady[0].name
			return t
		}()},
		{name: "publisher", version: 4, session: true, talk: says(1, false, b, open)},
		{name: "data subscriber", version: 4, session: true, filters: []string{data + "/#"}, qos: 2},
		{name: "everything", version: 5, filters: []string{everything}, qos: 1},
		{name: "keyed data", version: 5, session: true, talk: says(1, true, data+"/x", data+"/z")},
		{name: "stranger", who: stranger, version: 5, filters: []string{open}, qos: 1, talk: says(1, false, a, b)},
		{name: "publisher at QoS 2", version: 4, session: true, talk: says(2, false, a, b)},
		{name: "both ways", version: 5, session: true, filters: []string{a, open}, qos: 1, talk: says(2, true, a, open)},
		{name: "slow", version: 4, session: true, filters: []string{a}, qos: 1, lag: lag, buffer: 4096},
		{name: "$since", version: 4, since: true, filters: []string{b, open}, qos: 1},
		{name: "moody wildcard", who: moody, version: 5, session: true, filters: []string{"/ctx/+/messages"}, qos: 1},
		{name: "worker", version: 5, session: true, filters: shares("workers", a), qos: 1, group: "workers"},
		{name: "worker", version: 4, session: true, filters: shares("workers", a), qos: 1, group: "workers"},
		{name: "passing publisher", version: 5, talk: says(1, true, a, b)},
	}
}

// shares makes shared subscriptions of filters.
func shares(group string, filters ...string) []string {
	out := make([]string, len(filters))
	for i, f := range filters {
		out[i] = "$share/" + group + "/" + f
	}
	return out
}

// postersEach is how many clients there are for one that publishes over REST.
const postersEach = 12

// cast hands the parts out.
func (r *run) cast() {
	parts := r.parts()
	// More publishers publish as much each as keeps the whole about the same.
	calm := int64(1 + r.options.Clients/len(parts))
	for i := range r.options.Clients {
		if i%postersEach == postersEach-2 {
			r.posters = append(r.posters, &poster{
				run: r, name: fmt.Sprintf("%s-rest%d", r.site.unique, i), who: r.site.steady[i%len(r.site.steady)], dice: r.dice(i),
				topics: []string{r.site.messages(closedOne), r.site.messages(openOne)}, size: 200, every: time.Duration(40*calm) * time.Millisecond,
			})
		}
	}
	for i := range r.options.Clients - len(r.posters) {
		r.actors = append(r.actors, r.actor(i, parts[i%len(parts)], calm))
	}
}

func (r *run) actor(i int, p part, calm int64) *actor {
	s := r.site
	who := s.stranger
	switch p.who {
	case steady:
		who = s.steady[i%len(s.steady)]
	case moody:
		who = s.moody[i%len(s.moody)]
	}
	if p.group != "" {
		who = s.steady[0]
	}
	a := &actor{
		run: r, token: who.token, dice: r.dice(i), lag: p.lag, buffer: p.buffer,
		held: map[uint16]bool{}, got: map[string]uint64{}, lasts: map[string]bool{},
		Client: Client{
			Name: fmt.Sprintf("check-%s-%d", s.unique, i), Role: p.name, Person: who.name, Version: p.version,
			Session: p.session, Since: p.since, ReceiveMaximum: p.receiveMaximum, Filters: p.filters, QoS: p.qos, Group: p.group,
		},
	}
	if len(p.talk.topics) > 0 {
		t := p.talk
		t.every = time.Duration(int64(t.every) * calm)
		a.talk = &t
	}
	return a
}

// add writes a publish down.
func (r *run) add(p *Publish) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Publishes = append(r.history.Publishes, p)
}

// fail notes why the check cannot go on; the first reason counts.
func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = err
	}
}

// sayLast publishes one more message to each stream, after which nothing comes.
func (r *run) sayLast(ctx context.Context) error {
	s := r.site
	for i, stream := range []string{s.messages(closedOne), s.messages(closedTwo), s.messages(openOne), s.data(closedOne)} {
		p := &Publish{
			Mark: fmt.Sprintf("%s%s%s%d", markPrefix, s.unique, lastMark, i), Client: "the last message", Person: s.archive.name,
			Stream: stream, Fresh: 1, Exactly: true, Began: r.now(),
		}
		p.Key = "k-" + p.Mark
		r.lasts[stream] = p.Mark
		q := request{
			method: http.MethodPost, path: "/v1/contexts/" + contextOf(stream) + "/activities", token: s.archive.token,
			body: map[string]string{"content": p.Mark}, key: p.Key,
		}
		if isData(stream) {
			q.path, q.body, q.raw = "/v1/contexts/"+contextOf(stream)+"/data/x", nil, []byte(p.Mark)
		}
		r.add(p)
		var answer struct {
			ID  string
			Seq uint64
		}
		if err := s.rest.untilAnswered(ctx, q, &answer); err != nil {
			return err
		}
		p.Outcome, p.Ended, p.Told, p.ID, p.Seq = Stored, r.now(), true, answer.ID, answer.Seq
	}
	return nil
}

// awaits are the marks of the last messages that the client has to get.
func (r *run) awaits(a *actor) []string {
	var out []string
	for stream, mark := range r.lasts {
		if a.Group == "" && a.covers(stream) && r.history.standingAtEnd(a.Person, contextOf(stream)) {
			out = append(out, mark)
		}
	}
	return out
}

// standingAtEnd: rights that were taken were given back, so they are as they were
// at the begin.
func (h *History) standingAtEnd(person, context string) bool {
	return h.Public[context] || contains(h.Readers[context], person)
}

// dataTopics are the names below data/ that are published to.
var dataTopics = [...]string{"x", "y", "z"}

// readLogs reads all that was published to, and what the server said beside it.
func (r *run) readLogs(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, setupWithin)
	defer cancel()
	r.history.Logs = map[string][]Entry{}
	for i := range r.site.contexts {
		stream := r.site.messages(i)
		entries, err := r.readAll(ctx, stream)
		if err != nil {
			return err
		}
		r.history.Logs[stream] = entries
	}
	stream := r.site.data(closedOne)
	var all []Entry
	for _, name := range dataTopics {
		entries, err := r.readAll(ctx, stream+"/"+name)
		if err != nil {
			return err
		}
		all = append(all, entries...)
	}
	slices.SortStableFunc(all, func(x, y Entry) int { return cmp.Compare(x.Seq, y.Seq) })
	r.history.Logs[stream] = all
	return nil
}

// pageOfLog is how much of a log one request reads.
const pageOfLog = 200

func (r *run) readAll(ctx context.Context, topic string) ([]Entry, error) {
	var all []Entry
	last := uint64(0)
	for {
		page, err := r.readLog(ctx, topic, last, pageOfLog, true)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < pageOfLog {
			return all, nil
		}
		last = page[len(page)-1].Seq
	}
}
