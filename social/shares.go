package social

import (
	"context"
	"encoding/json"
)

// Share posts a reference to an activity that the actor may read into the messages
// of another place, where it may write; with d's content, if any. The place of the
// activity is told that, but not where. It returns the stored post and whether
// it was there before. A share of a share shares what that one does.
func (as *Activities) Share(ctx context.Context, a Actor, id string, to Where, d Draft) (Found, bool, error) {
	f, _, err := as.living(ctx, a, SortActivity, id)
	if err == nil && f.shares() {
		f, _, err = as.living(ctx, a, SortActivity, f.Root.String())
	}
	if err != nil {
		return Found{}, false, err
	}
	if f.Private {
		return Found{}, false, Errorf(KindForbidden, "A private post cannot be shared.")
	}
	sight, err := as.posts.place(a, to, ChannelMessages)
	if err != nil {
		return Found{}, false, err
	}
	d.Type = TypeAnnounce
	e, err := as.posts.entryIn(ctx, a, sight, ChannelMessages, d)
	if err != nil {
		return Found{}, false, err
	}
	e.Post.Root, e.About = f.ID, f.Stream
	e.Digest = digestOf(&d, e.Post, sight.Space.Key)
	if a.AsSpace == 0 { // else it would be told who spoke for the other context
		e.Echo = as.posts.echo(a, f, TypeAnnounce, nil)
	}
	done, err := as.posts.committer.Do(ctx, e)
	switch {
	case KindOrNil(err) == KindNotFound:
		return Found{}, false, noPost() // removed meanwhile
	case err != nil:
		return Found{}, false, err
	}
	out := Found{Post: *e.Post, Space: sight.Space}
	if done.Repeat {
		out.Post, err = as.posts.log.PostByID(ctx, done.ID)
	}
	return out, done.Repeat, err
}

// echo is what is told of a share where the shared post stands.
func (ps *Posts) echo(a Actor, of Found, kind string, extra []byte) *Post {
	stream := of.Space.Stream(ChannelReactions)
	if stream == 0 {
		return nil
	}
	return &Post{
		Stream: stream, ID: ps.ids.New(ps.now()), Type: kind, Object: of.ID, Extra: extra,
		Author: a.Person, Creator: a.Creator, Generator: a.Generator,
	}
}

// unshared is what is told there when the share is removed.
func (ps *Posts) unshared(a Actor, of Found) *Post {
	if a.AsSpace != 0 || !of.Removed.IsZero() {
		return nil
	}
	return ps.echo(a, of, TypeUndo, undoing(TypeAnnounce))
}

// ParseShare reads what is said with a share, and the id of the context that it
// goes into; empty: the wall of who shares. The error is KindInvalid or KindTooLarge.
func ParseShare(body []byte) (d Draft, into string, err error) {
	d.Type = TypeAnnounce
	var format string
	err = eachMember(body, func(name string, raw json.RawMessage) error {
		text := map[string]*string{"context": &into, "content": &d.Content, "key": &d.Key, "format": &format}[name]
		if text == nil {
			return Invalid(clip(name), "is not a field of a share; there are context, content, format and key")
		}
		if string(raw) == "null" {
			return Invalid(name, "is null; leave it out instead")
		}
		err := decode(name, raw, text, "text")
		if err == nil && *text == "" && text == &into { // else it would land on the wall
			err = Invalid(name, "is empty; leave it out to share on your wall")
		}
		return err
	})
	switch {
	case err != nil:
		return Draft{}, "", err
	case format != "" && format != "plain" && format != "markdown":
		return Draft{}, "", Invalid("format", "%q is no format; there are plain and markdown", clip(format))
	}
	d.Markdown = format == "markdown"
	return d, into, d.checkText()
}
