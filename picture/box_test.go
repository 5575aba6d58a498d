package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"rambla/social"
)

// part is a box.
func part(kind string, holds ...[]byte) []byte {
	body := bytes.Join(holds, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(body))), kind...), body...)
}

// item is an entry of the list of items.
func item(id byte, kind, name string) []byte {
	return part("infe", []byte{2, 0, 0, 0, 0, id, 0, 0}, []byte(kind+name+"\x00"))
}

// heifFile is a picture of one item whose pixels are given, and notes that tell the
// secret: in the data box, in meta, in properties, behind the end, and in between.
func heifFile(pixels string) []byte {
	exif, xmp := append([]byte{0, 0, 0, 0}, tiff(1)...), []byte("<x:xmpmeta>"+secret+"</x:xmpmeta>")
	head := part("ftyp", []byte("avif\x00\x00\x00\x00mif1avif"))
	meta := func(at int) []byte {
		place := func(id byte, method byte, at, n int) []byte {
			b := []byte{0, id, 0, method, 0, 0, 0, 1}
			return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(at)), uint32(n))
		}
		return part("meta", []byte{0, 0, 0, 0},
			part("hdlr", []byte("\x00\x00\x00\x00\x00\x00\x00\x00pict\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")),
			part("pitm", []byte{0, 0, 0, 0, 0, 1}),
			part("iinf", []byte{0, 0, 0, 0, 0, 4}, item(1, "av01", ""), item(2, "Exif", ""), item(3, "mime", "\x00application/rdf+xml"), item(4, "Exif", "")),
			part("xml ", []byte("\x00\x00\x00\x00<"+secret+">")),
			part("iprp", part("ipco", part("ispe", []byte("\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02")), part("udes", []byte(secret))), part("ipma", []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1})),
			part("idat", exif),
			part("iloc", []byte{1, 0, 0, 0, 0x44, 0, 0, 4}, place(1, 0, at, len(pixels)), place(2, 0, at+len(pixels), len(exif)),
				place(3, 0, at+len(pixels)+len(exif), len(xmp)), place(4, 1, 0, len(exif))),
		)
	}
	begin := len(head) + len(meta(0)) + 8
	return bytes.Join([][]byte{
		head, meta(begin), part("mdat", []byte(pixels), exif, xmp, []byte(secret)), part("uuid", []byte(secret)), part("mpvd", part("moov", part("udta", []byte(secret)))),
	}, nil)
}

// movieFile is a film that tells the secret of itself, of its track, and behind itself.
func movieFile(brand string) []byte {
	return bytes.Join([][]byte{
		part("ftyp", []byte(brand+"\x00\x00\x00\x00")), part("wide"), part("mdat", []byte("samples")),
		part("moov", part("mvhd", []byte("header")), part("udta", part("\xa9xyz", []byte(secret))), part("meta", part("keys", []byte(secret))),
			part("trak", part("tkhd", []byte("track")), part("meta", []byte(secret)), part("mdia", part("minf", part("stbl", []byte("tables")), part("uuid", []byte(secret)))))),
		part("free", []byte(secret)), part("uuid", []byte(secret)),
	}, nil)
}

func TestPicturesAndFilmsThatAreNotDecodedLoseTheirNotesAndNothingElse(t *testing.T) {
	t.Parallel()
	w, err := NewWorkshop(Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		mediaType string
		file      []byte
		stays     []string
	}{
		"avif":      {"image/avif", heifFile("the pixels"), []string{"ftypavif", "pitm", "ispe", "the pixels"}},
		"heic":      {"image/heic", heifFile("the pixels"), []string{"the pixels", noExif}},
		"mp4":       {"video/mp4", movieFile("mp42"), []string{"mvhdheader", "tkhdtrack", "stbltables", "mdatsamples"}},
		"quicktime": {"video/quicktime", movieFile("qt  "), []string{"mdatsamples"}},
	} {
		var out bytes.Buffer
		if _, err := w.Inspect(t.Context(), c.mediaType, bytes.NewReader(c.file), &out); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		clean := out.Bytes()
		if bytes.Contains(clean, []byte(secret)) {
			t.Errorf("%s: the secret is still there: %q", name, clean)
		}
		for _, s := range c.stays {
			if at := bytes.Index(c.file, []byte(s)); s != noExif && bytes.Index(clean, []byte(s)) != at || !bytes.Contains(clean, []byte(s)) {
				t.Errorf("%s: %q is not where it was: %q", name, s, clean)
			}
		}
		if len(clean) != len(c.file) {
			t.Errorf("%s has become %d bytes of %d", name, len(clean), len(c.file))
		}
		// Cut off anywhere and changed anywhere: refused, or clean.
		for n := range c.file {
			changed := bytes.Clone(c.file)
			changed[n] ^= 0xff
			for what, broken := range map[string][]byte{"cut off": c.file[:n], "changed": changed} {
				out.Reset()
				if _, err := w.Inspect(t.Context(), c.mediaType, bytes.NewReader(broken), &out); err != nil && social.KindOf(err) != social.KindInvalid {
					t.Fatalf("%s %s at byte %d: %v", name, what, n, err)
				}
			}
		}
	}
}

func TestPicturesThatCannotBeCleanedAreRefusedWithWhatToSendInstead(t *testing.T) {
	t.Parallel()
	w, err := NewWorkshop(Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, mediaType := range []string{"image/tiff", "image/jxl", "image/jp2", "image/x-raw", "image/heic", "video/mp4"} {
		var out bytes.Buffer
		_, err := w.Inspect(t.Context(), mediaType, strings.NewReader("II*\x00"+secret), &out)
		if e, ok := errors.AsType[*social.Error](err); !ok || e.Kind != social.KindInvalid || e.Fields[0].Name != "file" || out.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes", mediaType, err, out.Len())
		}
	}
}
