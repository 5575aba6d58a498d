package api

import (
	"context"
	"net/url"
	"strconv"

	"rambla/social"
)

// Session is an MQTT session, connected or stored.
type Session struct {
	Client         string         `json:"client" doc:"The client identifier"`
	Person         string         `json:"person,omitempty" doc:"Whose it is; for managers"`
	Protocol       string         `json:"protocol" enum:"3.1.1,5.0"`
	Connected      bool           `json:"connected"`
	Since          string         `json:"since,omitempty" format:"date-time" doc:"When it connected"`
	Left           string         `json:"left,omitempty" format:"date-time" doc:"When its last connection ended"`
	Expires        string         `json:"expires,omitempty" format:"date-time" doc:"When it is forgotten unless it comes back"`
	Subscriptions  []Subscription `json:"subscriptions" nullable:"false"`
	Transport      string         `json:"transport,omitempty" enum:"tcp,tls,ws" doc:"This and the following: of one that is connected"`
	Address        string         `json:"address,omitempty" doc:"Where it is connected from" example:"192.0.2.7:51234"`
	Queued         *int           `json:"queued,omitempty" doc:"Messages that wait to be written"`
	Unacknowledged *int           `json:"unacknowledged,omitempty" doc:"Messages that were written and not acknowledged yet"`
}

// Subscription is a topic filter and how it was asked for.
type Subscription struct {
	Filter string `json:"filter" example:"/ctx/+/messages"`
	QoS    int    `json:"qos" minimum:"0" maximum:"2" doc:"As asked for; a topic may grant less"`
}

func newSession(v *social.SessionView) Session {
	out := Session{
		Client: v.Name, Protocol: "3.1.1", Connected: v.Connected, Since: stamp(v.Since), Left: stamp(v.Left),
		Expires: stamp(v.Expires), Subscriptions: []Subscription{},
	}
	if v.Version == 5 {
		out.Protocol = "5.0"
	}
	for _, s := range v.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, Subscription{Filter: s.Filter, QoS: int(s.QoS)})
	}
	if l := v.Live; l != nil {
		out.Transport, out.Address = l.Transport, l.Remote.String()
		out.Queued, out.Unacknowledged = &l.Queued, &l.Unacknowledged
	}
	return out
}

// sessionsAfter reads the cursor of a list of sessions.
func sessionsAfter(in PageCursor, list string) (social.SessionID, error) {
	after, err := in.after(list)
	if err != nil || after == "" {
		return 0, err
	}
	id, err := strconv.ParseUint(after, 36, 64)
	if err != nil {
		return 0, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return social.SessionID(id), nil
}

// sessionPage makes a page of sessions.
func sessionPage(list, path string, in PageCursor, extra url.Values, views []social.SessionView, more bool, show func(*social.SessionView) Session) *listOut[Session] {
	var items []Session
	for i := range views {
		items = append(items, show(&views[i]))
	}
	next := ""
	if more {
		next = strconv.FormatUint(uint64(views[len(views)-1].ID), 36)
	}
	return newList(list, path, in, extra, items, next)
}

func (s *Server) listMySessions(ctx context.Context, a social.Actor, in *PageCursor) (*listOut[Session], error) {
	const list = "my sessions"
	after, err := sessionsAfter(*in, list)
	if err != nil {
		return nil, err
	}
	views, more, err := s.sessions.Mine(ctx, a, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return sessionPage(list, "/v1/me/sessions", *in, nil, views, more, newSession), nil
}

type listSessionsIn struct {
	PageCursor
	Person string `query:"person" doc:"Only those of the person with this name"`
}

func (s *Server) listSessions(ctx context.Context, a social.Actor, in *listSessionsIn) (*listOut[Session], error) {
	list := "sessions of " + in.Person
	after, err := sessionsAfter(in.PageCursor, list)
	if err != nil {
		return nil, err
	}
	views, more, err := s.sessions.All(ctx, a, in.Person, after, in.Limit)
	if err != nil {
		return nil, err
	}
	extra := url.Values{}
	if in.Person != "" {
		extra.Set("person", in.Person)
	}
	return sessionPage(list, "/v1/admin/sessions", in.PageCursor, extra, views, more, func(v *social.SessionView) Session {
		out := newSession(v)
		out.Person = s.directory.AnyPerson(v.Person).Name
		return out
	}), nil
}

type PathClient struct {
	Client string `path:"client" doc:"The client identifier, percent-encoded"`
}

func (s *Server) deleteMySession(ctx context.Context, a social.Actor, in *PathClient) (*struct{}, error) {
	return nil, s.sessions.EndMine(ctx, a, in.Client)
}

type PathSession struct {
	Person string `path:"person"`
	PathClient
}

func (s *Server) deleteSession(ctx context.Context, a social.Actor, in *PathSession) (*struct{}, error) {
	return nil, s.sessions.End(ctx, a, in.Person, in.Client)
}
