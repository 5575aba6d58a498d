package social

import (
	"strings"
	"unicode/utf8"
)

// The limits of topics. MQTT allows 65,535 bytes and as many levels; matching
// costs grow with both, so a topic that no sensible client uses is refused.
const (
	MaxTopicBytes  = 512
	MaxTopicLevels = 16
)

// Address is a parsed topic name, such as /ctx/lobby/messages.
type Address struct {
	Kind    ScopeKind
	Owner   string // the context's id, the person's name, or the prefix of open topics; empty for $SYS
	Channel Channel
	Rest    string // behind the channel's word, for nested channels: "a/b"
}

// Topic is the topic name that parses to a.
func (a Address) Topic() string {
	switch a.Kind {
	case ScopeServer:
		return "$SYS/" + a.Rest
	case ScopeOpen:
		return a.Owner + a.Rest
	case ScopePerson:
		return a.join("/user/")
	case ScopeConversation:
		return a.join("/conv/")
	default:
		return a.join("/ctx/")
	}
}

func (a Address) join(prefix string) string {
	s := prefix + a.Owner + "/" + a.Channel.word(a.Kind)
	if a.Channel.Nested() && (a.Rest != "" || !a.Channel.bare()) {
		s += "/" + a.Rest
	}
	return s
}

// ParseTopic is that of a site without open topics.
func ParseTopic(topic string) (Address, error) { return OpenTopics{}.ParseTopic(topic) }

// ParseTopic reads the name of a topic that a client publishes to. Errors are
// KindInvalid where the name is none at all: [MQTT-3.3.2-2] wildcards,
// [MQTT-1.5.4-2] NUL, too long; KindForbidden where it is none of ours. Whether
// its owner exists is not asked.
func (o OpenTopics) ParseTopic(topic string) (Address, error) {
	if err := checkTopicText(topic); err != nil {
		return Address{}, err
	}
	if strings.ContainsAny(topic, "+#") {
		return Address{}, Errorf(KindInvalid, "A topic to publish to has no wildcards.")
	}
	if rest, ok := strings.CutPrefix(topic, "$SYS/"); ok && rest != "" {
		return Address{Kind: ScopeServer, Channel: ChannelSys, Rest: rest}, nil
	}
	if prefix, rest, ok := o.cut(topic); ok {
		return Address{Kind: ScopeOpen, Owner: prefix, Channel: ChannelData, Rest: rest}, nil
	}
	kind, owner, tail, err := splitOwner(topic)
	if err != nil {
		return Address{}, err
	}
	word, rest, nested := strings.Cut(tail, "/")
	c := channelOf(kind, word)
	if c.bare() && !nested {
		return Address{Kind: kind, Owner: owner, Channel: c}, nil
	}
	if c == ChannelNone || nested != c.nestedIn(kind) || nested && rest == "" {
		return Address{}, unknownTopic()
	}
	return Address{Kind: kind, Owner: owner, Channel: c, Rest: rest}, nil
}

// Filter is a parsed topic filter.
type Filter struct {
	Kind     ScopeKind
	Owner    string // as in Address; empty with Mine
	Mine     bool   // '+' or '#' in the owner's place: those of the kind that one belongs to
	Channels ChannelSet
	Rest     string // for nested channels, the filter behind the word; "#" covers all
}

// ParseFilter is that of a site without open topics.
func ParseFilter(filter string) (Filter, error) { return OpenTopics{}.ParseFilter(filter) }

