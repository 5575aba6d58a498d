package hooks

import (
	"context"
	"slices"
	"time"

	"rambla/broker"
	"rambla/social"
)

// ServeLive gives the gate the use cases of what is not stored: who types, who is
// there and what is unread. Like Serve, before the broker asks anything.
func (g *Gate) ServeLive(typing *social.Typing, presences *social.Presences, counters *social.Counters, tails *social.Tails, now func() time.Time) {
	g.typing, g.presences, g.counters, g.tails, g.now = typing, presences, counters, tails, now
}

// Came implements broker.Attendance. Who connects with a credential for some
// contexts alone, as devices do, is not there in person.
func (g *Gate) Came(p *broker.Principal) (left func()) {
	if actorOf(p).RequireSelf(false) != nil {
		return nil
	}
	person := p.Person
	g.presences.Came(person)
	return func() { g.presences.Left(person) }
}

// Subscribed implements broker.Attendance.
func (g *Gate) Subscribed(p *broker.Principal) { g.counters.Subscribed(p.Person) }

// Covered implements social.PresenceAudience.
func (g *Gate) Covered(scope social.Scope, c social.Channel) bool { return g.fanout.Covered(scope, c) }

// types tells whoever reads in a space that somebody types there, or no longer
// does.
func (g *Gate) types(a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	typing, err := social.ParseTyping(pub.Payload)
	var space *social.Space
	tell := false
	if err == nil {
		space, tell, err = g.typing.Say(a, addr.Where())
	}
	if err == nil {
		err = g.fresh()
	}
	if err == nil && tell {
		owner, at := g.dir.OwnerOf(space), g.now()
		g.fanout.Deliver(&broker.Delivery{
			Scope: owner.Scope, Channel: social.ChannelTyping, Topic: owner.Address(social.ChannelTyping, "").Topic(),
			Payload:    func() []byte { return g.dir.RenderTyping(nil, a.Person, typing, at) },
			Properties: jsonProperties(), Session: pub.Session,
		})
	}
	done(broker.Receipt{}, err)
}

// status takes what a person says of itself.
func (g *Gate) status(p *broker.Principal, a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	_, err := g.self(p, a, addr)
	var s social.Status
	if err == nil {
		s, err = social.ParseStatus(pub.Payload)
	}
	if err == nil {
		err = g.presences.Say(a, s)
	}
	done(broker.Receipt{}, err)
}

// AnnouncePresence implements social.PresenceAudience.
func (g *Gate) AnnouncePresence(p social.Presence, only []social.PersonKey) {
	d := g.presence(g.ownerOf(p.Person), "", p)
	if d.Only = only; only == nil {
		d.Except = p.Person
	}
	g.fanout.Deliver(d)
}

// AnnounceAttendance implements social.PresenceAudience.
func (g *Gate) AnnounceAttendance(space *social.Space, online int, only []social.PersonKey) {
	d := g.attendance(g.dir.OwnerOf(space), online)
	d.Only = only
	g.fanout.Deliver(d)
}

// AnnounceAttendee implements social.PresenceAudience.
func (g *Gate) AnnounceAttendee(space *social.Space, p social.Presence, only []social.PersonKey) {
	d := g.presence(g.dir.OwnerOf(space), g.dir.AnyPerson(p.Person).Name, p)
	d.Only = only
	g.fanout.Deliver(d)
}

func (g *Gate) ownerOf(person social.PersonKey) social.Owner {
	return social.Owner{Scope: person.Scope(), Name: g.dir.AnyPerson(person).Name}
}

// presence is how somebody's presence goes out, as it changes and as a retained
// message.
func (g *Gate) presence(owner social.Owner, rest string, p social.Presence) *broker.Delivery {
	return live(owner, social.ChannelPresence, rest, func() []byte { return g.dir.RenderPresence(nil, p) })
}

// attendance is how the number of those who are there goes out.
func (g *Gate) attendance(owner social.Owner, online int) *broker.Delivery {
	return live(owner, social.ChannelPresence, "", func() []byte { return social.RenderAttendance(nil, online) })
}

// live is a retained message that the server makes up from what it has in memory.
func live(owner social.Owner, c social.Channel, rest string, payload func() []byte) *broker.Delivery {
	return &broker.Delivery{
		Scope: owner.Scope, Channel: c, Topic: owner.Address(c, rest).Topic(), Rest: rest, Retain: true,
		Payload: payload, Properties: jsonProperties(),
	}
}

// AnnounceCounts implements social.CountersAudience.
func (g *Gate) AnnounceCounts(person social.PersonKey, c social.Counts) {
	g.fanout.Deliver(g.counts(person, c))
}

func (g *Gate) counts(person social.PersonKey, c social.Counts) *broker.Delivery {
	return live(g.ownerOf(person), social.ChannelCounters, "", func() []byte { return social.RenderCounts(nil, c) })
}

// retainedCounters are for the person alone, as is the topic.
func (g *Gate) retainedCounters(ctx context.Context, scope social.Scope) ([]*broker.Delivery, string, error) {
	person := social.PersonKey(scope.Key)
	c, err := g.counters.Of(ctx, person)
	if err != nil {
		return nil, "", err
	}
	return []*broker.Delivery{g.counts(person, c)}, "", nil
}

func jsonProperties() *social.Properties {
	return &social.Properties{TextPayload: true, ContentType: "application/json"}
}

// behindNumber is what a walk goes on behind that was given the number alone: no
// name comes before it.
const behindNumber = "\x00"

// retainedPresence is as long as a context has live members at most, or a
// conversation participants, so it is made as a whole for each page.
func (g *Gate) retainedPresence(ctx context.Context, p *broker.Principal, scope social.Scope, rest, after string, limit int) ([]*broker.Delivery, string, error) {
	if scope.Kind == social.ScopePerson {
		person := social.PersonKey(scope.Key)
		is, may, err := g.presences.Of(ctx, actorOf(p), person)
		if err != nil || !may {
			return nil, "", err
		}
		return []*broker.Delivery{g.presence(g.ownerOf(person), "", is)}, "", nil
	}
	space, ok := g.dir.SpaceOf(scope)
	if !ok {
		return nil, "", nil
	}
	online, who, err := g.presences.Attending(ctx, space, p.Person)
	if err != nil {
		return nil, "", err
	}
	owner := g.dir.OwnerOf(space)
	var out []*broker.Delivery
	if after == "" && social.MatchRest(rest, "") {
		out = append(out, g.attendance(owner, online))
	}
	for _, is := range who {
		if name := g.dir.AnyPerson(is.Person).Name; name > after && social.MatchRest(rest, name) {
			out = append(out, g.presence(owner, name, is))
		}
	}
	if len(out) <= limit {
		return out, "", nil
	}
	out = slices.Clip(out[:limit])
	return out, max(out[limit-1].Rest, behindNumber), nil
}
