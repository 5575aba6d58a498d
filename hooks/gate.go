package hooks

import (
	"context"
	"net/netip"
	"time"

	"rambla/broker"
	"rambla/social"
)

// Identity is whom a credential proved, and until when.
type Identity struct {
	Person  social.PersonKey
	Grant   social.GrantKey
	Scopes  social.Scopes
	Expires time.Time // when a connection by it has to end; zero: with its grant
}

// Authenticator checks what a CONNECT packet claims. Its methods may block.
type Authenticator interface {
	Authenticate(ctx context.Context, dir *social.Directory, username, password string, from netip.AddrPort) (Identity, error)
	// AuthenticateToken takes nothing but a token; username may be empty.
	AuthenticateToken(ctx context.Context, dir *social.Directory, username, token string) (Identity, error)
	// Recall tells what a grant still allows, without a token of it; 0 is the
	// account's password.
	Recall(ctx context.Context, person social.PersonKey, grant social.GrantKey) (Identity, error)
}

// Fanout is where deliveries go: the broker.
type Fanout interface {
	Deliver(d *broker.Delivery)
	// Covered tells whether a delivery on the channel of the scope can reach anybody.
	Covered(scope social.Scope, c social.Channel) bool
}

// Gate implements broker.Gate.
type Gate struct {
	auth    Authenticator
	dir     *social.Directory
	posts   *social.Posts
	walls   *social.Walls
	data    *social.Data
	markers *social.Markers
	log     Reader
	heads   Heads
	fanout  Fanout
	freshIn time.Duration

	typing    *social.Typing
	presences *social.Presences
	counters  *social.Counters
	tails     *social.Tails
	pushes    Pushes // nil: nobody is pushed to
	index     Index  // nil: nothing is indexed
	now       func() time.Time
}

// staleRights is how old the picture of rights may grow before what is not
// stored, and so does not prove that the store is there, is no longer forwarded.
const staleRights = 2 * time.Second

// New makes a gate. What it announces goes to to; Serve completes it.
func New(auth Authenticator, dir *social.Directory) *Gate {
	return &Gate{auth: auth, dir: dir, fanout: nobody{}, freshIn: staleRights}
}

// Serve gives the gate the use cases that publish, which need it first to
// announce through, and what it reads. Only before the broker asks anything.
func (g *Gate) Serve(posts *social.Posts, data *social.Data, markers *social.Markers, log Reader, heads Heads) {
	g.posts, g.data, g.markers, g.log, g.heads = posts, data, markers, log, heads
}

// MakeWalls gives the gate what makes the walls that are asked for; likewise.
func (g *Gate) MakeWalls(walls *social.Walls) { g.walls = walls }

// Attach says where deliveries go; until then nobody is there to get them.
// Only before anything is announced.
func (g *Gate) Attach(f Fanout) { g.fanout = f }

type nobody struct{}

func (nobody) Deliver(*broker.Delivery) {}

func (nobody) Covered(social.Scope, social.Channel) bool { return false }

// claim is what a Principal carries for the gate.
type claim struct {
	actor   social.Actor
	expires time.Time
}

func actorOf(p *broker.Principal) social.Actor {
	c, ok := p.Credential().Rights.(claim)
	if !ok {
		return social.Actor{} // nobody: every rule refuses it
	}
	return c.actor
}
