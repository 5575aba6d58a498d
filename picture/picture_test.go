package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rambla/social"
)

func workshop(t testing.TB, l Limits) *Workshop {
	t.Helper()
	w, err := NewWorkshop(l, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func clean(t *testing.T, w *Workshop, file []byte) (Info, []byte) {
	t.Helper()
	var out bytes.Buffer
	i, err := w.Clean(t.Context(), bytes.NewReader(file), &out)
	if err != nil {
		t.Fatal(err)
	}
	return i, out.Bytes()
}

func decoded(t *testing.T, f Format, file []byte) image.Image {
	t.Helper()
	m, err := f.decode(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("decode a %s: %v", f, err)
	}
	return m
}

func TestACleanPictureLooksTheSameAndTellsNothing(t *testing.T) {
	t.Parallel()
	w := workshop(t, Limits{})
	for name, file := range map[string][]byte{
		"JPEG":        jpegOf(t, corners(40, 24), 1),
		"PNG":         pngOf(t, corners(40, 24), 0),
		"GIF":         gifOf(t, corners(40, 24), 3),
		"WebP":        webpOf(t, 1, false),
		"moving WebP": webpOf(t, 0, true),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, out := clean(t, w, file)
			if bytes.Contains(out, []byte(secret)) || bytes.Contains(out, []byte("XMP")) || bytes.Contains(out, []byte("Exif")) || bytes.Contains(out, []byte("EXIF")) {
				t.Errorf("metadata is left in %q", out)
			}
			if i.Format != WebP {
				was, is := decoded(t, i.Format, file), decoded(t, i.Format, out)
				if i.Width != 40 || i.Height != 24 || quarters(is) != "rgbw" || fmt.Sprint(was) != fmt.Sprint(is) {
					t.Errorf("it is another picture: %+v", i)
				}
			}
			again, err := Examine(bytes.NewReader(out))
			if err != nil || again.Frames != i.Frames || again.Width != i.Width {
				t.Errorf("what was written reads as %+v, %v", again, err)
			}
		})
	}
	t.Run("its colours keep their meaning", func(t *testing.T) {
		t.Parallel()
		if _, out := clean(t, w, jpegOf(t, corners(8, 8), 1)); !bytes.Contains(out, []byte("RGB profile")) {
			t.Error("the profile is gone")
		}
		if _, out := clean(t, w, jpegOf(t, corners(8, 8), 6)); !bytes.Contains(out, []byte("RGB profile")) {
			t.Error("the profile of a turned picture is gone")
		}
	})
	t.Run("an animation goes on moving", func(t *testing.T) {
		t.Parallel()
		_, out := clean(t, w, gifOf(t, corners(8, 8), 3))
		if g, err := gif.DecodeAll(bytes.NewReader(out)); err != nil || len(g.Image) != 3 || g.Delay[1] != 5 || g.LoopCount != 0 {
			t.Errorf("%+v, %v", g, err)
		}
	})
}

