package api

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

// AuditEntry is one administrative act.
type AuditEntry struct {
	ID         string `json:"id" example:"42"`
	At         string `json:"at" format:"date-time"`
	Verb       string `json:"verb" doc:"What was done; stable" example:"person.roles"`
	Actor      string `json:"actor,omitempty" doc:"Who did it; absent: the command line, or the server itself" example:"alice"`
	For        string `json:"for,omitempty" doc:"The person in whose name, or ctx:ID for a context"`
	Credential string `json:"credential,omitempty" doc:"Which login or token, by a number that says nothing else; absent: the account's password" example:"17"`
	Client     string `json:"client,omitempty" doc:"The entrance" example:"rest"`
	Address    string `json:"address,omitempty" doc:"Where from" example:"192.0.2.7"`
	Request    string `json:"request,omitempty" doc:"The X-Request-Id"`
	Person     string `json:"person,omitempty" doc:"The person that it was done to" example:"bob"`
	Context    string `json:"context,omitempty" doc:"The context in which" example:"lobby"`
	Target     string `json:"target,omitempty" doc:"What else it was done to" example:"post 0190f2b4-6c1e-7d3a-9b52-0c1d2e3f4a5b"`
	Before     string `json:"before,omitempty" doc:"The value before, where it is small"`
	After      string `json:"after,omitempty" doc:"The value after"`
	Result     string `json:"result" doc:"done, the code of an error, or what it came to" example:"done"`
}

func (s *Server) newAuditEntry(act *social.Act) AuditEntry {
	out := AuditEntry{
		ID: strconv.FormatInt(act.ID, 10), At: stamp(act.At), Verb: string(act.Verb), Client: act.Client, Request: act.Request,
		Target: act.Target, Before: s.directory.Audit().Text(act.Before), After: s.directory.Audit().Text(act.After), Result: act.Result,
	}
	name := func(key social.PersonKey) string {
		if key == 0 {
			return ""
		}
		return s.directory.AnyPerson(key).Name
	}
	out.Actor, out.For, out.Person = name(act.Actor), name(act.For), name(act.Person)
	if act.Grant != 0 {
		out.Credential = strconv.FormatInt(int64(act.Grant), 10)
	}
	if act.Address.IsValid() {
		out.Address = act.Address.String()
	}
	if act.Space != 0 {
		out.Context = s.directory.SpaceByKey(act.Space).ID
	}
	if act.ForSpace != 0 {
		out.For = "ctx:" + s.directory.SpaceByKey(act.ForSpace).ID
	}
	return out
}

type listActsIn struct {
	PageCursor
	Actor  string    `query:"actor" doc:"Only what the person with this name did; - for what nobody signed in for, such as the command line"`
	Verb   string    `query:"verb" doc:"Only this" example:"person.roles"`
	Target string    `query:"target" doc:"Only what was done to the person with this name, or, as ctx:ID, in a context"`
	From   time.Time `query:"from" doc:"At this time or later"`
	To     time.Time `query:"to" doc:"Before this time"`
}

// filter reads what is to be listed; extra are the same parameters for the next page.
func (in *listActsIn) filter() (f social.ActFilter, extra url.Values) {
	extra = url.Values{}
	for name, value := range map[string]string{"actor": in.Actor, "verb": in.Verb, "target": in.Target} {
		if value != "" {
			extra.Set(name, value)
		}
	}
	for name, t := range map[string]time.Time{"from": in.From, "to": in.To} {
		if !t.IsZero() {
			extra.Set(name, t.Format(time.RFC3339Nano))
		}
	}
	return social.ActFilter{Actor: in.Actor, Verb: in.Verb, Target: in.Target, From: in.From, To: in.To}, extra
}

func (s *Server) listActs(ctx context.Context, a social.Actor, in *listActsIn) (*listOut[AuditEntry], error) {
	f, extra := in.filter()
	list := "audit " + extra.Encode()
	after, err := in.actPlace(list)
	if err != nil {
		return nil, err
	}
	acts, next, err := s.directory.Audit().List(ctx, a, f, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []AuditEntry
	for i := range acts {
		items = append(items, s.newAuditEntry(&acts[i]))
	}
	key := ""
	if next.ID != 0 {
		key = strconv.FormatInt(next.At.UnixMicro(), 36) + "." + strconv.FormatInt(next.ID, 36)
	}
	return newList(list, "/v1/admin/audit", in.PageCursor, extra, items, key), nil
}

// actPlace reads the cursor of a list of acts.
func (in PageCursor) actPlace(list string) (social.ActPlace, error) {
	after, err := in.after(list)
	if err != nil || after == "" {
		return social.ActPlace{}, err
	}
	at, id, _ := strings.Cut(after, ".")
	micros, err1 := strconv.ParseInt(at, 36, 64)
	number, err2 := strconv.ParseInt(id, 36, 64)
	if err1 != nil || err2 != nil {
		return social.ActPlace{}, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return social.ActPlace{At: time.UnixMicro(micros).UTC(), ID: number}, nil
}
