package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"rambla/social"
)

// Ban keeps a person out of a context.
type Ban struct {
	Name        string `json:"name" example:"bob"`
	DisplayName string `json:"displayName" example:"Bob"`
	Until       string `json:"until,omitempty" format:"date-time" doc:"When it ends by itself; absent: never"`
	Reason      string `json:"reason,omitempty"`
	By          string `json:"by" example:"alice" doc:"Who banned"`
	At          string `json:"at" format:"date-time" doc:"When"`
}

func (s *Server) newBan(b social.Ban) Ban {
	who := s.directory.AnyPerson(b.Person)
	return Ban{
		Name: who.Name, DisplayName: who.DisplayName, Until: stamp(b.Until), Reason: b.Reason,
		By: s.directory.AnyPerson(b.By).Name, At: stamp(b.At),
	}
}

type putBanIn struct {
	PathMember
	Body *struct {
		Until    *time.Time `json:"until,omitempty" doc:"When it ends by itself; this or duration, or neither for a ban without end"`
		Duration string     `json:"duration,omitempty" example:"7d" doc:"How long it lasts: 90s, 24h, 7d, 1d12h"`
		Reason   string     `json:"reason,omitempty" doc:"For those who may ban"`
	}
}

type banOut struct {
	Status int
	Body   Ban
}

func (s *Server) putBan(ctx context.Context, a social.Actor, in *putBanIn) (*banOut, error) {
	var b social.Ban
	if in.Body != nil {
		b.Reason = in.Body.Reason
		until, err := s.until(in.Body.Until, in.Body.Duration)
		if err != nil {
			return nil, err
		}
		b.Until = until
	}
	b, first, err := s.spaces.Ban(ctx, a, in.ID, in.Name, b)
	if err != nil {
		return nil, err
	}
	return &banOut{Status: created(first), Body: s.newBan(b)}, nil
}

// until is the moment that a body names in either way; zero for neither.
func (s *Server) until(until *time.Time, duration string) (time.Time, error) {
	switch {
	case until != nil && duration != "":
		return time.Time{}, social.Invalid("duration", "excludes until")
	case duration != "":
		d, err := social.ParseSentence("duration", duration)
		if err != nil {
			return time.Time{}, err
		}
		return s.now().Add(d), nil
	case until != nil && until.IsZero():
		return time.Time{}, social.Invalid("until", "lies in the past")
	case until != nil:
		return *until, nil
	}
	return time.Time{}, nil
}

func (s *Server) deleteBan(ctx context.Context, a social.Actor, in *PathMember) (*struct{}, error) {
	was, err := s.spaces.Unban(ctx, a, in.ID, in.Name)
	if err == nil && !was {
		return nil, social.Errorf(social.KindNotFound, "There was none.")
	}
	return nil, err
}

type listBansIn struct {
	PathID
	PageCursor
}

func (s *Server) listBans(ctx context.Context, a social.Actor, in *listBansIn) (*listOut[Ban], error) {
	list := "bans of " + in.ID
	from, err := in.afterPerson(list)
	if err != nil {
		return nil, err
	}
	bans, next, err := s.spaces.Bans(ctx, a, in.ID, from, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Ban
	for _, b := range bans {
		items = append(items, s.newBan(b))
	}
	return newList(list, "/v1/contexts/"+url.PathEscape(in.ID)+"/bans", in.PageCursor, nil, items, personCursor(next)), nil
}

// afterPerson reads a cursor of a list in the order of people's internal keys,
// which stay the same when people are renamed; the cursor is the one place where
// one is told, opaque.
func (in PageCursor) afterPerson(list string) (social.PersonKey, error) {
	after, err := in.after(list)
	if err != nil || after == "" {
		return 0, err
	}
	key, err := strconv.ParseInt(after, 36, 64)
	if err != nil {
		return 0, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return social.PersonKey(key), nil
}

// personCursor is the key of such a list's last entry, or empty for 0.
func personCursor(key social.PersonKey) string {
	if key == 0 {
		return ""
	}
	return strconv.FormatInt(int64(key), 36)
}