func TestAPictureIsTurnedUpright(t *testing.T) {
	t.Parallel()
	// What is seen of red, green, blue and white at each way to hold a camera.
	seen := map[orientation]string{1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb"}
	w := workshop(t, Limits{})
	for o, want := range seen {
		wantW, wantH := 64, 32
		if o.swaps() {
			wantW, wantH = 32, 64
		}
		for name, file := range map[string][]byte{"JPEG": jpegOf(t, corners(64, 32), o), "PNG": pngOf(t, corners(64, 32), o)} {
			i, out := clean(t, w, file)
			m := decoded(t, i.Format, out)
			if quarters(m) != want || m.Bounds().Dx() != wantW || i.Width != wantW || i.Height != wantH {
				t.Errorf("a %s at %d is %v %s, told as %d by %d", name, o, m.Bounds(), quarters(m), i.Width, i.Height)
			}
			small, err := w.Thumbnail(t.Context(), bytes.NewReader(file), 16)
			if err != nil {
				t.Fatal(err)
			}
			if m := decoded(t, Sniff(small.Body), small.Body); quarters(m) != want || m.Bounds().Dx() != wantW/4 || m.Bounds().Dy() != wantH/4 {
				t.Errorf("the thumbnail of a %s at %d is %v %s", name, o, m.Bounds(), quarters(m))
			}
		}
	}
	i, out := clean(t, w, webpOf(t, 6, false))
	if i.Format == WebP || bytes.Contains(out, []byte(secret)) {
		t.Errorf("a WebP that lies on its side became %+v", i)
	}
}

func TestASmallPictureFitsAndShowsTheMean(t *testing.T) {
	t.Parallel()
	w := workshop(t, Limits{})
	wide := pngOf(t, corners(300, 200), 0)
	for side, want := range map[int]image.Point{64: {64, 43}, 299: {299, 199}, 2048: {300, 200}, 1: {1, 1}} {
		made, err := w.Thumbnail(t.Context(), bytes.NewReader(wide), side)
		if err != nil {
			t.Fatal(err)
		}
		if m := decoded(t, Sniff(made.Body), made.Body); m.Bounds().Size() != want || made.MediaType != "image/jpeg" {
			t.Errorf("a thumbnail of %d is a %s of %v, not %v", side, made.MediaType, m.Bounds().Size(), want)
		}
	}
	made, err := w.Portrait(t.Context(), bytes.NewReader(wide), 96)
	if err != nil {
		t.Fatal(err)
	}
	if m := decoded(t, Sniff(made.Body), made.Body); m.Bounds().Size() != (image.Point{96, 96}) || quarters(m) != "rgbw" {
		t.Errorf("a portrait is %v %s", m.Bounds(), quarters(m))
	}
	for _, moving := range [][]byte{gifOf(t, corners(8, 8), 2), webpOf(t, 0, true)} {
		if _, err := w.Thumbnail(t.Context(), bytes.NewReader(moving), 16); err != nil {
			t.Errorf("of what moves there is no thumbnail: %v", err)
		}
	}

	// Three pixels become two: the one in the middle goes half to each side.
	three := image.NewNRGBA(image.Rect(0, 0, 3, 3))
	for y := range 3 {
		for x := range 3 {
			three.SetNRGBA(x, y, color.NRGBA{uint8(90 * x), uint8(90 * y), 0, 255})
		}
	}
	two := shrink(three, three.Rect, 2, 2)
	if got, want := fmt.Sprint(two.Pix), "[30 30 0 255 150 30 0 255 30 150 0 255 150 150 0 255]"; got != want {
		t.Errorf("three by three became %s, not %s", got, want)
	}
	ghost := image.NewNRGBA(image.Rect(0, 0, 20, 20))
	if made, err := w.Thumbnail(t.Context(), bytes.NewReader(pngOf(t, ghost, 0)), 16); err != nil || made.MediaType != "image/png" {
		t.Errorf("what shows through became %s, %v", made.MediaType, err)
	}
}

// huge is the beginning of a picture that says it is so large.
func huge(t *testing.T, f Format, w, h int) []byte {
	t.Helper()
	switch f {
	case PNG:
		file := pngOf(t, corners(2, 2), 0)
		header := binary.BigEndian.AppendUint32(nil, uint32(w))
		header = append(binary.BigEndian.AppendUint32(header, uint32(h)), 8, 6, 0, 0, 0)
		return append(append([]byte(pngSignature), chunk("IHDR", header)...), file[33:]...)
	case JPEG:
		file := jpegOf(t, corners(2, 2), 0)
		at := bytes.Index(file, []byte{0xff, 0xc0})
		binary.BigEndian.PutUint16(file[at+5:], uint16(h))
		binary.BigEndian.PutUint16(file[at+7:], uint16(w))
		return file
	case GIF:
		file := gifOf(t, corners(2, 2), 1)
		binary.LittleEndian.PutUint16(file[6:], uint16(w))
		binary.LittleEndian.PutUint16(file[8:], uint16(h))
		return file
	default:
		header := []byte{0, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), byte((w - 1) >> 16), byte(h - 1), byte((h - 1) >> 8), byte((h - 1) >> 16)}
		return webpFile(webpChunk("VP8X", header), bitstream(t, true))
	}
}

