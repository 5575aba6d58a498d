package social

import (
	"context"
	"time"
)

// The types of posts that the server itself gives meaning to; applications add
// words of their own (ActivityStreams 2.0 vocabulary, or app:verb).
const (
	TypeCreate = "Create"
	TypeUpdate = "Update"
	TypeDelete = "Delete"
	TypeJoin   = "Join"  // Subject became a member, by the hand of Author
	TypeLeave  = "Leave" // Subject's membership ended, by the hand of Author

	TypeLike     = "Like"     // among reactions: Author likes Object
	TypeFlag     = "Flag"     // among reactions: Author marked Object as highlighted
	TypeAnnounce = "Announce" // a share: among reactions of Object; as a post of its own, of Root
	TypeUndo     = "Undo"     // among reactions: the end of a Like or Flag of Object; Extra says of which
)

// Post is one entry of a stream of posts. It holds facts: names are joined in
// when it is rendered.
type Post struct {
	Stream    StreamKey
	Seq       uint64
	ID        ID
	Type      string
	Author    PersonKey
	AsSpace   bool      // the space itself speaks, by the hand of Author
	Creator   PersonKey // who really acted, where that is not Author; else 0
	Object    ID        // what an Update, Delete or reaction is about; zero elsewhere
	Root      ID        // of a comment the activity, however deep the thread; of a share what it shares
	Subject   PersonKey // whom a Join or Leave is about; else 0
	InReplyTo ID
	Ordinal   uint64 // how many posts of the stream up to here count as new ones
	Published time.Time
	Updated   time.Time // of the last edit; zero: never
	Edited    uint64    // seq of the Update that said the present content; 0: none did
	Removed   time.Time // zero: living. A removed post has no content
	Markdown  bool
	Content   string // the present one, also where it was edited
	Extra     []byte // JSON of the application's object, target and data; nil for none
	Private   bool
	To        []PersonKey // the readers of a private post beside its author
	Key       string      // the client's idempotency key; empty for none
	Generator string      // the entrance: "mqtt", "rest", or "server"
	// Session is the publishing MQTT session, which No Local spares its own post;
	// 0 where there was none.
	Session SessionID
}

// Counts tells whether the post is a new one, as opposed to an edit, a removal
// or news about members.
func (p *Post) Counts() bool {
	switch p.Type {
	case TypeUpdate, TypeDelete, TypeJoin, TypeLeave, TypeLike, TypeFlag, TypeUndo:
		return false
	case TypeAnnounce:
		return p.Object.IsZero()
	}
	return true
}

// Sample is one entry of a data stream: any bytes, delivered unchanged.
type Sample struct {
	Stream     StreamKey
	Seq        uint64
	Topic      string // behind …/data/
	Payload    []byte
	QoS        byte
	Properties *Properties // nil for none
	Author     PersonKey
	Published  time.Time
	Key        string
	Session    SessionID // see Post.Session
	// Retain makes the sample the retained message of its topic, or removes that
	// where Payload is empty. With QoS 0 nothing else is stored, and Seq stays 0.
	// A stream has room for so many of them only: KindRateLimited.
	Retain bool
}

// Entry is one thing to append: exactly one of Post and Sample is set. Stream
// is filled in; Append fills Seq, Ordinal and Published.
type Entry struct {
	Post   *Post
	Sample *Sample
	Digest [32]byte // of what the client sent, to tell a repeat from a reuse of its key
	// Inbound, where Packet is not 0, is committed with the entry until its PUBREL
	// is saved; if it is there already the entry is a repeat of what it became.
	Inbound InboundPacket

	// Comment says that the post is one: the store finds its Root by what it
	// answers, and makes it private where that is.
	Comment bool
	// About, of a comment, reaction or share and of the removal of one, is the stream
	// of the post that it is about; that is held while the entry is stored.
	About StreamKey
	// Floor, of a comment or reply: of the messages its author sees only what is
	// beyond this seq, and its own.
	Floor uint64
	// Base, of an Update or Delete, is the version that it was made for: KindStale
	// where the post has another one meanwhile; 0: whichever it has.
	Base uint64
	// Attachments of a new post are files of its author that hang on nothing yet:
	// KindInvalid where one is not. Append notes them in the post, see Post.Attach.
	Attachments []ID
	// Dated is when the post was made, where that was before now, and elsewhere; zero:
	// now. The times of a stream do not go back by it.
	Dated time.Time
	// Echo is told in another stream, and stored exactly when Post is. Its Seq stays
	// 0 where that stream is closed.
	Echo *Post
}

// Appended is what became of one Entry.
type Appended struct {
	ID     ID // of the post; of the first one where it was a repeat
	Seq    uint64
	Repeat bool  // it is so already, or the key was used before with the same digest; nothing was stored
	Err    error // this entry alone failed: KindConflict, KindNotFound, KindStale, KindInvalid
}

// KeyLife is how long an idempotency key is remembered.
const KeyLife = 7 * 24 * time.Hour

// SampleLife is how long data is kept where its context says nothing else.
const SampleLife = 7 * 24 * time.Hour

// Log is the ordered, durable heart of the store.
type Log interface {
	// Append commits all entries in one transaction, in order, each stream's
	// seqs without a gap; the results are in the order of the entries. A key of
	// the same author that is remembered makes its entry a repeat (same digest)
	// or a KindConflict. An Update or Delete whose object is not living any more is
	// a KindNotFound. An error means that nothing was committed, unless it is
	// a broken connection, when nobody knows: KindUnavailable.
	Append(ctx context.Context, entries []Entry, now time.Time) ([]Appended, error)
	// Posts reads one stream. A removed post is returned without content.
	Posts(ctx context.Context, q PostQuery) ([]Post, error)
	// PostByID finds a post of any stream; KindNotFound.
	PostByID(ctx context.Context, id ID) (Post, error)
	// Samples reads a data stream.
	Samples(ctx context.Context, q SampleQuery) ([]Sample, error)
	// State is what a stream holds; KindNotFound where there is none.
	State(ctx context.Context, stream StreamKey) (StreamState, error)
}

// PostQuery asks for a page of a stream.
type PostQuery struct {
	Stream StreamKey
	Reader PersonKey // private posts of others not addressed to it are left out
	After  uint64    // only with Forward: seq > After
	Before uint64    // only without: seq < Before; 0 = from the newest
	// Forward reads oldest first from After; else newest first from Before.
	Forward bool
	Floor   uint64 // seq > Floor in any case: what a reader may see begins there
	Living  bool   // only posts that count as new and are not removed
	Root    ID     // only what is about this one; zero: whatever it is about
	// Everything includes the private posts of all; only for delivery, which
	// looks at the readers of each post itself.
	Everything bool
	Limit      int // at least 1
}

// SampleQuery asks for a page of a data stream: seq > After and, where Before is
// not 0, seq < Before.
type SampleQuery struct {
	Stream   StreamKey
	Topic    string // exact; empty: every topic of the stream
	After    uint64
	Before   uint64
	From, To time.Time // published in [From, To); zero = open
	Floor    uint64
	Backward bool // newest first; else oldest first
	Limit    int
}
