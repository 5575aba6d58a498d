package social

// ScopeKind says what a topic belongs to.
type ScopeKind uint8

const (
	ScopeNone   ScopeKind = iota
	ScopeSpace            // /ctx/{id}/…
	ScopePerson           // /user/{name}/…
	ScopeServer           // $SYS/…; its key is 0
	ScopeOpen             // below a prefix of OpenTopics; its key is that of the prefix's stream
)

// Scope is one owner of topics: a space, a person, or the server itself.
type Scope struct {
	Kind ScopeKind
	Key  int64 // a SpaceKey, PersonKey or StreamKey
}

// Scope is the scope of the space's topics.
func (k SpaceKey) Scope() Scope { return Scope{ScopeSpace, int64(k)} }

// Scope is the scope of the person's own topics.
func (k PersonKey) Scope() Scope { return Scope{ScopePerson, int64(k)} }

// openScope is the scope of the open topics whose stream k is.
func (k StreamKey) openScope() Scope { return Scope{ScopeOpen, int64(k)} }

// Channel is the part of a topic behind its owner: what kind of things flow.
type Channel uint8

const (
	ChannelNone Channel = iota
	ChannelMessages
	ChannelEvents
	ChannelData   // /ctx/{id}/data/… and open topics: any bytes, one stream per space or prefix
	ChannelErrors // /user/{name}/errors
	ChannelSync   // /user/{name}/sync/…
	ChannelSys    // $SYS/…
	// ChannelReceipts is /ctx/{id}/receipts, where clients say how far they got, and
	// /ctx/{id}/receipts/{name}, where the server tells how far somebody did.
	ChannelReceipts
	channelCount
)

var channelWords = [channelCount]string{
	ChannelMessages: "messages", ChannelEvents: "events", ChannelData: "data",
	ChannelErrors: "errors", ChannelSync: "sync", ChannelSys: "",
	ChannelReceipts: "receipts",
}

// String is the channel's word in topics.
func (c Channel) String() string {
	if c < channelCount {
		return channelWords[c]
	}
	return ""
}

// Nested tells whether topics continue behind the channel's word (data/a/b).
func (c Channel) Nested() bool {
	return c == ChannelData || c == ChannelSync || c == ChannelSys || c == ChannelReceipts
}

// bare tells whether the channel's word is a topic by itself too, to publish to.
func (c Channel) bare() bool { return c == ChannelReceipts }

// Log tells whether the channel is a stream of posts.
func (c Channel) Log() bool { return c == ChannelMessages || c == ChannelEvents }

// Retains tells whether there are retained messages on the channel.
func (c Channel) Retains() bool { return c == ChannelData || c == ChannelReceipts }

// Durable tells whether the channel has a stream in the store at all.
func (c Channel) Durable() bool { return c.Log() || c == ChannelData }

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

// SpaceChannels and PersonChannels are what /ctx/{id}/# and /user/{name}/# cover.
func SpaceChannels() ChannelSet {
	return Channels(ChannelMessages, ChannelEvents, ChannelData, ChannelReceipts)
}
func PersonChannels() ChannelSet { return Channels(ChannelErrors, ChannelSync) }

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
	Name  string // the context's id, or the prefix of open topics
}

// Address is that of one of its topics; rest is for nested channels.
func (o Owner) Address(c Channel, rest string) Address {
	return Address{Kind: o.Scope.Kind, Owner: o.Name, Channel: c, Rest: rest}
}
