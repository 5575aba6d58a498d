package api

import (
	"context"

	"rambla/social"
)

// ServerError is something that went wrong on the server's side, however often.
type ServerError struct {
	ID      string `json:"id" doc:"The same for the same mistake at the same place"`
	Level   string `json:"level" enum:"error,warn" doc:"error: somebody should look; warn: the server coped"`
	Message string `json:"message"`
	Detail  string `json:"detail,omitempty" doc:"Of the last time, without secrets"`
	Route   string `json:"route,omitempty" doc:"Of the request, if there was one"`
	Request string `json:"request,omitempty" doc:"The X-Request-Id of the last one"`
	Count   uint64 `json:"count"`
	First   string `json:"first" format:"date-time"`
	Last    string `json:"last" format:"date-time"`
}

func newServerError(m *social.Mishap) ServerError {
	out := ServerError{
		ID: m.ID, Level: "warn", Message: m.Message, Detail: m.Detail, Route: m.Route, Request: m.Request,
		Count: m.Count, First: stamp(m.First), Last: stamp(m.Last),
	}
	if m.Severe {
		out.Level = "error"
	}
	return out
}

func (s *Server) listErrors(_ context.Context, a social.Actor, in *PageCursor) (*listOut[ServerError], error) {
	if err := s.requireManager(a); err != nil {
		return nil, err
	}
	after, err := in.after("errors")
	if err != nil {
		return nil, err
	}
	var items []ServerError
	found, next := after == "", ""
	for _, m := range s.mishaps.List() {
		switch {
		case !found:
			found = m.ID == after
		case len(items) == in.Limit:
			next = items[len(items)-1].ID
		default:
			items = append(items, newServerError(&m))
		}
	}
	return newList("errors", "/v1/admin/errors", *in, nil, items, next), nil
}

type PathError struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *Server) clearErrors(ctx context.Context, a social.Actor, _ *struct{}) (*struct{}, error) {
	return nil, s.forgetErrors(ctx, a, "")
}

func (s *Server) clearError(ctx context.Context, a social.Actor, in *PathError) (*struct{}, error) {
	return nil, s.forgetErrors(ctx, a, in.ID)
}

func (s *Server) forgetErrors(ctx context.Context, a social.Actor, id string) error {
	if err := s.requireManager(a); err != nil {
		return err
	}
	n := s.mishaps.Forget(id)
	if n == 0 && id != "" {
		return social.Errorf(social.KindNotFound, "There is no such error (any more).")
	}
	if n > 0 {
		s.directory.Audit().Tell(ctx, a.Act(social.VerbErrorsClear).What(id))
	}
	return nil
}
