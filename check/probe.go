package check

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// question asks whether the log has what was just told to be in it. What was
// told is committed, so a look that begins afterwards has to find it.
type question struct {
	client string
	what   Kind
	stream string
	topic  string
	seq    uint64
	mark   string
}

// probesAtOnce look into the log, each about so often at most: the server has
// more to do than to answer them.
const (
	probesAtOnce = 2
	probeEvery   = 10 * time.Millisecond
)

// ask hands a question over, unless others wait: they are samples.
func (r *run) ask(q question) {
	if r.settling.Load() {
		return
	}
	select {
	case r.probes <- q:
	default:
	}
}

// look answers questions until the clients come to rest.
func (r *run) look(ctx context.Context) {
	for {
		select {
		case q := <-r.probes:
			r.lookUp(ctx, q)
		case <-r.quiet:
			return
		case <-ctx.Done():
			return
		}
		if wait(ctx, probeEvery) != nil {
			return
		}
	}
}

// lookUp asks the log for one entry. Where nobody answers there is no probe.
func (r *run) lookUp(ctx context.Context, q question) {
	at := r.now()
	items, err := r.readLog(ctx, q.topic, q.seq-1, 1, false)
	if err != nil {
		return
	}
	found := len(items) == 1 && items[0].Seq == q.seq && items[0].Mark == q.mark
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Probes = append(r.history.Probes, Probe{
		At: at, Client: q.client, What: q.what, Stream: q.stream, Seq: q.seq, Mark: q.mark, Found: found,
	})
}

// readLog gives entries of a topic after a seq: of posts those of the stream, of
// data those of the topic. stubborn asks until somebody answers.
func (r *run) readLog(ctx context.Context, topic string, after uint64, limit int, stubborn bool) ([]Entry, error) {
	path := "/v1/contexts/" + contextOf(topic)
	_, name, data := strings.Cut(topic, "/data/")
	if data {
		path += "/data/" + name
	} else {
		path += "/log/" + topic[strings.LastIndexByte(topic, '/')+1:]
	}
	q := request{
		method: http.MethodGet, path: fmt.Sprintf("%s?after=%d&limit=%d", path, after, limit), token: r.site.archive.token,
	}
	var page struct{ Items []json.RawMessage }
	ask := r.site.rest.do
	if stubborn {
		ask = r.site.rest.untilAnswered
	}
	if err := ask(ctx, q, &page); err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", topic, err)
	}
	out := make([]Entry, len(page.Items))
	for i, raw := range page.Items {
		var err error
		if out[i], err = readItem(raw, data); err != nil {
			return nil, fmt.Errorf("read the log of %s: %w", topic, err)
		}
	}
	return out, nil
}

func readItem(raw []byte, data bool) (Entry, error) {
	if !data {
		return readEntry(raw)
	}
	var sample struct {
		Seq     uint64
		Payload []byte
	}
	err := json.Unmarshal(raw, &sample)
	return Entry{Seq: sample.Seq, Mark: markOf(string(sample.Payload))}, err
}
