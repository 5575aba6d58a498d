package picture

import (
	"cmp"
	"encoding/binary"
	"io"
	"slices"
	"strings"
)

// The parts of HEIF (ISO 23008-12), which HEIC and AVIF are, and their bounds.
const (
	maxMeta  = 4 << 20 // bytes of the box that says where the pictures are
	maxItems = 20_000
)

// pictureItem tells whether an item is a picture, or what one is put together from.
// All others are notes: Exif, XMP, and what an application adds.
func pictureItem(kind string) bool {
	switch kind {
	case "hvc1", "hev1", "lhv1", "av01", "grid", "iovl", "iden", "tmap":
		return true
	}
	return false
}

// pictureProperty tells whether a property says how a picture is decoded and shown.
func pictureProperty(kind string) bool {
	switch kind {
	case "ispe", "pixi", "colr", "pasp", "irot", "imir", "clap", "hvcC", "lhvC", "av1C", "auxC", "auxi", "lsel", "a1op", "a1lx",
		"clli", "mdcv", "cclv", "amve", "ndwt", "reve", "rloc", "iscl", "oinf", "tols":
		return true
	}
	return false
}

// heif is a picture whose boxes are being read.
type heif struct {
	*boxFile
	meta  []byte // the box, as it will be written
	items map[uint32]string
	idat  span       // where in meta small items are
	parts []itemPart // in the file
	moves bool       // it has films in it, whose samples nobody looks for
}

// itemPart is where a part of an item is.
type itemPart struct {
	span
	stays   bool
	instead []byte // of what goes: what stands at its beginning then
}

// noExif is Exif that tells nothing: readers take zeros for a broken picture. It is where
// its TIFF file begins, and that file, with an empty directory.
const noExif = "\x00\x00\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"

func newItemPart(kind string, at, n uint64) itemPart {
	p := itemPart{span: span{int64(at), int64(n)}, stays: pictureItem(kind)} //nolint:gosec // place looks
	if kind == "Exif" && n >= uint64(len(noExif)) {
		p.instead = []byte(noExif)
	}
	return p
}

// cleanHEIF writes a picture without notes. It is not decoded, so that nobody knows
// whether it can be shown, and how large it is.
func cleanHEIF(src io.ReadSeeker, dst io.Writer, what string) error {
	f, err := newBoxFile(src, what)
	if err != nil {
		return err
	}
	h := &heif{boxFile: f, items: map[uint32]string{}}
	if err := f.each(0, f.size, h.look); err != nil {
		return err
	}
	if h.meta == nil {
		return h.broken("it does not say where the picture is")
	}
	slices.SortFunc(h.parts, func(a, b itemPart) int { return cmp.Compare(a.at, b.at) })
	if err := f.each(0, f.size, h.keepTop); err != nil {
		return err
	}
	return f.copyClean(src, dst)
}

// look reads what says where things are.
func (h *heif) look(b box) error {
	switch b.kind {
	case "moov":
		h.moves = true
	case "meta":
		if h.meta != nil || b.end-b.at > maxMeta {
			return h.broken("it says where the picture is twice, or at too great length")
		}
		var err error
		if h.meta, err = h.read(b.at, int(b.end-b.at)); err != nil {
			return err
		}
		return h.readMeta(int(b.header))
	}
	return nil
}

// keepTop keeps what belongs to pictures.
func (h *heif) keepTop(b box) error {
	switch b.kind {
	case "ftyp":
		return h.keepBox(b)
	case "meta":
		return h.put(h.meta)
	case "mdat":
		return h.keepData(b)
	case "moov":
		return h.keepMovie(b, 1)
	}
	return h.erase(b)
}

// keepData keeps the parts of pictures that stand in a box.
func (h *heif) keepData(b box) error {
	at := b.at + b.header
	if err := h.take(b.at, b.header); err != nil {
		return err
	}
	between := func(to int64) error {
		if to <= at {
			return nil
		}
		from := at
		at = to
		if h.moves { // samples, perhaps
			return h.take(from, to-from)
		}
		return h.blank(to - from)
	}
	for _, p := range h.parts {
		end := min(p.at+p.n, b.end)
		if end <= at || p.at >= b.end {
			continue
		}
		if err := between(max(p.at, at)); err != nil {
			return err
		}
		if err := h.keepPart(p, at, end); err != nil {
			return err
		}
		at = end
	}
	return between(b.end)
}

// keepPart writes what of a part is between two places.
func (h *heif) keepPart(p itemPart, from, to int64) error {
	if p.stays {
		return h.take(from, to-from)
	}
	if n := int64(len(p.instead)); n > 0 && from == p.at && to-from >= n {
		if err := h.put(p.instead); err != nil {
			return err
		}
		from += n
	}
	return h.blank(to - from)
}

// children calls f with the boxes in a part of meta.
func (h *heif) children(from, to int, f func(kind string, at, body, end int) error) error {
	for at := from; at < to; {
		if h.seen++; h.seen > maxBoxes {
			return h.broken("it is made of too many parts")
		}
		b, ok := parseBox(h.meta[at:min(at+16, to)], int64(at), int64(to))
		if !ok {
			return h.broken("it breaks off")
		}
		if err := f(b.kind, at, at+int(b.header), int(b.end)); err != nil {
			return err
		}
		at = int(b.end)
	}
	return nil
}

// free erases a box of meta.
func (h *heif) free(at, body, end int) {
	copy(h.meta[at+4:], "free")
	clear(h.meta[body:end])
}

