package social

import (
	"cmp"
	"context"
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"time"
)

// Posts are the use cases on posts: every entrance publishes through here.
type Posts struct {
	dir       *Directory
	log       Log
	committer *Committer
	ids       *IDs
	now       func() time.Time
	readmit   func(context.Context, Actor, *Space) error // see NewConversations; nil before
}

// NewPosts makes the use cases.
func NewPosts(dir *Directory, log Log, committer *Committer, ids *IDs, now func() time.Time) *Posts {
	return &Posts{dir: dir, log: log, committer: committer, ids: ids, now: now}
}

// Publish posts a draft into a channel of a space: messages, or comments. It
// blocks in one case alone: to let who left a conversation of two back in, before
// the message that the other one writes. done is called exactly once, with what was
// committed: at once where the draft is refused (KindNotFound, KindForbidden,
// KindInvalid), else after the commit.
func (ps *Posts) Publish(a Actor, w Where, channel Channel, d Draft, done func(Appended, error)) {
	e, err := ps.entry(context.Background(), a, w, channel, d)
	if err != nil {
		done(Appended{}, err)
		return
	}
	ps.committer.Submit(e, done)
}

// MayWrite tells whether the actor may post into the channel at this moment.
func (ps *Posts) MayWrite(a Actor, w Where, channel Channel) error {
	_, err := ps.place(a, w, channel)
	return err
}

// place finds where the actor may post; what it sees of it goes along.
func (ps *Posts) place(a Actor, w Where, channel Channel) (Sight, error) {
	need := Write
	if channel == ChannelComments && w.Kind == ScopePerson {
		need = Read
	}
	sight, err := ps.dir.reach(a, w, need, false)
	if err != nil {
		return Sight{}, err
	}
	if sight.Space.Stream(channel) == 0 {
		return Sight{}, w.missing()
	}
	if channel == ChannelComments && !sight.May.Has(Read) { // what one may not read is not there to be commented on
		return Sight{}, Errorf(KindNotFound, "There are no posts in %q that are yours to see.", clip(w.Name))
	}
	return sight, sight.mayPost(a, channel)
}

// mayPost is KindForbidden where the actor may not post into the channel. Whoever
// reads a wall may comment there.
func (s *Sight) mayPost(a Actor, channel Channel) error {
	need := Write
	if channel == ChannelComments && s.Space.Kind == KindWall {
		need = Read
	}
	switch {
	case !s.May.Has(need):
		return Errorf(KindForbidden, "You lack the permission %s there.", strings.Join(need.Words(), ", "))
	case !a.Scopes.MayWrite(s.Space.scopeName(), false):
		return Errorf(KindForbidden, "This token's scopes do not allow it.")
	}
	return s.Space.voice(a)
}

// Create is Publish for callers that wait; it returns the stored post (of a
// repeat, the first one) and whether it was there before.
func (ps *Posts) Create(ctx context.Context, a Actor, w Where, channel Channel, d Draft) (Found, bool, error) {
	e, err := ps.entry(ctx, a, w, channel, d)
	if err != nil {
		return Found{}, false, err
	}
	done, err := ps.committer.Do(ctx, e)
	if err != nil {
		return Found{}, false, err
	}
	// Whoever may write need not see where, so the space comes from the stream.
	key, _, _ := ps.dir.spaceOfStream(e.Post.Stream)
	f := Found{Post: *e.Post, Space: ps.dir.SpaceByKey(key)}
	if done.Repeat {
		f.Post, err = ps.log.PostByID(ctx, done.ID)
	}
	return f, done.Repeat, err
}

// entry checks the right and the names of a draft. For when it blocks see Publish.
func (ps *Posts) entry(ctx context.Context, a Actor, w Where, channel Channel, d Draft) (Entry, error) {
	sight, err := ps.place(a, w, channel)
	if err != nil {
		return Entry{}, err
	}
	return ps.entryIn(ctx, a, sight, channel, d)
}

// entryIn is entry for a place where the actor may post.
func (ps *Posts) entryIn(ctx context.Context, a Actor, sight Sight, channel Channel, d Draft) (Entry, error) {
	where := sight.Space
	p := &Post{
		Stream: where.Stream(channel), ID: ps.ids.New(ps.now()), Type: d.Type,
		Author: a.Person, AsSpace: a.AsSpace != 0, Creator: a.Creator, InReplyTo: d.InReplyTo,
		Markdown: d.Markdown, Content: d.Content, Extra: d.Extra, Private: d.Private,
		Key: d.Key, Generator: a.Generator, Session: a.Session,
	}
	var err error
	if p.To, err = ps.readers(d.To, a.Person); err != nil {
		return Entry{}, err
	}
	if where.Single() && ps.readmit != nil && ps.dir.oneLeft(where) {
		if err := ps.readmit(ctx, a, where); err != nil {
			return Entry{}, err
		}
	}
	e := Entry{Post: p, Digest: digestOf(&d, p, where.Key), Inbound: a.inbound(), Attachments: d.Attachments}
	e.Floor = sight.readsBehind(ChannelMessages)
	if channel == ChannelComments {
		err = e.comment(sight)
	}
	return e, err
}

