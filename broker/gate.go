package broker

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"rambla/social"
)

// Gate answers what the broker may not know: who connects, what a filter
// reaches, who may receive, and what becomes of a publish. Every method is
// called concurrently. Errors are *social.Error; their Kind decides the reason
// code and their Safe sentence is told to the client.
type Gate interface {
	// Connect authenticates. It runs on the connection's own goroutine and may
	// block (password hashing, the store) until ctx ends.
	Connect(ctx context.Context, login Login) (*Principal, error)
	// Subscribe says what filter reaches for p, or why it is refused. The name
	// in the owner's place exists and p may see it; memory only, never blocks.
	Subscribe(p *Principal, filter string) (Coverage, error)
	// Cover is Subscribe without the question of rights: for a filter that was
	// subscribed to before, and sleeps while the right is gone.
	Cover(p *Principal, filter string) (Coverage, error)
	// Mine lists the scopes of a kind that a wildcard in the owner's place covers for p.
	// Memory only; the caller owns the slice.
	Mine(p *Principal, kind social.ScopeKind) []social.Scope
	// MayReceive tells which of the channels of scope p has, at this moment, the
	// right to receive (a credential may be narrower than its person). Memory
	// only; called for every change of rights and whenever a session starts to
	// cover a scope.
	MayReceive(p *Principal, scope social.Scope) social.ChannelSet
	// Publish takes a packet over. It must not block; done is called exactly
	// once, from any goroutine, possibly before Publish returns. The broker acknowledges
	// when it is called: nil means committed (or forwarded, where nothing is
	// durable). The publication may be kept but not changed: until done is called
	// both sides read it.
	Publish(p *Principal, pub *Publication, done func(Receipt, error))
	// MayPublish tells by the rules of Publish whether p may, at this moment,
	// publish to the topic: what a will is asked for at CONNECT. Memory only.
	MayPublish(p *Principal, topic string) error
	// Revive gives the principal of a connection that is over, so that its will
	// can be sent. It blocks for the store; KindUnauthenticated where the person
	// or the grant (0: the account's password) would not be let in any more.
	Revive(ctx context.Context, person social.PersonKey, grant social.GrantKey) (*Principal, error)
}

// Backlog is what was committed: the broker reads it for whoever was away or
// does not keep up. Errors as of [Gate].
type Backlog interface {
	// Stream names the stream behind a channel; 0 where there is none. Memory only.
	Stream(scope social.Scope, channel social.Channel) social.StreamKey
	// MakeStream is Stream that makes one where there is none yet and there could be:
	// for who asks for a position in it. It blocks for the store.
	MakeStream(ctx context.Context, scope social.Scope, channel social.Channel) (social.StreamKey, error)
	// Head is the seq up to which the stream's entries have been handed to
	// [Broker.Deliver], or are being handed; told that up to which Deliver has
	// returned. Memory only.
	Head(stream social.StreamKey) (head, told uint64)
	// Joined is the seq after which p's membership began in the stream; member is
	// false where it is none. Memory only.
	Joined(p *Principal, stream social.StreamKey) (seq uint64, member bool)
	// Resume finds, for a session that was away, the streams that p had no right
	// to meanwhile, and the seq at which it came back. Memory only.
	Resume(p *Principal, reads []social.ReadChange) map[social.StreamKey]uint64
	// Read gives the entries of the stream with seq > after, in order, at most
	// limit, as Deliver would have got them, all readers' private ones included;
	// with rest only those of that topic behind a nested channel's word. It blocks
	// for the store. Fewer than limit mean that no more was committed when it was
	// called.
	Read(ctx context.Context, stream social.StreamKey, rest string, after uint64, limit int) ([]*Delivery, error)
	// Retained gives the retained messages of a channel that p may get and that
	// rest (see [Coverage]) covers, in the order of their Rest and from behind
	// after; limit bounds how many. There may be more behind next as long as it is
	// not empty, also where the list is. Their Seq, where not 0, is that of the
	// same message in the stream. It blocks for the store.
	Retained(ctx context.Context, p *Principal, scope social.Scope, channel social.Channel, rest, after string, limit int) (list []*Delivery, next string, err error)
	// Seek finds where a replay for p begins. It blocks for the store.
	Seek(ctx context.Context, p *Principal, stream social.StreamKey, from social.SeekFrom) (social.Sought, error)
	// Rights is the version of the journal that answers are given by. Memory only.
	Rights() int64
}

