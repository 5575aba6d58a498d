package picture

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"rambla/social"
)

// tones are the page's colours, on which white can be read.
var tones = [...]color.RGBA{
	{0x0f, 0x6b, 0x66, 0xff},
	{0xa8, 0x48, 0x2e, 0xff},
	{0x4a, 0x5f, 0xa5, 0xff},
	{0x7b, 0x4f, 0x8f, 0xff},
	{0x8a, 0x64, 0x10, 0xff},
	{0x2f, 0x75, 0x44, 0xff},
	{0xa0, 0x3a, 0x63, 0xff},
	{0x42, 0x68, 0x7d, 0xff},
}

// Badge draws what stands for somebody without a picture: the first letter of the
// name on a colour that the id decides, as the page does; a pattern where the font
// has no such letter. PNG, as apps and notifications show that everywhere, which
// cannot be said of SVG. The same id and name are the same bytes.
func (w *Workshop) Badge(id, name string, side int) (social.Rendition, error) {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(m, m.Rect, image.NewUniform(toneOf(id)), image.Point{}, draw.Src)
	drawn, err := w.letter(m, initialOf(name))
	if err != nil {
		return social.Rendition{}, err
	}
	if !drawn {
		pattern(m, id)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		return social.Rendition{}, wrote(err)
	}
	return social.Rendition{Body: out.Bytes(), MediaType: PNG.MediaType()}, nil
}

// BadgeVersion changes when the picture does.
func (w *Workshop) BadgeVersion(id, name string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id + "\x00" + string(initialOf(name)))) // never fails
	return "drawn" + strconv.FormatUint(h.Sum64(), 36)
}

func toneOf(id string) color.RGBA {
	sum := 0
	for _, r := range id {
		sum = (sum*31 + int(r)) % 65_521
	}
	return tones[sum%len(tones)]
}

func initialOf(name string) rune {
	for _, r := range strings.TrimSpace(name) {
		return unicode.ToUpper(r)
	}
	return '?'
}

// letter draws one in the middle; false where the font has none.
func (w *Workshop) letter(m *image.RGBA, letter rune) (bool, error) {
	if n, err := w.letters.GlyphIndex(nil, letter); err != nil || n == 0 {
		return false, err
	}
	side := m.Rect.Dx()
	face, err := opentype.NewFace(w.letters, &opentype.FaceOptions{Size: float64(side) * 0.52, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return false, fmt.Errorf("set the size of a letter: %w", err)
	}
	defer face.Close()
	box, _, ok := face.GlyphBounds(letter)
	if !ok {
		return false, nil
	}
	middle := fixed.I(side) / 2
	pen := font.Drawer{Dst: m, Src: image.White, Face: face, Dot: fixed.Point26_6{
		X: middle - (box.Min.X+box.Max.X)/2, Y: middle - (box.Min.Y+box.Max.Y)/2,
	}}
	pen.DrawString(string(letter))
	return true, nil
}

// pattern draws five by five fields, the left half as the right one.
func pattern(m *image.RGBA, id string) {
	const fields = 5
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	bits := h.Sum64()
	side := m.Rect.Dx()
	field := func(n int) int { return side/6 + n*(side-side/3)/fields }
	for x := range fields {
		for y := range fields {
			if bits>>(min(x, fields-1-x)*fields+y)&1 != 0 {
				draw.Draw(m, image.Rect(field(x), field(y), field(x+1), field(y+1)), image.White, image.Point{}, draw.Src)
			}
		}
	}
}
