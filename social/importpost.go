package social

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// takePosts brings in activities and comments. Those that answer another one of
// the chunk come behind it, so that it is there.
func (r *importRun) takePosts(ctx context.Context, chunk []importLine) (stop bool, err error) {
	for len(chunk) > 0 {
		var now, later []importLine
		come := map[ID]bool{} // before the line, of this chunk
		for i := range chunk {
			l := chunk[i]
			if l.post.comment && come[l.post.draft.InReplyTo] {
				later = append(later, l)
			} else {
				now = append(now, l)
			}
			come[l.post.id] = true
		}
		last, err := r.publish(ctx, now)
		if err != nil {
			return true, err
		}
		if last > 0 { // what comes before the broken line still goes in
			stop = true
			later = slices.DeleteFunc(later, func(l importLine) bool { return l.number > last })
		}
		chunk = later
	}
	return stop, nil
}

// publish commits posts that do not wait for each other. last is the line with which
// the import ends; 0: it goes on.
func (r *importRun) publish(ctx context.Context, list []importLine) (last int, err error) {
	type answer struct {
		line int
		post *postLine
		err  error
	}
	answers := make(chan answer, len(list))
	sent := 0
	for i := range list {
		l := &list[i]
		e, is, err := r.entry(ctx, &l.post)
		switch {
		case err != nil && !ofLine(err):
			return 0, err
		case err != nil && r.fault(l.number, err):
			last = l.number
		case err != nil:
		case is:
			r.count(&l.post).Unchanged++
		case r.o.DryRun:
			r.foresee("post " + l.post.id.String())
			r.count(&l.post).Added++
		default:
			sent++
			r.posts.committer.Submit(e, func(done Appended, err error) {
				if err == nil {
					err = done.Err
				}
				answers <- answer{l.number, &l.post, err}
			})
		}
		if last > 0 {
			break
		}
	}
	for range sent {
		select {
		case a := <-answers:
			switch {
			case a.err == nil:
				r.count(a.post).Added++
			case !ofLine(a.err):
				err = a.err
			case r.fault(a.line, a.err) && last == 0:
				last = a.line
			}
		case <-ctx.Done():
			return 0, Unavailable(context.Cause(ctx))
		}
	}
	return last, err
}

func (r *importRun) count(l *postLine) *ImportCount {
	if l.comment {
		return &r.report.Comments
	}
	return &r.report.Activities
}

// entry is the post of a line as it is committed; is tells that it is there already.
func (r *importRun) entry(ctx context.Context, l *postLine) (e Entry, is bool, err error) {
	if r.foreseen["post "+l.id.String()] {
		return Entry{}, true, nil
	}
	author, err := r.someone("author", l.author)
	if err != nil {
		return Entry{}, false, err
	}
	now := r.now()
	if l.published.After(now.Add(time.Minute)) {
		return Entry{}, false, Invalid("published", "is not in the past")
	}
	space, err := r.place(ctx, l)
	if err != nil {
		return Entry{}, false, err
	}
	there, err := r.posts.log.PostByID(ctx, l.id)
	if err == nil {
		return Entry{}, true, r.same(l, &there, author, space)
	}
	if KindOf(err) != KindNotFound {
		return Entry{}, false, err
	}
	to, err := r.posts.readers(l.draft.To, author)
	if err != nil || space == nil {
		return Entry{}, false, err
	}
	p := &Post{
		Stream: space.Stream(ChannelMessages), ID: l.id, Type: l.draft.Type, Author: author, Markdown: l.draft.Markdown,
		Content: l.draft.Content, Extra: l.draft.Extra, Private: l.draft.Private, To: to, Generator: GeneratorImport,
	}
	if r.o.Notify {
		p.Generator = r.actor.Generator
	}
	if !l.published.IsZero() {
		p.Extra, err = datedExtra(p.Extra, l.published)
	}
	e = Entry{Post: p, Dated: l.published}
	if l.comment {
		p.Stream, p.InReplyTo = space.Stream(ChannelComments), l.draft.InReplyTo
		e.Comment, e.About = true, space.Stream(ChannelMessages)
	}
	return e, false, err
}

// same is KindConflict where the id is another post's.
func (r *importRun) same(l *postLine, there *Post, author PersonKey, space *Space) error {
	key, channel, _ := r.dir.spaceOfStream(there.Stream)
	if there.Author != author || space == nil || key != space.Key || (channel == ChannelComments) != l.comment {
		return Errorf(KindConflict, "The id is another post's.")
	}
	return nil
}

// place finds where the post belongs; nil for a context that a dry run would have made.
func (r *importRun) place(ctx context.Context, l *postLine) (*Space, error) {
	if !l.comment {
		return r.somewhere("context", l.context)
	}
	answered, err := r.posts.log.PostByID(ctx, l.draft.InReplyTo)
	switch {
	case err == nil:
	case KindOf(err) == KindNotFound && r.expects("post "+l.draft.InReplyTo.String()):
		return nil, nil
	case KindOf(err) == KindNotFound:
		return nil, Invalid("inReplyTo", "is not the id of a post or comment")
	default:
		return nil, err
	}
	key, channel, ok := r.dir.spaceOfStream(answered.Stream)
	space := r.dir.SpaceByKey(key)
	if !ok || space.Deleted || space.Kind != KindContext || channel != ChannelMessages && channel != ChannelComments {
		return nil, Invalid("inReplyTo", "is not the id of a post or comment in a context")
	}
	return space, nil
}

// datedExtra is extra with the date of a post that was made before it came here.
func datedExtra(raw []byte, at time.Time) ([]byte, error) {
	var more extra
	if raw != nil {
		if err := json.Unmarshal(raw, &more); err != nil {
			return nil, err
		}
	}
	more.Published = string(AppendTime(nil, at))
	return json.Marshal(more)
}
