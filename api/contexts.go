package api

import (
	"context"
	"net/url"
	"strings"
	"time"

	"rambla/social"
)

// Context is a community, course, room or section of a site, as one sees it.
type Context struct {
	ID            string    `json:"id" example:"maths-3"`
	DisplayName   string    `json:"displayName" example:"Applied maths III"`
	Description   string    `json:"description,omitempty"`
	URL           string    `json:"url,omitempty" format:"uri"`
	Preset        string    `json:"preset,omitempty" doc:"What its policies began as"`
	Permissions   Policies  `json:"permissions" doc:"Who has each permission without a grant"`
	Tags          []string  `json:"tags" nullable:"false"`
	Notifications string    `json:"notifications" enum:"posts,comments,all,none"`
	History       string    `json:"history" enum:"all,since_join" doc:"What members see of the time before they joined"`
	Receipts      bool      `json:"receipts" doc:"Whether members see how far the others have read"`
	Retention     Retention `json:"retention" doc:"How much is kept; without it all posts, and data for a week"`
	Owner         string    `json:"owner"`
	Created       string    `json:"created" format:"date-time"`
	Member        bool      `json:"member" doc:"Whether I belong to it"`
	May           []string  `json:"may" nullable:"false" doc:"The permissions that I have in it, with this token"`
}

// Retention is how much of a context's streams is kept.
type Retention struct {
	Age     string `json:"age,omitempty" example:"720h" doc:"How long entries of messages and events are kept; absent: for ever"`
	Posts   int64  `json:"posts,omitempty" minimum:"0" example:"10000" doc:"How many entries of each of them; absent: all"`
	DataAge string `json:"dataAge,omitempty" example:"48h" doc:"How long data is kept; absent: a week"`
	Samples int64  `json:"samples,omitempty" minimum:"0" example:"5000" doc:"How many messages of data; absent: as many as the site allows"`
}

func newRetention(r social.Retention) Retention {
	return Retention{Age: ageText(r.Age), Posts: r.Posts, DataAge: ageText(r.DataAge), Samples: r.Samples}
}

// ageText is a duration as people write it: 720h, not 720h0m0s.
func ageText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (r *Retention) parse() (out social.Retention, err error) {
	out.Posts, out.Samples = r.Posts, r.Samples
	if out.Age, err = social.ParseAge("retention.age", r.Age); err != nil {
		return out, err
	}
	out.DataAge, err = social.ParseAge("retention.dataAge", r.DataAge)
	return out, err
}

// Policies says of each permission who has it without a grant.
type Policies struct {
	Read        string `json:"read,omitempty" enum:"public,members,restricted"`
	Write       string `json:"write,omitempty" enum:"public,members,restricted"`
	Subscribe   string `json:"subscribe,omitempty" enum:"public,members,restricted"`
	Unsubscribe string `json:"unsubscribe,omitempty" enum:"public,members,restricted" doc:"Without a value of its own it follows subscribe"`
	Invite      string `json:"invite,omitempty" enum:"public,members,restricted"`
	Kick        string `json:"kick,omitempty" enum:"public,members,restricted"`
	Delete      string `json:"delete,omitempty" enum:"public,members,restricted"`
	Flag        string `json:"flag,omitempty" enum:"public,members,restricted"`
}

// words are the fields in the order of the permissions.
func (p *Policies) words() [8]*string {
	return [8]*string{&p.Read, &p.Write, &p.Subscribe, &p.Unsubscribe, &p.Invite, &p.Kick, &p.Delete, &p.Flag}
}

// apply sets in to what is there.
func (p *Policies) apply(to *social.Policies) error {
	names := social.PermissionWords()
	for i, word := range p.words() {
		if *word == "" {
			continue
		}
		policy, err := social.ParsePolicy("permissions."+names[i], *word)
		if err != nil {
			return err
		}
		to[i] = policy
	}
	return nil
}

func (s *Server) newContext(sight social.Sight) Context {
	sp := sight.Space
	c := Context{
		ID: sp.ID, DisplayName: sp.DisplayName, Description: sp.Description, URL: sp.URL, Preset: sp.Preset,
		Tags: append([]string{}, sp.Tags...), Notifications: sp.Notifications, History: sp.History.String(), Receipts: sp.Receipts,
		Retention: newRetention(sp.Retention),
		Owner:     s.directory.AnyPerson(sp.Owner).Name, Created: stamp(sp.Created),
		Member: sight.Member, May: sight.May.Words(),
	}
	for i, word := range c.Permissions.words() {
		*word = sp.Policies.Of(i).String()
	}
	return c
}

type listContextsIn struct {
	PageCursor
	Member bool `query:"member" doc:"Only those I belong to"`
}

