package social

import (
	"context"
	"time"
)

// PushPlace is one person's row for one stream: there is at most one, however
// much is posted.
type PushPlace struct {
	Person PersonKey
	Stream StreamKey
}

// PushLag is a stream of which more was posted than push has read.
type PushLag struct {
	Stream StreamKey
	Head   uint64
	At     uint64 // up to here it was read
}

// PushNews has a person's row for a stream wait, or wait on.
type PushNews struct {
	PushPlace
	First, Last uint64    // of the posts that are new
	Posted      time.Time // when First was
	Due         time.Time
	Rank        PushRank
	Urgent      bool        // the spacing of a flood does not hold it up
	Named       []PushNamed // the posts among them that concern the person by name
}

// PushNamed is a post that concerns a person by name.
type PushNamed struct {
	Seq uint64
	Why PushReason
}

// PushAmended is a post that says something else now, or nothing.
type PushAmended struct {
	Stream StreamKey
	Seq    uint64
}

// PushDerived is what was read of the log and what follows from it.
type PushDerived struct {
	News    []PushNews // of each place at most one, in no order
	Amended []PushAmended
	// Read is up to where streams are done with: all that follows from what they
	// hold is in this or was in earlier ones.
	Read map[StreamKey]uint64
}

// PushWorker numbers a process that claims pushes, from 1.
type PushWorker int32

// Claim is the number of the worker's nth claim. No other one's claims have it.
func (w PushWorker) Claim(n uint32) int64 { return int64(w)<<32 | int64(n) }

// PushClaim is a row that one worker looks at until the lease is over.
type PushClaim struct {
	PushPlace
	Claim             int64  // of one worker, see PushWorker
	First, Last, Done uint64 // of the posts it is about; up to Done they are decided
	Posted            time.Time
	Sent              time.Time // when something was sent last; zero: never
	Step              int       // how many were sent in this flood
	Attempt           int       // how often in a row it failed
	Shown             bool      // some device shows something
	Perhaps           bool      // whoever claimed it before never said whether some device does
	Rank              PushRank
	Next              time.Time // when the next push of this flood may follow; zero: at once
}

// PushTold is what a device was told of a stream.
type PushTold struct {
	PushPlace
	Device  DeviceKey
	Seq     uint64    // up to here
	Mark    uint64    // a digest of what it shows
	Shown   bool      // it shows that, as far as anybody knows
	Wait    time.Time // not before; zero: at once
	Attempt int       // how often in a row it failed
}

// PushTaken is what a provider had taken for a device while a claim was not settled yet.
type PushTaken struct {
	PushTold
	Claim int64
	// Sent, Next and Step are the row's where something new was told; zero: nothing was.
	Sent, Next time.Time
	Step       int
}

// PushSettled is what became of a claim.
type PushSettled struct {
	PushClaim // as it was claimed, with Attempt, Step, Sent, Next, Shown and Perhaps as they are now
	// Again is when it is to be looked at once more, whatever comes; zero: it is not.
	Again time.Time
	More  time.Time // the same where more was posted meanwhile
	// Decided: all up to Last is decided. Over: nothing is left, and the row goes.
	Decided, Over bool
	Told          []PushTold
	Decisions     []PushDecision
	Dead          []PushDead
}

// PushRange asks what of a stream a person could be told of.
type PushRange struct {
	PushPlace
	Base  uint64 // the head at the join
	Floor uint64 // what is up to here the person may not see
	From  uint64 // the first post that may be told of
	Last  uint64 // and the last
	Done  uint64 // up to here it was told of, or decided that it is not
	// Ignores tells that the person ignores somebody, whose posts are left out.
	Ignores bool
}

// PushContent is the answer.
type PushContent struct {
	Read   uint64 // the marker, or the base
	Count  int    // living posts by others after both Read and From-1, up to Last; see PushCountWithin
	Newest uint64 // the seq of the last of them; 0: none
	// Ignored tells that there are others, by those whom the person ignores.
	Ignored bool
	Named   []PushNamed
}

// PushCountWithin is how many of the last entries PushContent.Count looks at one
// by one; before these it counts whoever wrote them and whether or not they live.
const PushCountWithin = 200

// PushSession is how far an absent session got, or one of another node.
type PushSession struct {
	Person PersonKey
	Client string
	// Cursors are the seqs up to which all is acknowledged, of the streams that it
	// receives at QoS 1 or 2.
	Cursors map[StreamKey]uint64
}

