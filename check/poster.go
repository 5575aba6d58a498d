package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// poster publishes over REST under keys, each message until it has an answer.
type poster struct {
	run    *run
	name   string
	who    *person
	dice   *rand.Rand
	topics []string
	size   int
	every  time.Duration
	count  int
}

func (p *poster) live(ctx context.Context) {
	var last *Publish
	for ctx.Err() == nil && !p.run.settling.Load() {
		if last == nil || last.Outcome != Stored || p.dice.IntN(8) > 0 {
			last = p.create()
		}
		last.Fresh++
		p.post(ctx, last)
		if wait(ctx, p.every/2+time.Duration(p.dice.Int64N(int64(p.every)))) != nil {
			return
		}
	}
}

func (p *poster) create() *Publish {
	p.count++
	topic := p.topics[p.count%len(p.topics)]
	pub := &Publish{
		Mark: fmt.Sprintf("%s%s-%d", markPrefix, p.name, p.count), Client: p.name, Person: p.who.name,
		Stream: topic, Exactly: true, Began: p.run.now(),
	}
	pub.Key = "k-" + pub.Mark
	p.run.add(pub)
	return pub
}

// post sends it until it is answered: the key makes that one post.
func (p *poster) post(ctx context.Context, pub *Publish) {
	var entry struct {
		ID  string
		Seq uint64
	}
	err := p.run.site.rest.untilAnswered(ctx, request{
		method: http.MethodPost, path: "/v1/contexts/" + contextOf(pub.Stream) + "/activities", token: p.who.token,
		body: map[string]string{"content": pub.Mark + " " + strings.Repeat("x", p.size)}, key: pub.Key,
	}, &entry)
	switch status := statusOf(err); {
	case err == nil:
		if pub.Outcome == Unknown {
			pub.Outcome, pub.Ended = Stored, p.run.now()
		}
		pub.Told, pub.ID, pub.Seq = true, entry.ID, entry.Seq
		p.run.ask(question{client: p.name, what: GotPuback, stream: pub.Stream, topic: pub.Stream, seq: entry.Seq, mark: pub.Mark})
	case status != 0 && !passes(err) && pub.Outcome == Unknown && pub.Fresh == 1:
		pub.Outcome, pub.Code, pub.Ended = Denied, status, p.run.now()
	}
}
