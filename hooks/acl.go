package hooks

import (
	"context"
	"strings"

	"rambla/broker"
	"rambla/social"
)

// Connect decides who connects.
func (g *Gate) Connect(ctx context.Context, login broker.Login) (*broker.Principal, error) {
	var id Identity
	var err error
	if login.Token {
		id, err = g.auth.AuthenticateToken(ctx, g.dir, login.Username, string(login.Password))
	} else {
		id, err = g.auth.Authenticate(ctx, g.dir, login.Username, string(login.Password), login.Remote)
	}
	if err != nil {
		return nil, err
	}
	return g.principal(id)
}

// Revive decides whether what was left behind by a connection that is over may
// still be done.
func (g *Gate) Revive(ctx context.Context, person social.PersonKey, grant social.GrantKey) (*broker.Principal, error) {
	id, err := g.auth.Recall(ctx, person, grant)
	if err != nil {
		return nil, err
	}
	return g.principal(id)
}

func (g *Gate) principal(id Identity) (*broker.Principal, error) {
	person, ok := g.dir.PersonByKey(id.Person)
	if !ok || person.Suspended {
		return nil, social.Errorf(social.KindUnauthenticated, "The name or password is wrong.")
	}
	actor := social.Actor{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes, Generator: "mqtt"}
	return broker.NewPrincipal(id.Person, person.Name, broker.Credential{
		Grant: id.Grant, Rights: claim{actor: actor, expires: id.Expires},
	}), nil
}

// Subscribe decides what a filter reaches.
func (g *Gate) Subscribe(p *broker.Principal, filter string) (broker.Coverage, error) {
	out, err := g.Cover(p, filter)
	if err != nil || out.Mine {
		return out, err // a wildcard covers what one belongs to, also nothing
	}
	if g.MayReceive(p, out.Scope)&out.Channels == 0 {
		return broker.Coverage{}, notYours()
	}
	return out, nil
}

// Cover says what a filter reaches, whoever may receive it.
func (g *Gate) Cover(p *broker.Principal, filter string) (broker.Coverage, error) {
	f, err := g.dir.OpenTopics().ParseFilter(filter)
	if err != nil {
		return broker.Coverage{}, err
	}
	out := broker.Coverage{Mine: f.Mine, Channels: f.Channels, Rest: f.Rest}
	switch {
	case f.Mine:
		out.Scope.Kind = f.Kind
	case f.Kind == social.ScopeServer:
		out.Scope = social.Scope{Kind: social.ScopeServer}
	case f.Kind == social.ScopeOpen:
		var ok bool
		if out.Scope, ok = g.dir.Open(f.Owner); !ok {
			return broker.Coverage{}, notYours()
		}
	case f.Kind == social.ScopePerson:
		owner, ok := g.dir.PersonByName(f.Owner)
		several := f.Channels&(f.Channels-1) != 0
		if !ok || owner.Key != p.Person && several { // of others a channel has to be named
			return broker.Coverage{}, notYours()
		}
		out.Scope = owner.Key.Scope()
	default:
		space, ok := g.dir.Find(social.Where{Kind: f.Kind, Name: f.Owner})
		if !ok {
			return broker.Coverage{}, notYours()
		}
		out.Scope = space.Scope()
	}
	return out, nil
}

// Mine lists what a wildcard in the owner's place covers.
func (g *Gate) Mine(p *broker.Principal, kind social.ScopeKind) []social.Scope {
	return g.dir.MineOf(actorOf(p), kind)
}

// MayReceive decides what is delivered.
func (g *Gate) MayReceive(p *broker.Principal, scope social.Scope) social.ChannelSet {
	actor := actorOf(p)
	switch scope.Kind {
	case social.ScopeSpace, social.ScopeConversation:
		return g.dir.Receives(actor, social.SpaceKey(scope.Key))
	case social.ScopePerson:
		if social.PersonKey(scope.Key) != p.Person {
			return g.dir.ReceivesOf(actor, social.PersonKey(scope.Key))
		}
		if !actor.Scopes.MayRead("", false) {
			return social.Channels(social.ChannelErrors) // one's own refusals, whatever the credential
		}
		return social.PersonChannels()
	case social.ScopeServer:
		if g.dir.Roles(actor).Has(social.RoleManager) {
			return social.Channels(social.ChannelSys)
		}
	case social.ScopeOpen:
		if g.dir.ReceivesOpen(actor) {
			return social.Channels(social.ChannelData)
		}
	case social.ScopeNone:
	}
	return 0
}

// Publish decides who publishes, and hands over what it becomes.
func (g *Gate) Publish(p *broker.Principal, pub *broker.Publication, done func(broker.Receipt, error)) {
	addr, err := g.dir.OpenTopics().ParseTopic(pub.Topic)
	if err != nil {
		done(broker.Receipt{}, err)
		return
	}
	actor := actorOf(p)
	actor.Session = pub.Session
	if pub.Durable && pub.QoS == 2 {
		actor.Packet = pub.PacketID
	}
	switch {
	case posted(addr):
		g.post(actor, addr, pub, done)
	case addr.Channel == social.ChannelData && (pub.QoS > 0 || pub.Retain):
		g.sample(actor, addr, pub, done)
	case addr.Channel == social.ChannelData:
		g.signal(actor, addr, pub, done)
	case addr.Channel == social.ChannelReceipts && addr.Rest == "":
		g.receipt(actor, addr, pub, done)
	case addr.Channel == social.ChannelSync:
		g.sync(p, actor, addr, pub, done)
	case addr.Channel == social.ChannelTyping:
		g.types(actor, addr, pub, done)
	case addr.Channel == social.ChannelPresence && addr.Kind == social.ScopePerson:
		g.status(p, actor, addr, pub, done)
	default: // what only the server says: events, markers, errors, $SYS
		done(broker.Receipt{}, notYours())
	}
}

// MayPublish decides like Publish before there is anything to publish. A marker
// of what was read cannot be left behind as a will.
func (g *Gate) MayPublish(p *broker.Principal, topic string) error {
	addr, err := g.dir.OpenTopics().ParseTopic(topic)
	if err != nil {
		return err
	}
	actor := actorOf(p)
	switch {
	case posted(addr):
		return g.posts.MayWrite(actor, addr.Where(), addr.Channel)
	case addr.Channel == social.ChannelData:
		_, err := g.data.MayWrite(actor, addr)
		return err
	case addr.Channel == social.ChannelTyping:
		_, err := g.typing.MayType(actor, addr.Where())
		return err
	case addr.Channel == social.ChannelSync, addr.Channel == social.ChannelPresence && addr.Kind == social.ScopePerson:
		_, err := g.self(p, actor, addr)
		return err
	default:
		return notYours()
	}
}

// posted tells whether clients publish posts there. A person's wall is written
// over REST.
func posted(at social.Address) bool {
	return at.Kind != social.ScopePerson && (at.Channel == social.ChannelMessages || at.Channel == social.ChannelComments)
}

func notYours() *social.Error {
	return social.Errorf(social.KindForbidden, "There is no such topic here, or you may not use it.")
}

// keyOf is the idempotency key among the user properties, where the first
// counts, or else the server's own.
func keyOf(pub *broker.Publication) string {
	if pub.Properties != nil {
		for _, u := range pub.Properties.User {
			if u.Name == "key" {
				return u.Value
			}
		}
	}
	return pub.Key
}

// plainText tells whether the sender declared text; media types have no case
// and may carry parameters (RFC 9110 section 8.3.1).
func plainText(props *social.Properties) bool {
	if props == nil {
		return false
	}
	media, _, _ := strings.Cut(props.ContentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/plain")
}
