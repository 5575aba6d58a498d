package social

import (
	"context"
	"time"
)

// SessionID names an MQTT session: a random number that is never used again.
// Entries of streams keep the one of their publisher. 0 = none.
type SessionID uint64

// NodeID names one run of one server process, likewise. 0 = none.
type NodeID uint64

// SessionKind tells whose a Session is.
type SessionKind uint8

const (
	SessionClient SessionKind = iota // of one client identifier
	SessionGroup                     // of a shared subscription: the clients of one person behind one group and filter
)

// Session is what the store keeps of an MQTT session: enough for any node to go
// on with it. How far it got is a position per stream and not a queue, so a
// session that is away costs its row and nothing per message.
type Session struct {
	ID      SessionID
	Person  PersonKey
	Kind    SessionKind
	Name    string   // the client identifier; of a group "{group}/{filter}"
	Grant   GrantKey // of its last connection; 0 = the account's password
	Version byte     // protocol level of that connection: 4 or 5
	Fence   uint64   // grows with every claim: of two claimants the older is known
	Node    NodeID   // where it is connected; 0 = nowhere
	Created time.Time
	Left    time.Time     // when its last connection ended; zero while Node is set
	Expiry  time.Duration // how long it lives beyond its connection; SessionForever
	Rights  int64         // the version of the journal of rights that Position goes with
	Saved   time.Time     // when Position and Rights were
	// Subscriptions and Position are as EncodeSubscriptions and EncodePosition
	// wrote them; nil for none.
	Subscriptions []byte
	Position      []byte
	Will          []byte // the broker's own encoding; nil for none
	WillDelay     time.Duration
	WillDue       time.Time // when an absent session's will is to be sent; zero while it is connected
}

// SessionForever is the Expiry of a session that does not expire by itself.
const SessionForever = time.Duration(1<<63 - 1)

// Over tells whether the session has ended at now. Its row may still be there,
// for its will or because nobody has taken it away yet.
func (s *Session) Over(now time.Time) bool {
	return s.Node == 0 && s.Expiry != SessionForever && !now.Before(s.Left.Add(s.Expiry))
}

// SessionClaim takes a session for a connection, or makes it.
//
// With neither Expiry nor Will nothing is kept: what there was is handed out and
// ends, and no row is made, so that saves are Stale. A client that asks for that
// needs a claim only where FindSession found something. A row with Expiry 0
// exists only while its connection does, or its will waits.
type SessionClaim struct {
	ID        SessionID // of the session if it has to be made
	Person    PersonKey
	Kind      SessionKind
	Name      string
	Grant     GrantKey
	Version   byte
	Node      NodeID
	Clean     bool // end what there is, and begin anew
	Expiry    time.Duration
	Will      []byte // nil for none; replaces the former will
	WillDelay time.Duration
	Rights    int64 // the journal's version of the moment
	// Most is how many sessions of kind SessionClient the person may have stored;
	// where this one is new and exceeds it, the one that is absent for longest
	// ends, and if none is absent the claim is KindRateLimited.
	Most int
}

// SessionClaimed is what a claim found and did.
type SessionClaimed struct {
	// Session is as the claim leaves it; where Present, with the Subscriptions,
	// Position and Rights that were there.
	Session Session
	Present bool
	// Before is the row as it was, where there was one (also with Clean, or where
	// it was over): its will may have to be sent.
	Before *Session
	// Streams are the states of the streams in Position, Inbound the QoS 2
	// publishes that wait for their PUBREL; only where Present.
	Streams []StreamState
	Inbound []InboundPacket
	// Reads are the changes of who may read, later than Session.Rights, that
	// concern the person in the spaces of these streams; newest first. Of more
	// than a thousand of the person, or a hundred of one space's policy, the older
	// ones are left out: the session then gets what it may read today, and loses
	// nothing.
	Reads []ReadChange
	// ReadsTo is the version of the journal that Reads tells of; later ones may have
	// come since.
	ReadsTo int64
}

