package picture

import (
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
)

// Qualities of JPEG, of 100.
const (
	qualitySmall = 84
	qualityWhole = 92 // a turned photo should not look different
)

// encodeSmall writes a small picture: a JPEG, or a PNG where something shows through.
func encodeSmall(w io.Writer, m *image.RGBA) (Format, error) {
	if m.Opaque() {
		return JPEG, wrote(jpeg.Encode(w, m, &jpeg.Options{Quality: qualitySmall}))
	}
	return PNG, wrote(png.Encode(w, m))
}

// encodeWhole writes a picture that was decoded only to be turned. profile are the
// segments of a JPEG's colour profile.
func encodeWhole(w io.Writer, m image.Image, profile []byte) (Format, error) {
	if o, ok := m.(interface{ Opaque() bool }); ok && !o.Opaque() {
		return PNG, wrote(png.Encode(w, m))
	}
	if isRGB(profile) {
		w = &profiled{w: w, profile: profile}
	}
	return JPEG, wrote(jpeg.Encode(w, m, &jpeg.Options{Quality: qualityWhole}))
}

func wrote(err error) error {
	if err != nil {
		return fmt.Errorf("write a picture: %w", err)
	}
	return nil
}

// isRGB tells whether a colour profile is for what the encoder writes: one for gray
// or for four inks would colour it wrongly.
func isRGB(profile []byte) bool {
	const at = 2 + 2 + len(iccPrefix) + 2 + 16 // marker, length, name, number; then the place in the profile
	return len(profile) >= at+4 && string(profile[at:at+4]) == "RGB "
}

// profiled puts the profile behind the first two bytes, where JPEG has it.
type profiled struct {
	w       io.Writer
	profile []byte
	n       int // bytes of the first two that are written
}

func (p *profiled) Write(b []byte) (int, error) {
	head := min(2-p.n, len(b))
	if head > 0 {
		n, err := p.w.Write(b[:head])
		if p.n += n; err != nil || p.n < 2 {
			return n, err
		}
		if _, err := p.w.Write(p.profile); err != nil {
			return n, err
		}
	}
	n, err := p.w.Write(b[max(head, 0):])
	return max(head, 0) + n, err
}
