package api_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"
	"time"

	"rambla/api"
	"rambla/auth"
	"rambla/files"
	"rambla/picture"
	"rambla/social"
)

// fileLimits are those of a site.
var fileLimits = social.AttachmentLimits{Size: 1 << 20, Quota: 3 << 20, Refuse: []string{"application/x-gzip"}}

// linkKeys are those of a site; the second one is going out of use.
var linkKeys = []auth.LinkKey{{ID: "k2", Secret: []byte("a secret of links")}, {ID: "k1", Secret: []byte("a former secret of links")}}

// files gives a site files.
func (s *site) files(deps *api.Deps, posts *social.Posts, ids *social.IDs, logger *slog.Logger, now func() time.Time) {
	s.Helper()
	var err error
	if s.blobs, err = files.Open(files.Config{Dir: s.TempDir(), Alone: true, Now: now}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.blobs.Close() })
	workshop, err := picture.NewWorkshop(picture.Limits{Pixels: 1_000_000}, nil)
	if err != nil {
		s.Fatal(err)
	}
	deps.Attachments = social.NewAttachments(social.AttachmentDeps{
		Directory: s.dir, Posts: posts, Store: s.db, Blobs: s.blobs, Type: files.Type, Inspector: workshop, IDs: ids, Logger: logger, Now: now,
	}, fileLimits)
	s.attachments = deps.Attachments
	deps.Thumbnails = social.NewThumbnails(deps.Attachments, workshop)
	deps.Avatars = social.NewAvatars(deps.Spaces, deps.Talks, s.db, s.blobs, workshop, 64<<10, logger, now)
	s.avatars = deps.Avatars
	deps.Links = auth.NewLinks(linkKeys, now)
	if deps.Media, err = auth.NewMedia("a secret of the site", s.auth, now); err != nil {
		s.Fatal(err)
	}
}

// upload prepares the upload of a file.
func (s *site) upload(name, fileName, content string) *call {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "x")
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		s.Fatal(err)
	}
	whole := bytes.Replace(body.Bytes(), []byte(`filename="x"`), []byte(`filename="`+fileName+`"`), 1)
	return s.as(name, "POST", "/v1/attachments", whole).with("Content-Type", form.FormDataContentType())
}

func TestAFileIsReadByWhoReadsItsPost(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		s.context("staff", "closed")
		up := s.upload("alice", "../../etc/passwd", "hello").wants(201)
		id, path := up.text("id"), up.text("url")
		if up.text("name") != "passwd" || up.text("mediaType") != "text/plain; charset=utf-8" || up.header.Get("Location") != path {
			t.Errorf("uploaded %s", up.body)
		}
		s.as("alice", "GET", path).wants(200)
		s.as("admin", "GET", path).refused(404, "not_found")
		posted := s.as("alice", "POST", "/v1/contexts/staff/activities", `{"attachments":["`+id+`"]}`).wants(201)
		if !bytes.Contains(posted.body, append([]byte(`"attachment":[`), bytes.TrimSpace(up.body)...)) {
			t.Errorf("the upload is %s, the post %s", up.body, posted.body)
		}
		listed := s.as("alice", "GET", "/v1/contexts/staff/log/messages").wants(200)
		if !bytes.Contains(listed.body, bytes.TrimSpace(posted.body)) {
			t.Errorf("posted %s, read %s", posted.body, listed.body)
		}
		s.as("alice", "POST", "/v1/contexts/staff/activities", `{"attachments":["`+id+`"]}`).refused(422, "invalid", "attachments")
		s.as("carol", "GET", path).refused(404, "not_found")
		got := s.as("bob", "GET", path).wants(200)
		if string(got.body) != "hello" || got.header.Get("Content-Disposition") != `inline; filename=passwd` {
			t.Errorf("read %q with %v", got.body, got.header)
		}
		part := s.as("bob", "GET", path).with("Range", "bytes=1-3").wants(206)
		if string(part.body) != "ell" || part.header.Get("Content-Range") != "bytes 1-3/5" {
			t.Errorf("a part is %q with %v", part.body, part.header)
		}
		s.as("bob", "GET", path).with("If-None-Match", got.header.Get("ETag")).wants(304)
		if head := s.as("bob", "HEAD", path).wants(200); len(head.body) > 0 || head.header.Get("Content-Length") != "5" {
			t.Errorf("HEAD: %q with %v", head.body, head.header)
		}
		// An edit keeps it, whatever else it says; it cannot say another one.
		edited := s.as("alice", "PATCH", "/v1/activities/"+posted.text("id"), `{"content":"new","data":{"a":1}}`).wants(200)
		if !bytes.Contains(edited.body, []byte(`"attachment":[{"type":"Document","id":"`+id)) || !bytes.Contains(edited.body, []byte(`"data":{"a":1}`)) {
			t.Errorf("edited: %s", edited.body)
		}
		s.as("alice", "PATCH", "/v1/activities/"+posted.text("id"), `{"content":"new","attachments":["`+id+`"]}`).refused(422, "invalid", "attachments")
		if history := s.as("bob", "GET", "/v1/activities/"+posted.text("id")+"/history").wants(200); bytes.Contains(history.body, []byte("attachments")) {
			t.Errorf("the history tells what the store notes: %s", history.body)
		}
		s.as("alice", "DELETE", "/v1/activities/"+posted.text("id")).wants(204)
		s.as("alice", "GET", path).refused(404, "not_found")
		if n, err := s.attachments.Sweep(t.Context()); err != nil || n != 1 {
			t.Errorf("swept %d, %v", n, err)
		}
		key, _ := social.ParseID(id)
		if _, err := s.blobs.Open(t.Context(), social.BlobName{Room: "attachments", ID: key}); social.KindOrNil(err) != social.KindNotFound {
			t.Errorf("its bytes are still there: %v", err)
		}
	})
}