// PushClient names an MQTT session.
type PushClient struct {
	Person PersonKey
	Client string
}

// PushPassing is a row that shows something, and what may have ended that.
type PushPassing struct {
	PushPlace
	Done uint64
	Read uint64 // the marker as it was set
}

// PushDepth is for metrics.
type PushDepth struct {
	Waiting int
	Oldest  time.Time // when the post of the one that waits longest was made; zero: none
	Dead    int
}

// PushStore keeps what people are to be pushed of. Errors are KindUnavailable
// where the store is away. Lists of arguments are a few hundred long at most.
type PushStore interface {
	// PushHolders calls f for everybody who has a device that was set after since,
	// with when one of its devices was used or set last.
	PushHolders(ctx context.Context, since time.Time, f func(person PersonKey, last time.Time)) error
	// PushLags are the given streams' state; PushLagging lists the streams of posts,
	// in the order of their keys after the given one, that have grown since
	// and were not read. It looks at all streams.
	PushLags(ctx context.Context, streams []StreamKey) ([]PushLag, error)
	PushLagging(ctx context.Context, since time.Time, after StreamKey, limit int) ([]PushLag, error)
	// FirstSince is the seq of the first post of a stream that is no older than at;
	// its head + 1 where there is none.
	FirstSince(ctx context.Context, stream StreamKey, at time.Time) (uint64, error)
	// PutPushes commits what was derived, in one transaction. What is there already
	// is not counted twice.
	PutPushes(ctx context.Context, d PushDerived, now time.Time) error
	// WakePushes has rows looked at again at once, where they wait or show
	// something; their floods are over.
	WakePushes(ctx context.Context, places []PushPlace, now time.Time) error
	// WakeStreams does the same with all rows of a stream that show something, and
	// WakePeople with all of a person.
	WakeStreams(ctx context.Context, streams []StreamKey, now time.Time) error
	WakePeople(ctx context.Context, people []PersonKey, now time.Time) error
	// PushShown lists the rows that show something, by stream and person after the
	// given one.
	PushShown(ctx context.Context, after PushPlace, limit int) ([]PushPassing, error)
	// ClaimPushes takes rows that are due, those of the rank that wait longest first,
	// until the lease ends.
	ClaimPushes(ctx context.Context, rank PushRank, claim int64, now time.Time, lease time.Duration, limit int) ([]PushClaim, error)
	// NextPush is when the next row is due; zero: none waits.
	NextPush(ctx context.Context) (time.Time, error)
	// SettlePushes commits what became of claims, in one transaction; nothing of
	// those whose lease was taken over, but for what devices were told.
	SettlePushes(ctx context.Context, settled []PushSettled, now time.Time) error
	// ReleasePushes gives claims back as they were.
	ReleasePushes(ctx context.Context, claims []PushClaim, now time.Time) error
	// AbandonPushes gives back all that a worker claims, for who knows that it does
	// not work any more; of worker 0 all that anybody claims. Of taken it keeps what
	// belongs to these claims, and ignores the rest.
	AbandonPushes(ctx context.Context, worker PushWorker, taken []PushTaken, now time.Time) error

	// PushKeen lists who wants to be told of everything in a space, whatever it says
	// itself.
	PushKeen(ctx context.Context, space SpaceKey) ([]PersonKey, error)

	// What a plan asks, a query or a few each.
	PushInterests(ctx context.Context, members []Member, now time.Time) (map[Member]Interest, error)
	PushPreferences(ctx context.Context, people []PersonKey) (map[PersonKey][]byte, error)
	// PushContents answers in the order of the questions; several may be about one place.
	PushContents(ctx context.Context, of []PushRange) ([]PushContent, error)
	PushTolds(ctx context.Context, places []PushPlace) ([]PushTold, error)
	PushSessions(ctx context.Context, clients []PushClient) ([]PushSession, error)
	PostsAt(ctx context.Context, streams []StreamKey, seqs []uint64) ([]Post, error)
	// Unread sums up what people have not read, as Progress counts it. Cost: two
	// look-ups per question, and up to PushCountWithin entries where
	// something came after the marker.
	Unread(ctx context.Context, of []ProgressQuery) (map[PersonKey]uint64, error)

	// PushDecisions are the newest ones of a person, newest first, what waits
	// first of all; of one stream and post where these are not 0.
	PushDecisions(ctx context.Context, person PersonKey, stream StreamKey, seq uint64, limit int) ([]PushDecision, error)
	PushDepth(ctx context.Context) (PushDepth, error)
}
