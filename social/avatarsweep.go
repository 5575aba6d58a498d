package social

import (
	"context"
	"time"
)

const (
	sweepAvatars = time.Hour
	// loosePicture is how old one is that nobody is shown with and that is not just
	// being set: longer than any request.
	loosePicture = time.Hour
	// staleDirectory is how old what memory knows may be for files to be removed by it.
	staleDirectory = 10 * time.Second
)

// Follow notes whose picture goes with them. It never blocks.
func (av *Avatars) Follow(d Delta) {
	note := func(picture ID, isGone bool) {
		if picture.IsZero() || !isGone {
			return
		}
		select {
		case av.left <- picture:
		default: // the sweep finds it
		}
	}
	for _, key := range d.People {
		p := av.dir.AnyPerson(key)
		note(p.Avatar, p.Removed)
	}
	for _, key := range d.Spaces {
		if s := av.dir.SpaceByKey(key); s != nil {
			note(s.Avatar, s.Deleted)
		}
	}
}

// Forget removes the picture of somebody who was removed, at once.
func (av *Avatars) Forget(ctx context.Context, p Person) error {
	if p.Avatar.IsZero() {
		return nil
	}
	return av.blobs.RemoveAll(ctx, AvatarRoom, p.Avatar)
}

// Serve removes the pictures of who is gone, and now and then those that a crash
// left, until ctx ends.
func (av *Avatars) Serve(ctx context.Context) {
	tick := time.NewTicker(sweepAvatars)
	defer tick.Stop()
	av.Sweep(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case picture := <-av.left:
			av.drop(ctx, picture)
		case <-tick.C:
			av.Sweep(ctx)
		}
	}
}

// Sweep removes the pictures that nobody is shown with.
func (av *Avatars) Sweep(ctx context.Context) {
	if av.dir.StaleFor() > staleDirectory {
		return // somebody may be shown with a picture whom we have not heard of
	}
	shown, gone := av.dir.pictures()
	before := av.now().Add(-loosePicture)
	err := av.blobs.Walk(ctx, AvatarRoom, func(b BlobInfo) error {
		if shown[b.Name.ID] || !gone[b.Name.ID] && b.Written.After(before) {
			return nil
		}
		return av.blobs.Remove(ctx, b.Name)
	})
	if err != nil && ctx.Err() == nil {
		av.log.WarnContext(ctx, "pictures that nobody is shown with could not be removed; trying again", "err", err)
	}
}
