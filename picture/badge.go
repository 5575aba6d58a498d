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
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Badges draws what stands for somebody without a picture: the first letter of the
// name on a colour that the id decides, as the page does; a pattern where the font
// has no such letter. PNG, as apps and notifications show that everywhere, which
// cannot be said of SVG. It is safe for concurrent use.
type Badges struct {
	font *opentype.Font
}

// tones are the page's colours, on which white can be read.
var tones = [...]color.RGBA{
	{0x0f, 0x6b, 0x66, 0xff}, {0xa8, 0x48, 0x2e, 0xff}, {0x4a, 0x5f, 0xa5, 0xff}, {0x7b, 0x4f, 0x8f, 0xff},
	{0x8a, 0x64, 0x10, 0xff}, {0x2f, 0x75, 0x44, 0xff}, {0xa0, 0x3a, 0x63, 0xff}, {0x42, 0x68, 0x7d, 0xff},
}

// NewBadges reads the font, which is in the program.
func NewBadges() (*Badges, error) {
	f, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, fmt.Errorf("read the font of generated pictures: %w", err)
	}
	return &Badges{f}, nil
}

// Badge says what is drawn: the same one is the same picture, to the byte.
type Badge struct {
	ID   string // decides the colour, and the pattern
	Name string // its first letter is drawn
}

// Version changes when the picture does.
func (b Badge) Version() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(b.ID + "\x00" + string(b.initial()))) // never fails
	return "g" + strconv.FormatUint(h.Sum64(), 36)
}

func (b Badge) tone() color.RGBA {
	sum := 0
	for _, r := range b.ID {
		sum = (sum*31 + int(r)) % 65_521
	}
	return tones[sum%len(tones)]
}

func (b Badge) initial() rune {
	for _, r := range strings.TrimSpace(b.Name) {
		return unicode.ToUpper(r)
	}
	return '?'
}

// Draw makes a PNG of so many pixels to a side.
func (d *Badges) Draw(b Badge, side int) (Made, error) {
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(m, m.Rect, image.NewUniform(b.tone()), image.Point{}, draw.Src)
	drawn, err := d.letter(m, b.initial())
	if err != nil {
		return Made{}, err
	}
	if !drawn {
		pattern(m, b.ID)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		return Made{}, wrote(err)
	}
	return Made{out.Bytes(), PNG}, nil
}

// letter draws one in the middle; false where the font has none.
func (d *Badges) letter(m *image.RGBA, letter rune) (bool, error) {
	if n, err := d.font.GlyphIndex(nil, letter); err != nil || n == 0 {
		return false, err
	}
	side := m.Rect.Dx()
	face, err := opentype.NewFace(d.font, &opentype.FaceOptions{Size: float64(side) * 0.52, DPI: 72, Hinting: font.HintingNone})
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
