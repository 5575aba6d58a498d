package broker

import (
	"encoding/json"
	"strings"
	"time"

	"rambla/social"
)

// publish takes a PUBLISH: it is handed to the gate without waiting, and
// answered when the gate is done with it.
func (c *conn) publish(header byte, body []byte) *violation {
	p, bad := decodePublish(c.version, header, body)
	if bad == nil {
		bad = c.aliases.resolve(&p)
	}
	if bad != nil {
		return bad
	}
	size := len(p.payload)
	n, told, is := c.inbound.claim(&p, size)
	switch is {
	case claimRepeat:
		c.out.acknowledge(typePubrec, p.id, codeSuccess, explanation{receipt: told})
		c.needsWake = true
		return nil
	case claimPending:
		return nil
	case claimTooMany:
		return &violation{codeReceiveMaximumExceeded, "More publishes are unacknowledged than Receive Maximum allows."}
	}
	c.broker.metrics.published()
	done := func(r Receipt, err error) { c.published(n, &p, size, r, err) }
	if refusal, bad := c.mayPublish(&p); bad != nil {
		return bad
	} else if refusal != nil {
		done(Receipt{}, refusal)
		return nil
	}
	c.broker.gate.Publish(c.session.principal, &Publication{
		Topic: p.topic, Payload: p.payload, QoS: p.qos, Retain: p.retain, Dup: p.dup,
		Session: c.session.id, Durable: c.session.durable(), PacketID: p.id, Version: c.version, Properties: p.properties,
	}, done)
	c.inbound.waitRoom()
	return nil
}

// mayPublish keeps the limits that need no gate.
func (c *conn) mayPublish(p *publishPacket) (refusal *social.Error, bad *violation) {
	if long := c.broker.checkTopic(p.topic); long != nil {
		return long, nil
	}
	wait := c.rate.take(c.broker.now())
	if wait == 0 {
		return nil, nil
	}
	c.broker.metrics.limited(limitPublishRate)
	if c.version == version5 {
		return social.Errorf(social.KindRateLimited, "You publish faster than this server allows."), nil
	}
	for ; wait > 0; wait = c.rate.take(c.broker.now()) {
		c.sleep(wait)
		if c.over.Load() {
			break
		}
	}
	return nil, nil
}

// checkTopic refuses a topic or filter that is longer or deeper than this
// server takes, with KindInvalid.
func (b *Broker) checkTopic(topic string) *social.Error {
	switch config := &b.config; {
	case len(topic) > config.MaxTopicBytes:
		b.metrics.limited(limitTopicBytes)
		return social.Invalid("topic", "is longer than %d bytes", config.MaxTopicBytes)
	case strings.Count(topic, "/") >= config.MaxTopicLevels:
		b.metrics.limited(limitTopicLevels)
		return social.Invalid("topic", "has more than %d levels", config.MaxTopicLevels)
	}
	return nil
}

// sleep pauses the reader, and with it the client.
func (c *conn) sleep(d time.Duration) {
	c.tellWriter()
	c.paused.Store(true)
	defer c.paused.Store(false)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.gone:
	}
}

// published is the gate's answer to a publish; it runs in the gate's goroutine.
func (c *conn) published(n uint64, p *publishPacket, size int, r Receipt, err error) {
	a := arrival{id: p.id, qos: p.qos, receipt: r}
	if err != nil {
		kind := social.KindOf(err)
		c.broker.metrics.publishRefused(kind)
		a.receipt, a.reason = Receipt{}, social.Safe(err)
		a.code, a.fatal = publishCode(p.topic, err)
		if c.version != version5 && (!a.fatal || p.qos == 0) {
			a.code, a.reason = codeSuccess, "" // MQTT 3.1.1 can only acknowledge or close
			a.refusal = &refusal{p.topic, p.id, r.Key, kind.String(), social.Safe(err)}
		}
	}
	c.inbound.finish(n, a, size)
}

// released takes a PUBREL. What outlives the connection forgets the identifier
// before the client does: with PUBCOMP it is free for another message.
func (c *conn) released(id uint16) {
	switch known, first := c.inbound.let(id); {
	case !known:
		c.reply(typePubcomp, id, codePacketIDNotFound) // [MQTT-4.3.3-11]
	case !c.session.durable():
		c.inbound.release(id)
		c.reply(typePubcomp, id, codeSuccess)
	case first:
		c.session.release(id)
	default: // the first one's answers serve it too
	}
}

// refusal is what a client of MQTT 3.1.1 reads on /user/{name}/errors, as its
// acknowledgement cannot say no.
type refusal struct {
	Topic  string `json:"topic"`
	Packet uint16 `json:"packet"` // 0 at QoS 0
	Key    string `json:"key"`    // of the payload; empty where it had none
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// tellErrors queues the refusal in front of its acknowledgement, if the session
// subscribed to the topic. It goes to this connection only, at QoS 0.
func (c *conn) tellErrors(r *refusal) {
	s := c.session
	ids := s.errors.Load()
	if ids == nil {
		return
	}
	payload, err := json.Marshal(r)
	if err != nil {
		c.broker.log.Error("refusal cannot be encoded", "err", err)
		return
	}
	topic := social.Address{Kind: social.ScopePerson, Owner: s.principal.Name, Channel: social.ChannelErrors}.Topic()
	m := message{topic: topic, payload: payload, expiryAt: -1}
	c.out.put(func(dst []byte, w wire) []byte {
		dst, _, _ = m.appendFrame(dst, w.v5(), false, *ids, naming{})
		return dst
	})
}
