package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

const (
	openAPIPath = "/v1/openapi" // and .json, .yaml
	docsPath    = "/docs"
	// introspectionPath is where clients of other servers of this kind look.
	introspectionPath = "/info/api"
)

// assets is the human-readable document: a page, its script and its style, which
// load nothing from elsewhere.
//
//go:embed page
var assets embed.FS

// documents depend on the routes only. Each is made when somebody asks for it first:
// few do, and a start is waited for.
type documents struct{ files []file }

type file struct {
	path, mediaType string
	body            func() ([]byte, error)
	csp             string // loosens the policy of data for a page
}

// pagePolicy lets the page run its own script, which reads the document.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (d *documents) list(api *huma.OpenAPI, mqtt []string) {
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own, which problems replace
		delete(api.Components.Schemas.Map(), unused)
	}
	openAnswers(api)
	for _, item := range api.Paths {
		if item.Get != nil {
			item.Head = headOf(item.Get)
		}
	}
	asJSON := sync.OnceValues(func() ([]byte, error) { return json.MarshalIndent(api, "", " ") })
	topics := sync.OnceValues(func() ([]byte, error) { return asyncAPI(api.Info.Version, mqtt) })
	d.files = []file{
		{path: openAPIPath + ".json", mediaType: "application/openapi+json", body: asJSON},
		{path: openAPIPath + ".yaml", mediaType: "application/openapi+yaml", body: sync.OnceValues(api.YAML)},
		{path: introspectionPath, mediaType: "application/openapi+json", body: asJSON},
		{path: asyncAPIPath, mediaType: "application/vnd.aai.asyncapi+json;version=3.0.0", body: topics},
		{path: docsPath, mediaType: "text/html; charset=utf-8", body: sync.OnceValues(renderDocs), csp: pagePolicy},
	}
	for name, mediaType := range map[string]string{"docs.js": "text/javascript; charset=utf-8", "docs.css": "text/css; charset=utf-8"} {
		d.files = append(d.files, file{
			path: docsPath + "/" + name, mediaType: mediaType,
			body: func() ([]byte, error) { return assets.ReadFile("page/" + name) },
		})
	}
}

// headOf is how the document tells of HEAD, which every GET has beside it.
func headOf(get *huma.Operation) *huma.Operation {
	head := *get
	head.Method = http.MethodHead
	head.OperationID = "head" + strings.TrimPrefix(get.OperationID, "get")
	head.Summary = get.Summary + ": the headers alone"
	head.Responses = make(map[string]*huma.Response, len(get.Responses))
	for status, response := range get.Responses {
		if response.Content != nil {
			bare := *response
			bare.Content = nil
			response = &bare
		}
		head.Responses[status] = response
	}
	return &head
}

// openAnswers lets answers have members that the document does not name: clients
// made from it must not break when a later version adds one. Bodies that we
// take stay closed, as they really are.
func openAnswers(api *huma.OpenAPI) {
	schemas := api.Components.Schemas.Map()
	taken := map[string]bool{}
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Post, item.Put, item.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				reach(media.Schema, schemas, taken)
			}
		}
	}
	for name, s := range schemas {
		if !taken[name] {
			s.AdditionalProperties = nil
		}
	}
}

// reach notes the names of the schemas that s refers to, at any depth.
func reach(s *huma.Schema, schemas map[string]*huma.Schema, found map[string]bool) {
	if s == nil {
		return
	}
	if name := path.Base(s.Ref); s.Ref != "" && !found[name] {
		found[name] = true
		reach(schemas[name], schemas, found)
	}
	reach(s.Items, schemas, found)
	for _, p := range s.Properties {
		reach(p, schemas, found)
	}
}

// renderDocs fills in the problem codes, which the types of problems link to.
func renderDocs() ([]byte, error) {
	t, err := template.ParseFS(assets, "page/docs.html")
	if err != nil {
		return nil, fmt.Errorf("parse the page of /docs: %w", err)
	}
	type code struct{ Code, Title string }
	var codes []code
	for c, title := range titles() {
		codes = append(codes, code{c, title})
	}
	slices.SortFunc(codes, func(a, b code) int { return bytes.Compare([]byte(a.Code), []byte(b.Code)) })
	var out bytes.Buffer
	if err := t.Execute(&out, codes); err != nil {
		return nil, fmt.Errorf("render the page of /docs: %w", err)
	}
	return out.Bytes(), nil
}

func (s *Server) mountDocuments(router chi.Router) {
	for _, f := range s.documents.files {
		router.Get(f.path, func(w http.ResponseWriter, r *http.Request) {
			body, err := f.body()
			if err != nil {
				s.fail(w, r, fmt.Errorf("make %s: %w", f.path, err))
				return
			}
			h := w.Header()
			h.Set("Content-Type", f.mediaType)
			h.Set("Cache-Control", "no-cache")
			if f.csp != "" {
				h.Set("Content-Security-Policy", f.csp)
			}
			_, _ = w.Write(body) // the client went away
		})
	}
}
