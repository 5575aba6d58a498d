package social

import "time"

// SpaceKind says what a space is to the outside.
type SpaceKind uint8

const (
	KindContext      SpaceKind = iota // a community, course, room or section of a site
	KindConversation                  // a private exchange between its members alone
	KindWall                          // what a person posts about itself; its members are the followers
)

// Space is a place that posts go to, with members and rights: what contexts,
// conversations and people's walls have in common.
type Space struct {
	Key           SpaceKey
	Kind          SpaceKind
	ID            string // of a context or conversation; never changes, never reused. Empty for a wall
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
	Pair          [2]PersonKey // the two of a one-to-one conversation, also after one left, the smaller key first; else 0
	Parent        SpaceKey     // of a context in a tree of them; 0: none
	Order         int          // among those with the same parent
	Retention     Retention
	Created       time.Time
	Deleted       bool
	Avatar        ID                      // of the picture that was uploaded; zero: none
	Streams       [channelCount]StreamKey // by Channel; 0 where the channel has none
	Heads         Heads                   // of the streams at the moment of reading
}

// Stream is the key of the space's stream for c; 0 where there is none.
func (s *Space) Stream(c Channel) StreamKey { return s.Streams[c] }

// Scope is what the space's topics belong to: a wall's to its person.
func (s *Space) Scope() Scope {
	switch s.Kind {
	case KindWall:
		return s.Owner.Scope()
	case KindConversation:
		return Scope{ScopeConversation, int64(s.Key)}
	default:
		return s.Key.Scope()
	}
}

// scopeName is what scopes of credentials call it: only contexts can be named.
func (s *Space) scopeName() string {
	if s.Kind != KindContext {
		return ""
	}
	return s.ID
}

// Single tells whether the space is a one-to-one conversation.
func (s *Space) Single() bool { return s.Pair != [2]PersonKey{} }

// SpaceStreams are the channels that a space of the kind keeps in the store.
func (k SpaceKind) SpaceStreams() ChannelSet {
	switch k {
	case KindConversation:
		return Channels(ChannelMessages, ChannelReactions, ChannelEvents)
	case KindWall:
		return WallChannels()
	default:
		return Channels(ChannelMessages, ChannelComments, ChannelReactions, ChannelEvents, ChannelData)
	}
}

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
// membership and the ban, if any, and the overrides.
type Affiliation struct {
	Space     SpaceKey
	Person    PersonKey
	Member    bool
	Joined    time.Time
	Heads     Heads
	Banned    bool
	Until     time.Time // when the ban ends; zero: never. It may be over
	Overrides []Override
}

// SpacePatch changes what is not nil.
type SpacePatch struct {
	DisplayName   *string
	Description   *string
	URL           *string
	Policies      *Policies // those that are not PolicyUnset
	Tags          *[]string
	Notifications *string
	History       *History
	Receipts      *bool
	Retention     *Retention // as a whole
	Parent        *SpaceKey  // 0: none
	Order         *int
}
