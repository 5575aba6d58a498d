package api_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // what is drawn
	"strings"
	"testing"

	"rambla/api"
	"rambla/social"
)

// photo is a JPEG of that size that tells where it was taken.
func photo(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x), uint8(y), 90, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	comment := append([]byte{0xff, 0xfe, 0, byte(2 + len(somewhere))}, somewhere...)
	return bytes.Join([][]byte{b.Bytes()[:2], comment, b.Bytes()[2:]}, nil)
}

const somewhere = "taken at 41.98N 2.82E"

// sizeOf reads the size of a picture that was answered.
func sizeOf(t *testing.T, a *answer) image.Point {
	t.Helper()
	c, _, err := image.DecodeConfig(bytes.NewReader(a.body))
	if a.status != 200 || err != nil {
		t.Fatalf("answered %d %s, %v", a.status, a.header.Get("Content-Type"), err)
	}
	return image.Pt(c.Width, c.Height)
}

func (s *site) putPicture(name, path string, body []byte) *answer {
	s.Helper()
	return s.as(name, "PUT", path+"/avatar", body).with("Content-Type", "image/jpeg").do()
}

func TestAPictureIsShownToWhoeverSeesItsOwner(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.as("admin", "POST", "/v1/contexts", map[string]any{"id": "staff", "preset": "closed"}).do()
		s.as("admin", "PUT", "/v1/contexts/staff/members/alice").do()
		group := s.as("alice", "POST", "/v1/conversations", map[string]any{"participants": []string{"bob"}, "displayName": "Trip"}).do().text("id")
		pair := s.as("alice", "POST", "/v1/conversations", map[string]any{"participants": []string{"bob"}}).do().text("id")
		for _, c := range []struct{ path, sets, sees, not, mayNot string }{
			{"/v1/people/alice", "alice", "bob", "", "bob"},
			{"/v1/contexts/staff", "admin", "alice", "carol", "alice"},
			{"/v1/conversations/" + group, "alice", "bob", "admin", "bob"},
		} {
			drawn := s.as(c.sees, "GET", c.path+"/avatar").do()
			if got := sizeOf(t, drawn); got != image.Pt(128, 128) || drawn.header.Get("Content-Type") != "image/png" {
				t.Errorf("%s: without a picture %v of %s", c.path, got, drawn.header.Get("Content-Type"))
			}
			if a := s.putPicture(c.mayNot, c.path, photo(t, 300, 200)); a.status != 403 {
				t.Errorf("%s: %s set it: %d", c.path, c.mayNot, a.status)
			}
			if a := s.putPicture(c.sets, c.path, photo(t, 300, 200)); a.status != 204 {
				t.Fatalf("%s: %d %s", c.path, a.status, a.body)
			}
			shown := s.as(c.sees, "GET", c.path+"/avatar?size=100").do()
			tag := shown.header.Get("ETag")
			if got := sizeOf(t, shown); got != image.Pt(100, 100) || bytes.Contains(shown.body, []byte(somewhere)) || tag == "" || tag == drawn.header.Get("ETag") {
				t.Errorf("%s: a picture of %v, %s", c.path, got, tag)
			}
			if a := s.as(c.sees, "GET", c.path+"/avatar?size=100").with("If-None-Match", `"x", `+tag).do(); a.status != 304 || len(a.body) > 0 {
				t.Errorf("%s: asked again: %d", c.path, a.status)
			}
			if got := sizeOf(t, s.as(c.sees, "GET", c.path+"/avatar?size=2048").do()); got != image.Pt(200, 200) {
				t.Errorf("%s: it was made larger: %v", c.path, got)
			}
			if address := s.as(c.sees, "GET", c.path).do().text("avatar"); !strings.HasPrefix(address, c.path+"/avatar?v=") {
				t.Errorf("%s: told as %q", c.path, address)
			}
			if c.not != "" {
				for _, method := range []string{"GET", "DELETE"} {
					if a := s.as(c.not, method, c.path+"/avatar").do(); a.status != 404 {
						t.Errorf("%s: %s by %s: %d", c.path, method, c.not, a.status)
					}
				}
			}
			if a := s.as(c.sets, "DELETE", c.path+"/avatar").do(); a.status != 204 {
				t.Errorf("%s: taken away: %d", c.path, a.status)
			}
			if a := s.as(c.sees, "GET", c.path+"/avatar").do(); a.header.Get("ETag") != drawn.header.Get("ETag") {
				t.Errorf("%s: behind it %s", c.path, a.header.Get("ETag"))
			}
		}
		if a := s.as("alice", "GET", "/v1/contexts/staff/log/events").do(); strings.Count(string(a.body), `"Update"`) != 2 {
			t.Errorf("what was told of the context: %s", a.body)
		}
		// Of two people each sees the other.
		if a := s.putPicture("alice", "/v1/people/me", photo(t, 64, 64)); a.status != 204 {
			t.Fatal(a.status)
		}
		if got := sizeOf(t, s.as("bob", "GET", "/v1/conversations/"+pair+"/avatar").do()); got != image.Pt(64, 64) {
			t.Errorf("bob sees %v", got)
		}
		if a := s.putPicture("alice", "/v1/conversations/"+pair, photo(t, 64, 64)); a.status != 403 {
			t.Errorf("a picture for two: %d", a.status)
		}
		// A browser's way, and the end of it.
		token := s.as("bob", "POST", "/v1/me/media-token").do().text("token")
		if got := sizeOf(t, s.as("", "GET", "/v1/people/alice/avatar?t="+token).do()); got != image.Pt(64, 64) {
			t.Errorf("by a media token: %v", got)
		}
		if a := s.as("", "GET", "/v1/people/alice/avatar").do(); a.status != 401 {
			t.Errorf("by nobody: %d", a.status)
		}
		if a := s.as("admin", "DELETE", "/v1/people/alice").do(); a.status != 204 {
			t.Fatal(a.status, string(a.body))
		}
		s.avatars.Sweep(t.Context())
		if err := s.blobs.Walk(t.Context(), social.AvatarRoom, func(b social.BlobInfo) error {
			t.Errorf("%s is left", b.Name)
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for name, c := range map[string]struct {
		body   []byte
		status int
	}{
		"a page":              {[]byte("<html>"), 422},
		"nothing":             {nil, 422},
		"one that breaks off": {photo(t, 64, 64)[:200], 422},
		"one too large":       {append(photo(t, 64, 64), make([]byte, 64<<10)...), 413},
		"too many pixels":     {photo(t, 1001, 1000), 422},
	} {
		if a := s.putPicture("alice", "/v1/people/me", c.body); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := s.as("alice", "PUT", "/v1/people/me/avatar", photo(t, 8, 8)).with("Content-Type", "text/html").do(); a.status != 415 {
		t.Errorf("as a page: %d", a.status)
	}
	for _, size := range []string{"0", "-1", "15", "2049", "x", "1e3", "99999999999999999999"} {
		if a := s.as("alice", "GET", "/v1/people/me/avatar?size="+size).do(); a.status != 422 || !strings.Contains(string(a.body), `"size"`) {
			t.Errorf("size=%s: %d %s", size, a.status, a.body)
		}
	}
}

func TestAThumbnailIsForWhoeverMayHaveTheFile(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	file := s.upload("alice", "sea.jpg", string(photo(t, 600, 300))).do()
	id := file.text("id")
	path := "/v1/attachments/" + id + "/thumbnail"
	small := s.as("alice", "GET", path+"?size=210").do()
	if got := sizeOf(t, small); got != image.Pt(200, 100) {
		t.Errorf("it is %v", got)
	}
	if a := s.as("alice", "GET", path+"?size=210").with("If-None-Match", small.header.Get("ETag")).do(); a.status != 304 {
		t.Errorf("asked again: %d", a.status)
	}
	if whole := s.as("alice", "GET", "/v1/attachments/"+id).do(); bytes.Contains(whole.body, []byte(somewhere)) || sizeOf(t, whole) != image.Pt(600, 300) {
		t.Error("the file tells where it was taken")
	}
	if a := s.as("bob", "GET", path).do(); a.status != 404 {
		t.Errorf("a stranger: %d", a.status)
	}
	text := s.upload("alice", "notes.txt", "hello").do().text("id")
	if a := s.as("alice", "GET", "/v1/attachments/"+text+"/thumbnail").do(); a.status != 404 {
		t.Errorf("of a text: %d", a.status)
	}
	if a := s.upload("alice", "trap.jpg", "\xff\xd8\xff\xe0<script>").do(); a.status != 422 {
		t.Errorf("what lies: %d %s", a.status, a.body)
	}
}