// ParseFilter reads a filter to subscribe to. A wildcard stands only where the
// topics it covers belong to one grammar: '#', '/#' and '+/…' are refused, and
// open topics are reached by their prefix alone.
func (o OpenTopics) ParseFilter(filter string) (Filter, error) {
	if err := checkTopicText(filter); err != nil {
		return Filter{}, err
	}
	if !wildcardsWellPlaced(filter) {
		return Filter{}, Errorf(KindInvalid, "The topic filter has a misplaced wildcard.") // [MQTT-4.7.1-1], [MQTT-4.7.1-2]
	}
	if filter == "$SYS" || strings.HasPrefix(filter, "$SYS/") {
		rest := strings.TrimPrefix(strings.TrimPrefix(filter, "$SYS"), "/")
		if rest == "" {
			return Filter{}, unknownTopic()
		}
		return Filter{Kind: ScopeServer, Channels: Channels(ChannelSys), Rest: rest}, nil
	}
	if prefix, rest, ok := o.cut(filter); ok {
		return Filter{Kind: ScopeOpen, Owner: prefix, Channels: Channels(ChannelData), Rest: rest}, nil
	}
	switch filter {
	case "/ctx/#":
		return Filter{Kind: ScopeSpace, Mine: true, Channels: SpaceChannels(), Rest: "#"}, nil
	case "/conv/#":
		return Filter{Kind: ScopeConversation, Mine: true, Channels: ConversationChannels(), Rest: "#"}, nil
	}
	kind, owner, tail, err := splitOwner(filter)
	if err != nil {
		return Filter{}, err
	}
	f := Filter{Kind: kind, Owner: owner}
	all := channelsOf(kind)
	if owner == "+" {
		f.Owner, f.Mine = "", true
		if kind == ScopePerson { // those whom one follows, and what of them is for others
			all = WallChannels() | Channels(ChannelPresence)
		}
	}
	word, rest, nested := strings.Cut(tail, "/")
	switch {
	case kind == ScopePerson && f.Mine && (word == "#" || word == "+"):
		return Filter{}, unknownTopic() // of others a channel has to be named
	case word == "#":
		f.Channels, f.Rest = all, "#"
	case word == "+" && !nested:
		f.Channels = flat(all)
	case word == "+" && rest == "":
		return Filter{}, unknownTopic()
	case word == "+":
		f.Channels, f.Rest = all&^flat(all), rest
		if kind != ScopePerson {
			f.Channels |= Channels(ChannelPresence)
		}
		if rest == "#" {
			f.Channels = all // "a/+/#" covers "a/b" itself [MQTT-4.7.1-2]
		}
	default:
		c := channelOf(kind, word)
		deep := c.nestedIn(kind)
		switch {
		case c == ChannelNone || !all.Has(c):
			return Filter{}, unknownTopic()
		case deep && rest != "":
			f.Rest = rest
		case c == ChannelPresence && !nested: // a topic by itself
		case !deep && rest == "#": // "messages/#" covers "messages" [MQTT-4.7.1-2]
		case nested || deep:
			return Filter{}, unknownTopic()
		}
		f.Channels = Channels(c)
	}
	return f, nil
}

// MatchRest tells whether a filter's Rest covers an address's Rest, level by
// level. "#" also covers the level above it [MQTT-4.7.1-2].
func MatchRest(filter, rest string) bool {
	if rest == "" { // the channel's word by itself: '+' is a level more
		return filter == "" || filter == "#"
	}
	for {
		if filter == "#" {
			return true
		}
		f, fs, fmore := strings.Cut(filter, "/")
		r, rs, rmore := strings.Cut(rest, "/")
		if f != "+" && f != r {
			return false
		}
		switch {
		case fmore && rmore:
			filter, rest = fs, rs
		case fmore:
			return fs == "#"
		default:
			return !rmore
		}
	}
}

// flat are those whose word is a topic by itself, to subscribe to.
func flat(s ChannelSet) ChannelSet {
	return s &^ Channels(ChannelData, ChannelSync, ChannelSys, ChannelReceipts)
}

func splitOwner(topic string) (kind ScopeKind, owner, tail string, err error) {
	if t, ok := strings.CutPrefix(topic, "/ctx/"); ok {
		kind, tail = ScopeSpace, t
	} else if t, ok := strings.CutPrefix(topic, "/user/"); ok {
		kind, tail = ScopePerson, t
	} else if t, ok := strings.CutPrefix(topic, "/conv/"); ok {
		kind, tail = ScopeConversation, t
	} else {
		return 0, "", "", unknownTopic()
	}
	owner, tail, ok := strings.Cut(tail, "/")
	if !ok || owner == "" || tail == "" {
		return 0, "", "", unknownTopic()
	}
	return kind, owner, tail, nil
}

func channelOf(kind ScopeKind, word string) Channel {
	set := channelsOf(kind)
	for c := ChannelNone + 1; c < channelCount; c++ {
		if set.Has(c) && c.word(kind) == word {
			return c
		}
	}
	return ChannelNone
}

func checkTopicText(s string) error {
	switch {
	case s == "":
		return Errorf(KindInvalid, "A topic is at least one character long.") // [MQTT-4.7.3-1]
	case len(s) > MaxTopicBytes:
		return Errorf(KindInvalid, "A topic is at most %d bytes long.", MaxTopicBytes)
	case strings.Count(s, "/") >= MaxTopicLevels:
		return Errorf(KindInvalid, "A topic has at most %d levels.", MaxTopicLevels)
	case strings.IndexByte(s, 0) >= 0: // [MQTT-4.7.3-2]
		return Errorf(KindInvalid, "A topic contains no NUL character.")
	case !utf8.ValidString(s):
		return Errorf(KindInvalid, "A topic is UTF-8 text.")
	}
	return nil
}

func wildcardsWellPlaced(filter string) bool {
	for level, rest, more := cutLevel(filter); ; level, rest, more = cutLevel(rest) {
		if strings.ContainsRune(level, '#') && (level != "#" || more) {
			return false
		}
		if strings.ContainsRune(level, '+') && level != "+" {
			return false
		}
		if !more {
			return true
		}
	}
}

func cutLevel(s string) (level, rest string, more bool) { return strings.Cut(s, "/") }

func unknownTopic() *Error {
	return Errorf(KindForbidden, "There is no such topic here, or you may not use it.")
}
