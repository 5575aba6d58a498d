package social

import (
	"slices"
	"time"
)

// PushBatch is some new entries of one stream, in order of seq.
type PushBatch struct {
	Space   *Space
	Channel Channel
	Posts   []Post
	// Answered is who wrote what each of the comments answers.
	Answered map[ID][]PersonKey
	// Keen are those who want to be told of everything, where the space itself
	// would not tell of the channel; see PushesAll.
	Keen []PersonKey
	// Hold is for how long a post waits for devices to acknowledge it.
	Hold time.Duration
}

// PushStream finds what a stream is of; false where there is nothing to push of it.
func (d *Directory) PushStream(stream StreamKey) (*Space, Channel, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok := d.streams[stream]
	pl := d.spaces[id.Space]
	if !ok || pl == nil {
		return nil, ChannelNone, false
	}
	switch id.Channel {
	case ChannelMessages, ChannelComments, ChannelEvents:
		return pl.space, id.Channel, true
	default:
		return nil, id.Channel, false
	}
}

// PushesAll tells whether everybody who belongs to the space is told of new posts
// of the channel, unless it says otherwise.
func (s *Space) PushesAll(c Channel) bool {
	switch {
	case s.Kind == KindWall || c == ChannelEvents:
		return false
	case s.Kind == KindConversation:
		return true
	case c == ChannelComments:
		return s.Notifications == "comments" || s.Notifications == "all"
	default:
		return s.Notifications != "none"
	}
}

// PushRankOf is the rank of what is posted in a space for everybody.
func (d *Directory) PushRankOf(s *Space) PushRank {
	if s.Kind == KindConversation {
		return PushFirst
	}
	if members, _ := d.membership(s.Key, 0); members > pushMany {
		return PushLast
	}
	return PushMiddle
}

// PushNews tells who is to be told of the posts, of those who have a device. It
// looks at each member of the space once; holds is called under a lock and must
// not block.
func (d *Directory) PushNews(b PushBatch, holds func(PersonKey) bool) []PushNews {
	rank := d.PushRankOf(b.Space)
	news := map[PersonKey]*PushNews{}
	b.Posts = slices.DeleteFunc(slices.Clone(b.Posts), func(p Post) bool { return p.Generator == GeneratorImport })
	for i := range b.Posts {
		for _, to := range d.pushNamed(&b, &b.Posts[i]) {
			if holds(to.person) {
				n := b.add(news, to.person, &b.Posts[i], PushFirst)
				n.Rank, n.Urgent = PushFirst, true
				n.Named = append(n.Named, PushNamed{b.Posts[i].Seq, to.why})
			}
		}
	}
	people := b.Keen
	if b.Space.PushesAll(b.Channel) {
		people = d.membersWho(b.Space.Key, holds)
	}
	for _, person := range people {
		if !holds(person) {
			continue
		}
		for i := range b.Posts {
			if p := &b.Posts[i]; p.Counts() && p.Removed.IsZero() && p.Author != person && (!p.Private || slices.Contains(p.To, person)) {
				b.add(news, person, p, rank)
			}
		}
	}
	out := make([]PushNews, 0, len(news))
	for _, n := range news {
		out = append(out, *n)
	}
	return out
}

// add notes that a person is told of a post, which is no older than the others.
func (b *PushBatch) add(news map[PersonKey]*PushNews, person PersonKey, p *Post, rank PushRank) *PushNews {
	n := news[person]
	if n == nil {
		n = &PushNews{
			PushPlace: PushPlace{person, p.Stream}, First: p.Seq, Last: p.Seq,
			Posted: p.Published, Due: p.Published.Add(b.Hold), Rank: rank,
		}
		news[person] = n
	}
	if p.Seq < n.First {
		n.First, n.Posted, n.Due = p.Seq, p.Published, p.Published.Add(b.Hold)
	}
	n.Last = max(n.Last, p.Seq)
	return n
}

// pushTo is somebody whom a post concerns by name.
type pushTo struct {
	person PersonKey
	why    PushReason
}

// pushNamed are those whom a post concerns by name, each once.
func (d *Directory) pushNamed(b *PushBatch, p *Post) []pushTo {
	var out []pushTo
	add := func(person PersonKey, why PushReason) {
		known := func(t pushTo) bool { return t.person == person }
		if person != 0 && person != p.Author && (!p.Private || slices.Contains(p.To, person)) && !slices.ContainsFunc(out, known) {
			out = append(out, pushTo{person, why})
		}
	}
	switch {
	case p.Type == TypeJoin && b.Space.Kind != KindWall && !b.Space.Single():
		add(p.Subject, PushedAddition)
		if p.ID.String() == b.Space.ID { // with the first event all come who are there from the beginning
			for _, m := range d.membersUpTo(b.Space.Key, pushMany) {
				if m.Heads[ChannelEvents] < p.Seq {
					add(m.Person, PushedAddition)
				}
			}
		}
	case p.Counts() && p.Removed.IsZero() && b.Channel != ChannelEvents:
		for _, person := range d.Mentions(p) {
			add(person, PushedMention)
		}
		for _, person := range b.Answered[p.ID] {
			add(person, PushedAnswer)
		}
	}
	return out
}

// membersWho lists the members that pass.
func (d *Directory) membersWho(space SpaceKey, pass func(PersonKey) bool) []PersonKey {
	d.mu.RLock()
	defer d.mu.RUnlock()
	pl := d.spaces[space]
	if pl == nil || pl.space.Deleted {
		return nil
	}
	var out []PersonKey
	for person, r := range pl.people.all() {
		if r.Member && pass(person) {
			out = append(out, person)
		}
	}
	return out
}

// PushSight is what a person sees of the space of a stream now, with what all its
// devices may do; false where it may not read there.
func (d *Directory) PushSight(person PersonKey, space SpaceKey) (Sight, bool) {
	s, _ := d.look(Actor{Person: person}, space)
	return s, s.Space != nil && s.May.Has(Read)
}

// PushRange asks what of a claim can still be told of to the person whose sight it is.
func (d *Directory) PushRange(s Sight, c Channel, claim *PushClaim) PushRange {
	return PushRange{
		PushPlace: claim.PushPlace, Base: s.Joined[c], Floor: s.Floor[c],
		From: claim.First, Last: claim.Last, Done: claim.Done, Ignores: d.ignoresAny(claim.Person),
	}
}

// PushConcerns tells whether a post that concerned the person by name still does:
// it lives, the person may see it, and where it was mentioned it still is.
func (d *Directory) PushConcerns(person PersonKey, why PushReason, p *Post) bool {
	switch {
	case !p.Removed.IsZero(), p.Author == person, p.Private && !slices.Contains(p.To, person), d.ignoresPost(person, p):
		return false
	case why == PushedMention:
		return slices.Contains(d.Mentions(p), person)
	}
	return true
}

// PushBlocked tells whether the space is a conversation of two who do not talk.
func (d *Directory) PushBlocked(s *Space) bool {
	return s.Single() && d.blocked(s.Pair[0], s.Pair[1])
}

// UnreadOf asks how much a person has not read at all.
func (d *Directory) UnreadOf(person PersonKey) []ProgressQuery {
	sights := d.readsIn(person)
	out := make([]ProgressQuery, len(sights))
	for i, s := range sights {
		out[i] = s.progressOf(ChannelMessages, person)
	}
	return out
}

// TopicOf is the topic of one of a space's streams.
func (d *Directory) TopicOf(s *Space, c Channel) string {
	return d.OwnerOf(s).Address(c, "").Topic()
}
