package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"rambla/social"
)

// Field names are compared exactly: a client that writes displayname learns
// that there is no such field, as with any other slip. huma has this as a
// variable of the package.
func init() { huma.ValidateStrictCasing = true }

// route is what one line of routes.go says.
type route struct {
	method, path string
	summary      string
	tag          string
	status       int      // of success
	also         int      // another one of success, or 0
	silent       bool     // may also be answered by 204: there is nothing to tell
	body         bodyKind // what it takes
	open         bool     // needs no login
	media        bool     // of files and pictures: also by a media token or a signed link
	sized        bool     // of small pictures, whose size is asked for
	actable      bool     // writes in contexts: one may act for others
	published    bool     // its idempotency key belongs to what it publishes
	answer       any      // for the document, where the handler writes JSON by itself
	takes        any      // likewise, where it reads the body by itself
	nulls        string   // a member of the body that may be null; empty: none
	deprecated   *farewell
}

// farewell says that a route will go.
type farewell struct {
	since     time.Time // when it was deprecated (RFC 9745)
	sunset    time.Time // when it goes (RFC 8594); zero: that is not decided
	successor string    // the path to use instead; empty: none
}

// tell says so in the header of every answer of the route, whoever asked.
func (f *farewell) tell(h http.Header) {
	h.Set("Deprecation", "@"+strconv.FormatInt(f.since.Unix(), 10))
	if !f.sunset.IsZero() {
		h.Set("Sunset", f.sunset.UTC().Format(http.TimeFormat))
	}
	if f.successor != "" {
		h.Add("Link", "<"+f.successor+`>; rel="successor-version"`)
	}
}

// replays tells whether answers are remembered by idempotency key before the handler
// is asked. Where the key goes into the log of posts it works across REST and MQTT; of
// files see [Server.keepOnce]. Importing the same lines again changes nothing anyway.
func (rt route) replays() bool {
	return !rt.open && !rt.published && rt.method != http.MethodGet && rt.body != fileBody && rt.body != lineBody
}

// operation is the route as the document and huma know it.
func (rt route) operation(reg huma.Registry) huma.Operation {
	op := huma.Operation{
		Method: rt.method, Path: rt.path, Summary: rt.summary, OperationID: rt.id(),
		DefaultStatus: rt.status, Metadata: map[string]any{"route": rt}, Tags: []string{rt.tag},
		MaxBodyBytes: -1, BodyReadTimeout: -1, // the guard has read the body
		Deprecated: rt.deprecated != nil,
		Responses:  rt.problems(),
	}
	if !rt.open {
		op.Security = []map[string][]string{{"bearer": {}}}
		if rt.replays() || rt.published || rt.body == fileBody {
			op.Parameters = append(op.Parameters, header("Idempotency-Key", "Any text of at most 128 bytes, the same for every repeat of this request: a repeat gets the first one's answer, for 7 days."))
		}
	}
	if rt.media {
		op.Security = append(op.Security, map[string][]string{})
		op.Parameters = append(op.Parameters, query(mediaParam, "A token from /v1/me/media-token, where no header can be sent", &huma.Schema{Type: huma.TypeString}))
	}
	if rt.sized {
		op.Parameters = append(op.Parameters, query("size", "Pixels of a side; rounded down to the nearest size that is made", &huma.Schema{Type: huma.TypeInteger, Minimum: new(float64(minSide)), Maximum: new(float64(maxSide))}))
	}
	if rt.actable {
		op.Parameters = append(op.Parameters, header(actAs, "For managers with the scope act-as: the name of the person to write for, or ctx:ID for a context."))
	}
	for _, status := range []int{rt.status, rt.also} {
		if status != 0 {
			op.Responses[strconv.Itoa(status)] = rt.response(reg, status)
		}
	}
	return op
}

