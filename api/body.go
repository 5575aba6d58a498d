package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"rambla/social"
)

// bodyKind says what a route takes.
type bodyKind uint8

const (
	noBody   bodyKind = iota
	jsonBody          // an object, required
	mayBody           // an object, or nothing
	postBody          // as jsonBody; the use case reads it, as it does for MQTT
	listBody          // as jsonBody, but longer; the use case reads it
	rawBody           // any bytes of any type
	lineBody          // a JSON object a line; the handler reads it as it comes
	formBody          // application/x-www-form-urlencoded (OAuth)
	fileBody          // a file in multipart/form-data, which its handler reads
)

// maxList bounds a full list, in bytes: a hundred thousand people fit.
const maxList = 8 << 20

// maxDepth is how deep JSON may nest: nothing we take needs more than four.
const maxDepth = 32

// readBody reads the whole body, within the limit, and checks what does not
// depend on its fields; the handler reads it again. Nil for a route
// without, and for one that takes a file.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, rt route) ([]byte, error) {
	if rt.body == noBody || rt.body == lineBody {
		return nil, nil
	}
	if rt.body == fileBody {
		r.Body = newPacedBody(w, r)
		return nil, nil
	}
	limit := s.cfg.MaxBody
	if rt.body == listBody {
		limit = max(limit, maxList)
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, unread(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	if rt.body == mayBody && len(body) == 0 {
		return body, nil
	}
	if err := checkMediaType(r.Header.Get("Content-Type"), rt.body); err != nil {
		return nil, err
	}
	switch rt.body {
	case jsonBody, mayBody, listBody:
		return body, checkJSON(body, true, rt.nulls)
	case postBody:
		return body, checkJSON(body, false, "")
	default:
		return body, nil
	}
}

func tooLarge(limit int64) error {
	return social.Errorf(social.KindTooLarge, "The body is larger than %d bytes.", limit)
}

func unread(err error) error {
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(big.Limit)
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return newProblem(http.StatusRequestTimeout, codeTimeout, "The body did not arrive in time.")
	}
	return badRequest("The body did not arrive whole.")
}

func badRequest(detail string) *Problem {
	return newProblem(http.StatusBadRequest, social.KindInvalid.String(), detail)
}

func checkMediaType(header string, kind bodyKind) error {
	if kind == rawBody {
		return nil
	}
	media, _, err := mime.ParseMediaType(header)
	switch {
	case header == "" && kind != formBody:
		return nil // RFC 9110 section 8.3: we may assume; all that we take is JSON
	case err == nil && kind == formBody && media == "application/x-www-form-urlencoded":
		return nil
	case err == nil && kind != formBody && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")):
		return nil
	}
	want := "application/json"
	if kind == formBody {
		want = "application/x-www-form-urlencoded"
	}
	return newProblem(http.StatusUnsupportedMediaType, codeMediaType, "Send the body as "+want+" and say so in Content-Type.")
}

// checkJSON refuses what is no JSON, what nests too deeply and, where the
// fields are ours, what two readers could understand differently: members that
// are there twice, and null anywhere but at nulls.
func checkJSON(body []byte, ours bool, nulls string) error {
	if !utf8.Valid(body) {
		return badRequest("The body is not UTF-8.")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var walk jsonWalk
	for {
		t, err := dec.Token()
		if err != nil {
			return badRequest("The body is not JSON: it breaks off or goes wrong at byte " + strconv.FormatInt(dec.InputOffset(), 10) + ".")
		}
		if len(walk) == 0 && t != json.Delim('{') {
			return social.Invalid("body", "is not a JSON object")
		}
		if err := walk.step(t, ours, nulls); err != nil {
			return err
		}
		if len(walk) == 0 {
			break
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return badRequest("Something follows the JSON object.")
	}
	return nil
}

// jsonWalk is the open objects and arrays around a token.
type jsonWalk []jsonLevel

type jsonLevel struct {
	array bool
	names map[string]struct{} // of an object, seen so far
	name  string              // whose value comes next; "" where a name does
	named bool
}

func (w *jsonWalk) step(t json.Token, ours bool, nulls string) error {
	top := len(*w) - 1
	if d, ok := t.(json.Delim); ok && (d == '}' || d == ']') {
		*w = (*w)[:top]
		w.valueDone()
		return nil
	}
	if top >= 0 && !(*w)[top].array && !(*w)[top].named {
		name, _ := t.(string)
		l := &(*w)[top]
		if _, twice := l.names[name]; twice && ours {
			return social.Invalid(w.path(name), "is there twice")
		}
		l.names[name] = struct{}{}
		l.name, l.named = name, true
		return nil
	}
	switch v := t.(type) {
	case json.Delim:
		if len(*w) == maxDepth {
			return social.Invalid("body", "nests deeper than %d levels", maxDepth)
		}
		*w = append(*w, jsonLevel{array: v == '[', names: map[string]struct{}{}})
		return nil
	case nil:
		if ours && w.path("") != nulls {
			return social.Invalid(w.path(""), "is null; leave it out instead")
		}
	}
	w.valueDone()
	return nil
}

func (w *jsonWalk) valueDone() {
	if top := len(*w) - 1; top >= 0 {
		(*w)[top].named = false
	}
}

// path names the member that the walk is at, such as permissions.write.
func (w *jsonWalk) path(last string) string {
	var parts []string
	for i, l := range *w {
		if l.named && (last == "" || i < len(*w)-1) {
			parts = append(parts, clip(l.name))
		}
	}
	if last != "" {
		parts = append(parts, clip(last))
	}
	return strings.Join(parts, ".")
}

// clip keeps what a client wrote short where an answer repeats it.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