// readMeta reads the items, erases what is no picture's, and notes where the pictures are.
func (h *heif) readMeta(header int) error {
	var iinf, iloc fields
	err := h.children(min(header+4, len(h.meta)), len(h.meta), func(kind string, at, body, end int) error {
		switch kind {
		case "hdlr", "pitm", "iref", "dinf", "grpl":
		case "iprp":
			return h.readProperties(body, end)
		case "iinf":
			iinf = fields{h.meta[body:end], true}
		case "iloc":
			iloc = fields{h.meta[body:end], true}
		case "idat":
			h.idat = span{int64(body), int64(end - body)}
		default:
			h.free(at, body, end)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := h.readItems(iinf); err != nil {
		return err
	}
	return h.readPlaces(iloc)
}

func (h *heif) readProperties(body, end int) error {
	return h.children(body, end, func(kind string, _, body, end int) error {
		if kind != "ipco" {
			return nil
		}
		return h.children(body, end, func(kind string, at, body, end int) error {
			if !pictureProperty(kind) {
				h.free(at, body, end) // others keep their numbers
			}
			return nil
		})
	})
}

// fields reads numbers one after the other; ok ends where there are no more.
type fields struct {
	b  []byte
	ok bool
}

func (f *fields) uint(size int) uint64 {
	if size == 0 {
		return 0
	}
	if len(f.b) < size {
		f.b, f.ok = nil, false
		return 0
	}
	var wide [8]byte
	copy(wide[8-size:], f.b[:size])
	f.b = f.b[size:]
	return binary.BigEndian.Uint64(wide[:])
}

// readItems reads what kind each item is of (ISO 14496-12 section 8.11.6).
func (h *heif) readItems(f fields) error {
	version := f.uint(4) >> 24
	count := f.uint(2)
	if version > 0 {
		count = count<<16 | f.uint(2)
	}
	for range min(count, maxItems+1) {
		b, ok := parseBox(f.b[:min(len(f.b), 16)], 0, int64(len(f.b)))
		if !ok || b.kind != "infe" || len(h.items) == maxItems {
			return h.broken("it has a list of items that is not as it should be")
		}
		entry := fields{f.b[b.header:b.end], true}
		f.b = f.b[b.end:]
		version := entry.uint(4) >> 24
		id := entry.uint(2)
		if version == 3 {
			id = id<<16 | entry.uint(2)
		}
		entry.uint(2) // its protection
		kind := entry.uint(4)
		if !entry.ok || version < 2 {
			return h.broken("it has items of no kind")
		}
		h.items[uint32(id)] = string(binary.BigEndian.AppendUint32(nil, uint32(kind))) //nolint:gosec // of four bytes
	}
	if !f.ok || len(h.items) == 0 {
		return h.broken("it has no items")
	}
	return nil
}

// readPlaces reads where items are (section 8.11.3).
func (h *heif) readPlaces(f fields) error {
	version := f.uint(4) >> 24
	sizes := f.uint(2)
	offset, length, base, index := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	if version == 0 {
		index = 0
	}
	wide := 2
	if version == 2 {
		wide = 4
	}
	if !f.ok || version > 2 || max(offset, length, base, index) > 8 {
		return h.broken("it does not say where its items are")
	}
	for n := f.uint(wide); n > 0 && f.ok; n-- {
		id := f.uint(wide)
		method := uint64(0)
		if version > 0 {
			method = f.uint(2) & 15
		}
		elsewhere := f.uint(2) != 0
		begin := f.uint(base)
		kind, known := h.items[uint32(id)] //nolint:gosec // of four bytes at most
		if elsewhere || method > 1 || !known {
			return h.broken("it has items that are somewhere else")
		}
		for parts := f.uint(2); parts > 0 && f.ok; parts-- {
			f.uint(index)
			at, n := begin+f.uint(offset), f.uint(length)
			if err := h.place(newItemPart(kind, at, n), method == 1); err != nil {
				return err
			}
		}
	}
	if !f.ok {
		return h.broken("it breaks off")
	}
	return h.apart()
}

// place notes where a part of an item is, and erases one of a note that is in meta.
func (h *heif) place(p itemPart, within bool) error {
	most := h.size
	if within {
		most = h.idat.n
	}
	switch {
	case p.at < 0 || p.n < 0 || p.at > most || p.n > most-p.at || p.n == 0 && p.stays:
		return h.broken("an item is not in it")
	case len(h.parts) == maxItems:
		return h.broken("it is made of too many parts")
	case within && !p.stays:
		in := h.meta[h.idat.at+p.at : h.idat.at+p.at+p.n]
		clear(in)
		copy(in, p.instead)
	case !within:
		h.parts = append(h.parts, p)
	}
	return nil
}

// apart refuses a picture in which a note stands within what stays.
func (h *heif) apart() error {
	slices.SortFunc(h.parts, func(a, b itemPart) int { return cmp.Compare(a.at, b.at) })
	end, stays := int64(0), false
	for _, p := range h.parts {
		if p.at < end && p.stays != stays {
			return h.broken("its items are not apart")
		}
		if p.at >= end || p.at+p.n > end {
			end, stays = p.at+p.n, p.stays
		}
	}
	return nil
}

// heifName is what people call a type of such pictures.
func heifName(mediaType string) string {
	return "a picture of the kind " + strings.ToUpper(strings.TrimPrefix(mediaType, "image/"))
}
