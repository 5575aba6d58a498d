package social

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// Data are the use cases on data channels and open topics: any bytes, delivered
// unchanged.
type Data struct {
	dir       *Directory
	store     SampleStore
	committer *Committer
	now       func() time.Time
	ids       IDs
}

// SampleStore is what reads samples.
type SampleStore interface {
	// Samples is that of [Log].
	Samples(ctx context.Context, q SampleQuery) ([]Sample, error)
	// Retained lists a stream's retained messages in the order of their topics'
	// bytes, but for those that have expired at the moment of the query. Their Seq
	// is 0 where they were published at QoS 0.
	Retained(ctx context.Context, q RetainedQuery) ([]Sample, error)
}

// RetainedQuery asks for a page of a stream's retained messages.
type RetainedQuery struct {
	Stream StreamKey
	Topic  string // exact; empty: those that begin with Prefix
	Prefix string
	After  string // topics greater than this one
	At     time.Time
	Limit  int // at least 1
}

// DataLimits bound what one stream of data holds. Zero stands for the default.
type DataLimits struct {
	// Messages and Bytes (of topics, payloads and properties) are what samples may
	// come to; the oldest are given up beyond, soon after.
	Messages, Bytes int64
	// Retained and RetainedBytes are the same for retained messages; one that would
	// exceed them is refused as KindRateLimited.
	Retained, RetainedBytes int64
}

// Or fills in the defaults.
func (l DataLimits) Or() DataLimits {
	return DataLimits{
		Messages: cmp.Or(l.Messages, 1_000_000), Bytes: cmp.Or(l.Bytes, 1<<30),
		Retained: cmp.Or(l.Retained, 10_000), RetainedBytes: cmp.Or(l.RetainedBytes, 64<<20),
	}
}

// NewData makes the use cases.
func NewData(dir *Directory, store SampleStore, committer *Committer, now func() time.Time) *Data {
	return &Data{dir: dir, store: store, committer: committer, now: now}
}

// MayWrite finds the owner of a topic that the actor may publish data to; for
// what is forwarded without being stored.
func (da *Data) MayWrite(a Actor, at Address) (Owner, error) {
	if at.Kind == ScopeOpen {
		scope, ok := da.dir.Open(at.Owner)
		if !ok || at.Owner == sitePrefix { // where only the site speaks
			return Owner{}, unknownTopic()
		}
		return Owner{scope, at.Owner}, da.dir.requireOpen(a, true)
	}
	sight, err := da.dir.reach(a, at.Where(), Write, true)
	if err != nil {
		return Owner{}, err
	}
	return Owner{sight.Space.Key.Scope(), sight.Space.ID}, sight.Space.voice(a)
}

// Publish stores a sample, or only makes it the retained one of its topic (see
// Sample.Retain). It never blocks; done is called exactly once: at once where
// the sample is refused, else after the commit. Payload, QoS, Properties, Key
// and Retain are the caller's, who must not change them afterwards.
func (da *Data) Publish(a Actor, at Address, s Sample, done func(Appended, error)) {
	e, err := da.entry(a, at, s)
	if err != nil {
		done(Appended{}, err)
		return
	}
	da.committer.Submit(e, done)
}

// Put is Publish for callers that wait and whose topic nobody has parsed yet.
func (da *Data) Put(ctx context.Context, a Actor, space string, s Sample) (Appended, error) {
	e, err := da.entry(a, dataOf(space, s.Topic), s)
	if err != nil {
		return Appended{}, err
	}
	if err := checkSampleTopic(space, s.Topic); err != nil {
		return Appended{}, err
	}
	return da.committer.Do(ctx, e)
}

func dataOf(space, topic string) Address {
	return Address{Kind: ScopeSpace, Owner: space, Channel: ChannelData, Rest: topic}
}

