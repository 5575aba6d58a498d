package api

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"rambla/auth"
	"rambla/social"
)

// Attachment is a file as a post shows it.
type Attachment struct {
	Type      string `json:"type" enum:"Document,Image"`
	ID        string `json:"id"`
	Name      string `json:"name" example:"timetable.pdf"`
	MediaType string `json:"mediaType" example:"application/pdf" doc:"What the file is by its content"`
	Size      int64  `json:"size" doc:"Bytes"`
	Width     int    `json:"width,omitempty" doc:"Pixels"`
	Height    int    `json:"height,omitempty"`
	URL       string `json:"url" doc:"Where it is, on this server"`
}

// uploadOverhead is what a body may have beside the file, in bytes.
const uploadOverhead = 64 << 10

// storeWithin bounds what the store is asked for around an upload, which itself
// takes as long as it takes.
const storeWithin = 20 * time.Second

// createAttachment takes a file while it arrives: no more of it is in memory than a
// buffer. The guard has found out who asks and has not touched the body.
func (s *Server) createAttachment(w http.ResponseWriter, r *http.Request) {
	actor := askedOf(r.Context()).actor
	within, cancel := context.WithTimeout(r.Context(), storeWithin)
	defer cancel()
	refused := s.attachments.MayUpload(within, actor)
	if refused != nil && !mayBeRepeat(r, refused) {
		s.fail(w, r, refused)
		return
	}
	limit := s.attachments.Limits().Size + uploadOverhead
	if r.ContentLength > limit {
		s.fail(w, r, tooLarge(s.attachments.Limits().Size))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	file, err := newUpload(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.keepOnce(w, r, file.name, file, func(ctx context.Context, src io.Reader, w http.ResponseWriter) error {
		if refused != nil {
			return refused
		}
		f, err := s.attachments.Upload(ctx, actor, file.name, src)
		if err != nil {
			return err
		}
		w.Header().Set("Location", f.Path())
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(append(social.AppendAttachment(nil, &f), '\n')) // the client went away
		return nil
	})
}

// upload reads the one file of a multipart body, and makes sure that nothing
// follows it and nothing is missing: what was cut off is no file.
type upload struct {
	name string
	form *multipart.Reader
	part *multipart.Part
}

func newUpload(r *http.Request) (*upload, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, newProblem(http.StatusUnsupportedMediaType, codeMediaType, "Send the file as multipart/form-data, in a field called file.")
	}
	part, err := form.NextPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil, social.Invalid("file", "is missing")
	case err != nil:
		return nil, unread(err)
	}
	name, ok := fileName(part)
	if !ok {
		field := clip(part.FormName())
		if field == "" {
			field = "file"
		}
		return nil, social.Invalid(field, "is no file; there is one field here, the file")
	}
	return &upload{name: name, form: form, part: part}, nil
}

// fileName is what the client calls the file; ok is false for a part that is none.
// (multipart.Part.FileName already takes the last part of a path; the rule what a
// name may be is social's.)
func fileName(p *multipart.Part) (name string, ok bool) {
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil {
		return "", false
	}
	name, ok = params["filename"]
	return name, ok
}

func (u *upload) Read(b []byte) (int, error) {
	n, err := u.part.Read(b)
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, unread(err)
	}
	next, err := u.form.NextPart()
	switch {
	case errors.Is(err, io.EOF):
		return n, io.EOF
	case err != nil:
		return n, unread(err)
	}
	return n, social.Invalid(clip(next.FormName()), "is one too many: send one file at a time")
}