func TestABombIsRefusedByItsHeader(t *testing.T) {
	t.Parallel()
	w := workshop(t, Limits{Pixels: 1_000_000, Frames: 10})
	manyFrames := gifOf(t, corners(8, 8), 11)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"PNG":                     {huge(t, PNG, 1<<20, 1<<20), "at most 1 million"},
		"JPEG":                    {huge(t, JPEG, 65000, 65000), "at most 1 million"},
		"GIF":                     {huge(t, GIF, 65535, 65535), "at most 1 million"},
		"WebP":                    {huge(t, WebP, 1<<14, 1<<14), "at most 1 million"},
		"frames":                  {manyFrames, "more than 10 frames"},
		"no size":                 {huge(t, PNG, 0, 5), "no size"},
		"too much memory":         {huge(t, JPEG, 900, 900), "memory"},
		"no picture":              {[]byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), "is no JPEG"},
		"nothing":                 {nil, "is no JPEG"},
		"only a signature":        {[]byte(pngSignature), "breaks off"},
		"a page called a picture": {append([]byte("\xff\xd8\xff\xe0\x00\x04ab"), "<script>alert(1)</script>"...), "breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w
			if name == "too much memory" {
				w = workshop(t, Limits{Memory: 1 << 20})
			}
			for what, act := range map[string]func() error{
				"clean":     func() error { _, err := w.Clean(t.Context(), bytes.NewReader(c.file), &bytes.Buffer{}); return err },
				"thumbnail": func() error { _, err := w.Thumbnail(t.Context(), bytes.NewReader(c.file), 64); return err },
			} {
				if err := act(); err == nil || social.KindOf(err) != social.KindInvalid || !strings.Contains(social.Safe(err), c.says) {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

func TestWhatBreaksOffIsRefused(t *testing.T) {
	t.Parallel()
	w := workshop(t, Limits{})
	for name, file := range map[string][]byte{
		"JPEG": jpegOf(t, corners(16, 16), 6), "PNG": pngOf(t, corners(16, 16), 3), "GIF": gifOf(t, corners(16, 16), 2),
		"WebP": webpOf(t, 1, false),
	} {
		for n := range len(file) - len(secret) { // which stands behind the picture's end
			var out bytes.Buffer
			if _, err := w.Clean(t.Context(), bytes.NewReader(file[:n]), &out); err == nil || social.KindOf(err) != social.KindInvalid {
				t.Fatalf("%d of %d bytes of a %s: %v", n, len(file), name, err)
			}
		}
	}
}

func TestAWorkshopThatIsFullSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	file := jpegOf(t, corners(16, 16), 1)
	synctest.Test(t, func(t *testing.T) {
		w := workshop(t, Limits{AtOnce: 1, Wait: 3 * time.Second, Queue: 1})
		leave, err := w.enter(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error)
		go func() {
			_, err := w.Thumbnail(context.Background(), bytes.NewReader(file), 16)
			refused <- err
		}()
		synctest.Wait() // it waits for its turn
		check := func(err error) {
			t.Helper()
			if e, ok := err.(*social.Error); !ok || e.Kind != social.KindUnavailable || e.RetryAfter <= 0 { //nolint:errorlint // it is not wrapped
				t.Errorf("answered %v", err)
			}
		}
		_, err = w.Thumbnail(t.Context(), bytes.NewReader(file), 16)
		check(err) // no room in the queue
		check(<-refused)
		leave()
		if _, err := w.Thumbnail(t.Context(), bytes.NewReader(file), 16); err != nil {
			t.Errorf("with a free place: %v", err)
		}
	})
}

func TestABadgeIsTheSameForTheSameName(t *testing.T) {
	t.Parallel()
	type badge struct{ id, name string }
	w := workshop(t, Limits{})
	draw := func(b badge) string {
		t.Helper()
		made, err := w.Badge(b.id, b.name, 96)
		if err != nil {
			t.Fatal(err)
		}
		if m := decoded(t, Sniff(made.Body), made.Body); m.Bounds().Dx() != 96 {
			t.Errorf("it is %v", m.Bounds())
		}
		return string(made.Body)
	}
	version := func(b badge) string { return w.BadgeVersion(b.id, b.name) }
	if draw(badge{"alice", "Alice"}) != draw(badge{"alice", "Anna"}) || version(badge{"alice", "Alice"}) != version(badge{"alice", "Anna"}) {
		t.Error("the same colour and letter are two pictures")
	}
	all := map[string]badge{}
	for _, b := range []badge{{"alice", "Alice"}, {"bob", "Alice"}, {"alice", "Берта"}, {"alice", "明"}, {"bob", "明"}, {"alice", ""}} {
		if other, twice := all[draw(b)]; twice || version(b) == version(other) && other.id != "" {
			t.Errorf("%v and %v look the same", b, other)
		}
		all[draw(b)] = b
	}
}

func TestOnlyPicturesAreInspected(t *testing.T) {
	t.Parallel()
	w := workshop(t, Limits{})
	var out bytes.Buffer
	found, err := w.Inspect(t.Context(), "image/jpeg", bytes.NewReader(jpegOf(t, corners(64, 32), 6)), &out)
	if err != nil || found != (social.Inspection{MediaType: "image/jpeg", Width: 32, Height: 64}) || bytes.Contains(out.Bytes(), []byte(secret)) {
		t.Errorf("%+v, %v", found, err)
	}
	out.Reset()
	if found, err := w.Inspect(t.Context(), "application/pdf", strings.NewReader("%PDF"), &out); err != nil || found != (social.Inspection{}) || out.Len() > 0 {
		t.Errorf("another file: %+v, %v", found, err)
	}
	if _, err := w.Inspect(t.Context(), "image/png", strings.NewReader("\x89PNG\r\n\x1a\nno"), &out); err == nil || social.KindOf(err) != social.KindInvalid {
		t.Errorf("what lies: %v", err)
	}
}

func TestAskedSizesAreRoundedDownToSteps(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int]int{16: 16, 17: 16, 96: 96, 99: 96, 250: 250, 2047: 1600, 2048: 2048} {
		if got := Step(asked); got != want {
			t.Errorf("%d became %d, not %d", asked, got, want)
		}
	}
	if Step(MinSide) != MinSide || Step(MaxSide) != MaxSide {
		t.Error("the ends are no steps")
	}
}

func FuzzForeignPictures(f *testing.F) {
	for _, file := range [][]byte{
		jpegOf(f, corners(8, 8), 6), pngOf(f, corners(8, 8), 3), gifOf(f, corners(8, 8), 2), webpOf(f, 5, false), webpOf(f, 0, true),
	} {
		f.Add(file)
	}
	w := workshop(f, Limits{Pixels: 1 << 16, Memory: 8 << 20, Frames: 20})
	f.Fuzz(func(t *testing.T, file []byte) {
		var once, twice bytes.Buffer
		i, err := w.Clean(context.Background(), bytes.NewReader(file), &once)
		if err != nil {
			if kind := social.KindOf(err); kind != social.KindInvalid {
				t.Fatalf("%v: %v", kind, err)
			}
			return
		}
		// What is clean is a picture, and stays what it is.
		again, err := w.Clean(context.Background(), bytes.NewReader(once.Bytes()), &twice)
		if err != nil {
			t.Fatalf("clean, and refused: %v", err)
		}
		if again.Width != i.Width || again.Height != i.Height || again.Format != i.Format || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("cleaned twice it is %+v, once %+v", again, i)
		}
		if made, err := w.Thumbnail(context.Background(), bytes.NewReader(once.Bytes()), 32); err == nil {
			if _, err := Examine(bytes.NewReader(made.Body)); err != nil {
				t.Fatalf("a thumbnail that cannot be read: %v", err)
			}
		}
	})
}
