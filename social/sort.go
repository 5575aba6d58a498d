package social

// Sort is what kind of thing a post is to clients: each has addresses of its own,
// and the id of one is unknown at those of another.
type Sort uint8

const (
	SortNone     Sort = iota // news, reactions: nothing that is named by its id
	SortActivity             // a post in a context or on a wall
	SortMessage              // of a conversation
	SortComment
)

func (ps *Posts) sortOf(p *Post) Sort {
	key, channel, ok := ps.dir.spaceOfStream(p.Stream)
	switch {
	case !ok:
		return SortNone
	case channel == ChannelComments:
		return SortComment
	case channel != ChannelMessages:
		return SortNone
	case ps.dir.SpaceByKey(key).Kind == KindConversation:
		return SortMessage
	}
	return SortActivity
}
