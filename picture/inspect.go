package picture

import (
	"context"
	"io"

	"rambla/social"
)

// Inspect is [social.Inspector]'s: pictures and films are cleaned, and those that cannot
// be are refused. What is none stays as it is. Of pictures that are not decoded here,
// and of films, the size is not known.
func (w *Workshop) Inspect(ctx context.Context, mediaType string, r io.ReadSeeker, out io.Writer) (social.Inspection, error) {
	switch mediaType {
	case JPEG.MediaType(), PNG.MediaType(), GIF.MediaType(), WebP.MediaType():
	case "image/heic", "image/avif":
		return social.Inspection{}, w.metrics.done(deedClean, cleanHEIF(r, out, heifName(mediaType)))
	case "video/mp4", "video/quicktime", "video/3gpp", "audio/mp4":
		return social.Inspection{}, w.metrics.done(deedClean, cleanMovie(r, out))
	case "image/tiff", "image/jxl", "image/jp2", "image/vnd.adobe.photoshop", "image/x-raw":
		return social.Inspection{}, social.Invalid("file", "is a picture of the type %s, which may tell where it was made and cannot be freed of that here; send it as JPEG, PNG or WebP, or a scan as PDF", mediaType)
	default:
		return social.Inspection{}, nil
	}
	i, err := w.Clean(ctx, r, out)
	if err != nil {
		return social.Inspection{}, err
	}
	return social.Inspection{MediaType: i.Format.MediaType(), Width: i.Width, Height: i.Height}, nil
}
