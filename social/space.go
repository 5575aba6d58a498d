package social

import "time"

// Space is a place that posts go to: a community, course, room or section of a
// site. Outside it is called a context.
type Space struct {
	Key           SpaceKey
	ID            string // chosen at creation or generated; never changes, never reused
	DisplayName   string
	Description   string
	URL           string
	Preset        string // the one it was created with; informative
	Policies      Policies
	Tags          []string
	Notifications string  // "posts", "comments", "all" or "none"
	History       History // what a new member sees of the past
	Receipts      bool    // members see how far the others have read
	Owner         PersonKey
	Retention     Retention
	Created       time.Time
	Deleted       bool
	Streams       [channelCount]StreamKey // by Channel; 0 where the channel has none
	Heads         Heads                   // of the streams at the moment of reading
}

// Stream is the key of the space's stream for c; 0 where there is none.
func (s *Space) Stream(c Channel) StreamKey { return s.Streams[c] }

// History says what of a space's past a member sees.
type History uint8

const (
	HistoryAll History = iota
	HistorySinceJoin
)

// String is the word of the policy.
func (h History) String() string {
	if h == HistorySinceJoin {
		return "since_join"
	}
	return "all"
}

// ParseHistory reads the word. The error is KindInvalid and names field.
func ParseHistory(field, word string) (History, error) {
	switch word {
	case "all", "":
		return HistoryAll, nil
	case "since_join":
		return HistorySinceJoin, nil
	}
	return 0, Invalid(field, "%q is no history policy; there are all and since_join", clip(word))
}

// Heads are the last sequence numbers of a space's streams at some moment.
type Heads [channelCount]uint64

// Membership is one person's place in one space, as the store keeps it.
type Membership struct {
	Space  SpaceKey
	Person PersonKey
	Joined time.Time
	Heads  Heads // of the space's streams when the person joined
}

// Affiliation is all that the store knows of one person in one space: the
// membership, if any, and the overrides.
type Affiliation struct {
	Space     SpaceKey
	Person    PersonKey
	Member    bool
	Joined    time.Time
	Heads     Heads
	Overrides []Override
}

// SpacePatch changes what is not nil.
type SpacePatch struct {
	DisplayName   *string
	Description   *string
	URL           *string
	Policies      *Policies
	Tags          *[]string
	Notifications *string
	History       *History
	Receipts      *bool
	Retention     *Retention // as a whole
}