func TestUploadsThatCannotBeTakenLeaveNothing(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	nothing := func(what string) {
		t.Helper()
		err := s.blobs.Walk(t.Context(), "attachments", func(b social.BlobInfo) error { return errors.New(b.Name.String()) })
		if err != nil {
			t.Fatalf("%s left %v", what, err)
		}
	}
	s.upload("", "x", "hello").refused(401, "unauthenticated")
	s.upload("alice", "x", "").refused(422, "invalid", "file")
	s.upload("alice", "x.png", "\x1f\x8b\x08 compressed").refused(422, "invalid", "file")
	s.upload("alice", "x", strings.Repeat("x", 1<<20+1)).refused(413, "too_large")
	s.as("alice", "POST", "/v1/attachments", "{}").refused(415, "unsupported_media_type")
	form := "multipart/form-data; boundary=b"
	field := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhello\r\n"
	s.as("alice", "POST", "/v1/attachments", "--b--\r\n").with("Content-Type", form).refused(422, "invalid", "file")
	s.as("alice", "POST", "/v1/attachments", "--b\r\nContent-Disposition: form-data; name=\"owner\"\r\n\r\nbob\r\n--b--\r\n").with("Content-Type", form).refused(422, "invalid", "owner")
	s.as("alice", "POST", "/v1/attachments", field+strings.Replace(field, `"file"`, `"other"`, 1)+"--b--\r\n").with("Content-Type", form).refused(422, "invalid", "other")
	for n := range len(field) { // cut off anywhere, the end of the file included
		if a := s.as("alice", "POST", "/v1/attachments", field[:n]).with("Content-Type", form).do(); a.status/100 != 4 {
			t.Fatalf("cut off at byte %d: %d %s", n, a.status, a.body)
		}
	}
	nothing("what was refused")
	if left, err := s.db.AttachmentBytes(t.Context(), 2); err != nil || left != 0 {
		t.Errorf("%d bytes count, %v", left, err)
	}
	for range 3 {
		s.upload("alice", "x", strings.Repeat("x", 1<<20)).wants(201)
	}
	s.upload("alice", "x", "a byte too many").refused(413, "too_large")
	s.upload("bob", "x", "another one's").wants(201)
}

// gif is a picture of one pixel.
const gif = "\x47\x49\x46\x38\x39\x61\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"

func TestWhatABrowserCouldRunIsSaved(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for content, kind := range map[string]string{
		"<html><script>alert(1)</script>": "attachment", "<svg onload=alert(1)>": "attachment", "%PDF-1.7": "attachment",
		gif: "inline", "plain": "inline",
	} {
		up := s.upload("alice", "ünder.png", content).wants(201)
		got := s.as("alice", "GET", up.text("url")).wants(200)
		if want := kind + "; filename*=utf-8''%C3%BCnder.png"; got.header.Get("Content-Disposition") != want {
			t.Errorf("%q comes as %s", content, got.header.Get("Content-Disposition"))
		}
		if got.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") ||
			got.header.Get("Referrer-Policy") != "no-referrer" || got.header.Get("Content-Type") != up.text("mediaType") {
			t.Errorf("%q comes with %v", content, got.header)
		}
	}
}

