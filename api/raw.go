package api

import (
	"fmt"
	"io"

	"github.com/danielgtaylor/huma/v2"
)

// Raw is embedded in the input of handlers that get the body as it came.
type Raw struct{ raw []byte }

// Resolve is called by huma for each request. The guard has read the body, so
// that this only copies it from memory.
func (in *Raw) Resolve(ctx huma.Context) []error {
	var err error
	if in.raw, err = io.ReadAll(ctx.BodyReader()); err != nil {
		return []error{fmt.Errorf("read body: %w", err)}
	}
	return nil
}

// jsonOut is an answer whose JSON is written already.
type jsonOut struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Location    string `header:"Location" hidden:"true"`
	Link        string `header:"Link" hidden:"true"`
	ETag        string `header:"ETag" hidden:"true"`
	Body        []byte
}

func newJSON(status int, body []byte) *jsonOut {
	return &jsonOut{Status: status, ContentType: "application/json", Body: body}
}