// Attendance is told who is there. Its methods are called concurrently and
// without a lock held, and must not block.
type Attendance interface {
	// Came is told of a connection that was let in; left, where it is not nil, is
	// called once when that is over. A connection that takes a session over comes
	// before the older one has left.
	Came(p *Principal) (left func())
	// Subscribed tells that a session of p covers what it did not before, also
	// because it came back.
	Subscribed(p *Principal)
}

// Login is what a CONNECT packet claims, or an AUTH packet that renews it.
type Login struct {
	ClientID string
	Username string
	Password []byte // the broker forgets it after Connect
	Token    bool   // Password is the data of the authentication method "token": only a token will do
	Version  byte   // protocol level: 4 = MQTT 3.1.1, 5 = MQTT 5.0
	Remote   netip.AddrPort
}

// Principal is whom a connection acts for, as Gate.Connect found. It is shared
// and must not be copied: a client may renew its credential while it is read.
type Principal struct {
	Person     social.PersonKey
	Name       string // of the person at CONNECT, for logs and the errors topic
	credential atomic.Pointer[Credential]
}

// Credential is what a principal proved itself with.
type Credential struct {
	Grant  social.GrantKey // 0 where the account's password was used
	Rights any             // the gate's own view of it (scopes); never read here
}

// NewPrincipal makes a principal.
func NewPrincipal(person social.PersonKey, name string, c Credential) *Principal {
	p := &Principal{Person: person, Name: name}
	p.credential.Store(&c)
	return p
}

// renew replaces the credential.
func (p *Principal) renew(c Credential) { p.credential.Store(&c) }

// Credential is the one in force now. Whoever needs more than one part of it
// asks once.
func (p *Principal) Credential() Credential {
	if c := p.credential.Load(); c != nil {
		return *c
	}
	return Credential{}
}

// Coverage is what one topic filter reaches.
type Coverage struct {
	Scope    social.Scope // the named scope; where Mine is set, only its kind
	Mine     bool         // every scope of Gate.Mine, following joins and leaves
	Channels social.ChannelSet
	Rest     string // for nested channels, see social.Filter.Rest
}

// Publication is a client's PUBLISH on its way to the gate.
type Publication struct {
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Dup        bool
	Session    social.SessionID // of the publisher
	Durable    bool             // the session is in the store: so are its QoS 2 identifiers until PUBREL
	PacketID   uint16           // 0 at QoS 0
	Version    byte
	Properties *social.Properties // nil where there were none
	// Key is the idempotency key of what the server publishes for the client; one
	// that the client itself gave goes before it.
	Key string
}

// Receipt is what an acknowledgement of a stored publish tells.
type Receipt struct {
	ID  string // of the post; empty where nothing was stored as a post
	Seq uint64 // in its stream; 0 where there is none
	Key string // the client's idempotency key, to tell a 3.1.1 client which publish was refused
}

// Delivery is one message for whoever is subscribed. Slices and Payload are
// shared by all subscribers and must not change afterwards.
type Delivery struct {
	Scope   social.Scope
	Channel social.Channel
	Topic   string // as subscribers see it
	Rest    string // for nested channels, the topic behind the channel's word
	QoS     byte   // the most it is delivered at
	Retain  bool   // the publisher set RETAIN; told to those who asked for it (Retain As Published)
	// Payload is called once, and only if somebody receives the delivery.
	Payload func() []byte
	// Properties go to MQTT 5 subscribers; nil for none.
	Properties *social.Properties
	Session    social.SessionID // of the publisher; 0 = the server
	// Stream and Seq say where in the store it stands; 0 for what is in no stream,
	// and is delivered only to whoever is connected and keeps up.
	Stream social.StreamKey
	Seq    uint64
	At     time.Time // when it was published: what its expiry counts from; zero = now
	Amends bool      // an earlier entry of the stream reads otherwise from now on
	// Only, where not nil, names the people who may receive it.
	Only   []social.PersonKey
	Except social.PersonKey // who does not get it; 0: nobody
}