// readsBehind is the seq behind which the actor reads the channel: none is where
// it does not.
func (s *Sight) readsBehind(c Channel) uint64 {
	if !s.May.Has(Read) {
		return math.MaxInt64
	}
	return s.Floor[c]
}

// digestOf tells what a key was used for: the content, and beside it whether it
// was said or something said was edited, and in whose voice. Zero without a key.
func digestOf(d *Draft, p *Post, space SpaceKey) [32]byte {
	if d.Key == "" {
		return [32]byte{}
	}
	content := d.Digest(space)
	h := sha256.New()
	h.Write(content[:])
	h.Write(p.Object[:])
	if p.AsSpace {
		h.Write([]byte{1})
	}
	if !p.Root.IsZero() { // of a share: what it shares
		h.Write(p.Root[:])
	}
	return [32]byte(h.Sum(nil))
}

// readers finds the people a private post is for, each once and without its
// author, who reads it anyway.
func (ps *Posts) readers(names []string, author PersonKey) ([]PersonKey, error) {
	var out []PersonKey
	seen := map[PersonKey]bool{author: true}
	for _, name := range names {
		p, ok := ps.dir.PersonByName(name)
		if !ok {
			return nil, Invalid("to", "there is no person %q", clip(name))
		}
		if !seen[p.Key] {
			seen[p.Key] = true
			out = append(out, p.Key)
		}
	}
	return out, nil
}

// Found is a post and where it stands.
type Found struct {
	Post
	Space *Space
}

// Get finds a post that the actor may read; authors read their own as long as
// they may know of the context.
func (ps *Posts) Get(ctx context.Context, a Actor, sort Sort, id string) (Found, error) {
	f, _, err := ps.find(ctx, a, sort, id)
	if err == nil && !a.Scopes.MayRead(f.Space.scopeName(), false) {
		return Found{}, noPost()
	}
	return f, err
}

// find finds a post that is a's to see, or a's own.
func (ps *Posts) find(ctx context.Context, a Actor, sort Sort, id string) (Found, Sight, error) {
	f, sight, visible, err := ps.seek(ctx, a, sort, id)
	if err != nil || !visible {
		return Found{}, Sight{}, cmp.Or(err, error(noPost()))
	}
	return f, sight, nil
}

// seek is find that also finds a's own post where the context is no longer
// a's to see; visible tells whether it is.
func (ps *Posts) seek(ctx context.Context, a Actor, sort Sort, id string) (f Found, sight Sight, visible bool, err error) {
	key, ok := ParseID(id)
	if !ok {
		return f, sight, false, noPost()
	}
	p, err := ps.log.PostByID(ctx, key)
	if KindOrNil(err) == KindNotFound {
		return f, sight, false, noPost()
	}
	if err != nil {
		return f, sight, false, err
	}
	if space, _, ok := ps.dir.spaceOfStream(p.Stream); ok && a.Creator != 0 && ps.dir.SpaceByKey(space).Kind != KindContext {
		// Who acts for another is refused as itself: what it may not see is not there.
		if _, known, reads := ps.sight(Actor{Person: a.Creator, Scopes: a.Scopes}, &p); known && reads {
			return f, sight, false, a.refuseActing()
		}
		return f, sight, false, noPost()
	}
	sight, known, reads := ps.sight(a, &p)
	own := p.Author == a.Person && a.Creator == 0
	if sight.Space == nil || ps.sortOf(&p) != sort || !own && !(known && reads) {
		return f, sight, false, noPost()
	}
	return Found{Post: p, Space: sight.Space}, sight, known, nil
}

// sight is that of the space that p stands in; Space is nil where there is none.
// known tells whether the actor may know of it, reads whether of the post there.
func (ps *Posts) sight(a Actor, p *Post) (sight Sight, known, reads bool) {
	space, channel, ok := ps.dir.spaceOfStream(p.Stream)
	if !ok {
		return Sight{}, false, false
	}
	sight, known = ps.dir.look(a, space)
	return sight, known, sight.May.Has(Read) && p.Seq > sight.Floor[channel] && p.readableBy(a.hand())
}

// sees tells whether the actor may read p, as in a list.
func (ps *Posts) sees(a Actor, p *Post) (*Space, Sight, bool) {
	sight, known, reads := ps.sight(a, p)
	return sight.Space, sight, known && reads
}

