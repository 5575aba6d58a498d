package hooks

import (
	"strconv"

	"rambla/broker"
	"rambla/social"
)

// Pushes are told what may have to be pushed, or is not any more. They must not
// block.
type Pushes interface {
	// Posted tells that a stream has grown.
	Posted(stream social.StreamKey)
	// Moved tells that a person has read on in a stream.
	Moved(stream social.StreamKey, person social.PersonKey)
}

// ServePush has pushes told; before the broker asks anything.
func (g *Gate) ServePush(p Pushes) { g.pushes = p }

// Index hears of every stream of posts that grows.
type Index interface{ Posted(stream social.StreamKey) }

// ServeIndex has the index of search told; before the broker asks anything.
func (g *Gate) ServeIndex(x Index) { g.index = x }

// AnnouncePost delivers a committed post.
func (g *Gate) AnnouncePost(space *social.Space, channel social.Channel, p *social.Post) {
	if channel == social.ChannelMessages {
		g.tails.Posted(p) // whoever hears of it finds it counted
	}
	d := g.postDelivery(space, channel, p)
	d.Amends = p.Type == social.TypeUpdate || p.Type == social.TypeDelete
	g.fanout.Deliver(d)
	if channel == social.ChannelMessages {
		g.counters.Posted(space, p)
	}
	if g.pushes != nil && channel != social.ChannelReactions {
		g.pushes.Posted(p.Stream)
	}
	if g.index != nil && (channel == social.ChannelMessages || channel == social.ChannelComments) {
		g.index.Posted(p.Stream)
	}
}

// postDelivery is what subscribers get of a post. The server is its publisher:
// it goes out at QoS 1 whatever the client used.
func (g *Gate) postDelivery(space *social.Space, channel social.Channel, p *social.Post) *broker.Delivery {
	owner := g.dir.OwnerOf(space)
	d := &broker.Delivery{
		Scope: owner.Scope, Channel: channel, QoS: 1, Session: p.Session,
		Topic:  owner.Address(channel, "").Topic(),
		Stream: p.Stream, Seq: p.Seq, At: p.Published,
		Payload: func() []byte { return g.dir.RenderPost(make([]byte, 0, 512+len(p.Content)), space, p) },
		Properties: &social.Properties{
			TextPayload: true, ContentType: "application/json",
			User: []social.UserProperty{
				{Name: "id", Value: p.ID.String()},
				{Name: "seq", Value: strconv.FormatUint(p.Seq, 10)},
			},
		},
	}
	if p.Private {
		d.Only = append([]social.PersonKey{p.Author}, p.To...)
	}
	return d
}

// AnnounceSample delivers committed data, unchanged.
func (g *Gate) AnnounceSample(owner social.Owner, s *social.Sample) {
	g.fanout.Deliver(sampleDelivery(owner, s))
}

// sampleDelivery is a sample as subscribers get it. What only its being retained
// was stored of (seq 0) is in no stream.
func sampleDelivery(owner social.Owner, s *social.Sample) *broker.Delivery {
	d := &broker.Delivery{
		Scope: owner.Scope, Channel: social.ChannelData, Topic: owner.Address(social.ChannelData, s.Topic).Topic(), Rest: s.Topic,
		QoS: s.QoS, Retain: s.Retain, Session: s.Session, Properties: s.Properties,
		Payload: func() []byte { return s.Payload }, Seq: s.Seq, At: s.Published,
	}
	if s.Seq != 0 {
		d.Stream = s.Stream
	}
	return d
}

// AnnounceMarker tells how far somebody has read: always the person's own
// devices, with all everybody who reads there.
func (g *Gate) AnnounceMarker(space *social.Space, m social.Marker, all bool) {
	d := g.marker(space, m)
	if !all {
		d.Only = []social.PersonKey{m.Person}
	}
	g.fanout.Deliver(d)
	g.counters.Moved(space.Key, m.Person)
	if g.pushes != nil {
		g.pushes.Moved(m.Stream, m.Person)
	}
}

// marker is how a marker goes out, as it happens and as a retained message.
func (g *Gate) marker(space *social.Space, m social.Marker) *broker.Delivery {
	name := g.dir.AnyPerson(m.Person).Name
	owner := g.dir.OwnerOf(space)
	addr := owner.Address(social.ChannelReceipts, name)
	return &broker.Delivery{
		Scope: owner.Scope, Channel: addr.Channel, Topic: addr.Topic(), Rest: name, Retain: true,
		Payload:    func() []byte { return g.dir.RenderMarker(nil, m) },
		Properties: jsonProperties(),
	}
}
