package social

import "context"

// comment makes a comment of the entry: the store finds what it is about, who may
// therefore read it, and whether its author may know of that.
func (e *Entry) comment(sight Sight) error {
	switch {
	case e.Post.Private:
		return Invalid("to", "is not for comments: who may read what they are about reads them")
	case e.Post.InReplyTo.IsZero():
		return Invalid("inReplyTo", "is missing; it says which post or comment this one answers")
	}
	e.Comment = true
	e.About = sight.Space.Stream(ChannelMessages)
	return nil
}

// Comment posts a comment on an activity, or an answer to one of its comments
// (InReplyTo). It returns the stored one and whether it was there before. KindNotFound
// where there is no such activity for the actor, or no more.
func (as *Activities) Comment(ctx context.Context, a Actor, id string, d Draft) (Found, bool, error) {
	f, sight, err := as.living(ctx, a, SortActivity, id)
	if err != nil {
		return Found{}, false, err
	}
	if f.Space.Stream(ChannelComments) == 0 {
		return Found{}, false, noPost()
	}
	if err := sight.mayPost(a, ChannelComments); err != nil {
		return Found{}, false, err
	}
	if d.InReplyTo.IsZero() {
		d.InReplyTo = f.ID
	}
	e, err := as.posts.entryIn(ctx, a, sight, ChannelComments, d)
	if err != nil {
		return Found{}, false, err
	}
	e.Post.Root = f.ID
	done, err := as.posts.committer.Do(ctx, e)
	if KindOrNil(err) == KindInvalid {
		if _, _, gone := as.living(ctx, a, SortActivity, id); gone != nil {
			err = gone // it was removed meanwhile
		}
	}
	if err != nil {
		return Found{}, false, err
	}
	out := Found{Post: *e.Post, Space: f.Space}
	if done.Repeat {
		out.Post, err = as.posts.log.PostByID(ctx, done.ID)
	}
	return out, done.Repeat, err
}

// living finds a post that the actor may read and that was not removed.
func (as *Activities) living(ctx context.Context, a Actor, sort Sort, id string) (Found, Sight, error) {
	f, sight, err := as.posts.find(ctx, a, sort, id)
	if err != nil {
		return Found{}, Sight{}, err
	}
	if !f.Removed.IsZero() || !f.Counts() || !sight.May.Has(Read) {
		return Found{}, Sight{}, noPost()
	}
	return f, sight, nil
}

// Comments lists the living comments on an activity, those that answer comments
// included, by their seq. With the activity they are gone.
func (as *Activities) Comments(ctx context.Context, a Actor, id string, page Page) (Listed, error) {
	f, sight, err := as.living(ctx, a, SortActivity, id)
	if err != nil {
		return Listed{}, err
	}
	out := Listed{Space: f.Space}
	stream := f.Space.Stream(ChannelComments)
	if stream == 0 {
		return out, nil
	}
	out.Posts, err = as.posts.log.Posts(ctx, PostQuery{
		Stream: stream, Reader: a.hand(), After: page.After, Before: page.Before, Forward: page.Forward,
		Floor: sight.Floor[ChannelComments], Living: true, Root: f.ID, Limit: page.Limit + 1,
	})
	if err != nil {
		return Listed{}, err
	}
	if out.More = len(out.Posts) > page.Limit; out.More {
		out.Posts = out.Posts[:page.Limit]
	}
	return out, nil
}