// document adds to the document what huma cannot see in a handler's types: the
// bodies that handlers read by themselves, so that huma leaves them alone, and
// the second status of success.
func document(api *huma.OpenAPI, op *huma.Operation) {
	rt, _ := op.Metadata["route"].(route)
	if rt.takes != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			rt.mediaType(): {Schema: api.Components.Schemas.Schema(reflect.TypeOf(rt.takes), true, "")},
		}}
	}
	if rt.body == lineBody {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}, mediaCSV: {Schema: &huma.Schema{Type: huma.TypeString}},
		}}
	}
	if rt.body == rawBody {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{}}}}
	}
	if rt.body == fileBody {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary"}},
		}}}}
	}
	if rt.silent {
		op.Responses[strconv.Itoa(http.StatusNoContent)] = &huma.Response{Description: http.StatusText(http.StatusNoContent)}
	}
	if rt.also != 0 {
		op.Responses[strconv.Itoa(rt.also)].Content = op.Responses[strconv.Itoa(rt.status)].Content
	}
	if slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == "If-Match" }) {
		op.Responses[strconv.Itoa(http.StatusPreconditionFailed)] = failureRef(http.StatusPreconditionFailed)
	}
	shapeOf(rt, op, api.Components.Schemas).document(op, rt)
}

func (rt route) response(reg huma.Registry, status int) *huma.Response {
	out := &huma.Response{Description: http.StatusText(status)}
	if rt.answer != nil {
		s := reg.Schema(reflect.TypeOf(rt.answer), true, "")
		out.Content = map[string]*huma.MediaType{"application/json": {Schema: s}}
	}
	return out
}

func (rt route) mediaType() string {
	if rt.body == formBody {
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

func header(name, text string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
}

// id is a name for generated clients: get-contexts-id-members.
func (rt route) id() string {
	words := strings.FieldsFunc(strings.TrimPrefix(rt.path, "/v1"), func(r rune) bool {
		return strings.ContainsRune("/{}.-", r)
	})
	return strings.Join(append([]string{strings.ToLower(rt.method)}, words...), "-")
}

// add registers a handler that gets the decoded request and who asks.
func add[I, O any](api huma.API, rt route, handle func(context.Context, social.Actor, *I) (*O, error)) {
	server := api.Adapter().(*adapter).server //nolint:forcetypeassert,errcheck // newAPI made it
	huma.Register(api, rt.operation(api.OpenAPI().Components.Schemas), func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, askedOf(ctx).actor, in)
		if err != nil {
			return nil, server.report(ctx, err)
		}
		return out, nil
	})
}

// plain registers a handler that reads and writes HTTP itself, and documents it.
func plain(api huma.API, rt route, handle http.HandlerFunc) {
	op := rt.operation(api.OpenAPI().Components.Schemas)
	for part := range strings.SplitSeq(rt.path, "/") { // huma sees those of the others
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
		}
	}
	api.OpenAPI().AddOperation(&op)
	api.Adapter().Handle(&op, func(c huma.Context) {
		r, w := humachi.Unwrap(c)
		handle(w, r)
	})
}

// adapter puts the guard between the router and huma.
type adapter struct {
	router  chi.Router
	server  *Server
	schemas huma.Registry
}

// topicTail is the one parameter that spans levels: the router has it as *.
const topicTail = "{topic}"

// Handle registers op with the router.
func (a *adapter) Handle(op *huma.Operation, handle func(huma.Context)) {
	rt, _ := op.Metadata["route"].(route)
	pattern := op.Path
	if head, ok := strings.CutSuffix(pattern, topicTail); ok {
		pattern = head + "*"
	}
	a.router.Method(op.Method, pattern, a.server.guard(rt, shapeOf(rt, op, a.schemas), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pattern != op.Path {
			r.SetPathValue("topic", chi.URLParam(r, "*"))
		}
		handle(humachi.NewContext(op, r, w))
	})))
}

// ServeHTTP is for huma's tests; the Server calls the router itself.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }
