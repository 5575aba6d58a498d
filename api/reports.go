package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"rambla/social"
)

// Report is what somebody told moderators of an activity or comment.
type Report struct {
	ID         string `json:"id"`
	Activity   string `json:"activity" doc:"The id of what it is about"`
	Object     *Post  `json:"object,omitempty" doc:"What it is about, where I may read that"`
	Actor      Party  `json:"actor" doc:"Who reported it"`
	Reason     string `json:"reason"`
	Published  string `json:"published" format:"date-time"`
	Resolved   string `json:"resolved,omitempty" format:"date-time" doc:"Absent: it is open"`
	ResolvedBy *Party `json:"resolvedBy,omitempty"`
	Outcome    string `json:"outcome,omitempty"`
}

// ReportPage is a page of reports.
type ReportPage struct {
	Items []Report `json:"items" nullable:"false"`
	Next  string   `json:"next,omitempty" doc:"The cursor of the next page; absent at the end"`
}

type createReportIn struct {
	PathID
	Body struct {
		Reason string `json:"reason" doc:"At most 2 KiB"`
	}
}

// Reported is the answer to a report.
type Reported struct {
	Reported bool `json:"reported"`
}

type reportedOut struct {
	Status int
	Body   Reported
}

func (s *Server) createReport(of social.Sort) func(context.Context, social.Actor, *createReportIn) (*reportedOut, error) {
	return func(ctx context.Context, a social.Actor, in *createReportIn) (*reportedOut, error) {
		first, err := s.activities.Report(ctx, a, of, in.ID, in.Body.Reason)
		if err != nil {
			return nil, err
		}
		return &reportedOut{Status: created(first), Body: Reported{true}}, nil
	}
}

// reportItem is what Report describes, with its post as it is rendered everywhere.
type reportItem struct {
	Report
	Object json.RawMessage `json:"object,omitempty"`
}

func (s *Server) newReport(a social.Actor, r *social.Report) reportItem {
	out := reportItem{Report: Report{
		ID: r.ID.String(), Activity: r.Post.ID.String(), Actor: s.party(r.Reporter), Reason: r.Reason,
		Published: stamp(r.At), Resolved: stamp(r.Resolved), Outcome: r.Outcome,
	}}
	if r.By != 0 {
		by := s.party(r.By)
		out.ResolvedBy = &by
	}
	if f, readable := s.activities.Reported(a, r); readable {
		out.Object = s.directory.RenderPost(nil, f.Space, &f.Post)
	}
	return out
}

type listReportsIn struct {
	PageCursor
	Context string `query:"context" doc:"Only those of this context, which I moderate"`
}

func (s *Server) listReports(ctx context.Context, a social.Actor, in *listReportsIn) (*jsonOut, error) {
	list, extra := "reports", url.Values{}
	if in.Context != "" {
		list += " of " + in.Context
		extra.Set("context", in.Context)
	}
	text, err := in.after(list)
	if err != nil {
		return nil, err
	}
	after, ok := social.ParseID(text)
	if text != "" && !ok {
		return nil, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	found, more, err := s.activities.Reports(ctx, a, in.Context, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []reportItem
	next := ""
	for i := range found {
		items = append(items, s.newReport(a, &found[i]))
		if more {
			next = found[i].ID.String()
		}
	}
	page := newList(list, "/v1/reports", in.PageCursor, extra, items, next)
	body, err := json.Marshal(page.Body)
	if err != nil {
		return nil, fmt.Errorf("encode reports: %w", err)
	}
	out := newJSON(http.StatusOK, body)
	out.Link = page.Link
	return out, nil
}

type patchReportIn struct {
	PathID
	Body struct {
		Outcome string `json:"outcome" doc:"What came of it, at most 2 KiB"`
	}
}

func (s *Server) patchReport(ctx context.Context, a social.Actor, in *patchReportIn) (*jsonOut, error) {
	r, err := s.activities.Resolve(ctx, a, in.ID, in.Body.Outcome)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(s.newReport(a, &r))
	if err != nil {
		return nil, fmt.Errorf("encode reports: %w", err)
	}
	return newJSON(http.StatusOK, body), nil
}
