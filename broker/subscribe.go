package broker

import (
	"context"

	"rambla/social"
)

// subscribe takes a SUBSCRIBE and answers it with one code per filter
// [MQTT-3.8.4-6]. Deliveries are held until the SUBACK is queued, and the
// SUBACK until they can come: whoever has read it misses nothing that follows. A
// session that outlives the connection has its subscriptions stored before.
func (c *conn) subscribe(ctx context.Context, header byte, body []byte) *violation {
	p, bad := decodeSubscribe(c.version, header, body)
	if bad != nil {
		return bad
	}
	if !c.out.fits(3 + len(p.filters)) { // [MQTT-3.1.2-24]: what cannot be answered is not taken
		return tooLargeAnswer()
	}
	r := subscribing{conn: c, identifier: p.identifier, codes: make([]byte, 0, len(p.filters)), fresh: make(map[string]bool)}
	r.room = c.broker.config.MaxSubscriptions - c.session.count()
	for _, f := range p.filters {
		code, bad := r.one(ctx, f)
		if bad != nil {
			return bad
		}
		if r.away != nil {
			// A refusal would be taken for one, and the client not ask again.
			c.end(ending{codeServerBusy, social.Safe(r.away), causeUnavailable})
			return nil
		}
		r.codes = append(r.codes, code)
	}
	c.out.hold()
	defer c.out.unhold()
	for _, sub := range r.subs {
		if sub.group != "" {
			c.session.leaveGroups(ctx, sub.Filter, false) // it is replaced [MQTT-3.8.4-3]
		}
	}
	c.session.subscribe(r.subs, c.session.fromNow)
	for _, to := range r.rewinds {
		c.session.rewind(to.cover, to.after)
	}
	if len(r.subs) > 0 && !c.keep(ctx) || !c.join(ctx, r.subs) {
		return nil
	}
	c.answer(func(dst []byte, w wire) []byte { return w.appendSubscribed(dst, typeSuback, p.id, r.codes, r.told) })
	c.session.walkRetained(r.retained)
	if c.broker.there != nil && len(r.subs) > 0 {
		c.broker.there.Subscribed(c.session.principal)
	}
	return nil
}

// join makes the session a member of the groups of its shared subscriptions;
// false ends the connection.
func (c *conn) join(ctx context.Context, subs []*subscription) bool {
	for _, sub := range subs {
		if sub.group == "" || !c.session.holds(sub) {
			continue
		}
		if err := c.broker.join(ctx, c.session, sub); err != nil {
			c.end(ending{codeServerBusy, social.Safe(err), causeUnavailable})
			return false
		}
	}
	return true
}

// keep has the session's subscriptions stored, if it outlives the connection;
// false ends the connection: what is not stored is not acknowledged.
func (c *conn) keep(ctx context.Context) bool {
	if !c.session.durable() {
		return true
	}
	c.tellWriter()
	c.paused.Store(true)
	defer c.paused.Store(false)
	c.session.stored.note()
	saved := make(chan error, 1)
	c.session.persist(func(err error) { saved <- err })
	var err error
	select {
	case err = <-saved:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		c.end(ending{codeServerBusy, social.Safe(err), causeUnavailable})
	}
	return err == nil
}

// subscribing is one SUBSCRIBE under way.
type subscribing struct {
	conn       *conn
	identifier uint32
	room       int             // for new subscriptions
	fresh      map[string]bool // filters that the session did not have before this packet
	codes      []byte
	subs       []*subscription
	retained   []*subscription // those that want what is retained
	rewinds    []rewind
	told       []social.UserProperty
	away       error // the store is, so that nothing can be said of the filter
}

// rewind is a cursor to be moved.
type rewind struct {
	cover Coverage
	after uint64
}

