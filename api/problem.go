package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"rambla/social"
)

// Problem is the answer to a request that failed (RFC 9457). Code is what
// programs decide by; it is stable.
type Problem struct {
	Type   string `json:"type" doc:"Where the code is explained"`
	Title  string `json:"title" doc:"What the code means, the same for every occurrence"`
	Status int    `json:"status" doc:"The HTTP status"`
	Code   string `json:"code" doc:"Stable; for programs" example:"not_found"`
	Detail string `json:"detail" doc:"What happened this time and what to do, for a person to read"`
	// Request is there for mistakes of the server, so that whoever reports one can say which.
	Request string  `json:"request,omitempty" doc:"With a status of 500 and above: the X-Request-Id, which the server's log has too"`
	Errors  []Fault `json:"errors,omitempty" doc:"With code invalid: which parts of the request are wrong"`

	header http.Header
}

// Fault is one wrong part of a request.
type Fault struct {
	Field  string `json:"field" doc:"As the request wrote it" example:"permissions.write"`
	Detail string `json:"detail"`
}

// The codes that HTTP has words for and the use cases have not.
const (
	codeMethod    = "method_not_allowed"
	codeMediaType = "unsupported_media_type"
	codeAccept    = "not_acceptable"
	codeTimeout   = "timeout"
	codeGone      = "gone"
	codeRange     = "range_not_satisfiable"
)

// statusOf is the one table from kinds to statuses.
func statusOf(k social.Kind) int {
	switch k {
	case social.KindInvalid:
		return http.StatusUnprocessableEntity
	case social.KindUnauthenticated:
		return http.StatusUnauthorized
	case social.KindForbidden:
		return http.StatusForbidden
	case social.KindNotFound:
		return http.StatusNotFound
	case social.KindConflict:
		return http.StatusConflict
	case social.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case social.KindRateLimited:
		return http.StatusTooManyRequests
	case social.KindUnavailable:
		return http.StatusServiceUnavailable
	case social.KindStale:
		return http.StatusPreconditionFailed
	default:
		return http.StatusInternalServerError
	}
}

// titles are also the codes' explanations at /docs.
func titles() map[string]string {
	return map[string]string{
		social.KindInvalid.String():         "The request is not as it should be",
		social.KindUnauthenticated.String(): "You are not signed in",
		social.KindForbidden.String():       "You may not do this",
		social.KindNotFound.String():        "It is not there, or not yours to see",
		social.KindConflict.String():        "It clashes with what is there",
		social.KindTooLarge.String():        "It is too large",
		social.KindRateLimited.String():     "Too many requests",
		social.KindUnavailable.String():     "The server cannot do this at the moment",
		social.KindStale.String():           "It is no longer what the request was made for",
		social.KindInternal.String():        "The server made a mistake",
		codeMethod:                          "This method is not allowed here",
		codeMediaType:                       "The body has a media type that is not understood here",
		codeAccept:                          "The answer has none of the media types that are accepted",
		codeTimeout:                         "The request took too long to arrive",
		codeGone:                            "It was there until a certain time, and no longer",
		codeRange:                           "It has no such part",
	}
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: "/docs#" + code, Title: titles()[code], Status: status, Code: code, Detail: detail,
		header: http.Header{},
	}
}

// problemOf turns any error into what its client may know of it.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	kind := social.KindOf(err)
	p := newProblem(statusOf(kind), kind.String(), social.Safe(err))
	if kind == social.KindUnauthenticated {
		p.header.Set("WWW-Authenticate", `Bearer realm="rambla", error="invalid_token"`)
	}
	e, _ := errors.AsType[*social.Error](err)
	if e == nil {
		return p
	}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, Fault{f.Name, f.Detail})
	}
	if kind == social.KindRateLimited || kind == social.KindUnavailable {
		p.retryAfter(max(e.RetryAfter, time.Second))
	}
	return p
}

// retryAfter rounds up: a client that comes back too early is refused again.
func (p *Problem) retryAfter(wait time.Duration) {
	p.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}

// Error, GetStatus, GetHeaders and ContentType are what huma asks of an error
// that is an answer.
func (p *Problem) Error() string           { return p.Code + ": " + p.Detail }
func (p *Problem) GetStatus() int          { return p.Status }
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is the media type of problem details, whatever was negotiated.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// fail answers with a problem, and logs what only the log may know.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.report(r.Context(), err)
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(p); err != nil {
		s.log.ErrorContext(r.Context(), "encode a problem", "err", err) // strings and numbers; cannot happen
	}
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body.Bytes()) // the client went away
}

// report is problemOf for an error of the request of ctx: it counts and logs it.
func (s *Server) report(ctx context.Context, err error) *Problem {
	p := problemOf(err)
	s.metrics.problem(p.Code)
	if p.Status >= http.StatusInternalServerError {
		p.Request = requestID(ctx)
	}
	level := slog.LevelDebug
	switch p.Status {
	case http.StatusInternalServerError:
		level = slog.LevelError
	case http.StatusServiceUnavailable:
		if !errors.Is(context.Cause(ctx), context.Canceled) { // else the client has gone, and nobody waits
			level = slog.LevelWarn
		}
	}
	s.log.LogAttrs(ctx, level, "request failed",
		slog.String("route", routeOf(ctx)), slog.String("code", p.Code), slog.Any("err", err))
	return p
}

// ofHuma rewrites what huma found wrong with a request.
func ofHuma(m *huma.ErrorModel) *Problem {
	var p *Problem
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		p = newProblem(m.Status, social.KindTooLarge.String(), "The body is larger than is accepted here.")
	case http.StatusUnsupportedMediaType:
		p = newProblem(m.Status, codeMediaType, "Send application/json.")
	case http.StatusRequestTimeout:
		p = newProblem(m.Status, codeTimeout, "The body did not arrive in time.")
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		p = newProblem(m.Status, social.KindInvalid.String(), "")
	default:
		p = newProblem(http.StatusInternalServerError, social.KindInternal.String(), social.Safe(nil))
	}
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, faultOf(e))
		}
	}
	if p.Detail == "" {
		p.describe(m.Detail)
	}
	return p
}

// describe makes the detail of an invalid request from its faults.
func (p *Problem) describe(otherwise string) {
	switch len(p.Errors) {
	case 0:
		p.Detail = otherwise
	case 1:
		p.Detail = p.Errors[0].Field + ": " + p.Errors[0].Detail
	default:
		p.Detail = fmt.Sprintf("%d parts of the request are wrong.", len(p.Errors))
	}
}

// faultOf names the field as the client wrote it; huma writes body.a.b.
func faultOf(e *huma.ErrorDetail) Fault {
	f := Fault{Field: e.Location, Detail: e.Message}
	for _, where := range []string{"body.", "query.", "path.", "header."} {
		if rest, ok := strings.CutPrefix(e.Location, where); ok {
			f.Field = rest
			break
		}
	}
	if name, ok := strings.CutPrefix(e.Message, "expected required property "); ok {
		name, _ = strings.CutSuffix(name, " to be present")
		f = Fault{strings.TrimPrefix(strings.TrimPrefix(f.Field+"."+name, "body."), "."), "is missing"}
	}
	if e.Message == "unexpected property" {
		f.Detail = "is not a field here, or one that the server decides"
	}
	return f
}
