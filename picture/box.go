package picture

import (
	"encoding/binary"
	"fmt"
	"io"

	"rambla/social"
)

// maxBoxes bounds the boxes of one file that are looked at, and boxDepth how deep they
// nest: what a phone makes has a few hundred of them, five deep.
const (
	maxBoxes = 20_000
	boxDepth = 8
)

// box is a part of an ISO base media file (ISO 14496-12 section 4.2): its header of
// 8 or 16 bytes, and what it holds.
type box struct {
	kind   string
	at     int64
	header int64
	end    int64
}

// boxFile is a file that is made of boxes. What of it goes is overwritten and not cut
// out: boxes say by their place in the file where pixels and sound are.
type boxFile struct {
	src  io.ReadSeeker
	size int64
	what string // as people call such a file
	seen int    // boxes
	Info
}

func newBoxFile(src io.ReadSeeker, what string) (*boxFile, error) {
	size, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("read a file of boxes: %w", err)
	}
	return &boxFile{src: src, size: size, what: what}, nil
}

func (f *boxFile) broken(why string) error {
	return social.Invalid("file", "is %s that cannot be read: %s", f.what, why)
}

// read reads n bytes of a place that was checked to be in the file.
func (f *boxFile) read(at int64, n int) ([]byte, error) {
	if _, err := f.src.Seek(at, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read a file of boxes: %w", err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(f.src, b); err != nil {
		return nil, fmt.Errorf("read a file of boxes: %w", err)
	}
	return b, nil
}

// box reads the header of the one at a place, which ends before end.
func (f *boxFile) box(at, end int64) (box, error) {
	if f.seen++; f.seen > maxBoxes {
		return box{}, f.broken("it is made of too many parts")
	}
	if end-at < 8 {
		return box{}, f.broken("it breaks off")
	}
	head, err := f.read(at, int(min(16, end-at)))
	if err != nil {
		return box{}, err
	}
	b, ok := parseBox(head, at, end)
	if !ok {
		return box{}, f.broken("it breaks off")
	}
	return b, nil
}

// parseBox is the box whose first 8 to 16 bytes these are.
func parseBox(head []byte, at, end int64) (b box, ok bool) {
	if len(head) < 8 {
		return b, false
	}
	b = box{kind: string(head[4:8]), at: at, header: 8}
	size := int64(binary.BigEndian.Uint32(head))
	switch {
	case size == 0: // up to the end of what it is in
		size = end - at
	case size == 1 && len(head) >= 16:
		long := binary.BigEndian.Uint64(head[8:])
		if long > uint64(end-at) { //nolint:gosec // not negative
			return b, false
		}
		size, b.header = int64(long), 16 //nolint:gosec // as just checked
	}
	b.end = at + size
	return b, size >= b.header && b.end <= end
}

// each calls take with every box between two places.
func (f *boxFile) each(from, to int64, take func(box) error) error {
	for at := from; at < to; {
		b, err := f.box(at, to)
		if err == nil {
			err = take(b)
		}
		if err != nil {
			return err
		}
		at = b.end
	}
	return nil
}

// keepBox keeps all of one.
func (f *boxFile) keepBox(b box) error { return f.take(b.at, b.end-b.at) }

// erase leaves free space in the place of a box.
func (f *boxFile) erase(b box) error {
	head, err := f.read(b.at, int(b.header))
	if err != nil {
		return err
	}
	copy(head[4:], "free")
	if err := f.put(head); err != nil {
		return err
	}
	return f.blank(b.end - b.at - b.header)
}

// moviePart says what becomes of a part of a film: its tables and samples stay, and
// what a camera notes of the place, of itself and of its owner goes.
func moviePart(kind string) (holds, goes bool) {
	switch kind {
	case "moov", "trak", "mdia", "minf", "moof", "traf", "mvex":
		return true, false
	case "udta", "meta", "uuid", "free", "skip":
		return false, true
	}
	return false, false
}

// movieTop are the boxes of a film that stay where they stand in nothing else.
func movieTop(kind string) bool {
	switch kind {
	case "ftyp", "styp", "moov", "moof", "mdat", "mfra", "sidx", "ssix", "prft", "emsg", "pdin", "wide", "free", "skip":
		return true
	}
	return false
}

// keepMovie keeps of a part of a film what one needs to play it.
func (f *boxFile) keepMovie(b box, depth int) error {
	holds, goes := moviePart(b.kind)
	switch {
	case goes:
		return f.erase(b)
	case !holds:
		return f.keepBox(b)
	case depth == boxDepth:
		return f.broken("its parts nest too deeply")
	}
	if err := f.take(b.at, b.header); err != nil {
		return err
	}
	return f.each(b.at+b.header, b.end, func(in box) error { return f.keepMovie(in, depth+1) })
}

// cleanMovie writes a film without its notes. It is not decoded: whether it can be
// played nobody knows.
func cleanMovie(src io.ReadSeeker, dst io.Writer) error {
	f, err := newBoxFile(src, "a film")
	if err != nil {
		return err
	}
	err = f.each(0, f.size, func(b box) error {
		if !movieTop(b.kind) {
			return f.erase(b)
		}
		return f.keepMovie(b, 1)
	})
	if err != nil {
		return err
	}
	return f.copyClean(src, dst)
}