// one takes one filter and says its code.
func (r *subscribing) one(ctx context.Context, f filterRequest) (byte, *violation) {
	c := r.conn
	group, whole, shared, err := parseShare(f.filter)
	if shared && f.noLocal { // [MQTT-3.8.3-4]
		return 0, protocolErr("A shared subscription cannot have No Local.")
	}
	if err != nil {
		return subscribeCode(err), nil
	}
	filter, from, err := social.ParseSeek(whole)
	if err == nil && from != nil && shared {
		err = social.Invalid("filter", "a shared subscription has one position of its own")
	}
	if err != nil {
		return subscribeCode(err), nil
	}
	if long := c.broker.checkTopic(filter); long != nil {
		return subscribeCode(long), nil
	}
	cover, err := c.broker.gate.Subscribe(c.session.principal, filter)
	if err == nil && from != nil {
		err = r.seek(ctx, filter, cover, *from)
	}
	if social.KindOrNil(err) == social.KindUnavailable {
		r.away = err
		return 0, nil
	}
	if err != nil {
		return subscribeCode(err), nil
	}
	sub := c.session.newSubscription(social.Subscription{
		Filter: filter, QoS: f.qos, NoLocal: f.noLocal, RetainAsPublished: f.retainAsPublished, RetainHandling: f.retainHandling,
		Identifier: r.identifier,
	}, cover)
	most := mostOf(cover.Channels)
	if shared {
		sub.Filter, sub.group, sub.plain = f.filter, group, filter
		most = min(most, 1) // see group
	}
	isNew := !r.fresh[sub.Filter] && !c.session.has(sub.Filter)
	if isNew {
		if r.room <= 0 {
			c.broker.metrics.limited(limitSubscriptions)
			return codeQuotaExceeded, nil
		}
		r.room--
		r.fresh[sub.Filter] = true
	}
	r.subs = append(r.subs, sub)
	if !shared && wantsRetained(sub, isNew) { // none for shared ones, section 4.8.2
		r.retained = append(r.retained, sub)
	}
	return min(f.qos, most), nil
}

// seek finds where a replay begins: of one plain topic of posts.
func (r *subscribing) seek(ctx context.Context, filter string, cover Coverage, from social.SeekFrom) error {
	c := r.conn
	a, err := social.ParseTopic(filter)
	if err != nil || !a.Channel.Log() {
		return social.Invalid("filter", "only the plain topic of a stream of posts can be replayed")
	}
	c.tellWriter()
	stream, err := c.broker.backlog.MakeStream(ctx, cover.Scope, a.Channel)
	if err != nil {
		return err
	}
	found, err := c.broker.backlog.Seek(ctx, c.session.principal, stream, from)
	if err != nil {
		return err
	}
	r.rewinds = append(r.rewinds, rewind{cover, found.After})
	complete := "true"
	if !found.Complete {
		complete = "false"
	}
	r.told = append(r.told, social.UserProperty{Name: "complete", Value: complete}, social.UserProperty{Name: "position", Value: found.Position()})
	return nil
}

// mostOf is the highest QoS that any of the channels is delivered at.
func mostOf(set social.ChannelSet) (most byte) {
	for c := range social.Channel(channels) {
		if set.Has(c) {
			most = max(most, c.MostQoS())
		}
	}
	return most
}

func tooLargeAnswer() *violation {
	return &violation{codePacketTooLarge, "The answer would be larger than the client takes."}
}

func (c *conn) unsubscribe(ctx context.Context, header byte, body []byte) *violation {
	p, bad := decodeUnsubscribe(c.version, header, body)
	if bad != nil {
		return bad
	}
	if !c.out.fits(3 + len(p.filters)) { // [MQTT-3.1.2-24]
		return tooLargeAnswer()
	}
	codes := make([]byte, len(p.filters))
	changed := false
	for i, filter := range p.filters {
		if plain, _, err := social.ParseSeek(filter); err == nil {
			filter = plain
		}
		if !c.session.unsubscribe(filter) {
			codes[i] = codeNoSubscriptionExisted
			continue
		}
		changed = true
		c.session.leaveGroups(ctx, filter, true)
	}
	if changed && !c.keep(ctx) {
		return nil
	}
	c.answer(func(dst []byte, w wire) []byte { return w.appendSubscribed(dst, typeUnsuback, p.id, codes, nil) })
	return nil
}
