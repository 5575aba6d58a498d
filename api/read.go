package api

import (
	"context"
	"encoding/json"
	"fmt"

	"rambla/social"
)

// Marker is how far somebody has read.
type Marker struct {
	Delivered uint64 `json:"delivered" doc:"What is up to this seq has reached a device"`
	Read      uint64 `json:"read" doc:"What is up to this seq was read"`
	At        string `json:"at,omitempty" format:"date-time" doc:"When it was last said; absent: never"`
}

type putReadIn struct {
	PathID
	Raw
}

type markerOut struct{ Body Marker }

func (s *Server) putRead(ctx context.Context, a social.Actor, in *putReadIn) (*markerOut, error) {
	return s.moveMarker(ctx, a, in, social.InContext(in.ID))
}

func (s *Server) moveMarker(ctx context.Context, a social.Actor, in *putReadIn, w social.Where) (*markerOut, error) {
	r, err := social.ParseReceipt(in.raw)
	if err != nil {
		return nil, err
	}
	m, err := s.markers.MoveNow(ctx, a, w, r)
	if err != nil {
		return nil, err
	}
	return &markerOut{Marker{Delivered: m.Delivered, Read: m.Read, At: stamp(m.At)}}, nil
}

// overview is what ContextOverview describes, with its post as it is rendered
// everywhere.
type overview struct {
	ContextOverview
	Last json.RawMessage `json:"last,omitempty"`
}

func (s *Server) listMyContexts(ctx context.Context, a social.Actor, in *PageChanged) (*jsonOut, error) {
	const list = "my contexts"
	after, err := in.after(list)
	if err != nil {
		return nil, err
	}
	changes, err := s.changes(ctx, a, list, social.KindContext, in)
	if err != nil {
		return nil, err
	}
	found, more, err := s.markers.Overviews(ctx, a, after, in.Limit, changes)
	if err != nil {
		return nil, err
	}
	if err := counted(ctx, func() (int, error) { return changes.Count(), nil }); err != nil {
		return nil, err
	}
	items := make([]overview, len(found))
	for i := range found {
		items[i] = s.newOverview(&found[i])
	}
	next := ""
	if more {
		next = found[len(found)-1].Space.ID
	}
	return renderChanged(list, "/v1/me/contexts", a, in, changes, items, next)
}

func (s *Server) newOverview(o *social.Overview) overview {
	out := overview{ContextOverview: ContextOverview{
		ID: o.Space.ID, DisplayName: o.Space.DisplayName, May: o.May.Words(), Interest: newInterest(o.Interest),
	}}
	if !o.May.Has(social.Read) {
		return out
	}
	out.Position = fmt.Sprintf("%s:%d", o.Epoch, o.Head)
	out.Read, out.Delivered, out.Unread = &o.Read, &o.Delivered, &o.Unread
	if o.Post != nil {
		out.Last = s.directory.RenderPost(nil, o.Space, o.Post)
	}
	return out
}
