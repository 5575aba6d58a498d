package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"rambla/social"
)

// avatarSide is what an avatar has that is asked for without a size, in pixels.
const avatarSide = 128

// pictured finds whose picture an address is of.
type pictured func(r *http.Request) social.Where

func ofPerson(r *http.Request) social.Where  { return social.OnWall(chi.URLParam(r, "name")) }
func ofContext(r *http.Request) social.Where { return social.InContext(chi.URLParam(r, "id")) }
func ofConversation(r *http.Request) social.Where {
	return social.InConversation(chi.URLParam(r, "id"))
}

// getAvatar sends what is shown of somebody: what was uploaded, or what is drawn.
func (s *Server) getAvatar(whose pictured) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		side, viewer, err := s.askedPicture(r, avatarSide)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		avatar, err := s.avatars.Of(viewer, whose(r))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.sendPicture(w, r, s.avatars.Tag(avatar, side), func(ctx context.Context) (social.Rendition, error) {
			return s.avatars.Picture(ctx, avatar, side)
		})
	}
}

// askedPicture is how large a picture is asked for, and who looks.
func (s *Server) askedPicture(r *http.Request, usual int) (side int, viewer social.Actor, err error) {
	if side, err = askedSide(r, usual); err != nil {
		return 0, social.Actor{}, err
	}
	viewer, err = s.viewer(r)
	return side, viewer, err
}

// viewer is who looks. Who has a signed link looks as the person of this site that it
// was made for; for others small pictures have none.
func (s *Server) viewer(r *http.Request) (social.Actor, error) {
	a := askedOf(r.Context())
	if a.link == nil {
		return a.actor, nil
	}
	p, ok := s.directory.PersonByName(a.link.Customer)
	if !ok || p.Suspended {
		return social.Actor{}, social.Errorf(social.KindNotFound, "There is no such picture, or it is not there for whom the link was made.")
	}
	return social.Actor{Person: p.Key}, nil
}

// putAvatar takes a picture as it is, or in the one field of a form.
func (s *Server) putAvatar(whose pictured) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		src, err := uploaded(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		actor, of := askedOf(r.Context()).actor, whose(r)
		s.keepOnce(w, r, "", src, func(ctx context.Context, src io.Reader, w http.ResponseWriter) error {
			ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
			defer cancel()
			if err := s.avatars.Put(ctx, actor, of, src); err != nil {
				return err
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		})
	}
}

// uploaded is the picture in a body.
func uploaded(r *http.Request) (io.Reader, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && media == "multipart/form-data":
		return newUpload(r)
	case err == nil && (strings.HasPrefix(media, "image/") || media == "application/octet-stream"):
		return &wholeBody{r}, nil
	}
	return nil, newProblem(http.StatusUnsupportedMediaType, codeMediaType, "Send the picture as it is, as image/jpeg, image/png, image/gif or image/webp, or in a field of multipart/form-data.")
}

// avatarAddress is where the picture is that was uploaded of what is at path; empty
// for none. Another picture has another address.
func avatarAddress(path string, picture social.ID) string {
	if picture.IsZero() {
		return ""
	}
	id := picture.String()
	return path + "/avatar?v=" + id[len(id)-12:] // the random end of it
}

// wholeBody reads a body, and says of its errors what they are.
type wholeBody struct{ r *http.Request }

func (b *wholeBody) Read(to []byte) (int, error) {
	n, err := b.r.Body.Read(to)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unread(err)
	}
	return n, err
}

func (s *Server) deleteAvatar(whose pictured) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.avatars.Remove(r.Context(), askedOf(r.Context()).actor, whose(r)); err != nil {
			s.fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// thumbnailSide is what a thumbnail has that is asked for without a size.
const thumbnailSide = 400

func (s *Server) getThumbnail(w http.ResponseWriter, r *http.Request) {
	side, viewer, err := s.askedPicture(r, thumbnailSide)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f, err := s.thumbnails.Of(r.Context(), viewer, chi.URLParam(r, "id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendPicture(w, r, s.thumbnails.Tag(f, side), func(ctx context.Context) (social.Rendition, error) {
		return s.thumbnails.Picture(ctx, f, side)
	})
}

// sendPicture sends a small picture, or says that the client has it. It may be kept,
// and is asked about each time: rights end, and avatars change.
func (s *Server) sendPicture(w http.ResponseWriter, r *http.Request, tag string, picture func(context.Context) (social.Rendition, error)) {
	h := w.Header()
	tag = `"` + tag + `"`
	if held(r.Header.Get("If-None-Match"), tag) {
		h.Set("ETag", tag)
		h.Set("Cache-Control", "private, no-cache")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	made, err := picture(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Type", made.MediaType)
	h.Set("Content-Length", strconv.Itoa(len(made.Body)))
	_, _ = w.Write(made.Body) // the client went away
}

// held tells whether a client has the tag (RFC 9110 section 13.1.2).
func held(header, tag string) bool {
	for have := range strings.SplitSeq(header, ",") {
		if have = strings.TrimPrefix(strings.TrimSpace(have), "W/"); have == tag || have == "*" {
			return true
		}
	}
	return false
}

// The least and the most pixels that one may ask for.
const (
	minSide = 16
	maxSide = 2048
)

// askedSide reads the parameter size, in pixels.
func askedSide(r *http.Request, otherwise int) (int, error) {
	text := r.URL.Query().Get("size")
	if text == "" {
		return otherwise, nil
	}
	side, err := strconv.Atoi(text)
	if err != nil || side < minSide || side > maxSide {
		return 0, social.Invalid("size", "is a number of pixels from %d to %d", minSide, maxSide)
	}
	return side, nil
}
