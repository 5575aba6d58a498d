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
	Parent        string    `json:"parent,omitempty" doc:"The context that it hangs below, where I may know of that"`
	Order         int       `json:"order" doc:"Its place among those below the same one, smaller first"`
	Created       string    `json:"created" format:"date-time"`
	Avatar        string    `json:"avatar,omitempty" doc:"Where the picture that was uploaded is, another address for each; without one …/avatar is drawn"`
	Member        bool      `json:"member" doc:"Whether I belong to it"`
	May           []string  `json:"may" nullable:"false" doc:"The permissions that I have in it, with this token"`
	Interest
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

// contextOf is the answer with one context.
func (s *Server) contextOf(ctx context.Context, a social.Actor, sight social.Sight) (*contextOut, error) {
	list, err := s.newContexts(ctx, a, []social.Sight{sight})
	if err != nil {
		return nil, err
	}
	return &contextOut{Body: list[0]}, nil
}

// newContexts are contexts with what the actor wants to be told of them. All else
// comes from memory, and is told while the store cannot be reached.
func (s *Server) newContexts(ctx context.Context, a social.Actor, sights []social.Sight) ([]Context, error) {
	keys := make([]social.SpaceKey, len(sights))
	for i := range sights {
		keys[i] = sights[i].Space.Key
	}
	interests, known, err := s.attention.Known(ctx, a, keys)
	if err != nil {
		return nil, err
	}
	out := make([]Context, len(sights))
	for i, sight := range sights {
		out[i] = s.newContext(a, sight)
		if known {
			out[i].Interest = newInterest(interests[sight.Space.Key])
		}
	}
	return out, nil
}

func (s *Server) newContext(a social.Actor, sight social.Sight) Context {
	sp := sight.Space
	c := Context{
		Parent: s.directory.ParentOf(a, sp), Order: sp.Order,
		ID: sp.ID, DisplayName: sp.DisplayName, Description: sp.Description, URL: sp.URL, Preset: sp.Preset,
		Tags: append([]string{}, sp.Tags...), Notifications: sp.Notifications, History: sp.History.String(), Receipts: sp.Receipts,
		Retention: newRetention(sp.Retention),
		Owner:     s.directory.AnyPerson(sp.Owner).Name, Created: stamp(sp.Created),
		Avatar: avatarAddress("/v1/contexts/"+sp.ID, sp.Avatar),
		Member: sight.Member, May: sight.May.Words(),
	}
	for i, word := range c.Permissions.words() {
		*word = sp.Policies.Of(i).String()
	}
	return c
}

type listContextsIn struct {
	PageCursor
	Mine         bool   `query:"mine" doc:"Only those I belong to"`
	Member       bool   `query:"member" doc:"The same as mine"`
	Subscribable bool   `query:"subscribable" doc:"Only those that I may join and have not"`
	Tags         string `query:"tags" example:"2026,maths" maxLength:"4000" doc:"Only those with all of these tags, in any case of letters"`
	Parent       string `query:"parent" doc:"Only those right below this context, in their order"`
}

func (in *listContextsIn) filter() social.SpaceFilter {
	f := social.SpaceFilter{Mine: in.Mine || in.Member, Subscribable: in.Subscribable, Below: in.Parent}
	for tag := range strings.SplitSeq(in.Tags, ",") {
		if strings.TrimSpace(tag) != "" {
			f.Tags = append(f.Tags, tag)
		}
	}
	return f
}

// extra is what of the filter goes into the address of the next page.
func (in *listContextsIn) extra() url.Values {
	out := url.Values{}
	for name, is := range map[string]bool{"mine": in.Mine || in.Member, "subscribable": in.Subscribable} {
		if is {
			out.Set(name, "true")
		}
	}
	for name, text := range map[string]string{"tags": in.Tags, "parent": in.Parent} {
		if text != "" {
			out.Set(name, text)
		}
	}
	return out
}

func (s *Server) listContexts(ctx context.Context, a social.Actor, in *listContextsIn) (*listOut[Context], error) {
	list := "contexts"
	if in.Parent != "" {
		list += " below " + in.Parent
	}
	after, err := in.after(list)
	if err != nil {
		return nil, err
	}
	found, next, err := s.spaces.List(a, after, in.filter(), in.Limit)
	if err != nil {
		return nil, err
	}
	if err := counted(ctx, func() (int, error) { return s.spaces.Count(a, in.filter()) }); err != nil {
		return nil, err
	}
	items, err := s.newContexts(ctx, a, found)
	if err != nil {
		return nil, err
	}
	return newList(list, "/v1/contexts", in.PageCursor, in.extra(), items, next), nil
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
		Parent        string    `json:"parent,omitempty" doc:"The context that it is to hang below; one administers that too"`
		Order         int       `json:"order,omitempty" doc:"Its place there"`
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
		Order: b.Order,
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
	if sp.Parent, err = s.spaces.Parent(a, b.Parent); err != nil {
		return nil, err
	}
	sight, err := s.spaces.Create(ctx, a, sp)
	if err != nil {
		return nil, err
	}
	out, err := s.contextOf(ctx, a, sight)
	if err != nil {
		return nil, err
	}
	out.Location = "/v1/contexts/" + sight.Space.ID
	return out, nil
}

func (s *Server) getContext(ctx context.Context, a social.Actor, in *PathID) (*contextOut, error) {
	sight, err := s.spaces.Get(a, in.ID)
	if err != nil {
		return nil, err
	}
	return s.contextOf(ctx, a, sight)
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
		Parent        *string    `json:"parent,omitempty" doc:"The context that it is to hang below, empty for none; one administers that too"`
		Order         *int       `json:"order,omitempty" doc:"Its place there"`
	}
}

func (s *Server) patchContext(ctx context.Context, a social.Actor, in *patchContextIn) (*contextOut, error) {
	b := &in.Body
	patch := social.SpacePatch{DisplayName: b.DisplayName, Description: b.Description, URL: b.URL, Tags: b.Tags, Notifications: b.Notifications, Receipts: b.Receipts, Order: b.Order}
	if b.Permissions != nil {
		var policies social.Policies
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
	if b.Parent != nil {
		parent, err := s.spaces.Parent(a, *b.Parent)
		if err != nil {
			return nil, err
		}
		patch.Parent = &parent
	}
	sight, err := s.spaces.Edit(ctx, a, in.ID, patch)
	if err != nil {
		return nil, err
	}
	return s.contextOf(ctx, a, sight)
}

func (s *Server) deleteContext(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	return nil, s.spaces.Delete(ctx, a, in.ID)
}