func TestAPageBehindAPictureIsCutOff(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	const page = "<html><script>alert(1)</script>"
	up := s.upload("alice", "x.html", gif+page).wants(201)
	if got := s.as("alice", "GET", up.text("url")).wants(200); up.text("mediaType") != "image/gif" || bytes.Contains(got.body, []byte("script")) {
		t.Errorf("%s comes as %q", up.body, got.body)
	}
	s.upload("alice", "x.gif", "GIF89a/*"+page+"*/").refused(422, "invalid", "file")
	s.upload("alice", "x.jpg", "II*\x00"+page).refused(422, "invalid", "file")
	s.upload("alice", "x.heic", "\x00\x00\x00\x10ftypheic\x00\x00\x00\x00"+page).refused(422, "invalid", "file")
}

func TestAMediaTokenOpensFilesAndNothingElse(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	path := s.upload("alice", "x", "hello").wants(201).text("url")
	token := s.as("alice", "POST", "/v1/me/media-token").wants(201).text("token")
	if got := s.as("", "GET", path+"?t="+token).wants(200); string(got.body) != "hello" {
		t.Errorf("read %q", got.body)
	}
	s.as("", "GET", path).refused(401, "unauthenticated")
	s.as("", "GET", path+"?t="+token[:len(token)-1]).refused(401, "unauthenticated")
	s.as("", "GET", path+"?t=").refused(401, "unauthenticated")
	s.as("", "GET", "/v1/me?t="+token).refused(401, "unauthenticated")
	s.as("", "GET", "/v1/me").with("Authorization", "Bearer "+token).refused(401, "unauthenticated")
	s.as("", "POST", path+"/links?t="+token).refused(401, "unauthenticated")
	others := s.as("bob", "POST", "/v1/me/media-token").wants(201).text("token")
	s.as("", "GET", path+"?t="+others).refused(404, "not_found")
	if strings.Contains(s.log.String(), token) {
		t.Error("the token is in the log")
	}
	s.skew.Store(int64(time.Hour))
	s.as("", "GET", path+"?t="+token).refused(401, "unauthenticated")
}

func TestALinkIsGoodUntilItEnds(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	s.context("lobby", "closed")
	up := s.upload("alice", "x", "hello").wants(201)
	post := s.as("alice", "POST", "/v1/contexts/lobby/activities", `{"attachments":["`+up.text("id")+`"]}`).wants(201).text("id")
	path := up.text("url")
	link := func(name, body string) string {
		t.Helper()
		u, err := url.Parse(s.as(name, "POST", path+"/links", body).wants(201).text("url"))
		if err != nil {
			t.Fatal(err)
		}
		return u.RequestURI()
	}
	s.as("carol", "POST", path+"/links").refused(404, "not_found")
	s.as("bob", "POST", path+"/links", `{"for":"alice"}`).refused(403, "forbidden")
	s.as("bob", "POST", path+"/links", `{"ttl":"9000h"}`).refused(422, "invalid", "ttl")
	own := link("bob", `{"ttl":"1h"}`)
	free := link("admin", `{"for":"customer 4711"}`)
	for _, l := range []string{own, free} {
		if got := s.as("", "GET", l).wants(200); string(got.body) != "hello" {
			t.Errorf("%s: %q", l, got.body)
		}
		s.as("", "HEAD", l).wants(200)
	}
	s.as("", "GET", strings.Replace(own, "bob", "ann", 1)).refused(403, "forbidden")
	s.as("", "GET", strings.Replace(own, "signature=", "signature=A", 1)).refused(403, "forbidden")
	for at := strings.IndexByte(own, '?') + 1; at < len(own); at++ { // names of fields and their values
		other := byte('A' + at%2)
		if own[at] >= '0' && own[at] <= '9' {
			other = '0' + (own[at]-'0'+1)%10
		}
		if own[at] == other {
			other++
		}
		if a := s.as("", "GET", own[:at]+string(other)+own[at+1:]).do(); a.status != 403 && a.status != 401 {
			t.Errorf("%s with %q at byte %d: %d", own, other, at, a.status)
		}
	}
	s.as("", "DELETE", strings.Replace(own, path, "/v1/activities/"+post, 1)).refused(401, "unauthenticated")
	other := s.upload("alice", "x", "another").wants(201).text("url")
	s.as("", "GET", strings.Replace(own, path, other, 1)).refused(403, "forbidden")
	// It was made for somebody who may no longer read.
	s.as("admin", "DELETE", "/v1/contexts/lobby/members/bob").wants(204)
	s.as("", "GET", own).refused(404, "not_found")
	s.as("", "GET", free).wants(200)
	s.as("admin", "PUT", "/v1/contexts/lobby/members/bob").wants(201)
	s.as("", "GET", own).wants(200)
	s.skew.Store(int64(time.Hour))
	s.as("", "GET", own).refused(410, "gone")
	s.as("", "GET", free).wants(200)
	s.tokens["alice"] = s.login("alice", "alice-password") // an hour has passed
	s.as("alice", "DELETE", "/v1/activities/"+post).wants(204)
	s.as("", "GET", free).refused(404, "not_found")
}

