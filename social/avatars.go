package social

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
)

// AvatarRoom is where the blobs of avatars are; a smaller one is a variant.
const AvatarRoom = "avatars"

// maxPortrait is the side of the largest picture that is kept of somebody, in pixels.
const maxPortrait = 512

// Avatars are the use cases on what is shown of people, contexts and conversations.
// What is shown was made here, and is never what somebody has uploaded. Serve removes
// the pictures of who is gone.
type Avatars struct {
	dir     *Directory
	spaces  *Spaces
	talks   *Conversations
	store   AvatarStore
	blobs   Blobs
	painter Painter
	most    int64 // bytes of an upload
	now     func() time.Time
	log     *slog.Logger
	left    chan ID // pictures of who is gone; when it is full the next sweep finds them
}

// NewAvatars makes the use cases. An upload has at most so many bytes.
func NewAvatars(spaces *Spaces, talks *Conversations, store AvatarStore, blobs Blobs, painter Painter, most int64, logger *slog.Logger, now func() time.Time) *Avatars {
	return &Avatars{
		dir: spaces.dir, spaces: spaces, talks: talks, store: store, blobs: blobs, painter: painter, most: most,
		now: now, log: logger, left: make(chan ID, 1024),
	}
}

// Of is what the actor is shown of a person, a context or a conversation; who may
// not know of it gets KindNotFound.
func (av *Avatars) Of(a Actor, w Where) (Avatar, error) {
	if w.Kind == ScopePerson {
		if err := a.RequireSelf(false); err != nil {
			return Avatar{}, err
		}
		p, err := av.person(a, w.Name)
		return avatarOf(p), err
	}
	sight, err := av.dir.SeeAt(a, w)
	if err != nil {
		return Avatar{}, err
	}
	return av.dir.avatarAt(a, sight.Space), nil
}

// person finds whoever is shown to the actor.
func (av *Avatars) person(a Actor, name string) (Person, error) {
	p, ok := av.spaces.whom(a, name)
	if !ok || !av.dir.shows(a, p) {
		return Person{}, noPerson(name)
	}
	return p, nil
}

// Tag changes whenever the picture of that size does.
func (av *Avatars) Tag(of Avatar, side int) string {
	step := strconv.Itoa(av.painter.Step(side))
	if of.Picture.IsZero() {
		return av.painter.BadgeVersion(of.id, of.name) + "-" + step
	}
	return of.Picture.String() + "-" + step
}

// Picture is a square with a side of at most so many pixels.
func (av *Avatars) Picture(ctx context.Context, of Avatar, side int) (Rendition, error) {
	side = av.painter.Step(side)
	if !of.Picture.IsZero() {
		// What was replaced this moment, or is lost, is drawn.
		if r, err := av.uploaded(ctx, of, side); err == nil || KindOf(err) != KindNotFound {
			return r, err
		}
	}
	return av.painter.Badge(of.id, of.name, min(side, maxPortrait))
}

func (av *Avatars) uploaded(ctx context.Context, of Avatar, side int) (Rendition, error) {
	whole := BlobName{Room: AvatarRoom, ID: of.Picture}
	if side >= maxPortrait {
		return readRendition(ctx, av.blobs, whole)
	}
	small := BlobName{Room: AvatarRoom, ID: of.Picture, Variant: strconv.Itoa(side)}
	return rendered(ctx, av.blobs, whole, small, func(src io.ReadSeeker) (Rendition, error) {
		return av.painter.Portrait(ctx, src, side)
	})
}

// Put makes src the picture of a person, by itself or a manager; of a context, by
// its owner or a manager; of a group, by its owner. It reads src up to the limit.
// Errors: KindNotFound, KindForbidden, KindTooLarge, KindInvalid for what is no
// picture, KindUnavailable, and src's own.
func (av *Avatars) Put(ctx context.Context, a Actor, w Where, src io.Reader) error {
	set, err := av.changing(a, w)
	if err != nil {
		return err
	}
	made, err := av.portrait(ctx, src)
	if err != nil {
		return err
	}
	name := BlobName{Room: AvatarRoom, ID: av.spaces.ids.New(av.now())}
	if err := keepRendition(ctx, av.blobs, name, made); err != nil {
		return err
	}
	if err := set(ctx, name.ID); err != nil {
		av.drop(ctx, name.ID)
		return err
	}
	return nil
}

// Remove ends that a picture is shown; one is drawn again. Errors as Put.
func (av *Avatars) Remove(ctx context.Context, a Actor, w Where) error {
	set, err := av.changing(a, w)
	if err != nil {
		return err
	}
	return set(ctx, ID{})
}

// portrait reads an upload, which is thrown away afterwards.
func (av *Avatars) portrait(ctx context.Context, src io.Reader) (Rendition, error) {
	draft, err := av.blobs.Create(ctx)
	if err != nil {
		return Rendition{}, err
	}
	defer draft.Discard()
	switch n, err := io.Copy(draft, io.LimitReader(src, av.most+1)); {
	case err != nil:
		return Rendition{}, fmt.Errorf("take a picture: %w", err)
	case n > av.most:
		return Rendition{}, Errorf(KindTooLarge, "The picture is larger than %d bytes.", av.most)
	}
	r, err := draft.Reader()
	if err != nil {
		return Rendition{}, fmt.Errorf("read a picture that was uploaded: %w", err)
	}
	return av.painter.Portrait(ctx, r, maxPortrait)
}

// changing finds whose picture it is that the actor may change, and how.
func (av *Avatars) changing(a Actor, w Where) (set func(context.Context, ID) error, err error) {
	if w.Kind == ScopePerson {
		p, err := av.person(a, w.Name)
		if err != nil {
			return nil, err
		}
		if err := a.RequireSelf(true); err != nil {
			return nil, err
		}
		if p.Key != a.Person {
			if err := av.dir.RequireManager(a); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context, picture ID) error { return av.setPerson(ctx, p.Key, picture) }, nil
	}
	var sight Sight
	if w.Kind == ScopeConversation {
		sight, err = av.talks.own(a, w.Name)
	} else {
		sight, err = av.spaces.administer(a, w.Name)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, picture ID) error { return av.setSpace(ctx, a, sight.Space, picture) }, nil
}

func (av *Avatars) setPerson(ctx context.Context, person PersonKey, picture ID) error {
	was, err := av.store.SetPersonAvatar(ctx, person, picture, av.now())
	if err != nil {
		return err
	}
	err = av.dir.settle(ctx)
	av.replaced(ctx, was, picture)
	return err
}

func (av *Avatars) setSpace(ctx context.Context, a Actor, s *Space, picture ID) error {
	was, err := av.store.SetSpaceAvatar(ctx, s.Key, picture, av.spaces.event(a, s, TypeUpdate, 0), av.now())
	if err != nil {
		return err
	}
	err = av.spaces.settle(ctx, s)
	av.replaced(ctx, was, picture)
	return err
}

func (av *Avatars) replaced(ctx context.Context, was, by ID) {
	if !was.IsZero() && was != by {
		av.drop(ctx, was)
	}
}

// drop removes a picture that nobody is shown with; what it cannot, a sweep will.
func (av *Avatars) drop(ctx context.Context, picture ID) {
	if err := av.blobs.RemoveAll(context.WithoutCancel(ctx), AvatarRoom, picture); err != nil {
		av.log.WarnContext(ctx, "a picture that nobody is shown with could not be removed; trying again", "err", err)
	}
}
