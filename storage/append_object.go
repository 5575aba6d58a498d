package storage

import (
	"rambla/social"
)

// object is a post that entries of the batch are about: Updates and Deletes,
// replies, or what is said about it.
type object struct {
	id        social.ID
	stream    int64
	seq       int64
	counts    bool
	writtenAt int64 // of the present content
	updatedAt int64 // 0: never
	removedAt int64 // 0: living
	markdown  bool
	content   string
	extra     []byte
	touched   bool

	version  int64          // as posts has it
	announce bool           // it is a share or says so
	root     social.ID      // of a comment or share
	rootAt   social.PostRef // where that stands; zero: nowhere

	// Of what something is said about.
	space     int64
	channel   social.Channel
	private   bool
	author    social.PersonKey
	creator   social.PersonKey
	to        []social.PersonKey
	flaggedAt int64
}

// edit is a former content of an object.
type edit struct {
	post     *object
	seq      int64 // of the Update that replaced it
	at       int64 // when it was written
	markdown bool
	content  string
	extra    []byte
}

// know keeps a post that a later entry of the batch may be about.
func (b *batch) know(p *social.Post, s *streamState) {
	if !p.Counts() {
		return
	}
	o := &object{
		id: p.ID, stream: s.key, seq: s.head, counts: true, writtenAt: s.headAt,
		markdown: p.Markdown, content: p.Content, extra: p.Extra,
		announce: p.Type == social.TypeAnnounce, root: p.Root, space: s.space, channel: s.channel,
		private: p.Private, author: p.Author, creator: p.Creator, to: p.To,
	}
	if root := b.found[p.Root]; root != nil && !p.Root.IsZero() {
		o.rootAt = root.ref()
	}
	b.found[p.ID] = o
}

// in tells whether o is a post of the stream that can be answered or amended; a
// nil one is not.
func (o *object) in(s *streamState) bool { return o != nil && o.stream == s.key && o.counts }

// amend applies an Update or a Delete to what it is about.
func (b *batch) amend(p *social.Post, o *object, s *streamState) {
	if !o.touched {
		o.touched = true
		b.changed = append(b.changed, o)
	}
	if p.Type == social.TypeDelete {
		o.removedAt, o.content, o.extra = s.headAt, "", nil
		return
	}
	b.edits = append(b.edits, edit{o, s.head, o.writtenAt, o.markdown, o.content, o.extra})
	o.content, o.markdown = p.Content, p.Markdown
	if p.Extra != nil {
		o.extra = p.Extra
	}
	o.writtenAt, o.updatedAt, o.version = s.headAt, s.headAt, s.head
}

// removed lists the objects that the batch removes.
func (b *batch) removed() []social.ID {
	var out []social.ID
	for _, o := range b.changed {
		if o.removedAt != 0 {
			out = append(out, o.id)
		}
	}
	return out
}
