package picture

import (
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"

	"rambla/social"
)

// Format is how a picture is written. The zero value is no picture that is read here.
type Format uint8

// The formats.
const (
	None Format = iota
	JPEG
	PNG
	GIF
	WebP
)

// SniffLength is how many bytes [Sniff] wants to see.
const SniffLength = 16

// Sniff tells by the first bytes of a file what picture it claims to be; fewer than
// SniffLength are all that the file has.
func Sniff(head []byte) Format {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xd8, 0xff}):
		return JPEG
	case bytes.HasPrefix(head, []byte(pngSignature)):
		return PNG
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return GIF
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return WebP
	}
	return None
}

// MediaType is the type that HTTP has for it; empty for None.
func (f Format) MediaType() string {
	switch f {
	case JPEG:
		return "image/jpeg"
	case PNG:
		return "image/png"
	case GIF:
		return "image/gif"
	case WebP:
		return "image/webp"
	default:
		return ""
	}
}

func (f Format) String() string {
	switch f {
	case JPEG:
		return "JPEG"
	case PNG:
		return "PNG"
	case GIF:
		return "GIF"
	case WebP:
		return "WebP"
	default:
		return "none"
	}
}

func (f Format) decode(r io.Reader) (image.Image, error) {
	switch f {
	case JPEG:
		return jpeg.Decode(r)
	case PNG:
		return png.Decode(r)
	case GIF:
		return gif.Decode(r) // the first frame
	default:
		return webp.Decode(r)
	}
}

func (f Format) decodeConfig(r io.Reader) (image.Config, error) {
	switch f {
	case JPEG:
		return jpeg.DecodeConfig(r)
	case PNG:
		return png.DecodeConfig(r)
	case GIF:
		return gif.DecodeConfig(r)
	default:
		return webp.DecodeConfig(r)
	}
}

// broken is KindInvalid for a picture that does not keep to its format.
func broken(f Format, why string) *social.Error {
	return social.Invalid("file", "is a %s picture that cannot be read: %s", f, why)
}
