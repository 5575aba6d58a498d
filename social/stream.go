package social

// ScopeKind says what a topic belongs to.
type ScopeKind uint8

const (
	ScopeNone         ScopeKind = iota
	ScopeSpace                  // /ctx/{id}/…
	ScopePerson                 // /user/{name}/…, the person's wall included
	ScopeServer                 // $SYS/…; its key is 0
	ScopeOpen                   // below a prefix of OpenTopics; its key is that of the prefix's stream
	ScopeConversation           // /conv/{id}/…
)

// Scope is one owner of topics: a context, a conversation, a person, or the
// server itself.
type Scope struct {
	Kind ScopeKind
	Key  int64 // a SpaceKey, PersonKey or StreamKey
}

// Scope is the scope of the topics of a context; Space.Scope is that of any space.
func (k SpaceKey) Scope() Scope { return Scope{ScopeSpace, int64(k)} }

// Scope is the scope of the person's own topics.
func (k PersonKey) Scope() Scope { return Scope{ScopePerson, int64(k)} }

// openScope is the scope of the open topics whose stream k is.
func (k StreamKey) openScope() Scope { return Scope{ScopeOpen, int64(k)} }

// Channel is the part of a topic behind its owner: what kind of things flow.
type Channel uint8

const (
	ChannelNone     Channel = iota
	ChannelMessages         // of a wall the word is posts
	ChannelEvents
	ChannelData   // /ctx/{id}/data/… and open topics: any bytes, one stream per space or prefix
	ChannelErrors // /user/{name}/errors
	ChannelSync   // /user/{name}/sync/…
	ChannelSys    // $SYS/…
	// ChannelReceipts is /ctx/{id}/receipts, where clients say how far they got, and
	// /ctx/{id}/receipts/{name}, where the server tells how far somebody did.
	ChannelReceipts
	ChannelComments
	ChannelReactions // likes, flags and shares, told by the server
	ChannelTyping    // at QoS 0, from whoever may write
	// ChannelPresence is /ctx/{id}/presence, how many are there, and
	// /ctx/{id}/presence/{name}, who; of a person /user/{name}/presence alone.
	ChannelPresence
	ChannelCounters      // /user/{name}/counters
	ChannelNotifications // /user/{name}/notifications
	channelCount
)

var channelWords = [channelCount]string{
	ChannelMessages: "messages", ChannelEvents: "events", ChannelData: "data",
	ChannelErrors: "errors", ChannelSync: "sync", ChannelSys: "",
	ChannelReceipts: "receipts", ChannelComments: "comments", ChannelReactions: "reactions",
	ChannelTyping: "typing", ChannelPresence: "presence", ChannelCounters: "counters",
	ChannelNotifications: "notifications",
}

// String is the channel's word in topics of contexts and conversations.
func (c Channel) String() string {
	if c < channelCount {
		return channelWords[c]
	}
	return ""
}

// word is the channel's word in topics of a kind.
func (c Channel) word(kind ScopeKind) string {
	if kind == ScopePerson && c == ChannelMessages {
		return "posts"
	}
	return c.String()
}

// Nested tells whether topics continue behind the channel's word (data/a/b).
func (c Channel) Nested() bool {
	switch c {
	case ChannelData, ChannelSync, ChannelSys, ChannelReceipts, ChannelPresence:
		return true
	default:
		return false
	}
}

// bare tells whether the channel's word is a topic by itself too.
func (c Channel) bare() bool { return c == ChannelReceipts || c == ChannelPresence }

// nestedIn is Nested for the topics of a kind: a person has one presence.
func (c Channel) nestedIn(kind ScopeKind) bool {
	return c.Nested() && !(kind == ScopePerson && c == ChannelPresence)
}

// Log tells whether the channel is a stream of posts.
func (c Channel) Log() bool {
	switch c {
	case ChannelMessages, ChannelEvents, ChannelComments, ChannelReactions, ChannelNotifications:
		return true
	default:
		return false
	}
}

// Retains tells whether there are retained messages on the channel.
func (c Channel) Retains() bool {
	switch c {
	case ChannelData, ChannelReceipts, ChannelPresence, ChannelCounters:
		return true
	default:
		return false
	}
}

// Durable tells whether the channel has a stream in the store at all.
func (c Channel) Durable() bool { return c.Log() || c == ChannelData }

// MostQoS is the highest QoS that the channel is delivered at: streams of posts
// are sent until they are acknowledged, data as it was published, and what is not
// durable is said once.
func (c Channel) MostQoS() byte {
	switch {
	case c.Log():
		return 1
	case c == ChannelData:
		return 2
	default:
		return 0
	}
}

// ChannelSet is a set of channels.
type ChannelSet uint16

// Has tells whether c is in the set.
func (s ChannelSet) Has(c Channel) bool { return s&(1<<c) != 0 }

// Channels makes a set.
func Channels(cs ...Channel) ChannelSet {
	var s ChannelSet
	for _, c := range cs {
		s |= 1 << c
	}
	return s
}

// SpaceChannels, ConversationChannels and PersonChannels are what /ctx/{id}/#,
// /conv/{id}/# and /user/{name}/# cover.
func SpaceChannels() ChannelSet {
	return Channels(ChannelMessages, ChannelComments, ChannelReactions, ChannelEvents, ChannelData,
		ChannelReceipts, ChannelTyping, ChannelPresence)
}

func ConversationChannels() ChannelSet {
	return Channels(ChannelMessages, ChannelReactions, ChannelEvents, ChannelReceipts, ChannelTyping, ChannelPresence)
}

func PersonChannels() ChannelSet {
	return WallChannels() | Channels(ChannelErrors, ChannelSync, ChannelPresence, ChannelCounters, ChannelNotifications)
}

// WallChannels are those of a person's topics that others may receive too, as
// the streams of its wall.
func WallChannels() ChannelSet {
	return Channels(ChannelMessages, ChannelComments, ChannelReactions)
}

// channelsOf is all that topics of a kind have.
func channelsOf(kind ScopeKind) ChannelSet {
	switch kind {
	case ScopeSpace:
		return SpaceChannels()
	case ScopeConversation:
		return ConversationChannels()
	case ScopePerson:
		return PersonChannels()
	default:
		return 0
	}
}

// StreamID names a stream by its owner and channel; the store's own number for
// it is a StreamKey.
type StreamID struct {
	Space   SpaceKey // 0 for open topics
	Open    string   // their prefix; else empty
	Channel Channel
}

// Owner is what topics belong to: its scope, and how topics name it.
type Owner struct {
	Scope Scope
	Name  string // the id of a context or conversation, the person's name, or the prefix of open topics
}

// Address is that of one of its topics; rest is for nested channels.
func (o Owner) Address(c Channel, rest string) Address {
	return Address{Kind: o.Scope.Kind, Owner: o.Name, Channel: c, Rest: rest}
}
