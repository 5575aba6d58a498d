package picture

import (
	"encoding/binary"
	"strings"
)

// Flags of the header VP8X.
const (
	webpAnimation = 1 << 1
	webpXMP       = 1 << 2
	webpExif      = 1 << 3
	webpAlpha     = 1 << 4
)

// maxWebP is more than any chunk may have, in bytes: lengths are of 32 bits.
const maxWebP = 1 << 31

// scanWebP walks over the chunks of the RIFF container.
func scanWebP(s *scanner, i *Info) error {
	head, err := s.next(12)
	if err != nil {
		return err
	}
	end := 8 + int64(binary.LittleEndian.Uint32(head[4:]))
	if end > s.size {
		return errShort
	}
	s.size = end // what stands behind is not its own
	riff := make([]byte, 12)
	copy(riff, "RIFF\x00\x00\x00\x00WEBP")
	if err := i.put(riff); err != nil {
		return err
	}
	i.bytesPerTen, i.Frames = 90, 0
	for n := 0; s.at < s.size; n++ {
		if err := scanWebPChunk(s, i, n == 0); err != nil {
			return err
		}
	}
	if i.Frames == 0 {
		return broken(WebP, "there is nothing in it")
	}
	if i.kept > maxWebP {
		return broken(WebP, "it is too large")
	}
	binary.LittleEndian.PutUint32(riff[4:], uint32(i.kept-8)) //nolint:gosec // see above
	return nil
}

// scanWebPChunk reads one; the first says how large the picture is.
func scanWebPChunk(s *scanner, i *Info, isFirst bool) error {
	begin := s.at
	kind, n, err := nextChunk(s)
	if err != nil {
		return err
	}
	end := s.at + n + n&1 // padded to an even length
	if end > s.size {
		end = s.at + n // a last one that was not padded
	}
	head, err := s.peek(int(min(n, 16)))
	if err != nil {
		return err
	}
	switch kind {
	case "VP8X":
		if !isFirst || n != 10 || len(head) < 10 {
			return broken(WebP, "its header is not as it should be")
		}
		header := append([]byte("VP8X\x0a\x00\x00\x00"), head...)[:18]
		header[8] &^= webpExif | webpXMP
		i.Width, i.Height = 1+uint24(header[12:]), 1+uint24(header[15:])
		if err := i.put(header); err != nil {
			return err
		}
		return s.skip(end - s.at)
	case "VP8 ", "VP8L":
		if isFirst && !i.sizeOfBitstream(kind, head) {
			return broken(WebP, "its header is not as it should be")
		}
		if i.Frames++; i.Frames > 1 {
			return broken(WebP, "it has more than one picture")
		}
	case "ANMF":
		if len(head) < 16 {
			return broken(WebP, "a frame has no size")
		}
		if i.Frames++; i.Frames == 1 {
			i.first = span{s.at + 16, n - 16}
		}
		w, h := 1+uint24(head[6:]), 1+uint24(head[9:])
		if w > i.Width || h > i.Height {
			return broken(WebP, "a frame is larger than the picture")
		}
		i.area += int64(w) * int64(h)
	case "EXIF":
		body, err := s.next(int(min(n, maxExif)))
		if err != nil {
			return err
		}
		// Some programs write what stands before it in a JPEG too.
		i.orientation = orientationOf([]byte(strings.TrimPrefix(string(body), exifPrefix)))
		return s.skip(end - s.at)
	case "ICCP", "ANIM", "ALPH":
	default: // XMP, and what nobody knows
		return s.skip(end - s.at)
	}
	if isFirst && kind != "VP8 " && kind != "VP8L" {
		return broken(WebP, "its header is not where it belongs")
	}
	if err := s.skip(end - s.at); err != nil {
		return err
	}
	if err := i.take(begin, end-begin); err != nil {
		return err
	}
	if (end-begin)&1 != 0 {
		return i.put([]byte{0})
	}
	return nil
}

func nextChunk(s *scanner) (kind string, n int64, err error) {
	head, err := s.next(8)
	if err != nil {
		return "", 0, err
	}
	n = int64(binary.LittleEndian.Uint32(head[4:]))
	if n > s.size-s.at {
		return "", 0, errShort
	}
	return string(head[:4]), n, nil
}

// sizeOfBitstream reads the size where no VP8X tells it.
func (i *Info) sizeOfBitstream(kind string, head []byte) bool {
	switch {
	case kind == "VP8 " && len(head) >= 10 && string(head[3:6]) == "\x9d\x01\x2a":
		i.Width = int(binary.LittleEndian.Uint16(head[6:]) & 0x3fff)
		i.Height = int(binary.LittleEndian.Uint16(head[8:]) & 0x3fff)
	case kind == "VP8L" && len(head) >= 5 && head[0] == 0x2f:
		bits := binary.LittleEndian.Uint32(head[1:])
		i.Width, i.Height = int(bits&0x3fff)+1, int(bits>>14&0x3fff)+1
	default:
		return false
	}
	return i.Width > 0 && i.Height > 0
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
