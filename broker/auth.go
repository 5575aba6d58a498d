package broker

import (
	"context"

	"rambla/social"
)

// methodToken is the one method of enhanced authentication, MQTT 5.0 section
// 4.12: the authentication data of CONNECT is a token, and CONNACK the answer;
// AUTH brings another token of the same person in its place.
const methodToken = "token"

// login is what a CONNECT claims.
func (c *conn) login(p *connectPacket) Login {
	l := Login{ClientID: p.clientID, Username: p.username, Password: p.password, Version: p.version, Remote: c.remote}
	if p.authMethod != "" {
		l.Password, l.Token = p.authData, true
	}
	return l
}

func (c *conn) authenticate(ctx context.Context, l Login) (*Principal, error) {
	ctx, cancel := context.WithTimeout(ctx, c.broker.config.ConnectTimeout)
	defer cancel()
	defer clear(l.Password)
	return c.broker.gate.Connect(ctx, l)
}

// reauthenticate takes an AUTH. Packets behind it are read when it is answered:
// they are the new credential's.
func (c *conn) reauthenticate(ctx context.Context, header byte, body []byte) *violation {
	if c.authMethod == "" { // [MQTT-4.12.0-7]
		return protocolErr("No authentication method was agreed.")
	}
	p, bad := decodeAuth(header, body)
	switch {
	case bad != nil:
		return bad
	case p.code != codeReauthenticate: // [MQTT-3.15.2-1]; the server asked for nothing
		return protocolErr("An AUTH of a client begins a re-authentication.")
	case p.method != c.authMethod: // [MQTT-4.12.1-1]
		return &violation{codeBadAuthMethod, "The authentication method is another than that of CONNECT."}
	}
	c.tellWriter()
	c.paused.Store(true)
	defer c.paused.Store(false)
	c.broker.renewing(c)
	fresh, err := c.authenticate(ctx, Login{
		ClientID: c.session.key.clientID, Password: p.data, Token: true, Version: c.version, Remote: c.remote,
	})
	if err == nil && fresh.Person != c.session.key.person {
		err = social.Errorf(social.KindForbidden, "The token is another person's.")
	}
	if refused := c.broker.renew(c, fresh, err); refused != nil { // [MQTT-4.12.1-2]
		c.broker.metrics.renewals[index(false)].Inc()
		c.end(*refused)
		return nil
	}
	c.broker.metrics.renewals[index(true)].Inc()
	c.session.rightsChanged(nil)
	if c.session.stored != nil {
		c.session.persist(nil) // a will is sent by the credential that the connection had last
	}
	c.answer(func(dst []byte, w wire) []byte { return w.appendAuth(dst, codeSuccess, p.method) })
	return nil
}

// renewing has End note what it matches from here on, so that a credential that
// ends while it is being checked is not taken.
func (b *Broker) renewing(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.conns[c]; a != nil {
		a.noting = true
	}
}

// renew puts the credential in the place of the old one, unless err or an End
// meanwhile says otherwise.
func (b *Broker) renew(c *conn, fresh *Principal, err error) *ending {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.conns[c]
	if a == nil {
		return &ending{cause: causeShutdown} // it has ended already
	}
	verdicts := a.verdicts
	a.noting, a.verdicts = false, nil
	switch {
	case err == nil:
	case social.KindOf(err) == social.KindUnavailable:
		return &ending{codeServerBusy, social.Safe(err), causeUnavailable}
	default:
		return &ending{codeNotAuthorized, social.Safe(err), causeRefused}
	}
	for _, v := range verdicts {
		if v.match(fresh) {
			return &ending{v.code, v.text, causeEnded}
		}
	}
	c.session.principal.renew(fresh.Credential())
	return nil
}
