package social

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// The topic on which the site speaks to everybody. It is an open topic of its
// own: everybody who signs in may subscribe, nobody may publish there, and a
// broadcast is one entry of one stream, however many people there are.
const (
	sitePrefix    = "/sys/"
	siteBroadcast = "broadcast"

	// BroadcastTopic is its name.
	BroadcastTopic = sitePrefix + siteBroadcast
)

// BroadcastLife bounds for how long a broadcast can stand.
const BroadcastLife = 30 * 24 * time.Hour

// Broadcast is what a manager tells everybody.
type Broadcast struct {
	ID        ID // given by Broadcast, as Published
	Content   string
	Published time.Time
	// Until is for how long it stands: until then whoever subscribes gets it. Zero: it
	// is for those who are subscribed, connected or not.
	Until time.Time
}

// Broadcast commits b and has it delivered, for managers. Of those that stand only
// the last one does.
func (da *Data) Broadcast(ctx context.Context, a Actor, b Broadcast) (Broadcast, error) {
	if err := a.RequireSelf(true); err != nil {
		return Broadcast{}, err
	}
	if err := da.dir.RequireManager(a); err != nil {
		return Broadcast{}, err
	}
	b.Published = da.now()
	if err := b.check(); err != nil {
		return Broadcast{}, err
	}
	b.ID = da.ids.New(b.Published)
	scope, ok := da.dir.Open(sitePrefix)
	if !ok {
		return Broadcast{}, unknownTopic()
	}
	s := Sample{
		Stream: da.dir.StreamOf(scope, ChannelData), Topic: siteBroadcast, Author: a.Person, QoS: 1,
		Payload: RenderBroadcast(nil, b), Properties: &Properties{TextPayload: true, ContentType: "application/json"},
	}
	if !b.Until.IsZero() {
		s.Retain = true
		s.Properties.Expiry = uint32(b.Until.Sub(b.Published)/time.Second) + 1 //nolint:gosec // check bounds it
	}
	act := a.Act(VerbSiteBroadcast).What("broadcast " + b.ID.String())
	return b, da.dir.Audit().Do(ctx, func(ctx context.Context) error {
		_, err := da.committer.Do(ctx, Entry{Sample: &s})
		return err
	}, act)
}

func (b *Broadcast) check() error {
	switch {
	case strings.TrimSpace(b.Content) == "":
		return Invalid("content", "is empty")
	case len(b.Content) > MaxContent:
		return Invalid("content", "is longer than %d bytes", MaxContent)
	case strings.IndexByte(b.Content, 0) >= 0 || !utf8.ValidString(b.Content):
		return Invalid("content", "is not text")
	case b.Until.IsZero():
	case !b.Until.After(b.Published) || b.Until.Sub(b.Published) > BroadcastLife:
		return Invalid("until", "is a time within the next 30 days")
	}
	return nil
}

// RenderBroadcast appends the JSON of b. Nobody is its actor but the site: who of
// the managers it was stands in the audit log.
func RenderBroadcast(dst []byte, b Broadcast) []byte {
	w := jsonWriter{dst}
	w.raw(`{"id":"`)
	w.b = b.ID.Append(w.b)
	w.raw(`","type":"Announce","actor":{"type":"Service","name":"Rambla"},"object":{"type":"Note"`)
	w.field("content", b.Content)
	w.raw("}")
	w.time("published", b.Published)
	w.time("endTime", b.Until)
	w.raw("}")
	return w.b
}