func TestAFileWhoseBytesAreGoneIsNotThere(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	up := s.upload("alice", "x", "hello").wants(201)
	id, _ := social.ParseID(up.text("id"))
	if err := s.blobs.Remove(t.Context(), social.BlobName{Room: "attachments", ID: id}); err != nil {
		t.Fatal(err)
	}
	s.as("alice", "GET", up.text("url")).refused(404, "not_found")
	if s.attachments.Stats().Missing != 1 || !strings.Contains(s.log.String(), "bytes of an attachment are missing") {
		t.Errorf("nobody is told: %+v", s.attachments.Stats())
	}
	// Never posted, it goes after a day.
	s.skew.Store(int64(25 * time.Hour))
	if n, err := s.attachments.Sweep(t.Context()); err != nil || n != 1 {
		t.Errorf("swept %d, %v", n, err)
	}
}

func TestARepeatedUploadIsKeptOnce(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	upload := func(key, name, content string) *call {
		return s.upload("alice", name, content).with("Idempotency-Key", key)
	}
	full := strings.Repeat("x", 1<<20)
	first := upload("k", "a.txt", full).wants(201)
	again := upload("k", "a.txt", full).wants(201)
	if string(first.body) != string(again.body) || first.header.Get("Location") != again.header.Get("Location") {
		t.Errorf("uploaded %s, then %s", first.body, again.body)
	}
	upload("k", "a.txt", "other").refused(409, "conflict")
	upload("k", "b.txt", full).refused(409, "conflict")
	upload(strings.Repeat("k", 129), "a.txt", full).refused(422, "invalid", "Idempotency-Key")
	upload("k2", "a.txt", "").refused(422, "invalid", "file") // what was refused may be sent right
	upload("k2", "a.txt", full).wants(201)
	upload("k3", "a.txt", full).wants(201)
	// Nothing more fits, and what was done is told all the same.
	upload("k4", "a.txt", full).refused(413, "too_large")
	if last := upload("k", "a.txt", full).wants(201); string(last.body) != string(first.body) {
		t.Errorf("uploaded %s, then %s", first.body, last.body)
	}
	if n, err := s.db.AttachmentBytes(t.Context(), 2); err != nil || n != 3<<20 {
		t.Errorf("%d bytes are kept, %v", n, err)
	}
	picture := gif
	put := func(body string) *call {
		return s.as("alice", "PUT", "/v1/people/me/avatar", body).with("Content-Type", "image/gif").with("Idempotency-Key", "p")
	}
	put(picture).wants(204)
	at := s.as("alice", "GET", "/v1/me").wants(200).text("avatar")
	put(picture).wants(204)
	put(picture+"more").refused(409, "conflict")
	if now := s.as("alice", "GET", "/v1/me").wants(200).text("avatar"); now != at || at == "" {
		t.Errorf("the picture was at %q and is at %q", at, now)
	}
}

func TestAPartThatAFileHasNotIsAProblem(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	path := s.upload("alice", "x.bin", "\x00bytes").wants(201).text("url")
	got := s.as("alice", "GET", path).with("Range", "bytes=99-").refused(416, "range_not_satisfiable")
	if got.header.Get("Content-Range") != "bytes */6" || got.header.Get("Content-Disposition") != "" {
		t.Errorf("refused with %v", got.header)
	}
	s.as("alice", "GET", path).with("If-Match", `"another"`).refused(412, "precondition_failed")
	if a := s.as("alice", "GET", path).with("Range", "lines=1-2").wants(200); string(a.body) != "\x00bytes" {
		t.Errorf("of another unit: %q", a.body)
	}
	if a := s.as("alice", "GET", path).with("Range", "bytes=0-1").with("If-Range", `"another"`).wants(200); len(a.body) != 6 {
		t.Errorf("of another file: %q", a.body)
	}
}
