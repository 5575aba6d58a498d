package api

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"rambla/social"
)

// lineWait is how long a line of a body that is read as it comes may let us wait.
const lineWait = time.Minute

// mediaCSV is a table of people, whose first line names its columns.
const mediaCSV = "text/csv"

// Lines is the body of a request that is read as it comes: a JSON object a line, or a
// table.
type Lines struct {
	r *http.Request
	c *http.ResponseController
}

// Resolve is how huma hands over the request.
func (l *Lines) Resolve(c huma.Context) []error {
	r, w := humachi.Unwrap(c)
	l.r, l.c = r, http.NewResponseController(w)
	return nil
}

// table tells whether it is one.
func (l *Lines) table() bool {
	media, _, err := mime.ParseMediaType(l.r.Header.Get("Content-Type"))
	return err == nil && media == mediaCSV
}

// Read waits for what comes next, and gives the answer time to follow it.
func (l *Lines) Read(p []byte) (int, error) {
	until := time.Now().Add(lineWait)
	_ = l.c.SetReadDeadline(until)                // what cannot be set is not there,
	_ = l.c.SetWriteDeadline(until.Add(lineWait)) // as in a test
	return l.r.Body.Read(p)
}

// ImportReport is what became of an import.
type ImportReport struct {
	Lines      int           `json:"lines" doc:"How many were read, but for empty ones"`
	People     ImportCount   `json:"people"`
	Contexts   ImportCount   `json:"contexts"`
	Members    ImportCount   `json:"members"`
	Activities ImportCount   `json:"activities"`
	Comments   ImportCount   `json:"comments"`
	Failed     int           `json:"failed" doc:"How many lines did not go in"`
	Errors     []ImportFault `json:"errors" nullable:"false" doc:"The first thousand of them"`
	DryRun     bool          `json:"dryRun" doc:"Nothing was changed"`
}

// ImportCount is what became of the lines of one sort.
type ImportCount struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged" doc:"How many were there already"`
}

// ImportFault is a line that did not go in.
type ImportFault struct {
	Line   int    `json:"line" doc:"Its number, from 1 on, empty ones included"`
	Code   string `json:"code" example:"invalid"`
	Detail string `json:"detail"`
}

type importIn struct {
	Lines
	OnError string `query:"on_error" enum:"stop,skip" default:"stop" doc:"What a broken line does: stop has nothing behind it go in, skip leaves it out"`
	DryRun  bool   `query:"dry_run" doc:"Only say what would change"`
	Notify  bool   `query:"notify" doc:"Tell joins as events, and push for what is posted"`
}

type importOut struct{ Body ImportReport }

func (s *Server) importLines(ctx context.Context, a social.Actor, in *importIn) (*importOut, error) {
	// It takes as long as its body does; who stops sending ends it.
	ctx = context.WithoutCancel(ctx)
	r, err := s.imports.Import(ctx, a, in, social.ImportOptions{
		DryRun: in.DryRun, Skip: in.OnError == "skip", Notify: in.Notify, CSV: in.table(),
	})
	if r.Stopped {
		return nil, stoppedAt(r)
	}
	if err != nil && r.Lines > 0 {
		return nil, cutShort(r, err)
	}
	if err != nil {
		return nil, err
	}
	out := newImportReport(r)
	out.DryRun = in.DryRun
	return &importOut{out}, nil
}

func newImportReport(r social.ImportReport) ImportReport {
	out := ImportReport{
		Lines: r.Lines, People: ImportCount(r.People), Contexts: ImportCount(r.Contexts), Members: ImportCount(r.Members),
		Activities: ImportCount(r.Activities), Comments: ImportCount(r.Comments), Failed: r.Failed, Errors: []ImportFault{},
	}
	for _, f := range r.Faults {
		out.Errors = append(out.Errors, ImportFault{f.Line, f.Kind.String(), f.Detail})
	}
	return out
}

// stoppedAt is the problem of an import that ended at a broken line.
func stoppedAt(r social.ImportReport) *Problem {
	f := r.Faults[len(r.Faults)-1]
	detail := fmt.Sprintf("Line %d: %s The lines before it are in, and nothing behind it.", f.Line, sentence(f.Detail))
	p := newProblem(http.StatusUnprocessableEntity, social.KindInvalid.String(), detail)
	for _, f := range r.Faults {
		p.Errors = append(p.Errors, Fault{fmt.Sprintf("line %d", f.Line), f.Detail})
	}
	return p
}

// sentence ends in a full stop.
func sentence(s string) string {
	if s == "" || s[len(s)-1] == '.' {
		return s
	}
	return s + "."
}

// cutShort says how much of an import went in before something else ended it.
func cutShort(r social.ImportReport, err error) error {
	p := problemOf(err)
	if social.KindOf(err) == social.KindInternal { // the body broke off
		p = problemOf(unread(err))
	}
	p.Detail = fmt.Sprintf("%s The import ended behind line %d; the same lines again do the rest.", p.Detail, r.Lines)
	return p
}

var _ io.Reader = (*importIn)(nil)
