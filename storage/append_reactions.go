package storage

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"rambla/social"
)

// What is said about posts is kept by whoever appends it: which post a comment
// belongs to, who likes what, and how much of each there is. Every entry of that
// kind holds the stream of the post that it is about beside its own, so nothing of
// it races another one or the removal of the post.

// likeRef names what may be a like.
type likeRef struct {
	post   social.ID
	person int64
}

func (r likeRef) compare(o likeRef) int {
	return cmp.Or(slices.Compare(r.post[:], o.post[:]), cmp.Compare(r.person, o.person))
}

// like is one that was looked up, or is there after the batch.
type like struct {
	likeRef
	at     social.PostRef // where the post stands
	since  int64
	entry  int64 // seq of the Like
	stored bool  // it was there before
	stands bool  // it is there after
}

// tally is what the batch changes of a row of tallies.
type tally struct {
	social.PostRef
	comments, likes, shares int64
	commentedAt, likedAt    int64
	grew                    bool // something was added
	lost                    bool // something was taken away: the times are those of what is left
	flag                    bool // the flag is another
	flaggedAt, flaggedBy    int64
}

// said tells whether the post is about another one in the way of this file, and
// about which.
func said(e *social.Entry) (about social.ID, is bool) {
	p := e.Post
	switch {
	case amends(p):
		return social.ID{}, false
	case e.Comment:
		return p.InReplyTo, true
	case !p.Object.IsZero():
		return p.Object, true
	case p.Type == social.TypeAnnounce:
		return p.Root, true
	}
	return social.ID{}, false
}

// liking tells whether the reaction is a like or the end of one.
func liking(p *social.Post) bool {
	return p.Type == social.TypeLike || p.Type == social.TypeUndo && p.Undoes() == social.TypeLike
}

// collectSaid gathers what is to be looked up for e where it is an entry of this
// kind.
func (b *batch) collectSaid(e *social.Entry) {
	about, is := said(e)
	if !is {
		return
	}
	b.targets = append(b.targets, about)
	if liking(e.Post) {
		b.likeRefs = append(b.likeRefs, likeRef{about, int64(e.Post.Author)})
	}
}

// check finds why a post cannot be stored, or what it repeats: over says so.
func (b *batch) check(e *social.Entry, s *streamState) (done social.Appended, over bool) {
	p := e.Post
	var err error
	switch {
	case amends(p):
		err = b.checkAmend(e, s)
	case e.Comment != (s.channel == social.ChannelComments):
		err = failure(&brokenRuleError{"an entry is not what its stream holds"})
	case e.Comment:
		err = b.attach(e, s)
	case s.channel == social.ChannelReactions:
		return b.checkReaction(p, s)
	case p.Type == social.TypeAnnounce:
		if o := b.found[p.Root]; !o.living(b) || o.private || o.channel != social.ChannelMessages {
			err = notFound("post")
		}
	case !p.InReplyTo.IsZero() && !(b.found[p.InReplyTo].in(s) && b.found[p.InReplyTo].shownTo(e)):
		err = social.Invalid("inReplyTo", "is not the id of a post in this context")
	}
	return social.Appended{Err: err}, err != nil
}

func (b *batch) checkAmend(e *social.Entry, s *streamState) error {
	o := b.found[e.Post.Object]
	switch {
	case !o.in(s) || o.removedAt != 0:
		return notFound("post")
	case e.Post.Type == social.TypeDelete && o.rootAt.Stream != 0 && !b.holds(int64(o.rootAt.Stream)):
		return failure(&brokenRuleError{"a comment or share is removed without holding what it is about"})
	case e.Base != 0 && o.present() != int64(e.Base): //nolint:gosec // from a BIGINT
		return social.Errorf(social.KindStale, "The post was edited meanwhile; read it again.")
	}
	return nil
}

// attach finds what a comment is about, and who may therefore read it.
func (b *batch) attach(e *social.Entry, s *streamState) error {
	p := e.Post
	answered := b.found[p.InReplyTo]
	root := answered
	if answered != nil && answered.stream == s.key {
		root = b.found[answered.root]
	}
	switch {
	case !answered.living(b), !root.living(b), root.channel != social.ChannelMessages, root.space != s.space,
		!p.Root.IsZero() && p.Root != root.id, !root.shownTo(e):
		return social.Invalid("inReplyTo", "is not the id of a post or comment in this place")
	}
	p.Root, p.Private, p.To = root.id, root.private, root.audience(p.Author)
	return nil
}

// living tells whether o is a post that something can be said about, and whose
// stream the batch holds; a nil one is not.
func (o *object) living(b *batch) bool {
	return o != nil && o.counts && o.removedAt == 0 && b.holds(o.stream)
}

// holds tells whether the batch has locked the stream.
func (b *batch) holds(key int64) bool {
	_, found := slices.BinarySearchFunc(b.streams, key, func(s streamState, key int64) int { return cmp.Compare(s.key, key) })
	return found
}

// shownTo tells whether o, a message, is one that the author of the entry sees.
func (o *object) shownTo(e *social.Entry) bool {
	hand := e.Post.Author
	if e.Post.Creator != 0 {
		hand = e.Post.Creator
	} else if o.author == hand {
		return true
	}
	return o.seq > int64(e.Floor) && o.readableBy(hand) //nolint:gosec // from a BIGINT
}

func (o *object) readableBy(person social.PersonKey) bool {
	return !o.private || o.author == person || o.creator == person || slices.Contains(o.to, person)
}

