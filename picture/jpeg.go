package picture

import (
	"bytes"
	"encoding/binary"
)

// Markers of JPEG (ITU T.81, table B.1).
const (
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda
	markAPP0  = 0xe0
	markAPP1  = 0xe1
	markAPP2  = 0xe2
	markAPP14 = 0xee
	markAPP15 = 0xef
	markCOM   = 0xfe
)

const (
	iccPrefix  = "ICC_PROFILE\x00"
	maxProfile = 1 << 20 // bytes of all its segments
	maxScans   = 1000    // a progressive picture has ten; each costs a pass over all pixels
)

// scanJPEG walks over the segments. What stays: tables, frames, scans, the JFIF
// header without its thumbnail, Adobe's note on the colours, and the profile.
func scanJPEG(s *scanner, i *Info) error {
	if err := s.skip(2); err != nil {
		return err
	}
	if err := i.put([]byte{0xff, markSOI}); err != nil {
		return err
	}
	scans := 0
	for {
		marker, err := nextMarker(s)
		if err != nil {
			return err
		}
		switch {
		case marker == markEOI:
			if i.Width == 0 || scans == 0 {
				return broken(JPEG, "there is nothing in it")
			}
			return i.put([]byte{0xff, markEOI})
		case marker == markSOI, marker >= 0xd0 && marker < markSOI, marker <= 0x01:
			continue // without a length; none of ours belongs here
		}
		if err := scanSegment(s, i, marker); err != nil {
			return err
		}
		if marker == markSOS {
			if scans++; scans > maxScans {
				return broken(JPEG, "it has too many scans")
			}
			if err := scanEntropy(s, i); err != nil {
				return err
			}
		}
	}
}

// nextMarker reads up to a marker; there may be any number of 0xff before its byte.
func nextMarker(s *scanner) (byte, error) {
	if err := s.skipTo(0xff); err != nil {
		return 0, err
	}
	for {
		b, err := s.byte()
		if err != nil || b != 0xff {
			return b, err
		}
	}
}

// scanSegment reads one with a length, behind its marker.
func scanSegment(s *scanner, i *Info, marker byte) error {
	head, err := s.peek(2)
	if err != nil {
		return err
	}
	if len(head) < 2 {
		return errShort
	}
	n := int(binary.BigEndian.Uint16(head))
	if n < 2 {
		return broken(JPEG, "a part of it has no length")
	}
	isFrame := marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc
	switch {
	case isFrame || marker >= markAPP0 && marker <= markAPP15:
		body, err := s.next(n)
		if err != nil {
			return err
		}
		if isFrame {
			return scanFrame(i, marker, body)
		}
		return scanApp(i, marker, body)
	case marker >= 0xf0: // comments, and what nobody uses
		return s.skip(int64(n))
	default:
		if err := s.skip(int64(n)); err != nil {
			return err
		}
		if err := i.put([]byte{0xff, marker}); err != nil {
			return err
		}
		return i.take(s.at-int64(n), int64(n))
	}
}

// scanFrame reads the header of the one frame: body begins with its length.
func scanFrame(i *Info, marker byte, body []byte) error {
	if i.Width != 0 {
		return broken(JPEG, "it says twice how large it is")
	}
	if len(body) < 8 {
		return broken(JPEG, "its header is too short")
	}
	i.Height, i.Width = int(binary.BigEndian.Uint16(body[3:])), int(binary.BigEndian.Uint16(body[5:]))
	if i.Width == 0 || i.Height == 0 {
		return broken(JPEG, "it has no size")
	}
	parts, components := int64(body[7]), body[8:]
	var most, all int64 // samples of the finest component, and of all together, per block
	for range parts {
		if len(components) < 3 {
			return broken(JPEG, "its header is too short")
		}
		n := int64(components[1]>>4) * int64(components[1]&15)
		most, all, components = max(most, n), all+n, components[3:]
	}
	if most == 0 {
		return broken(JPEG, "its header says nothing of its colours")
	}
	i.bytesPerTen = 10 * parts
	if marker != 0xc0 && marker != 0xc1 { // progressive: all coefficients are held, in four bytes each
		i.bytesPerTen += 40 * all / most
	}
	return i.put(append([]byte{0xff, marker}, body...))
}

// scanApp keeps what an application's segment says of the colours; body begins with
// its length.
func scanApp(i *Info, marker byte, body []byte) error {
	data := body[2:]
	switch {
	case marker == markAPP0 && bytes.HasPrefix(data, []byte("JFIF\x00")) && len(data) >= 14:
		clean := append([]byte{0xff, markAPP0, 0, 16}, data[:12]...)
		return i.put(append(clean, 0, 0)) // a thumbnail of 0 by 0
	case marker == markAPP1 && bytes.HasPrefix(data, []byte(exifPrefix)) && i.orientation == 0:
		i.orientation = orientationOf(data[len(exifPrefix):])
	case marker == markAPP2 && bytes.HasPrefix(data, []byte(iccPrefix)):
		if len(i.profile)+len(body) > maxProfile {
			return broken(JPEG, "its colour profile is too large")
		}
		segment := append([]byte{0xff, markAPP2}, body...)
		i.profile = append(i.profile, segment...)
		return i.put(segment)
	case marker == markAPP14 && bytes.HasPrefix(data, []byte("Adobe")) && len(data) >= 12:
		return i.put(append([]byte{0xff, markAPP14, 0, 14}, data[:12]...))
	}
	return nil
}

// scanEntropy walks over the coded pixels up to the next marker, and leaves s before it.
func scanEntropy(s *scanner, i *Info) error {
	from := s.at
	for {
		if err := s.skipTo(0xff); err != nil {
			return err
		}
		b, err := s.peek(2)
		if err != nil {
			return err
		}
		if len(b) < 2 {
			return errShort
		}
		if b[1] != 0 && (b[1] < 0xd0 || b[1] > 0xd7) { // neither a stuffed byte nor a restart
			return i.take(from, s.at-from)
		}
		if err := s.skip(2); err != nil {
			return err
		}
	}
}
