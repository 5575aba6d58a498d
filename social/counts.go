package social

import (
	"slices"
	"time"
)

// Counts are how many posts a person has not read: living posts by others behind
// its read markers, that it may see.
type Counts struct {
	Contexts      uint64 // in the contexts that it is a member of
	Conversations uint64
}

func (c *Counts) of(k SpaceKind) *uint64 {
	if k == KindConversation {
		return &c.Conversations
	}
	return &c.Contexts
}

// RenderCounts appends the JSON in which counts are told.
func RenderCounts(dst []byte, c Counts) []byte {
	w := jsonWriter{dst}
	w.raw(`{"unread":{"contexts":`)
	w.uint(c.Contexts)
	w.raw(`,"conversations":`)
	w.uint(c.Conversations)
	w.raw(`},"total":`)
	w.uint(c.Contexts + c.Conversations)
	w.raw("}")
	return w.b
}

// tally is what a reader has not read of one space.
type tally struct {
	kind   SpaceKind
	known  bool   // the store was asked
	unread uint64 // of the posts up to head
	head   uint64
}

// reader is somebody who is told its counts. Guarded by Counters.mu.
type reader struct {
	since   time.Time
	spoke   time.Time // when it was told last
	spaces  map[SpaceKey]tally
	unknown int // of spaces
	counts  Counts
	told    Counts
	begun   bool // told is what it got when it subscribed, or later
	again   bool // one of its devices was told something else than told
}

func (r *reader) set(space SpaceKey, t tally) {
	was, there := r.spaces[space]
	*r.counts.of(t.kind) += t.unread - was.unread
	if there && !was.known {
		r.unknown--
	}
	if !t.known {
		r.unknown++
	}
	r.spaces[space] = t
	r.begin()
}

// begin takes what is known first for what the reader has.
func (r *reader) begin() {
	if r.unknown == 0 && !r.begun {
		r.told, r.begun = r.counts, true
	}
}

func (r *reader) drop(space SpaceKey) {
	if t, there := r.spaces[space]; there {
		t.unread, t.known = 0, true
		r.set(space, t)
		delete(r.spaces, space)
	}
}

// due tells whether the reader has to be told.
func (r *reader) due() bool { return r.unknown == 0 && r.begun && (r.again || r.counts != r.told) }

// arrivals are the entries that came to a space's messages since its readers were
// counted for last: a few numbers for those who have counted all before, and the
// posts themselves, while they are few, for those whose question to the store
// they crossed.
type arrivals struct {
	first, last uint64 // seqs
	public      uint64 // new posts for everybody
	by          map[PersonKey]uint64
	private     map[PersonKey]uint64 // new posts for this person
	posts       []arrival
	many        bool // posts are not all
	removed     bool // something was: who has unread posts has to be counted anew
}

// arrival is a post that counts.
type arrival struct {
	seq     uint64
	author  PersonKey
	private bool
	to      []PersonKey
}

// arrivalsMost is how many posts are kept one by one.
const arrivalsMost = 1024

func newArrivals() *arrivals {
	return &arrivals{by: map[PersonKey]uint64{}, private: map[PersonKey]uint64{}}
}

func (a *arrivals) note(p *Post) {
	if a.first == 0 {
		a.first = p.Seq
	}
	a.last = max(a.last, p.Seq)
	if p.Type == TypeDelete {
		a.removed = true
	}
	if !p.Counts() {
		return
	}
	if a.many = a.many || len(a.posts) >= arrivalsMost; !a.many {
		a.posts = append(a.posts, arrival{p.Seq, p.Author, p.Private, p.To})
	}
	if !p.Private {
		a.public++
		a.by[p.Author]++
		return
	}
	for _, person := range p.To {
		if person != p.Author {
			a.private[person]++
		}
	}
}

// to adds what came to a tally; anew tells that the store has to be asked.
func (a *arrivals) to(person PersonKey, t tally) (out tally, anew bool) {
	switch {
	case a.last <= t.head:
		return t, false
	case !t.known:
		t.head = a.last // the answer has to be no older
		return t, false
	case a.first > t.head:
		t.unread += a.public - a.by[person] + a.private[person]
	case a.many:
		return t, true
	default:
		for _, p := range a.posts {
			if p.seq > t.head && p.author != person && (!p.private || slices.Contains(p.to, person)) {
				t.unread++
			}
		}
	}
	t.head = a.last
	return t, false
}
