package social

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Data are the use cases on data channels: any bytes, delivered unchanged.
type Data struct {
	dir       *Directory
	log       Log
	committer *Committer
	now       func() time.Time
}

// NewData makes the use cases.
func NewData(dir *Directory, log Log, committer *Committer, now func() time.Time) *Data {
	return &Data{dir: dir, log: log, committer: committer, now: now}
}

// MayWrite finds the space where the actor may publish data; for what is
// forwarded without being stored.
func (da *Data) MayWrite(a Actor, space string) (*Space, error) {
	sight, err := da.dir.reach(a, space, Write, true)
	if err != nil {
		return nil, err
	}
	return sight.Space, sight.Space.voice(a)
}

// Publish stores a sample. It never blocks; done is called exactly once: at
// once where the sample is refused, else after the commit. Topic, Payload, QoS,
// Properties and Key are the caller's, who must not change them afterwards.
func (da *Data) Publish(a Actor, space string, s Sample, done func(Appended, error)) {
	e, err := da.entry(a, space, s)
	if err != nil {
		done(Appended{}, err)
		return
	}
	da.committer.Submit(e, done)
}

// Put is Publish for callers that wait and whose topic nobody has parsed yet.
func (da *Data) Put(ctx context.Context, a Actor, space string, s Sample) (Appended, error) {
	e, err := da.entry(a, space, s)
	if err != nil {
		return Appended{}, err
	}
	if err := checkSampleTopic(space, s.Topic); err != nil {
		return Appended{}, err
	}
	return da.committer.Do(ctx, e)
}

func (da *Data) entry(a Actor, space string, s Sample) (Entry, error) {
	where, err := da.MayWrite(a, space)
	if err != nil {
		return Entry{}, err
	}
	if err := CheckKey("key", s.Key); err != nil {
		return Entry{}, err
	}
	s.Stream, s.Author, s.Session = where.Stream(ChannelData), a.Person, a.Session
	e := Entry{Sample: &s}
	if s.Key != "" {
		h := sha256.New()
		var stream [8]byte
		binary.BigEndian.PutUint64(stream[:], uint64(s.Stream))
		h.Write(stream[:])
		h.Write([]byte(s.Topic))
		h.Write([]byte{0}) // topics contain no NUL
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
	sight, err := da.dir.MayData(a, space)
	if err != nil {
		return nil, err
	}
	if !sight.May.Has(Read) {
		return nil, Errorf(KindNotFound, "There is no data in %q that is yours to see.", clip(space))
	}
	if err := checkSampleTopic(sight.Space.ID, topic); err != nil {
		return nil, err
	}
	q.Stream, q.Topic, q.Floor = sight.Space.Stream(ChannelData), topic, sight.Floor[ChannelData]
	return da.log.Samples(ctx, q)
}
