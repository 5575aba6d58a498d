package broker

import (
	"strings"

	"rambla/social"
)

// subscribe takes a SUBSCRIBE and answers it with one code per filter
// [MQTT-3.8.4-6]. Deliveries are held until the SUBACK is queued, and the
// SUBACK until they can come: whoever has read it misses nothing that follows.
func (c *conn) subscribe(header byte, body []byte) *violation {
	p, bad := decodeSubscribe(c.version, header, body)
	if bad != nil {
		return bad
	}
	codes := make([]byte, len(p.filters))
	var subs []*subscription
	room := c.broker.config.MaxSubscriptions - c.session.count()
	for i, f := range p.filters {
		if strings.HasPrefix(f.filter, "$share/") {
			if f.noLocal { // [MQTT-3.8.3-4]
				return protocolErr("A shared subscription cannot have No Local.")
			}
			codes[i] = codeSharedNotSupported
			continue
		}
		if long := c.broker.checkTopic(f.filter); long != nil {
			codes[i] = subscribeCode(long)
			continue
		}
		cover, err := c.broker.gate.Subscribe(c.session.principal, f.filter)
		if err != nil {
			codes[i] = subscribeCode(err)
			continue
		}
		if !c.session.has(f.filter) {
			if room <= 0 {
				c.broker.metrics.limited(limitSubscriptions)
				codes[i] = codeQuotaExceeded
				continue
			}
			room--
		}
		codes[i] = min(f.qos, mostOf(cover.Channels))
		subs = append(subs, &subscription{
			filter: f.filter, session: c.session.id, cover: cover, qos: f.qos, noLocal: f.noLocal,
			retainAsPublished: f.retainAsPublished, ids: identifier(p.identifier),
		})
	}
	c.out.hold()
	defer c.out.unhold()
	c.session.subscribe(subs)
	c.answer(func(dst []byte, w wire) []byte { return w.appendSubscribed(dst, typeSuback, p.id, codes, nil) })
	return nil
}

// mostOf is the highest QoS that any of the channels is delivered at.
func mostOf(set social.ChannelSet) (most byte) {
	for c := range social.Channel(channels) {
		if set.Has(c) {
			most = max(most, mostQoS(c))
		}
	}
	return most
}

func (c *conn) unsubscribe(header byte, body []byte) *violation {
	p, bad := decodeUnsubscribe(c.version, header, body)
	if bad != nil {
		return bad
	}
	codes := make([]byte, len(p.filters))
	for i, filter := range p.filters {
		if !c.session.unsubscribe(filter) {
			codes[i] = codeNoSubscriptionExisted
		}
	}
	c.answer(func(dst []byte, w wire) []byte { return w.appendSubscribed(dst, typeUnsuback, p.id, codes, nil) })
	return nil
}