// StreamState is what a stream holds at a moment.
type StreamState struct {
	Stream StreamKey
	Epoch  string
	Head   uint64 // the last seq
	Floor  uint64 // what is at or below was given up by retention
}

// ReadChange is one entry in the history of who could read a space.
type ReadChange struct {
	Version int64 // of the journal
	Space   SpaceKey
	Person  PersonKey // 0: the space's policy or owner changed, else the person's standing
	// How things stood until then: of the policy change Policy and Owner, of the
	// person's the Standing and the Roles, both only as far as they decide on Read.
	// The Standing has the ban and the overrides that held at that moment, without
	// their end; one that ended by itself is a change of its own, with the Version before.
	Policy   Policy
	Owner    PersonKey
	Standing Standing
	Roles    Roles
	Heads    Heads // of the space's streams at that moment
}

// InboundPacket names a QoS 2 publish until its PUBREL, and what it became.
type InboundPacket struct {
	Session SessionID
	Packet  uint16
	Post    ID // zero where it was no post
	Seq     uint64
}

// SessionSave changes a claimed session. It is without effect where a later
// claim exists.
type SessionSave struct {
	ID            SessionID
	Fence         uint64
	Subscriptions []byte // nil: as they are
	Position      []byte // nil: as it is
	Rights        int64  // of Position; without one nothing
	Expiry        *time.Duration
	Grant         *GrantKey // nil: as it is; the connection has authenticated anew
	// Left ends the connection: zero = it goes on. A session whose Expiry is 0 is
	// over then; its row stays only while a will waits in it.
	Left     time.Time
	WillDue  time.Time // with Left; zero = no will is to be sent, and none is kept
	DropWill bool      // the will was sent or is void
	Gone     bool      // the session is over, its will included
	Released []uint16  // QoS 2 publishes whose PUBREL came
}

// SessionWrite is one thing to write: exactly one of both is set.
type SessionWrite struct {
	Claim *SessionClaim
	Save  *SessionSave
}

// SessionWritten is what became of it.
type SessionWritten struct {
	Claimed *SessionClaimed // of a Claim
	Stale   bool            // of a Save: a later claim exists, or the session is over
	Err     error           // this write alone failed, see SessionClaim.Most
}

// SessionStore keeps sessions. Errors are KindUnavailable where the store is away.
type SessionStore interface {
	// WriteSessions commits all writes in one transaction, in order. Of those that
	// fail alone the Err is KindNotFound where the person was removed,
	// KindRateLimited as of SessionClaim.Most, KindInvalid for a name and
	// KindTooLarge for a position that cannot be stored.
	WriteSessions(ctx context.Context, writes []SessionWrite, now time.Time) ([]SessionWritten, error)
	// FindSession reads one without claiming it, also one that is over (see
	// Session.Over); KindNotFound. It is cheap: what a client that wants nothing
	// stored asks before it is told so.
	FindSession(ctx context.Context, person PersonKey, kind SessionKind, name string) (Session, error)
	// Sessions lists those of a person (0: of all) of kind SessionClient by ID,
	// after the given one, living ones only.
	Sessions(ctx context.Context, person PersonKey, after SessionID, limit int, now time.Time) ([]Session, error)
	// SessionReads tells of a session that is there, as a claim left it, what
	// SessionClaimed.Reads and ReadsTo tell, as they are now.
	SessionReads(ctx context.Context, s *Session, now time.Time) (reads []ReadChange, to int64, err error)
	// Beat says that the node lives; the first one comes before its first claim.
	// It also notes the sessions of nodes that did not say so since dead as left at
	// their last beat, wills due from then on, and raises their Fence; at most a
	// few hundred a call: more says that there may be others.
	Beat(ctx context.Context, node NodeID, now, dead time.Time) (more bool, err error)
	// TakeWills hands out sessions whose will is due, for lease: unless DropWill
	// is saved until then they are handed out again. Their Fence has grown.
	TakeWills(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Session, error)
}
