package picture

import (
	"context"
	"io"

	"rambla/social"
)

// Inspect is [social.Inspector]'s: pictures are cleaned, and those that cannot be are
// refused. What is none stays as it is.
func (w *Workshop) Inspect(ctx context.Context, mediaType string, r io.ReadSeeker, out io.Writer) (social.Inspection, error) {
	switch mediaType {
	case JPEG.MediaType(), PNG.MediaType(), GIF.MediaType(), WebP.MediaType():
	default:
		return social.Inspection{}, nil
	}
	i, err := w.Clean(ctx, r, out)
	if err != nil {
		return social.Inspection{}, err
	}
	return social.Inspection{MediaType: i.Format.MediaType(), Width: i.Width, Height: i.Height}, nil
}
