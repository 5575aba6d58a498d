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
	case p.will != nil:
		c.refuse(w, codeImplementationSpecific, "This server does not take will messages.", causeRefused)
		return false
	case p.clientID == "" && p.version == version311 && !p.clean: // MQTT 3.1.1 [MQTT-3.1.3-8]
		c.refuse(w, codeClientIDInvalid, "", causeRefused)
		return false
	}
	ack := connack{
		keepAlive: -1, noRetain: true, noShared: true, receiveMax: c.broker.config.ReceiveMaximum,
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
		if c.over.Load() {
			return false // it took too long, or the server stops
		}
		c.refuse(w, connectCode(err), social.Safe(err), causeRefused)
		return false
	}
	w.problemInfo = p.problemInfo
	if p.responseInfo { // section 3.2.2.3.15: where only this person publishes and reads
		ack.responseInfo = social.Address{Kind: social.ScopePerson, Owner: principal.Name, Channel: social.ChannelSync}.Topic()
	}
	return c.accept(p, w, ack, principal)
}

// accept makes the session, takes an older connection of it over, and says yes.
func (c *conn) accept(p connectPacket, w wire, ack connack, principal *Principal) bool {
	if !c.watch.Stop() {
		return false // time to CONNECT is up; connectTimeout ends the connection
	}
	config := &c.broker.config
	keepAlive := time.Duration(p.keepAlive) * time.Second
	if p.version == version5 && (keepAlive == 0 || keepAlive > config.MaxKeepAlive) {
		keepAlive = config.MaxKeepAlive.Truncate(time.Second)
		ack.keepAlive = int(keepAlive / time.Second)
		c.broker.metrics.limited(limitKeepAlive)
	}
	quiet := keepAlive + keepAlive/2
	if quiet == 0 {
		quiet, c.idle = config.IdleLimit, true
	}
	limit := config.SendWindow3
	if p.version == version5 {
		limit = config.SendWindow
		if p.receiveMax > 0 {
			limit = min(limit, int(p.receiveMax)) // [MQTT-3.3.4-9]
		}
	}
	c.out.open(w, limits{config.MaxQueued, config.MaxQueuedBytes}, limit)
	c.rate = newBucket(config.PublishRate, config.PublishBurst, c.broker.now())
	s := newSession(c, sessionKey{principal.Person, p.clientID}, principal)
	older, refusal := c.broker.register(s, ack)
	if refusal != nil {
		c.refuse(w, refusal.code, refusal.reason, causeRefused)
		return false
	}
	if older != nil { // [MQTT-3.1.4-3]
		older.conn.end(ending{codeSessionTakenOver, "The session was taken over by another connection.", causeTakenOver})
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

// refuse answers CONNECT with a code and ends the connection [MQTT-3.2.2-7].
func (c *conn) refuse(w wire, code byte, reason string, why cause) {
	c.broker.metrics.refused(code)
	c.out.put(func(dst []byte, _ wire) []byte {
		return w.appendConnack(dst, connack{code: code, reason: reason})
	})
	c.end(ending{cause: why})
}
