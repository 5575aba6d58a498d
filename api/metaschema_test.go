package api_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"rambla/api"
)

// schemas compiles the JSON Schemas (2020-12) that are parts of a document, such
// as #/components/schemas/Post.
func schemas(t *testing.T, document []byte) func(part string) *jsonschema.Schema {
	t.Helper()
	const at = "https://rambla.example/document.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(at, decoded(t, document)); err != nil {
		t.Fatal(err)
	}
	return func(part string) *jsonschema.Schema {
		t.Helper()
		s, err := c.Compile(at + part)
		if err != nil {
			t.Fatalf("%s is no schema: %v", part, err)
		}
		return s
	}
}

// decoded is JSON as the schemas take it.
func decoded(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheOpenAPIDocumentIsValid(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	document := s.as("", "GET", "/v1/openapi.json").wants(200).body
	meta := schemas(t, []byte(datamodel.OpenAPI31SchemaData))("")
	if err := meta.Validate(decoded(t, document)); err != nil {
		t.Errorf("it breaks the schema of OpenAPI 3.1: %#v", err)
	}
	if meta.Validate(decoded(t, bytes.Replace(document, []byte(`"operationId"`), []byte(`"operation"`), 1))) == nil {
		t.Error("the schema takes an operation with a member that there is not")
	}
	// That schema leaves it to others what a schema is: here it is JSON Schema.
	var parts struct {
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(document, &parts); err != nil || len(parts.Components.Schemas) < 50 {
		t.Fatalf("it has %d schemas: %v", len(parts.Components.Schemas), err)
	}
	part := schemas(t, document)
	for name := range parts.Components.Schemas {
		part("#/components/schemas/" + name)
	}
}
