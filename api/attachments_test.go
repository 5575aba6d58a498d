package api_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"testing"
	"time"

	"rambla/api"
	"rambla/auth"
	"rambla/files"
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
	deps.Attachments = social.NewAttachments(social.AttachmentDeps{
		Directory: s.dir, Posts: posts, Store: s.db, Blobs: s.blobs, Type: files.Type, IDs: ids, Logger: logger, Now: now,
	}, fileLimits)
	s.attachments = deps.Attachments
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
