package broker

import (
	"context"
	"crypto/rand"
	"time"

	"rambla/social"
)

// handshake reads CONNECT and answers it; false ends the connection.
func (c *conn) handshake(ctx context.Context) bool {
	first, err := c.input.peek()
	if err == nil && first != typeConnect<<4 { // [MQTT-3.1.0-1]; who speaks something else need not finish it
		c.end(ending{cause: causeProtocol})
		return false
	}
	var body []byte
	if err == nil {
		_, body, err = c.input.next(c.broker.config.MaxFirstPacket)
	}
	if err != nil {
		c.endInput(err)
		return false
	}
	c.broker.metrics.received(typeConnect)
	p, bad := decodeConnect(body)
	c.version = p.version
	w := wire{version: p.version, problemInfo: true, maxPacket: p.maxPacket}
	w.aliasMax = uint16(min(int(p.aliasMax), max(0, c.broker.config.SendTopicAliasMax))) //nolint:gosec // at most p.aliasMax
	if bad != nil {
		if p.version == version5 || p.version == version311 && bad.code == codeUnsupportedVersion {
			c.refuse(w, bad.code, bad.text, causeOf(bad.code))
		} else { // MQTT 3.1.1 [MQTT-3.1.4-1]
			c.end(ending{cause: causeOf(bad.code)})
		}
		return false
	}
	switch {
	case p.authMethod != "" && p.authMethod != methodToken: // [MQTT-4.12.0-1]
		c.refuse(w, codeBadAuthMethod, "This server knows no such authentication method.", causeRefused)
		return false
	case p.clientID == "" && p.version == version311 && !p.clean: // MQTT 3.1.1 [MQTT-3.1.3-8]
		c.refuse(w, codeClientIDInvalid, "", causeRefused)
		return false
	}
	ack := connack{
		keepAlive: -1, expiry: -1, receiveMax: c.broker.config.ReceiveMaximum,
		maxPacket: c.broker.config.MaxPacket, aliasMax: max(0, c.broker.config.TopicAliasMax),
	}
	c.aliases = aliases{most: ack.aliasMax, longest: c.broker.config.MaxTopicBytes}
	if p.clientID == "" { // [MQTT-3.1.3-6]
		p.clientID = "auto-" + rand.Text()
		ack.assignedID = p.clientID
	}
	principal, err := c.authenticate(ctx, c.login(&p))
	clear(p.password) // also where a token was what counted
	c.expiryAsked, c.authMethod = p.expiry, p.authMethod
	ack.authMethod = p.authMethod // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
	if err != nil {
		return c.decline(w, err)
	}
	w.problemInfo = p.problemInfo
	if p.will != nil {
		if err := c.broker.gate.MayPublish(principal, p.will.topic); err != nil {
			c.refuse(w, willCode(err), social.Safe(err), causeRefused)
			return false
		}
	}
	if p.responseInfo { // section 3.2.2.3.15: where only this person publishes and reads
		ack.responseInfo = social.Address{Kind: social.ScopePerson, Owner: principal.Name, Channel: social.ChannelSync}.Topic()
	}
	return c.accept(ctx, p, w, ack, principal)
}

