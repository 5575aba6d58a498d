package social

// Form is a form that topic names have, its placeholders in braces: the grammar
// of [ParseTopic] for those who describe it to clients.
type Form struct {
	Address
	Said bool // clients publish there; else the server alone speaks
	Told bool // something arrives there
}

// Placeholders of forms.
const (
	holdID    = "{id}"
	holdName  = "{name}"
	holdTopic = "{topic}"
)

// Forms are all forms of topics but those of open topics and $SYS, in the order
// of kinds and channels, and the topic of broadcasts.
func Forms() []Form {
	var out []Form
	for _, kind := range []ScopeKind{ScopeSpace, ScopeConversation, ScopePerson} {
		set := channelsOf(kind)
		for c := ChannelNone + 1; c < channelCount; c++ {
			if set.Has(c) {
				out = append(out, formsOf(kind, c)...)
			}
		}
	}
	site := Address{Kind: ScopeOpen, Owner: sitePrefix, Channel: ChannelData, Rest: siteBroadcast}
	return append(out, Form{Address: site, Told: true})
}

func formsOf(kind ScopeKind, c Channel) []Form {
	at := Address{Kind: kind, Owner: holdID, Channel: c}
	if kind == ScopePerson {
		at.Owner = holdName
	}
	plain := Form{Address: at, Said: at.Said(), Told: c != ChannelReceipts}
	if !c.nestedIn(kind) {
		return []Form{plain}
	}
	at.Rest = holdTopic
	if c.bare() {
		at.Rest = holdName
	}
	nested := Form{Address: at, Said: at.Said(), Told: true}
	if c.bare() {
		return []Form{plain, nested}
	}
	return []Form{nested}
}

// Said tells whether clients publish on topics of this form; whether this one may
// is another question. A person's wall is written over REST.
func (a Address) Said() bool {
	switch a.Channel {
	case ChannelMessages, ChannelComments:
		return a.Kind != ScopePerson
	case ChannelData, ChannelSync, ChannelTyping:
		return true
	case ChannelReceipts:
		return a.Rest == ""
	case ChannelPresence:
		return a.Kind == ScopePerson
	default:
		return false
	}
}
