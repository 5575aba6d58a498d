package api

import (
	"io"
	"net/http"
	"strings"
	"time"

	"rambla/social"
)

// sendContent sends what b holds, or the parts of it that are asked for, as long as the
// client goes on reading. The caller has set what else there is to say of it.
func (s *Server) sendContent(w http.ResponseWriter, r *http.Request, changed time.Time, b io.ReadSeeker) {
	if unit, _, _ := strings.Cut(r.Header.Get("Range"), "="); !strings.EqualFold(unit, "bytes") {
		r = r.Clone(r.Context())
		r.Header.Del("Range") // of a unit that is none of ours (RFC 9110 section 14.2)
	}
	paced := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w)}
	http.ServeContent(&contentWriter{ResponseWriter: paced, server: s, request: r}, r, "", changed, b)
}

// contentWriter has net/http's refusals say what went wrong as all others do.
type contentWriter struct {
	http.ResponseWriter
	server  *Server
	request *http.Request
	refused bool
}

func (w *contentWriter) WriteHeader(status int) {
	switch status {
	case http.StatusPreconditionFailed:
		w.refuse(social.Errorf(social.KindStale, "The file is another one than the request is about."))
	case http.StatusRequestedRangeNotSatisfiable:
		w.refuse(newProblem(status, codeRange, "The file has no such part; Content-Range says how long it is."))
	default:
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *contentWriter) refuse(err error) {
	w.refused = true
	for _, name := range []string{"Content-Disposition", "Accept-Ranges"} {
		w.Header().Del(name)
	}
	w.server.fail(w.ResponseWriter, w.request, err)
}

func (w *contentWriter) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil // the words of net/http
	}
	return w.ResponseWriter.Write(b)
}
