package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
)

// secret stands for a location or a name that a picture carries.
const secret = "41.9794N 2.8214E by Alice"

// corners is a picture whose four quarters are red, green, blue and white, from the
// upper left line by line.
func corners(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	colours := [...]color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, colours[x*2/w+2*(y*2/h)])
		}
	}
	return m
}

// quarters reads what corners has drawn: four letters.
func quarters(m image.Image) string {
	b := m.Bounds()
	at := func(x, y int) byte {
		r, g, bl, _ := m.At(b.Min.X+x*b.Dx()/4, b.Min.Y+y*b.Dy()/4).RGBA()
		switch high := uint32(0x8000); {
		case r > high && g > high && bl > high:
			return 'w'
		case r > high:
			return 'r'
		case g > high:
			return 'g'
		case bl > high:
			return 'b'
		}
		return '?'
	}
	return string([]byte{at(1, 1), at(3, 1), at(1, 3), at(3, 3)})
}

// tiff is EXIF data of one entry, the orientation, and the secret.
func tiff(o orientation) []byte {
	b := []byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00")
	return append(append(b, byte(o), 0, 0, 0, 0, 0, 0), secret...)
}

func segment(marker byte, data []byte) []byte {
	return append([]byte{0xff, marker, byte((len(data) + 2) >> 8), byte(len(data) + 2)}, data...)
}

// jpegOf is a photo with all that a camera writes, and something behind its end.
func jpegOf(t testing.TB, m image.Image, o orientation) []byte {
	t.Helper()
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	profile := append([]byte(iccPrefix+"\x01\x01"), make([]byte, 16)...)
	return bytes.Join([][]byte{
		plain.Bytes()[:2],
		segment(0xe0, append([]byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x01\x01"), "abc"...)),
		segment(0xe1, append([]byte(exifPrefix), tiff(o)...)),
		segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x>"+secret+"</x>")),
		segment(0xe2, append(profile, "RGB profile"...)),
		segment(0xe2, []byte("MPF\x00"+secret)),
		segment(0xed, []byte("Photoshop 3.0\x00"+secret)),
		segment(0xfe, []byte(secret)),
		plain.Bytes()[2:], []byte(secret),
	}, nil)
}

func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func pngOf(t testing.TB, m image.Image, o orientation) []byte {
	t.Helper()
	var plain bytes.Buffer
	if err := png.Encode(&plain, m); err != nil {
		t.Fatal(err)
	}
	const header = 8 + 25
	return bytes.Join([][]byte{
		plain.Bytes()[:header],
		chunk("gAMA", []byte{0, 0, 0xb1, 0x8f}), chunk("tEXt", []byte("Author\x00"+secret)), chunk("eXIf", tiff(o)), chunk("prVt", []byte(secret)),
		plain.Bytes()[header:], []byte(secret),
	}, nil)
}

func gifOf(t testing.TB, m image.Image, frames int) []byte {
	t.Helper()
	palette := color.Palette{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 255, 0, 255}, color.NRGBA{0, 0, 255, 255}, color.White}
	flat := image.NewPaletted(m.Bounds(), palette)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			flat.Set(x, y, m.At(x, y))
		}
	}
	g := gif.GIF{}
	for range frames {
		g.Image, g.Delay = append(g.Image, flat), append(g.Delay, 5)
	}
	var plain bytes.Buffer
	if err := gif.EncodeAll(&plain, &g); err != nil {
		t.Fatal(err)
	}
	block := append([]byte{byte(len(secret))}, secret...)
	at := 13 + int(gifColours(plain.Bytes()[10]))
	return bytes.Join([][]byte{
		plain.Bytes()[:at],
		[]byte("!\xfe"), block, []byte("\x00"),
		[]byte("!\xff\x0bXMP DataXMP"), block, []byte("\x00"),
		plain.Bytes()[at:], []byte(secret),
	}, nil)
}

func webpChunk(kind string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(data)))
	b = append(b, data...)
	if len(data)&1 != 0 {
		b = append(b, 0)
	}
	return b
}

func webpFile(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// bitstream is the one chunk of a picture of one pixel.
func bitstream(t testing.TB, isLossless bool) []byte {
	t.Helper()
	text := "UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA="
	if isLossless {
		text = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b[12:]
}

func webpOf(t testing.TB, o orientation, isMoving bool) []byte {
	t.Helper()
	header := []byte{webpExif | webpXMP, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	pixels := bitstream(t, true)
	if isMoving {
		header[0] |= webpAnimation
		frame := append(make([]byte, 16), bitstream(t, false)...)
		pixels = append(webpChunk("ANIM", make([]byte, 6)), webpChunk("ANMF", frame)...)
		pixels = append(pixels, webpChunk("ANMF", frame)...)
	}
	file := webpFile(webpChunk("VP8X", header), pixels, webpChunk("EXIF", tiff(o)), webpChunk("XMP ", []byte(secret+"!")))
	return append(file, secret...)
}