// accept takes an older connection of the session over, claims what is stored of
// it, says yes, and brings it back to where it was.
func (c *conn) accept(ctx context.Context, p connectPacket, w wire, ack connack, principal *Principal) bool {
	if !c.watch.Stop() {
		return false // time to CONNECT is up; connectTimeout ends the connection
	}
	b, config := c.broker, &c.broker.config
	quiet := c.agreeKeepAlive(&p, &ack)
	limit := config.SendWindow3
	if p.version == version5 {
		limit = config.SendWindow
		if p.receiveMax > 0 {
			limit = min(limit, int(p.receiveMax)) // [MQTT-3.3.4-9]
		}
	}
	c.out.open(w, limits{config.MaxQueued, config.MaxQueuedBytes, b.metrics}, limit)
	c.rate = newBucket(config.PublishRate, config.PublishBurst, b.now())
	s := newSession(c, sessionKey{principal.Person, p.clientID}, principal)
	expiry, told := c.allowExpiry(p.expiry)
	ack.expiry = told
	if answer := w.appendConnack(nil, ack); w.maxPacket > 0 && len(answer) > int(w.maxPacket) { // [MQTT-3.1.2-24]
		c.refuse(w, codePacketTooLarge, "The answer would be larger than the client takes.", causeRefused)
		return false
	}
	within, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	release, err := b.claims.lock(within, s.key)
	if err != nil {
		return c.decline(w, social.Unavailable(err))
	}
	defer release()
	b.retire(ctx, s.key)
	claimed, err := c.claim(within, &p, s, expiry)
	switch social.KindOrNil(err) {
	case social.KindRateLimited: // see social.SessionClaim.Most
		b.metrics.limited(limitSessionsPer)
		c.refuse(w, codeQuotaExceeded, social.Safe(err), causeRefused)
		return false
	case social.KindInvalid: // MQTT 3.1.1 [MQTT-3.1.3-9]
		c.refuse(w, codeClientIDInvalid, social.Safe(err), causeRefused)
		return false
	}
	if err != nil {
		return c.decline(w, err)
	}
	c.will = p.will
	if claimed != nil {
		ack.present = claimed.Present && !fault("deny-session")
		if claimed.Present && !whole(claimed) {
			ack.told = append(ack.told, social.UserProperty{Name: "complete", Value: "false"})
		}
		b.settleWill(ctx, claimed, p.clean)
	}
	c.out.setDurable(s.durable())
	if refusal := b.register(s, ack); refusal != nil {
		c.will = nil
		c.refuse(w, refusal.code, refusal.reason, causeRefused)
		s.leave(ctx)
		return false
	}
	if b.there != nil {
		c.left = b.there.Came(principal)
	}
	if claimed != nil && claimed.Present {
		if err := s.resume(within, claimed); err != nil {
			c.end(ending{codeServerUnavailable, social.Safe(err), causeUnavailable})
			return false
		}
	}
	if b.there != nil && s.count() > 0 {
		b.there.Subscribed(principal)
	}
	c.wake()
	c.watchQuiet(quiet)
	return !c.over.Load()
}

// allowExpiry is how long the session may outlive its connection, of what was
// asked for in seconds; told is what CONNACK says of it, see connack.expiry.
func (c *conn) allowExpiry(asked uint32) (allowed time.Duration, told int64) {
	allowed = c.broker.config.sessionExpiry(c.version, asked)
	if c.version < version5 || asked != expiryNever && allowed == time.Duration(asked)*time.Second {
		return allowed, -1
	}
	c.broker.metrics.limited(limitSessionExpiry)
	return allowed, int64(allowed / time.Second)
}

// agreeKeepAlive says how long the client may be silent.
func (c *conn) agreeKeepAlive(p *connectPacket, ack *connack) time.Duration {
	config := &c.broker.config
	keepAlive := time.Duration(p.keepAlive) * time.Second
	if p.version == version5 && (keepAlive == 0 || keepAlive > config.MaxKeepAlive) {
		keepAlive = config.MaxKeepAlive.Truncate(time.Second)
		ack.keepAlive = int(keepAlive / time.Second)
		c.broker.metrics.limited(limitKeepAlive)
	}
	if quiet := keepAlive + keepAlive/2; quiet > 0 {
		return quiet
	}
	c.idle = true
	return config.IdleLimit
}

// decline refuses CONNECT for an error; it returns false.
func (c *conn) decline(w wire, err error) bool {
	if !c.over.Load() { // else it took too long, or the server stops
		c.refuse(w, connectCode(err), social.Safe(err), causeRefused)
	}
	return false
}

// refuse answers CONNECT with a code and ends the connection [MQTT-3.2.2-7].
func (c *conn) refuse(w wire, code byte, reason string, why cause) {
	c.broker.metrics.refused(code)
	c.out.put(func(dst []byte, _ wire) []byte {
		return w.appendConnack(dst, connack{code: code, reason: reason})
	})
	c.end(ending{cause: why})
}
