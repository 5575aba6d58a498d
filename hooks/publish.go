package hooks

import (
	"rambla/broker"
	"rambla/social"
)

// post hands over a message for a context or conversation, or a comment.
func (g *Gate) post(a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	d, err := social.ParsePayload(pub.Payload, plainText(pub.Properties))
	if err == nil && d.Key == "" {
		d.Key = keyOf(pub)
		err = social.CheckKey("key", d.Key)
	}
	if err != nil {
		done(broker.Receipt{Key: d.Key}, err)
		return
	}
	g.posts.Publish(a, addr.Where(), addr.Channel, d, func(stored social.Appended, err error) {
		r := broker.Receipt{Seq: stored.Seq, Key: d.Key}
		if !stored.ID.IsZero() {
			r.ID = stored.ID.String()
		}
		done(r, err)
	})
}

// sample hands data over that is stored before it is acknowledged.
func (g *Gate) sample(a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	s := social.Sample{
		Payload: pub.Payload, QoS: pub.QoS, Retain: pub.Retain,
		Properties: pub.Properties, Key: keyOf(pub),
	}
	g.data.Publish(a, addr, s, func(stored social.Appended, err error) {
		done(broker.Receipt{Seq: stored.Seq, Key: s.Key}, err)
	})
}

// receipt moves a read marker; it is acknowledged when that is stored.
func (g *Gate) receipt(a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	r, err := social.ParseReceipt(pub.Payload)
	if err != nil {
		done(broker.Receipt{}, err)
		return
	}
	g.markers.Move(a, addr.Where(), r, func(_ social.Marker, err error) { done(broker.Receipt{}, err) })
}

// signal forwards data that is not durable to whoever is connected.
func (g *Gate) signal(a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	owner, err := g.data.MayWrite(a, addr)
	if err == nil {
		err = g.fresh()
	}
	if err == nil {
		g.forward(pub, addr, owner.Scope)
	}
	done(broker.Receipt{}, err)
}

// sync forwards between one's own devices.
func (g *Gate) sync(p *broker.Principal, a social.Actor, addr social.Address, pub *broker.Publication, done func(broker.Receipt, error)) {
	owner, err := g.self(p, a, addr)
	if err == nil {
		err = g.fresh()
	}
	if err == nil {
		addr.Owner = owner.Name
		g.forward(pub, addr, owner.Key.Scope())
	}
	done(broker.Receipt{}, err)
}

// self is the person of a topic that only that person may publish to.
func (g *Gate) self(p *broker.Principal, a social.Actor, addr social.Address) (social.Person, error) {
	owner, ok := g.dir.PersonByName(addr.Owner)
	if !ok || owner.Key != p.Person || a.RequireSelf(true) != nil {
		return social.Person{}, notYours()
	}
	return owner, nil
}

func (g *Gate) forward(pub *broker.Publication, addr social.Address, scope social.Scope) {
	payload := pub.Payload
	g.fanout.Deliver(&broker.Delivery{
		Scope: scope, Channel: addr.Channel, Topic: addr.Topic(), Rest: addr.Rest,
		Payload: func() []byte { return payload }, Properties: pub.Properties, Session: pub.Session, Retain: pub.Retain,
	})
}

// fresh refuses what would be delivered on rights that nobody could confirm
// for too long.
func (g *Gate) fresh() error {
	if g.dir.StaleFor() > g.freshIn {
		return social.Errorf(social.KindUnavailable, "The server cannot reach its database; try again shortly.")
	}
	return nil
}
