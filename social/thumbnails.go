package social

import (
	"context"
	"io"
	"strconv"
)

// Thumbnails are small pictures of files. They are made when they are first asked
// for, kept beside the files, and go with them.
type Thumbnails struct {
	files   *Attachments
	painter Painter
}

// NewThumbnails makes the use cases.
func NewThumbnails(files *Attachments, painter Painter) *Thumbnails {
	return &Thumbnails{files, painter}
}

// Of finds a file that the actor may have; KindNotFound, also for what is no picture.
func (th *Thumbnails) Of(ctx context.Context, a Actor, id string) (Attachment, error) {
	f, err := th.files.Find(ctx, a, id)
	if err == nil && f.Width == 0 {
		err = Errorf(KindNotFound, "The file is no picture that small ones are made of.")
	}
	return f, err
}

// Tag names the thumbnail of a file in that size: it never changes.
func (th *Thumbnails) Tag(f Attachment, side int) string {
	return f.ID.String() + "-" + strconv.Itoa(th.painter.Step(side))
}

// Picture is one that fits into a square of so many pixels. KindUnavailable where too
// many are being made, KindInvalid where the file cannot be read.
func (th *Thumbnails) Picture(ctx context.Context, f Attachment, side int) (Rendition, error) {
	side = th.painter.Step(side)
	small := BlobName{Room: RoomThumbnails, ID: f.ID, Variant: strconv.Itoa(side)}
	isNew := false
	r, err := rendered(ctx, th.files.blobs, f.BlobName(), small, func(src io.ReadSeeker) (Rendition, error) {
		isNew = true
		return th.painter.Thumbnail(ctx, src, side)
	})
	if err != nil {
		return Rendition{}, orNoAttachment(err)
	}
	if isNew {
		// Whose removal began meanwhile may be swept already; whose begins from now on
		// finds it.
		if _, err := th.files.store.Attachment(ctx, f.ID); err != nil {
			if err := th.files.blobs.RemoveAll(context.WithoutCancel(ctx), RoomThumbnails, f.ID); err != nil {
				return Rendition{}, err
			}
			return Rendition{}, orNoAttachment(err)
		}
	}
	return r, nil
}