func noPost() *Error {
	return Errorf(KindNotFound, "There is no such post, or it is not yours to see.")
}

// readableBy tells whether a private post is for the person. Who wrote it in
// another's name knows it anyway.
func (p *Post) readableBy(person PersonKey) bool {
	return !p.Private || p.Author == person || p.Creator == person || slices.Contains(p.To, person)
}

// writtenBy tells whether the actor speaks with the voice that the post has.
func (f *Found) writtenBy(a Actor) bool {
	if f.AsSpace || a.AsSpace != 0 {
		return f.AsSpace && a.AsSpace == f.Space.Key
	}
	return f.Author == a.Person
}

// Page asks for part of a list of posts.
type Page struct {
	After   uint64 // with Forward: from After+1 on, oldest first
	Before  uint64 // else newest first, below Before (0: from the newest)
	Forward bool
	Limit   int
}

// Listed is a page of posts of one context.
type Listed struct {
	Space *Space
	Posts []Post
	More  bool        // there is a next page in the same direction
	State StreamState // of the stream when it was read
}

// Activities lists the living posts of a context with their present content.
func (ps *Posts) Activities(ctx context.Context, a Actor, w Where, page Page) (Listed, error) {
	return ps.list(ctx, a, w, ChannelMessages, page, true)
}

// History lists what subscribers of a context's channel got, by seq, with
// present content; what was removed keeps its place.
func (ps *Posts) History(ctx context.Context, a Actor, w Where, channel Channel, page Page) (Listed, error) {
	return ps.list(ctx, a, w, channel, page, false)
}

// Since is History for a reader that knows the stream up to page.After, of the
// history that epoch names (empty: the present one). complete is false where
// something behind that is given up, where the stream does not reach that far,
// and where its history is another one: then everything that is kept follows.
func (ps *Posts) Since(ctx context.Context, a Actor, w Where, channel Channel, epoch string, page Page) (list Listed, complete bool, err error) {
	if list, err = ps.History(ctx, a, w, channel, page); err != nil {
		return Listed{}, false, err
	}
	if epoch != "" && epoch != list.State.Epoch {
		page.After = 0
		list, err = ps.History(ctx, a, w, channel, page)
		return list, false, err
	}
	// Once more: what was given up while the page was read may be missing in it.
	now, err := ps.log.State(ctx, list.State.Stream)
	if err != nil {
		return Listed{}, false, err
	}
	return list, page.After >= now.Floor && page.After <= list.State.Head, nil
}

func (ps *Posts) list(ctx context.Context, a Actor, w Where, channel Channel, page Page, living bool) (Listed, error) {
	sight, err := ps.readable(a, w, channel)
	if err != nil {
		return Listed{}, err
	}
	return ps.listIn(ctx, a, sight, channel, page, living)
}

// readable is a space with such a log, where the actor may read it; else KindNotFound.
func (ps *Posts) readable(a Actor, w Where, channel Channel) (Sight, error) {
	sight, err := ps.dir.SeeAt(a, w)
	if err != nil {
		return Sight{}, err
	}
	if !sight.May.Has(Read) {
		return Sight{}, Errorf(KindNotFound, "There are no posts in %q that are yours to see.", clip(w.Name))
	}
	if sight.Space.Stream(channel) == 0 {
		return Sight{}, Errorf(KindNotFound, "There is no such log in %q.", clip(w.Name))
	}
	return sight, nil
}

// listIn lists what an actor with that sight of the space may read there.
func (ps *Posts) listIn(ctx context.Context, a Actor, sight Sight, channel Channel, page Page, living bool) (out Listed, err error) {
	out.Space = sight.Space
	stream := sight.Space.Stream(channel)
	// Read first: what is posted meanwhile belongs to the next page, and what is
	// given up meanwhile is noticed by the reader of that.
	if out.State, err = ps.log.State(ctx, stream); err != nil {
		return Listed{}, err
	}
	out.Posts, err = ps.log.Posts(ctx, PostQuery{
		Stream: stream, Reader: a.hand(), After: page.After, Before: page.Before,
		Forward: page.Forward, Floor: sight.Floor[channel], Living: living, Limit: page.Limit + 1,
	})
	if err != nil {
		return Listed{}, err
	}
	if out.More = len(out.Posts) > page.Limit; out.More {
		out.Posts = out.Posts[:page.Limit]
	}
	return out, nil
}

// Position is where a reader goes on from after this page: behind its last post,
// or behind the end of the stream.
func (l *Listed) Position(forward bool) uint64 {
	if forward && l.More {
		return l.Posts[len(l.Posts)-1].Seq
	}
	head := l.State.Head
	for i := range l.Posts { // committed after the head was read
		head = max(head, l.Posts[i].Seq)
	}
	return head
}
