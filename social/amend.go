package social

import (
	"context"
	"slices"
	"time"
)

// Edit replaces the content of a post. Only its author may, and only who reads
// the post or is its author. What the draft does not say of the application's
// object, target and data stays; type, readers, inReplyTo and files always do. Where
// versions are given and the post has none of them (any more), it is KindStale.
func (ps *Posts) Edit(ctx context.Context, a Actor, sort Sort, id string, d Draft, versions ...uint64) (Found, error) {
	f, sight, err := ps.find(ctx, a, sort, id)
	if err != nil {
		return Found{}, err
	}
	_, channel, _ := ps.dir.spaceOfStream(f.Stream)
	if err := f.mayEdit(a, sight, channel); err != nil {
		return Found{}, err
	}
	base, err := f.base(versions)
	if err != nil {
		return Found{}, err
	}
	p := ps.about(a, f, TypeUpdate)
	p.Content, p.Markdown, p.Extra, p.Key = d.Content, d.Markdown, d.Extra, d.Key
	if p.Extra == nil {
		p.Extra = f.Extra
	} else if p.Extra, err = keepAttached(p.Extra, f.Extra); err != nil {
		return Found{}, err
	}
	if _, err := ps.committer.Do(ctx, Entry{Post: p, Digest: digestOf(&d, p, f.Space.Key), Base: base}); err != nil {
		return Found{}, err
	}
	f, _, err = ps.find(ctx, a, sort, id)
	return f, err
}

func (f *Found) mayEdit(a Actor, sight Sight, channel Channel) error {
	switch {
	case !f.writtenBy(a):
		return Errorf(KindForbidden, "Only its author may edit a post.")
	case sight.mayPost(a, channel) != nil:
		return sight.mayPost(a, channel)
	case !f.Counts():
		return Errorf(KindConflict, "This entry of the log is no post and cannot be edited.")
	case f.shares():
		return Errorf(KindConflict, "A share cannot be edited; remove it and share anew.")
	case !f.Removed.IsZero():
		return Errorf(KindNotFound, "The post was removed.")
	}
	return nil
}

// Version names the present content of the post among all that it has had.
func (p *Post) Version() uint64 { return max(p.Seq, p.Edited) }

// base is the version that is to be changed; 0 for any.
func (f *Found) base(versions []uint64) (uint64, error) {
	switch {
	case len(versions) == 0:
		return 0, nil
	case !slices.Contains(versions, f.Version()):
		return 0, Errorf(KindStale, "The post was edited meanwhile; read it again.")
	}
	return f.Version(), nil
}

// Remove makes a tombstone of a post: its author always may, also where it no
// longer sees the context, and whoever has the permission to delete; of a comment
// also the author of what it is about. Removing a removed post does nothing.
func (ps *Posts) Remove(ctx context.Context, a Actor, sort Sort, id string, versions ...uint64) error {
	f, sight, visible, err := ps.seek(ctx, a, sort, id)
	if err != nil {
		return err
	}
	root, err := ps.rootOf(ctx, f)
	if err != nil {
		return err
	}
	mine := f.writtenBy(a) || sort == SortComment && root.ID == f.Root && root.writtenBy(a)
	mine = mine && a.Scopes.MayWrite(f.Space.scopeName(), false)
	switch {
	case !mine && !visible: // its own, by a credential that does not reach there
		return noPost()
	case !mine && !sight.May.Has(Delete):
		return Errorf(KindForbidden, "Only its author, or who has the permission delete, may remove a post.")
	case !f.Counts():
		return Errorf(KindConflict, "This entry of the log is no post and cannot be removed.")
	case !f.Removed.IsZero():
		return nil
	}
	e := Entry{Post: ps.about(a, f, TypeDelete)}
	if e.Base, err = f.base(versions); err != nil {
		return err
	}
	if root.Space != nil {
		e.About = root.Stream
		if f.shares() {
			e.Echo = ps.unshared(a, root)
		}
	}
	if _, err = ps.committer.Do(ctx, e); err == nil && !mine && f.Space.Kind != KindConversation {
		ps.dir.audit.Tell(ctx, a.Act(VerbPostRemove).In(f.Space.Key).On(f.Author).What("post "+f.ID.String()))
	}
	if KindOrNil(err) == KindNotFound {
		return nil // removed by somebody else meanwhile
	}
	return err
}

// rootOf finds what a comment is about or a share shares, whoever may see that; an
// empty Found where that is no longer there, and for other posts.
func (ps *Posts) rootOf(ctx context.Context, f Found) (Found, error) {
	if f.Root.IsZero() {
		return Found{}, nil
	}
	root, err := ps.log.PostByID(ctx, f.Root)
	if KindOrNil(err) == KindNotFound {
		return Found{}, nil
	}
	if err != nil {
		return Found{}, err
	}
	space, _, ok := ps.dir.spaceOfStream(root.Stream)
	if !ok {
		return Found{}, nil
	}
	return Found{Post: root, Space: ps.dir.SpaceByKey(space)}, nil
}

// about starts an entry that changes an earlier post; who could read that one
// reads it.
func (ps *Posts) about(a Actor, f Found, kind string) *Post {
	return &Post{
		Stream: f.Stream, ID: ps.ids.New(ps.now()), Type: kind, Object: f.ID,
		Author: a.Person, AsSpace: a.AsSpace != 0, Creator: a.Creator,
		Private: f.Private, To: f.audience(a.Person), Generator: a.Generator,
	}
}

// audience is who may read a private post, but for the one who now acts on it.
func (p *Post) audience(actor PersonKey) []PersonKey {
	if !p.Private {
		return nil
	}
	out := []PersonKey{}
	for _, key := range append([]PersonKey{p.Author}, p.To...) {
		if key != actor {
			out = append(out, key)
		}
	}
	return out
}

// Revision is a content that a post has or had.
type Revision struct {
	Version  uint64
	At       time.Time // when it was said
	Markdown bool
	Content  string
	Extra    []byte
}

// Revisions lists what a post that the actor may read says and said, oldest first,
// after a version (0: from the beginning); more tells whether others follow. Of a
// removed post nothing is kept: KindNotFound.
func (as *Activities) Revisions(ctx context.Context, a Actor, id string, after uint64, limit int) (f Found, list []Revision, more bool, err error) {
	if f, err = as.posts.Get(ctx, a, SortActivity, id); err != nil {
		return Found{}, nil, false, err
	}
	if !f.Removed.IsZero() || !f.Counts() {
		return Found{}, nil, false, noPost()
	}
	if list, err = as.store.Revisions(ctx, f.ID, after, limit+1); err != nil {
		return Found{}, nil, false, err
	}
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	for i := range list {
		list[i].Extra = withoutAttached(list[i].Extra)
	}
	return f, list, more, nil
}
