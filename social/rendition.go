package social

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// Rendition is a small picture made of another one, or drawn.
type Rendition struct {
	Body      []byte
	MediaType string // image/jpeg or image/png
}

// Painter makes pictures; package picture has the one there is. Errors are
// KindInvalid where the picture is at fault, which they call the field file, and
// KindUnavailable where too many are being made.
type Painter interface {
	// Step is the largest side that pictures are made with and that is not above side.
	Step(side int) int
	// Thumbnail makes one that fits into a square and is not larger than the original.
	Thumbnail(ctx context.Context, src io.ReadSeeker, side int) (Rendition, error)
	// Portrait makes a square of the middle, at most as large as the original allows.
	Portrait(ctx context.Context, src io.ReadSeeker, side int) (Rendition, error)
	// Badge draws what stands for something without a picture: the same id and name
	// are the same bytes, as long as BadgeVersion says the same.
	Badge(id, name string, side int) (Rendition, error)
	BadgeVersion(id, name string) string
}

// rendered is the small picture that is kept as small, or is made now from whole and
// kept. Of two that make it at the same time, either is good.
func rendered(ctx context.Context, blobs Blobs, whole, small BlobName, make func(io.ReadSeeker) (Rendition, error)) (Rendition, error) {
	r, err := readRendition(ctx, blobs, small)
	if err == nil || KindOf(err) != KindNotFound {
		return r, err
	}
	src, err := blobs.Open(ctx, whole)
	if err != nil {
		return Rendition{}, err
	}
	defer src.Close()
	if r, err = make(src); err != nil {
		return Rendition{}, err
	}
	return r, keepRendition(ctx, blobs, small, r)
}

func readRendition(ctx context.Context, blobs Blobs, name BlobName) (Rendition, error) {
	b, err := blobs.Open(ctx, name)
	if err != nil {
		return Rendition{}, err
	}
	defer b.Close()
	body, err := io.ReadAll(b)
	if err != nil {
		return Rendition{}, fmt.Errorf("read a picture: %w", err)
	}
	r := Rendition{Body: body, MediaType: "image/jpeg"}
	if bytes.HasPrefix(body, []byte("\x89PNG")) {
		r.MediaType = "image/png"
	}
	return r, nil
}

func keepRendition(ctx context.Context, blobs Blobs, name BlobName, r Rendition) error {
	draft, err := blobs.Create(ctx)
	if err != nil {
		return err
	}
	defer draft.Discard()
	if _, err := draft.Write(r.Body); err != nil {
		return fmt.Errorf("write a picture: %w", err)
	}
	return draft.Keep(ctx, name)
}