// getAttachment sends a file, or a part of it.
func (s *Server) getAttachment(w http.ResponseWriter, r *http.Request) {
	var (
		f   social.Attachment
		b   social.Blob
		err error
	)
	a, id := askedOf(r.Context()), chi.URLParam(r, "id")
	if a.link != nil {
		f, b, err = s.attachments.OpenFor(r.Context(), a.link.Customer, id)
	} else {
		f, b, err = s.attachments.Open(r.Context(), a.actor, id)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer b.Close()
	h := w.Header()
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Disposition", disposition(&f))
	h.Set("ETag", blobTag(f.Digest))
	h.Set("Cache-Control", "private, no-cache") // kept, and asked about each time: rights end
	s.sendContent(w, r, f.Created, b)
}

// shownInPlace are the types that a browser shows or plays without running anything
// in them. All else is saved.
var shownInPlace = []string{
	"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp",
	"video/mp4", "video/webm", "audio/mpeg", "audio/wave", "audio/aiff", "application/ogg",
	"text/plain; charset=utf-8",
}

func disposition(f *social.Attachment) string {
	kind := "attachment"
	if slices.Contains(shownInPlace, f.MediaType) {
		kind = "inline"
	}
	if v := mime.FormatMediaType(kind, map[string]string{"filename": f.Name}); v != "" {
		return v
	}
	return kind
}

// blobTag is the entity tag of bytes with that digest.
func blobTag(digest [32]byte) string {
	return `"` + hex.EncodeToString(digest[:]) + `"`
}

type mediaTokenOut struct {
	Body struct {
		Token     string `json:"token" doc:"To be sent as ?t= of the address of a file or picture, and nowhere else"`
		ExpiresIn int    `json:"expiresIn" doc:"Seconds"`
		Expires   string `json:"expires" format:"date-time"`
	}
}

func (s *Server) createMediaToken(_ context.Context, a social.Actor, _ *struct{}) (*mediaTokenOut, error) {
	token, expires, err := s.media.Mint(a)
	if err != nil {
		return nil, err
	}
	out := &mediaTokenOut{}
	out.Body.Token, out.Body.Expires = token, stamp(expires)
	out.Body.ExpiresIn = int(auth.MediaLife.Seconds())
	return out, nil
}

// The lives of links.
const (
	linkLife     = 24 * time.Hour
	longestLink  = 30 * 24 * time.Hour
	shortestLink = time.Second
)

type createLinkIn struct {
	PathID
	Body *struct {
		For string `json:"for,omitempty" maxLength:"128" doc:"For whom the link is, which it names: absent, for oneself; managers and service accounts say any text" example:"customer-4711"`
		TTL string `json:"ttl,omitempty" doc:"How long it is good for, at most 720h; absent: 24h" example:"1h"`
	}
}

type linkOut struct {
	Body struct {
		URL      string `json:"url" doc:"Good for whoever has it, without signing in"`
		Customer string `json:"customer"`
		Expires  string `json:"expires" format:"date-time"`
	}
}

func (s *Server) createLink(ctx context.Context, a social.Actor, in *createLinkIn) (*linkOut, error) {
	f, err := s.attachments.Find(ctx, a, in.ID)
	if err != nil {
		return nil, err
	}
	life, customer := linkLife, ""
	if in.Body != nil {
		customer = in.Body.For
		if in.Body.TTL != "" {
			if life, err = time.ParseDuration(in.Body.TTL); err != nil || life < shortestLink || life > longestLink {
				return nil, social.Invalid("ttl", "%q is no duration such as 1h, of at most %s", clip(in.Body.TTL), longestLink)
			}
		}
	}
	if customer, err = s.attachments.Customer(a, customer); err != nil {
		return nil, err
	}
	link := auth.Link{Method: http.MethodGet, Path: f.Path(), Customer: customer, Expires: s.now().Add(life).Truncate(time.Second)}
	out := &linkOut{}
	out.Body.URL = s.publicURL(askedOf(ctx).request) + link.Path + "?" + s.links.Sign(link)
	out.Body.Customer, out.Body.Expires = customer, stamp(link.Expires)
	return out, nil
}

// admitMedia lets in who has a signed link or a media token in the address, or else
// whom admit does. Nothing of either is logged: what is logged is the route.
func (s *Server) admitMedia(r *http.Request, rt route, h http.Header) error {
	q := r.URL.Query()
	switch {
	case auth.IsLink(q):
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		return s.admitLink(r, q)
	case q.Has(mediaParam) && r.Header.Get("Authorization") == "":
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		id, err := s.media.Authenticate(r.Context(), q.Get(mediaParam))
		if err != nil {
			return err
		}
		if wait := s.persons.take(id.Person); wait > 0 {
			return s.metrics.refuseFast(byPerson, wait)
		}
		askedOf(r.Context()).actor = social.Actor{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes, Generator: "rest"}
		return nil
	}
	return s.admit(r, rt)
}

// mediaParam has the media token.
const mediaParam = "t"

func (s *Server) admitLink(r *http.Request, q url.Values) error {
	link, err := s.links.Verify(http.MethodGet, r.URL.EscapedPath(), q)
	if errors.Is(err, auth.ErrExpired) {
		return newProblem(http.StatusGone, codeGone, social.Safe(err))
	}
	if err != nil {
		return err
	}
	askedOf(r.Context()).link = &link
	return nil
}
