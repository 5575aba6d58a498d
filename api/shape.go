package api

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"rambla/social"
)

// shape is what a route's answer of success looks like, as the document says
// it. From it every list and every JSON answer has the conventions that are
// nobody's own: fields, count, HEAD, Link. A nil shape is an answer that is not
// JSON of ours, or none; nothing of this is about it.
type shape struct {
	schemas huma.Registry
	item    *huma.Schema // what fields are about: the answer, or the items of a list
	list    bool
	media   []string // that the answer can have
	params  []string // of the query, as declared
}

// paging are the words for a place in a list. A list refuses those that are not
// its own: whoever pages by one of them would get the first page for ever.
func paging() []string { return []string{"cursor", "after", "before", "offset", "page"} }

// shapeOf reads the shape out of an operation that is fully documented.
func shapeOf(rt route, op *huma.Operation, schemas huma.Registry) *shape {
	success := op.Responses[strconv.Itoa(rt.status)]
	if success == nil || success.Content["application/json"] == nil || rt.body == formBody {
		return nil // OAuth's endpoints have the parameters of their RFCs, and no others
	}
	sh := &shape{schemas: schemas, item: success.Content["application/json"].Schema}
	if s := object(sh.item, schemas); rt.method == http.MethodGet && s != nil {
		if items := s.Properties["items"]; items != nil && items.Type == huma.TypeArray {
			sh.item, sh.list = items.Items, true
		}
	}
	sh.media = offers(sh.item, sh.list)
	for _, p := range op.Parameters {
		if p.In == "query" {
			sh.params = append(sh.params, p.Name)
		}
	}
	return sh
}

// wish is what a request wants of its answer beside the answer.
type wish struct {
	fields *selection // nil: all
	count  bool
	media  string
}

// wish reads a request; the error is KindInvalid and names the parameter, or
// tells that no media type suits.
func (sh *shape) wish(r *http.Request) (wish, error) {
	media, ok := accepted(r.Header, sh.media)
	out := wish{media: media}
	if !ok {
		return out, newProblem(http.StatusNotAcceptable, codeAccept, "The answer is "+strings.Join(sh.media, " or ")+"; accept that.")
	}
	q := r.URL.Query()
	if q.Has("method") && !slices.Contains(sh.params, "method") {
		return out, social.Invalid("method", "is no parameter: a method is said by HTTP, or by the header %s of a POST", overrideHeader)
	}
	if text := q.Get("fields"); text != "" {
		var err error
		if out.fields, err = parseSelection(text, sh.item, sh.schemas); err != nil {
			return out, err
		}
	}
	if !sh.list {
		return out, nil
	}
	return out, sh.listWish(r.Method, q, &out)
}

func (sh *shape) listWish(method string, q url.Values, out *wish) error {
	for _, name := range paging() {
		if q.Has(name) && !slices.Contains(sh.params, name) {
			return social.Invalid(name, "does not page this list; follow next, or the Link header")
		}
	}
	if text := q.Get("limit"); text != "" && !slices.Contains(sh.params, "limit") { // a list that comes whole
		if n, err := strconv.Atoi(text); err != nil || n < 1 || n > maxPage {
			return social.Invalid("limit", "is a number from 1 to %d", maxPage)
		}
	}
	switch text := q.Get("count"); text {
	case "", "false":
	case "true":
		out.count = true
	default:
		return social.Invalid("count", "is true or false")
	}
	out.count = out.count || method == http.MethodHead
	return nil
}

// shaped gives an answer the shape that its request wished for. Whatever is
// wrong with the wish is told before anything happens.
func (s *Server) shaped(sh *shape, next http.Handler) http.Handler {
	if sh == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want, err := sh.wish(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if !sh.list && want.fields == nil && want.media == mediaJSON {
			next.ServeHTTP(w, r)
			return
		}
		askedOf(r.Context()).counting = want.count
		held := &heldAnswer{header: w.Header()}
		next.ServeHTTP(held, r)
		if held.status/100 == 2 {
			if err := s.reshape(sh, want, held, r, next); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		held.send(w)
	})
}

func (s *Server) reshape(sh *shape, want wish, held *heldAnswer, r *http.Request, next http.Handler) error {
	if sh.list {
		held.links(r.URL)
	}
	if want.count {
		if err := s.count(held, r, next); err != nil {
			return err
		}
	}
	body := bytes.TrimSpace(held.body.Bytes())
	if want.fields != nil && len(body) > 0 {
		var err error
		if body, err = sh.cut(want.fields, body); err != nil {
			return err
		}
	}
	if want.media != mediaJSON && len(body) > 2 { // more than {}
		held.header.Set("Content-Type", want.media)
		body = append([]byte(activityContext+","), body[1:]...)
	}
	held.body = *bytes.NewBuffer(body)
	return nil
}

// cut is a whole answer with what is wanted of it: of a list the items, and all
// that stands beside them.
func (sh *shape) cut(fields *selection, body []byte) ([]byte, error) {
	if !sh.list {
		return fields.cut(nil, body)
	}
	members, err := membersOf(body)
	if err != nil {
		return nil, err
	}
	page := &selection{of: map[string]*selection{}}
	for _, m := range members {
		page.of[m.name] = &selection{whole: true}
	}
	page.of["items"] = fields
	return page.cut(nil, body)
}

// document says in the document what requests may wish for.
func (sh *shape) document(op *huma.Operation, rt route) {
	if sh == nil {
		return
	}
	what := "Only these members of the answer"
	if sh.list {
		what = "Only these members of each item"
	}
	success := op.Responses[strconv.Itoa(rt.status)]
	for _, media := range sh.media[1:] {
		success.Content[media] = success.Content[mediaJSON]
	}
	op.Parameters = append(op.Parameters, query("fields", what+": names between commas, with dots for the members of members", &huma.Schema{Type: huma.TypeString, MaxLength: new(maxFieldsBytes)}))
	if !sh.list {
		return
	}
	op.Parameters = append(op.Parameters, query("count", "Tell in X-Total-Count how many entries the list has, wherever this page is. A HEAD request always tells", &huma.Schema{Type: huma.TypeBoolean, Default: false}))
	number := &huma.Schema{Type: huma.TypeInteger, Minimum: new(0.0)}
	headers := map[string]*huma.Param{
		"Link":       {Description: "The next page, rel=next; absent at the end. Of a stream also rel=prev", Schema: &huma.Schema{Type: huma.TypeString}},
		totalHeader:  {Description: "With count=true: how many entries I may see the list has", Schema: number},
		cappedHeader: {Description: "true: the list has more than were counted", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}}},
	}
	success.Headers = headers
}

func query(name, text string, s *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: text, Schema: s, Explode: new(false)}
}
