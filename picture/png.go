package picture

import (
	"encoding/binary"
	"slices"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// maxAncillary bounds a chunk that is no pixels, in bytes.
const maxAncillary = 1 << 20

// pngKept are the chunks that say how the picture looks, and how it moves.
var pngKept = []string{
	"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT", "bKGD", "pHYs", "acTL", "fcTL", "fdAT",
}

// scanPNG walks over the chunks.
func scanPNG(s *scanner, i *Info) error {
	if err := s.skip(int64(len(pngSignature))); err != nil {
		return err
	}
	if err := i.take(0, s.at); err != nil {
		return err
	}
	moving := 0
	for first := true; ; first = false {
		begin := s.at
		head, err := s.next(8)
		if err != nil {
			return err
		}
		n, kind := int64(binary.BigEndian.Uint32(head)), string(head[4:])
		if first != (kind == "IHDR") {
			return broken(PNG, "its header is not where it belongs")
		}
		if kind != "IDAT" && kind != "fdAT" && n > maxAncillary {
			return broken(PNG, "a part of it is too large")
		}
		switch kind {
		case "IHDR", "fcTL", "eXIf":
			if n > maxExif {
				return broken(PNG, "a part of it is too large")
			}
			body, err := s.next(int(n))
			if err != nil {
				return err
			}
			if err := i.readChunk(kind, body); err != nil {
				return err
			}
			if kind == "fcTL" {
				moving++
				i.Frames = max(1, moving)
			}
			err = s.skip(4)
			if err != nil {
				return err
			}
		default:
			if err := s.skip(n + 4); err != nil { // and its checksum
				return err
			}
		}
		if slices.Contains(pngKept, kind) {
			if err := i.take(begin, s.at-begin); err != nil {
				return err
			}
		} else if kind[0]&0x20 == 0 { // a capital: who does not know it cannot show the picture
			return broken(PNG, "it has a part that is not known")
		}
		if kind == "IEND" {
			return nil
		}
	}
}

// readChunk reads what a chunk tells of the whole picture.
func (i *Info) readChunk(kind string, body []byte) error {
	switch kind {
	case "IHDR":
		if len(body) != 13 {
			return broken(PNG, "its header has a wrong length")
		}
		w, h := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
		if w == 0 || h == 0 || w > 1<<30 || h > 1<<30 {
			return broken(PNG, "it has no size")
		}
		i.Width, i.Height = int(w), int(h)
		i.bytesPerTen = pngCost(body[8], body[12] != 0)
	case "fcTL":
		if len(body) != 26 {
			return broken(PNG, "a frame has no size")
		}
		i.area += int64(binary.BigEndian.Uint32(body[4:])) * int64(binary.BigEndian.Uint32(body[8:]))
	case "eXIf":
		i.orientation = orientationOf(body)
	}
	return nil
}

// pngCost is what ten pixels take decoded, by depth in bits: a pass of an interlaced
// one is decoded beside the whole.
func pngCost(depth byte, interlaced bool) int64 {
	n := int64(40)
	if depth == 16 {
		n = 80
	}
	if interlaced {
		n *= 2
	}
	return n
}
