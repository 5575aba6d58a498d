package social

import (
	"context"
	"encoding/json"
	"time"
)

// undoing is what an Undo among reactions says besides its Object: of what kind
// the reaction was that ends.
func undoing(kind string) []byte { return []byte(`{"object":{"type":"` + kind + `"}}`) }

// Undoes is the type of the reaction that an Undo ends; empty for other posts.
func (p *Post) Undoes() string {
	if p.Type != TypeUndo {
		return ""
	}
	var more extra
	if err := json.Unmarshal(p.Extra, &more); err != nil || more.Object == nil {
		return "" // a damaged row shows without it
	}
	return more.Object.Type
}

// Liking is that somebody likes a post.
type Liking struct {
	Person PersonKey
	At     time.Time
	Entry  uint64 // seq of the Like among the reactions
}

// Like says that the actor likes an activity, or a message of a conversation; first
// tells whether it did not before. Whoever reads it may.
func (as *Activities) Like(ctx context.Context, a Actor, sort Sort, id string) (first bool, err error) {
	f, err := as.likable(ctx, a, sort, id)
	if err != nil {
		return false, err
	}
	return as.react(ctx, a, f, TypeLike, nil)
}

// Unlike takes a like back, if there is one.
func (as *Activities) Unlike(ctx context.Context, a Actor, sort Sort, id string) error {
	f, err := as.likable(ctx, a, sort, id)
	if err != nil {
		return err
	}
	_, err = as.react(ctx, a, f, TypeUndo, undoing(TypeLike))
	return err
}

// likable finds a post for something that a person says for itself and that needs
// no more than to read it.
func (as *Activities) likable(ctx context.Context, a Actor, sort Sort, id string) (Found, error) {
	f, _, err := as.living(ctx, a, sort, id)
	switch {
	case err != nil:
		return Found{}, err
	case !a.Scopes.MayWrite(f.Space.scopeName(), false):
		return Found{}, Errorf(KindForbidden, "This token's scopes do not allow it.")
	case a.AsSpace != 0:
		return Found{}, Errorf(KindForbidden, "A context has no likes of its own.")
	}
	return f, nil
}

// Flag highlights an activity of a context, or ends that (on is false); first tells
// whether it was not so before.
func (as *Activities) Flag(ctx context.Context, a Actor, id string, on bool) (first bool, err error) {
	f, sight, err := as.living(ctx, a, SortActivity, id)
	switch {
	case err != nil:
		return false, err
	case f.Space.Kind != KindContext:
		return false, Errorf(KindForbidden, "Only activities of contexts can be highlighted.")
	case !sight.May.Has(Flag):
		return false, Errorf(KindForbidden, "You lack the permission flag in %q.", f.Space.ID)
	}
	if err := f.Space.voice(a); err != nil {
		return false, err
	}
	if on {
		return as.react(ctx, a, f, TypeFlag, nil)
	}
	return as.react(ctx, a, f, TypeUndo, undoing(TypeFlag))
}

// react says something about f in the stream of reactions of its space.
func (as *Activities) react(ctx context.Context, a Actor, f Found, kind string, extra []byte) (first bool, err error) {
	p := &Post{
		Stream: f.Space.Stream(ChannelReactions), ID: as.ids.New(as.now()), Type: kind, Object: f.ID, Extra: extra,
		Author: a.Person, AsSpace: a.AsSpace != 0, Creator: a.Creator, Generator: a.Generator,
	}
	done, err := as.posts.committer.Do(ctx, Entry{Post: p, About: f.Stream})
	if KindOrNil(err) == KindNotFound {
		err = noPost() // removed meanwhile
	}
	return err == nil && !done.Repeat, err
}

// Favorite keeps an activity among the actor's own favorites, or no longer (on is
// false); first tells whether that changed anything. Nobody else learns of it.
func (as *Activities) Favorite(ctx context.Context, a Actor, id string, on bool) (first bool, err error) {
	if err := a.refuseActing(); err != nil {
		return false, err
	}
	f, err := as.likable(ctx, a, SortActivity, id)
	if err != nil {
		return false, err
	}
	first, err = as.store.SetFavorite(ctx, f.Ref(), a.Person, on, as.now())
	if first {
		as.newest.Forget(f.Stream) // no stream tells of it
	}
	return first, err
}

// Likes lists who likes an activity, the newest first, from before that entry (0:
// from the newest); more tells whether others follow. People who are hidden from the
// actor are left out, and the page is shorter for it; next is where it ended.
func (as *Activities) Likes(ctx context.Context, a Actor, id string, before uint64, limit int) (list []Liking, next uint64, more bool, err error) {
	f, _, err := as.living(ctx, a, SortActivity, id)
	if err != nil {
		return nil, 0, false, err
	}
	all, err := as.store.Likes(ctx, f.Ref(), before, limit+1)
	if err != nil {
		return nil, 0, false, err
	}
	if more = len(all) > limit; more {
		all = all[:limit]
	}
	for _, l := range all {
		next = l.Entry
		if as.dir.shows(a, as.dir.AnyPerson(l.Person)) {
			list = append(list, l)
		}
	}
	return list, next, more, nil
}