func (da *Data) entry(a Actor, at Address, s Sample) (Entry, error) {
	owner, err := da.MayWrite(a, at)
	if err != nil {
		return Entry{}, err
	}
	if err := CheckKey("key", s.Key); err != nil {
		return Entry{}, err
	}
	s.Stream, s.Topic, s.Author, s.Session = da.dir.StreamOf(owner.Scope, ChannelData), at.Rest, a.Person, a.Session
	e := Entry{Sample: &s, Inbound: a.inbound()}
	if s.Key != "" {
		h := sha256.New()
		var stream [8]byte
		binary.BigEndian.PutUint64(stream[:], uint64(s.Stream))
		h.Write(stream[:])
		h.Write([]byte(s.Topic))
		h.Write([]byte{0}) // topics contain no NUL
		if s.Retain {
			h.Write([]byte("retain\x00"))
		}
		h.Write(s.Payload)
		e.Digest = [32]byte(h.Sum(nil))
	}
	return e, nil
}

func checkSampleTopic(space, topic string) error {
	if _, err := ParseTopic("/ctx/" + space + "/data/" + topic); err != nil {
		return Invalid("topic", "is no topic name")
	}
	return nil
}

// Read lists samples of one topic, in the order and from where q says.
func (da *Data) Read(ctx context.Context, a Actor, space, topic string, q SampleQuery) ([]Sample, error) {
	sight, err := da.mayRead(a, space, topic)
	if err != nil {
		return nil, err
	}
	q.Stream, q.Topic, q.Floor = sight.Space.Stream(ChannelData), topic, sight.Floor[ChannelData]
	return da.store.Samples(ctx, q)
}

func (da *Data) mayRead(a Actor, space, topic string) (Sight, error) {
	sight, err := da.dir.MayData(a, space)
	if err == nil && !sight.May.Has(Read) {
		err = Errorf(KindNotFound, "There is no data in %q that is yours to see.", clip(space))
	}
	if err == nil {
		err = checkSampleTopic(sight.Space.ID, topic)
	}
	return sight, err
}

// Last is the last value of a topic: the newer one of the retained message and
// the newest sample. ok is false where there is neither.
func (da *Data) Last(ctx context.Context, a Actor, space, topic string) (last Sample, ok bool, err error) {
	sight, err := da.mayRead(a, space, topic)
	if err != nil {
		return Sample{}, false, err
	}
	stream := sight.Space.Stream(ChannelData)
	samples, err := da.store.Samples(ctx, SampleQuery{
		Stream: stream, Topic: topic, Floor: sight.Floor[ChannelData], Backward: true, Limit: 1,
	})
	if err != nil {
		return Sample{}, false, err
	}
	kept, err := da.store.Retained(ctx, RetainedQuery{Stream: stream, Topic: topic, At: da.now(), Limit: 1})
	switch {
	case err != nil:
		return Sample{}, false, err
	case len(kept) == 0 && len(samples) == 0:
		return Sample{}, false, nil
	case len(samples) == 0 || len(kept) == 1 && kept[0].follows(&samples[0]):
		return kept[0], true, nil
	}
	return samples[0], true, nil
}

// follows tells whether a retained message is no older than a sample.
func (s *Sample) follows(o *Sample) bool {
	if s.Seq != 0 {
		return s.Seq >= o.Seq
	}
	return !s.Published.Before(o.Published)
}

// retainedPerRead bounds what one page of Retained reads of the store, however
// few of it match.
const retainedPerRead = 200

// Retained lists the retained messages of a stream that a filter's Rest covers,
// in the order of their topics, from behind the topic after. There may be more
// behind next as long as it is not empty, also where the list is. Whether
// somebody may receive them is not asked.
func (da *Data) Retained(ctx context.Context, stream StreamKey, filter, after string, limit int) (list []Sample, next string, err error) {
	q := RetainedQuery{Stream: stream, After: after, At: da.now(), Limit: min(limit, retainedPerRead)}
	wild := strings.IndexAny(filter, "+#")
	if wild < 0 {
		q.Topic = filter
	} else {
		q.Prefix = filter[:wild]
		if filter[wild] == '#' { // which also covers the level above it [MQTT-4.7.1-2]
			q.Prefix = strings.TrimSuffix(q.Prefix, "/")
		}
	}
	page, err := da.store.Retained(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if len(page) == q.Limit && wild >= 0 {
		next = page[len(page)-1].Topic
	}
	return slices.DeleteFunc(page, func(s Sample) bool { return !MatchRest(filter, s.Topic) }), next, nil
}