// audience is who may read what actor says about a private post, beside itself.
func (o *object) audience(actor social.PersonKey) []social.PersonKey {
	if !o.private {
		return nil
	}
	out := []social.PersonKey{}
	for _, person := range append([]social.PersonKey{o.author}, o.to...) {
		if person != actor {
			out = append(out, person)
		}
	}
	return out
}

// present is the version of the present content.
func (o *object) present() int64 { return max(o.seq, o.version) }

func (o *object) ref() social.PostRef {
	return social.PostRef{Stream: social.StreamKey(o.stream), Seq: uint64(o.seq)} //nolint:gosec // from a BIGINT
}

// checkReaction finds what is so already: a repeat.
func (b *batch) checkReaction(p *social.Post, s *streamState) (done social.Appended, over bool) {
	o := b.found[p.Object]
	if !o.living(b) || o.space != s.space || o.channel != social.ChannelMessages {
		return social.Appended{Err: notFound("post")}, true
	}
	p.Private, p.To = o.private, o.audience(p.Author)
	switch {
	case liking(p):
		l := b.likes[likeRef{o.id, int64(p.Author)}]
		stands := l != nil && l.stands
		if stands && p.Type == social.TypeLike {
			return social.Appended{Seq: uint64(l.entry), Repeat: true}, true //nolint:gosec // from a BIGINT
		}
		return social.Appended{Repeat: true}, !stands && p.Type == social.TypeUndo
	case p.Type == social.TypeFlag:
		return social.Appended{Repeat: true}, o.flaggedAt != 0
	case p.Type == social.TypeUndo && p.Undoes() == social.TypeFlag:
		return social.Appended{Repeat: true}, o.flaggedAt == 0
	}
	return social.Appended{Err: failure(&brokenRuleError{"a post is no reaction"})}, true
}

// note keeps what a stored post says about another one.
func (b *batch) note(e *social.Entry, s *streamState) {
	p := e.Post
	switch {
	case amends(p):
		if o := b.found[p.Object]; p.Type == social.TypeDelete && o.rootAt != (social.PostRef{}) {
			b.unsay(o)
		}
	case e.Comment:
		t := b.tally(b.found[p.Root].ref())
		t.comments, t.grew, t.commentedAt = t.comments+1, true, s.headAt
	case s.channel == social.ChannelReactions:
		b.react(p, b.found[p.Object], s)
	case p.Type == social.TypeAnnounce:
		t := b.tally(b.found[p.Root].ref())
		t.shares, t.grew = t.shares+1, true
	}
}

// unsay takes a removed comment or share from what its post has.
func (b *batch) unsay(o *object) {
	t := b.tally(o.rootAt)
	if o.announce {
		t.shares--
		return
	}
	t.comments, t.lost = t.comments-1, true
}

func (b *batch) react(p *social.Post, o *object, s *streamState) {
	t := b.tally(o.ref())
	switch {
	case liking(p):
		ref := likeRef{o.id, int64(p.Author)}
		l := b.likes[ref]
		if l == nil {
			l = &like{likeRef: ref, at: o.ref()}
			b.likes[ref] = l
		}
		if l.stands = p.Type == social.TypeLike; l.stands {
			l.since, l.entry = s.headAt, s.head
			t.likes, t.grew, t.likedAt = t.likes+1, true, s.headAt
		} else {
			t.likes, t.lost = t.likes-1, true
		}
	case p.Type == social.TypeFlag:
		o.flaggedAt = s.headAt
		t.flag, t.grew, t.flaggedAt, t.flaggedBy = true, true, s.headAt, int64(p.Author)
	default:
		o.flaggedAt = 0
		t.flag, t.flaggedAt, t.flaggedBy = true, 0, 0
	}
}

// tally is what the batch changes of a post's.
func (b *batch) tally(at social.PostRef) *tally {
	if b.tallies == nil {
		b.tallies = map[social.PostRef]*tally{}
	}
	t := b.tallies[at]
	if t == nil {
		t = &tally{PostRef: at}
		b.tallies[at] = t
	}
	return t
}

// changedTallies lists in ascending order those that pick chooses.
func (b *batch) changedTallies(pick func(*tally) bool) []*tally {
	var out []*tally
	for _, t := range b.tallies {
		if pick(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y *tally) int {
		return cmp.Or(cmp.Compare(x.Stream, y.Stream), cmp.Compare(x.Seq, y.Seq))
	})
	return out
}

// changedLikes lists in ascending order those to delete and those to insert; a
// like that ended and began anew is in both.
func (b *batch) changedLikes() (gone, come []*like) {
	for _, l := range b.likes {
		if l.since == 0 && l.stored == l.stands {
			continue // looked up only
		}
		if l.stored {
			gone = append(gone, l)
		}
		if l.stands {
			come = append(come, l)
		}
	}
	for _, list := range [][]*like{gone, come} {
		slices.SortFunc(list, func(x, y *like) int { return x.compare(y.likeRef) })
	}
	return gone, come
}

// echo tells the other place of what was stored: of a share, that of what is shared.
// Where that is closed nobody is left to tell.
func (b *batch) echo(p *social.Post) {
	p.Seq = 0
	s := b.stream(int64(p.Stream))
	if !s.known || s.closed {
		return
	}
	s.advance(b.now)
	p.Seq, p.Ordinal, p.Published = uint64(s.head), uint64(s.ordinals), moment(s.headAt) //nolint:gosec // from a BIGINT
	b.posts = append(b.posts, p)
}

// people reads a list of keys that SQL has joined by commas.
func people(list string) []social.PersonKey {
	if list == "" {
		return nil
	}
	var out []social.PersonKey
	for part := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err == nil { // the database wrote it
			out = append(out, social.PersonKey(n))
		}
	}
	return out
}
