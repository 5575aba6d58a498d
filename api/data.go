package api

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

// Sample is one message of a data channel.
type Sample struct {
	Seq         uint64      `json:"seq,omitempty" doc:"Absent for a retained value that was published at QoS 0"`
	Topic       string      `json:"topic" doc:"Behind …/data/"`
	Payload     []byte      `json:"payload" contentEncoding:"base64"`
	ContentType string      `json:"contentType,omitempty"`
	Properties  *Properties `json:"properties,omitempty"`
	Retained    bool        `json:"retained,omitempty" doc:"Published to be retained"`
	Published   string      `json:"published" format:"date-time"`
}

// Properties are what the publisher attached (MQTT 5.0 section 3.3.2.3).
type Properties struct {
	Text            bool       `json:"text,omitempty" doc:"The payload was declared to be UTF-8"`
	ResponseTopic   string     `json:"responseTopic,omitempty"`
	CorrelationData []byte     `json:"correlationData,omitempty"`
	Expiry          uint32     `json:"expiry,omitempty" doc:"Seconds after which it is not worth delivering"`
	User            []Property `json:"user,omitempty"`
}

// Property is a user property.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func newSample(x *social.Sample) Sample {
	out := Sample{Seq: x.Seq, Topic: x.Topic, Payload: append([]byte{}, x.Payload...), Retained: x.Retain && len(x.Payload) > 0, Published: stamp(x.Published)}
	if x.Properties == nil {
		return out
	}
	p := *x.Properties
	out.ContentType = p.ContentType
	shown := Properties{Text: p.TextPayload, ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData, Expiry: p.Expiry}
	for _, u := range p.User {
		shown.User = append(shown.User, Property(u))
	}
	if shown.Text || shown.ResponseTopic != "" || shown.CorrelationData != nil || shown.Expiry != 0 || shown.User != nil {
		out.Properties = &shown
	}
	return out
}

type PathTopic struct {
	PathID
	Topic string `path:"topic" doc:"One or more levels, such as kitchen/temperature"`
}

type createSampleIn struct {
	PathTopic
	ContentType string `header:"Content-Type" hidden:"true"`
	Key         string `header:"Idempotency-Key" hidden:"true"`
	Retain      bool   `query:"retain" doc:"Keep it as the last value of the topic, for whoever subscribes later; an empty body removes that"`
	Raw
}

type sampleOut struct {
	Body struct {
		Seq uint64 `json:"seq"`
	}
}

// maxContentType bounds the media type that is kept with a sample, in bytes.
const maxContentType = 256

func (s *Server) createSample(ctx context.Context, a social.Actor, in *createSampleIn) (*sampleOut, error) {
	if err := social.CheckText("Content-Type", in.ContentType, maxContentType); err != nil {
		return nil, err
	}
	x := social.Sample{Topic: in.Topic, Payload: in.raw, QoS: 1, Retain: in.Retain, Key: in.Key}
	if in.ContentType != "" {
		x.Properties = &social.Properties{ContentType: in.ContentType}
	}
	done, err := s.data.Put(ctx, a, in.ID, x)
	if err != nil {
		return nil, err
	}
	out := &sampleOut{}
	out.Body.Seq = done.Seq
	return out, nil
}

type listSamplesIn struct {
	PathTopic
	PageLimit
	After  string    `query:"after" doc:"Entries after this seq, oldest first" example:"41"`
	Before string    `query:"before" doc:"Entries before this seq, newest first; also without either" example:"41"`
	From   time.Time `query:"from" doc:"Published at this time or later"`
	To     time.Time `query:"to" doc:"Published before this time"`
	Last   bool      `query:"last" doc:"Only the last value: the newer one of the retained message and the newest of the others"`
}

// samplesOut is a page of samples.
type samplesOut struct {
	Link string `header:"Link"`
	Body struct {
		Items []Sample `json:"items" nullable:"false"`
		Next  uint64   `json:"next,omitempty" doc:"What to ask for next as after or before, as now; absent at the end"`
	}
}

func (s *Server) listSamples(ctx context.Context, a social.Actor, in *listSamplesIn) (*samplesOut, error) {
	q := social.SampleQuery{From: in.From, To: in.To, Backward: in.After == ""}
	var err error
	switch {
	case in.Last && (in.After != "" || in.Before != "" || !in.From.IsZero() || !in.To.IsZero()):
		return nil, social.Invalid("last", "goes with none of after, before, from and to")
	case in.Last:
		return s.lastSample(ctx, a, in)
	case in.After != "" && in.Before != "":
		return nil, social.Invalid("after", "does not go with before")
	case in.After != "":
		q.After, err = parseSeq("after", in.After)
	case in.Before != "":
		q.Before, err = parseSeq("before", in.Before)
	}
	if err != nil {
		return nil, err
	}
	list, more, err := s.readSamples(ctx, a, in, q)
	if err != nil {
		return nil, err
	}
	out := &samplesOut{}
	out.Body.Items = []Sample{}
	for i := range list {
		out.Body.Items = append(out.Body.Items, newSample(&list[i]))
	}
	if more {
		out.Body.Next = list[len(list)-1].Seq
		out.Link = link(samplesPath(in.PathTopic), in.nextQuery(q.Backward, out.Body.Next))
	}
	return out, nil
}

func (s *Server) lastSample(ctx context.Context, a social.Actor, in *listSamplesIn) (*samplesOut, error) {
	last, ok, err := s.data.Last(ctx, a, in.ID, in.Topic)
	if err != nil {
		return nil, err
	}
	out := &samplesOut{}
	out.Body.Items = []Sample{}
	if ok {
		out.Body.Items = append(out.Body.Items, newSample(&last))
	}
	return out, nil
}

// A page of samples ends early where it gets larger than this, and is read in
// steps, so that what one request holds in memory does not depend on how large
// the samples are.
const (
	maxSamplesBytes = 4 << 20
	samplesPerRead  = 16
)

func (s *Server) readSamples(ctx context.Context, a social.Actor, in *listSamplesIn, q social.SampleQuery) (list []social.Sample, more bool, err error) {
	size := 0
	for {
		q.Limit = samplesPerRead
		step, err := s.data.Read(ctx, a, in.ID, in.Topic, q)
		if err != nil {
			return nil, false, err
		}
		for i := range step {
			if len(list) == in.Limit || size > maxSamplesBytes {
				return list, true, nil
			}
			list = append(list, step[i])
			size += len(step[i].Payload)
			if q.Backward {
				q.Before = step[i].Seq
			} else {
				q.After = step[i].Seq
			}
		}
		if len(step) < q.Limit {
			return list, false, nil
		}
	}
}

func (in *listSamplesIn) nextQuery(backward bool, seq uint64) url.Values {
	q := in.query()
	direction := "after"
	if backward {
		direction = "before"
	}
	q.Set(direction, strconv.FormatUint(seq, 10))
	for name, t := range map[string]time.Time{"from": in.From, "to": in.To} {
		if !t.IsZero() {
			q.Set(name, t.Format(time.RFC3339Nano))
		}
	}
	return q
}

func samplesPath(in PathTopic) string {
	levels := strings.Split(in.Topic, "/")
	for i := range levels {
		levels[i] = url.PathEscape(levels[i])
	}
	return "/v1/contexts/" + url.PathEscape(in.ID) + "/data/" + strings.Join(levels, "/")
}
