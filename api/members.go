package api

import (
	"context"
	"net/http"
	"time"

	"rambla/social"
)

// Member is somebody who belongs to a context.
type Member struct {
	Name        string     `json:"name" example:"alice"`
	DisplayName string     `json:"displayName" example:"Alice"`
	Service     bool       `json:"service"`
	Joined      string     `json:"joined,omitempty" format:"date-time"`
	Grants      []Override `json:"grants,omitempty" doc:"This and vetoes: for who administers the context"`
	Vetoes      []Override `json:"vetoes,omitempty"`
}

// Override is a grant or veto.
type Override struct {
	Permission string `json:"permission" enum:"read,write,subscribe,unsubscribe,invite,kick,delete,flag"`
	Until      string `json:"until,omitempty" format:"date-time" doc:"Absent: for good"`
}

func newMember(r social.Resident) Member {
	m := Member{Name: r.Person.Name, DisplayName: r.Person.DisplayName, Service: r.Person.Service, Joined: stamp(r.Joined)}
	for _, o := range r.Overrides {
		to := &m.Grants
		if o.Veto {
			to = &m.Vetoes
		}
		*to = append(*to, newOverride(o))
	}
	return m
}

func newOverride(o social.Override) Override {
	return Override{Permission: o.Permission.Words()[0], Until: stamp(o.Until)}
}

type listMembersIn struct {
	PathID
	PageCursor
}

func (s *Server) listMembers(ctx context.Context, a social.Actor, in *listMembersIn) (*listOut[Member], error) {
	list := "members of " + in.ID
	from, err := in.afterPerson(list)
	if err != nil {
		return nil, err
	}
	residents, next, err := s.spaces.Members(ctx, a, in.ID, from, in.Limit)
	if err != nil {
		return nil, err
	}
	if err := counted(ctx, func() (int, error) { return s.spaces.CountMembers(a, in.ID) }); err != nil {
		return nil, err
	}
	var items []Member
	for _, r := range residents {
		items = append(items, newMember(r))
	}
	return newList(list, inContext(in.ID).path+"/members", in.PageCursor, nil, items, personCursor(next)), nil
}

type PathMember struct {
	PathID
	PathName
}

type memberOut struct {
	Status int
	Body   Member
}

func (s *Server) putMember(ctx context.Context, a social.Actor, in *PathMember) (*memberOut, error) {
	first, err := s.spaces.Admit(ctx, a, in.ID, in.Name)
	if err != nil {
		return nil, err
	}
	r, err := s.spaces.Member(ctx, a, in.ID, in.Name)
	if social.KindOrNil(err) == social.KindNotFound { // who invites need not read
		r.Person, err = s.people.Get(a, in.Name)
	}
	if err != nil {
		return nil, err
	}
	return &memberOut{Status: created(first), Body: newMember(r)}, nil
}

// created is the status of a PUT.
func created(first bool) int {
	if first {
		return http.StatusCreated
	}
	return http.StatusOK
}

func (s *Server) deleteMember(ctx context.Context, a social.Actor, in *PathMember) (*struct{}, error) {
	_, err := s.spaces.Dismiss(ctx, a, in.ID, in.Name)
	return nil, err
}

type PathOverride struct {
	PathMember
	Permission string `path:"permission" enum:"read,write,subscribe,unsubscribe,invite,kick,delete,flag"`
}

type putOverrideIn struct {
	PathOverride
	Body *struct {
		Until *time.Time `json:"until,omitempty" doc:"When it ends; absent: never"`
	}
}

type overrideOut struct {
	Status int
	Body   Override
}

func (s *Server) putGrant(ctx context.Context, a social.Actor, in *putOverrideIn) (*overrideOut, error) {
	return s.putOverride(ctx, a, in, false)
}

func (s *Server) putVeto(ctx context.Context, a social.Actor, in *putOverrideIn) (*overrideOut, error) {
	return s.putOverride(ctx, a, in, true)
}

func (s *Server) putOverride(ctx context.Context, a social.Actor, in *putOverrideIn, veto bool) (*overrideOut, error) {
	p, err := social.ParsePermission("permission", in.Permission)
	if err != nil {
		return nil, err
	}
	o := social.Override{Permission: p, Veto: veto}
	if in.Body != nil && in.Body.Until != nil {
		o.Until = *in.Body.Until
	}
	first, err := s.spaces.Override(ctx, a, in.ID, in.Name, o)
	if err != nil {
		return nil, err
	}
	return &overrideOut{Status: created(first), Body: newOverride(o)}, nil
}

func (s *Server) deleteGrant(ctx context.Context, a social.Actor, in *PathOverride) (*struct{}, error) {
	return nil, s.clearOverride(ctx, a, in, false)
}

func (s *Server) deleteVeto(ctx context.Context, a social.Actor, in *PathOverride) (*struct{}, error) {
	return nil, s.clearOverride(ctx, a, in, true)
}

func (s *Server) clearOverride(ctx context.Context, a social.Actor, in *PathOverride, veto bool) error {
	p, err := social.ParsePermission("permission", in.Permission)
	if err != nil {
		return err
	}
	n, err := s.spaces.ClearOverrides(ctx, a, in.ID, in.Name, p, !veto, veto)
	if err == nil && n == 0 {
		return social.Errorf(social.KindNotFound, "There was none.")
	}
	return err
}

func (s *Server) deleteOverrides(ctx context.Context, a social.Actor, in *PathMember) (*struct{}, error) {
	_, err := s.spaces.ClearOverrides(ctx, a, in.ID, in.Name, social.AllPermissions, true, true)
	return nil, err
}