func (s *Server) listContexts(_ context.Context, a social.Actor, in *listContextsIn) (*listOut[Context], error) {
	after, err := in.after("contexts")
	if err != nil {
		return nil, err
	}
	list, more := s.spaces.List(a, after, in.Member, in.Limit)
	var items []Context
	for _, sight := range list {
		items = append(items, s.newContext(sight))
	}
	next := ""
	if more {
		next = list[len(list)-1].Space.ID
	}
	extra := url.Values{}
	if in.Member {
		extra.Set("member", "true")
	}
	return newList("contexts", "/v1/contexts", in.PageCursor, extra, items, next), nil
}

type createContextIn struct {
	Body struct {
		ID            string    `json:"id,omitempty" example:"maths-3" doc:"Absent: one is generated"`
		DisplayName   string    `json:"displayName,omitempty" example:"Applied maths III"`
		Description   string    `json:"description,omitempty"`
		URL           string    `json:"url,omitempty"`
		Preset        string    `json:"preset,omitempty" enum:"open,closed,institutional,announcement" doc:"Where its policies begin; absent: all restricted"`
		Permissions   Policies  `json:"permissions,omitempty"`
		Tags          []string  `json:"tags,omitempty" nullable:"false"`
		Notifications string    `json:"notifications,omitempty" enum:"posts,comments,all,none"`
		History       string    `json:"history,omitempty" enum:"all,since_join"`
		Receipts      bool      `json:"receipts,omitempty" doc:"Whether members see how far the others have read"`
		Retention     Retention `json:"retention,omitempty" doc:"How much is kept; absent: all posts, and data for a week"`
	}
}

type contextOut struct {
	Location string `header:"Location"`
	Body     Context
}

func (s *Server) createContext(ctx context.Context, a social.Actor, in *createContextIn) (*contextOut, error) {
	b := &in.Body
	sp := social.Space{
		ID: b.ID, DisplayName: b.DisplayName, Description: b.Description, URL: b.URL, Preset: b.Preset,
		Tags: b.Tags, Notifications: b.Notifications, Receipts: b.Receipts, Policies: social.Presets()[b.Preset],
	}
	if err := b.Permissions.apply(&sp.Policies); err != nil {
		return nil, err
	}
	var err error
	if sp.History, err = social.ParseHistory("history", b.History); err != nil {
		return nil, err
	}
	if sp.Retention, err = b.Retention.parse(); err != nil {
		return nil, err
	}
	sight, err := s.spaces.Create(ctx, a, sp)
	if err != nil {
		return nil, err
	}
	return &contextOut{Location: "/v1/contexts/" + sight.Space.ID, Body: s.newContext(sight)}, nil
}

func (s *Server) getContext(_ context.Context, a social.Actor, in *PathID) (*contextOut, error) {
	sight, err := s.spaces.Get(a, in.ID)
	if err != nil {
		return nil, err
	}
	return &contextOut{Body: s.newContext(sight)}, nil
}

type patchContextIn struct {
	PathID
	Body struct {
		DisplayName   *string    `json:"displayName,omitempty"`
		Description   *string    `json:"description,omitempty"`
		URL           *string    `json:"url,omitempty"`
		Permissions   *Policies  `json:"permissions,omitempty" doc:"Those that change"`
		Tags          *[]string  `json:"tags,omitempty"`
		Notifications *string    `json:"notifications,omitempty" enum:"posts,comments,all,none"`
		History       *string    `json:"history,omitempty" enum:"all,since_join"`
		Receipts      *bool      `json:"receipts,omitempty" doc:"Whether members see how far the others have read"`
		Retention     *Retention `json:"retention,omitempty" doc:"As a whole: what it does not say is as if it had never been set"`
	}
}

func (s *Server) patchContext(ctx context.Context, a social.Actor, in *patchContextIn) (*contextOut, error) {
	b := &in.Body
	patch := social.SpacePatch{DisplayName: b.DisplayName, Description: b.Description, URL: b.URL, Tags: b.Tags, Notifications: b.Notifications, Receipts: b.Receipts}
	sight, err := s.spaces.Get(a, in.ID)
	if err != nil {
		return nil, err
	}
	if b.Permissions != nil {
		policies := sight.Space.Policies
		if err := b.Permissions.apply(&policies); err != nil {
			return nil, err
		}
		patch.Policies = &policies
	}
	if b.History != nil {
		history, err := social.ParseHistory("history", *b.History)
		if err != nil {
			return nil, err
		}
		patch.History = &history
	}
	if b.Retention != nil {
		retention, err := b.Retention.parse()
		if err != nil {
			return nil, err
		}
		patch.Retention = &retention
	}
	if sight, err = s.spaces.Edit(ctx, a, in.ID, patch); err != nil {
		return nil, err
	}
	return &contextOut{Body: s.newContext(sight)}, nil
}

func (s *Server) deleteContext(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	return nil, s.spaces.Delete(ctx, a, in.ID)
}
