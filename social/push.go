package social

import "time"

// PushRank is in which order what waits is pushed: nobody's message to another
// waits behind one for thousands.
type PushRank uint8

const (
	PushFirst  PushRank = iota // conversations, and what concerns the person by name
	PushMiddle                 // spaces of up to pushMany members
	PushLast                   // larger ones
	pushRanks
)

// pushMany is from how many members on a space stands back behind others.
const pushMany = 1000

// PushRanks is how many ranks there are.
const PushRanks = int(pushRanks)

// PushReason is why a post concerns a person.
type PushReason uint8

const (
	PushedPost     PushReason = iota // it belongs to the space
	PushedMention                    // the post names it
	PushedAnswer                     // it answers what the person wrote
	PushedAddition                   // the person was made a member by somebody else
)

// PushLife is for how long a post is worth a push.
const PushLife = 24 * time.Hour

// PushSpacing is the least time from one push to the next of the same person and
// stream, by how many there were; see PushCalm.
func PushSpacing(sent int) time.Duration {
	steps := [...]time.Duration{0, 3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute}
	return steps[min(max(sent, 0), len(steps)-1)]
}

// PushCalm is after how much silence a flood is over.
const PushCalm = 2 * time.Minute

// PushWhat is what was decided of a device and some posts.
type PushWhat uint8

const (
	PushWaits PushWhat = iota + 1
	PushSuppressed
	PushSent
	PushReplaced  // what it showed says something else now
	PushWithdrawn // likewise is gone
	PushFailed
)

var pushWords = [...]string{
	PushWaits: "waiting", PushSuppressed: "suppressed", PushSent: "sent", PushReplaced: "replaced", PushWithdrawn: "withdrawn", PushFailed: "failed",
}

// String is the word that clients read.
func (w PushWhat) String() string {
	if int(w) < len(pushWords) {
		return pushWords[w]
	}
	return ""
}

// PushDecision is one of the last things that were decided, for who asks why
// there was no push.
type PushDecision struct {
	Person PersonKey
	Device DeviceKey // 0: the same for all
	Stream StreamKey
	// Since and Seq tell which posts it is about: those after Since, up to Seq.
	Since, Seq uint64
	At         time.Time
	What       PushWhat
	Reason     string    // a word, such as muted, read or acknowledged; empty where What says all
	Until      time.Time // of what waits: until then; zero otherwise
	Status     int       // of the provider's answer; 0: none
	Code       string    // likewise
	Answer     string    // the provider's name for the push
}

// PushDead is a push that another attempt would not save.
type PushDead struct {
	At       time.Time
	Person   PersonKey
	Stream   StreamKey
	Device   DeviceKey
	Seq      uint64
	Platform Platform
	App      string
	Attempt  int
	Status   int
	Code     string
	Detail   string
}
