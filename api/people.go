package api

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"rambla/social"
)

// Person is a user or a service account.
type Person struct {
	Name        string    `json:"name" example:"alice" doc:"Unique; in topics and addresses"`
	DisplayName string    `json:"displayName" example:"Alice"`
	Service     bool      `json:"service" doc:"Whether it is a service account"`
	Created     string    `json:"created" format:"date-time"`
	Avatar      string    `json:"avatar,omitempty" doc:"Where the picture that was uploaded is, another address for each; without one …/avatar is drawn"`
	Presence    *Presence `json:"presence,omitempty" doc:"Of one person, to itself, to those who have a conversation with it and to those whom it follows and who follow it"`
	Aliases     []string  `json:"aliases,omitempty" doc:"Former names. This and the following are for the person itself and for managers"`
	Roles       []string  `json:"roles,omitempty" doc:"Of manager, moderator, auditor and hidden"`
	Suspended   bool      `json:"suspended,omitempty"`

	Title string `json:"title,omitempty" doc:"What it is or does here. This and the following are told of one person, not in lists" example:"Librarian"`
	About string `json:"about,omitempty" doc:"What it says of itself"`
	URL   string `json:"url,omitempty"`
}

// newPerson shows p; whole means to itself or to a manager.
func newPerson(p social.Person, whole bool) Person {
	out := Person{Name: p.Name, DisplayName: p.DisplayName, Service: p.Service, Created: stamp(p.Created), Avatar: avatarAddress("/v1/people/"+p.Name, p.Avatar)}
	if whole {
		out.Aliases, out.Roles, out.Suspended = p.Aliases, p.Roles.Words(), p.Suspended
	}
	return out
}

func (s *Server) showPerson(a social.Actor, p social.Person) Person {
	return newPerson(p, p.Key == a.Person || s.directory.Roles(a).Has(social.RoleManager))
}

func (s *Server) listPeople(ctx context.Context, a social.Actor, in *PageCursor) (*listOut[Person], error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, err
	}
	after, err := in.after("people")
	if err != nil {
		return nil, err
	}
	if err := counted(ctx, func() (int, error) { return s.people.Count(a), nil }); err != nil {
		return nil, err
	}
	list, more := s.people.List(a, after, in.Limit)
	var items []Person
	for _, p := range list {
		items = append(items, s.showPerson(a, p))
	}
	next := ""
	if more {
		next = list[len(list)-1].Name
	}
	return newList("people", "/v1/people", *in, nil, items, next), nil
}

type createPersonIn struct {
	Body struct {
		Name        string   `json:"name" example:"ann"`
		DisplayName string   `json:"displayName,omitempty" example:"Ann"`
		Password    string   `json:"password,omitempty" doc:"Absent: it cannot sign in with one"`
		Roles       []string `json:"roles,omitempty" nullable:"false"`
		Service     bool     `json:"service,omitempty"`
	}
}

type personOut struct {
	Location string `header:"Location"`
	Body     Person
}

func (s *Server) createPerson(ctx context.Context, a social.Actor, in *createPersonIn) (*personOut, error) {
	n := social.NewPerson{Name: in.Body.Name, DisplayName: in.Body.DisplayName, Service: in.Body.Service}
	if err := s.requireManager(a); err != nil { // before a hash is computed for nothing
		return nil, err
	}
	var err error
	if n.Roles, err = social.ParseRoles("roles", in.Body.Roles); err != nil {
		return nil, err
	}
	if n.Name, err = social.ParsePersonName("name", n.Name); err != nil {
		return nil, err
	}
	if in.Body.Password != "" {
		if n.PasswordHash, err = s.auth.Hash(ctx, in.Body.Password); err != nil {
			return nil, err
		}
	}
	p, err := s.people.Create(ctx, a, n)
	if err != nil {
		return nil, err
	}
	return &personOut{Location: personPath(p.Name), Body: newPerson(p, true)}, nil
}

func (s *Server) requireManager(a social.Actor) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	return s.directory.RequireManager(a)
}

func personPath(name string) string { return "/v1/people/" + url.PathEscape(name) }

type PathName struct {
	Name string `path:"name" doc:"A name, a former name, or me"`
}

func (s *Server) getPerson(ctx context.Context, a social.Actor, in *PathName) (*personOut, error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, err
	}
	p, err := s.people.Get(a, in.Name)
	if err != nil {
		return nil, err
	}
	out, err := s.showProfile(ctx, a, p)
	if err != nil {
		return nil, err
	}
	out.Presence = s.presence(ctx, a, p)
	return &personOut{Body: out}, nil
}

// showProfile is showPerson with what the person says of itself.
func (s *Server) showProfile(ctx context.Context, a social.Actor, p social.Person) (Person, error) {
	said, err := s.people.Profile(ctx, a, p.Name)
	out := s.showPerson(a, p)
	out.Title, out.About, out.URL = said.Title, said.About, said.URL
	return out, err
}

type patchPersonIn struct {
	PathName
	Body struct {
		DisplayName *string   `json:"displayName,omitempty"`
		Title       *string   `json:"title,omitempty" doc:"What it is or does here, in a line of at most 200 bytes"`
		About       *string   `json:"about,omitempty" doc:"What it says of itself, at most 4096 bytes"`
		URL         *string   `json:"url,omitempty" doc:"Of a page about it, http:// or https://"`
		Name        *string   `json:"name,omitempty" doc:"Rename (manager); the old name stays an alias"`
		Roles       *[]string `json:"roles,omitempty" doc:"All roles (manager)"`
		Suspended   *bool     `json:"suspended,omitempty" doc:"Manager"`
		Password    *string   `json:"password,omitempty" doc:"A new password. It ends every login of the person"`
		OldPassword string    `json:"oldPassword,omitempty" doc:"The present one, with which one changes one's own"`
	}
}

// patchPerson changes what is there. Several changes are made one after the
// other, those that are refused most easily first.
func (s *Server) patchPerson(ctx context.Context, a social.Actor, in *patchPersonIn) (*personOut, error) {
	p, err := s.people.Get(a, in.Name)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	patch := social.PersonPatch{DisplayName: b.DisplayName, Suspended: b.Suspended, Title: b.Title, About: b.About, URL: b.URL}
	if b.Roles != nil {
		roles, err := social.ParseRoles("roles", *b.Roles)
		if err != nil {
			return nil, err
		}
		patch.Roles = &roles
	}
	if b.Password != nil {
		if err := s.setPassword(ctx, a, p.Key, b.OldPassword, *b.Password); err != nil {
			return nil, err
		}
	}
	if b.Name != nil {
		if p, err = s.people.Rename(ctx, &a, p.Name, *b.Name); err != nil {
			return nil, err
		}
	}
	if patch != (social.PersonPatch{}) || b.Password == nil && b.Name == nil {
		if p, err = s.people.Edit(ctx, a, p.Name, patch); err != nil {
			return nil, err
		}
	}
	out, err := s.showProfile(ctx, a, p)
	if err != nil {
		return nil, err
	}
	return &personOut{Body: out}, nil
}

func (s *Server) setPassword(ctx context.Context, a social.Actor, person social.PersonKey, old, password string) error {
	var acts []social.Act
	if person != a.Person {
		acts = append(acts, a.Act(social.VerbPassword).On(person))
	}
	return s.directory.Audit().Do(ctx, func(ctx context.Context) error {
		return s.auth.SetPassword(ctx, a, person, old, password, askedOf(ctx).from)
	}, acts...)
}

type deletePersonIn struct {
	PathName
	Erase bool `query:"erase" doc:"Also forget the person: what it wrote becomes tombstones, and its name is nobody's"`
}

// ErasureReceipt says what became of an erasure.
type ErasureReceipt struct {
	ID      string `json:"id"`
	State   string `json:"state" enum:"running,done"`
	Asked   string `json:"asked" format:"date-time"`
	Done    string `json:"done,omitempty" format:"date-time"`
	Posts   int    `json:"posts" doc:"Posts, comments and messages that are tombstones now"`
	Likes   int    `json:"likes" doc:"Taken back"`
	Samples int    `json:"samples" doc:"Messages of data channels without their payload now"`
	Files   int    `json:"files"`
	Logins  int    `json:"logins" doc:"Logins and tokens that are deleted"`
	Names   int    `json:"names" doc:"Names, former ones too, that nobody reads or takes any more"`
}

type receiptOut struct {
	Status   int
	Location string `header:"Location"`
	Body     *ErasureReceipt
}

// eraseWait is how long an answer waits for an erasure to be done.
const eraseWait = 10 * time.Second

func (s *Server) deletePerson(ctx context.Context, a social.Actor, in *deletePersonIn) (*receiptOut, error) {
	if !in.Erase {
		return &receiptOut{Status: http.StatusNoContent}, s.people.Remove(ctx, &a, in.Name)
	}
	e, err := s.erasures.Begin(ctx, &a, in.Name)
	return s.awaitErasure(ctx, e, err)
}

type eraseMeIn struct {
	Body struct {
		Password string `json:"password" doc:"The present one"`
	}
}

// eraseMe answers with the receipt: whoever asked can ask for nothing afterwards.
func (s *Server) eraseMe(ctx context.Context, a social.Actor, in *eraseMeIn) (*receiptOut, error) {
	if err := s.auth.Confirm(ctx, a, "password", in.Body.Password, askedOf(ctx).from); err != nil {
		return nil, err
	}
	e, err := s.erasures.BeginOwn(ctx, a)
	return s.awaitErasure(ctx, e, err)
}

// awaitErasure is the receipt of what has begun, unless err says why it has not.
func (s *Server) awaitErasure(ctx context.Context, e social.Erasure, err error) (*receiptOut, error) {
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, eraseWait)
	defer cancel()
	if e, err = s.erasures.Await(within, e.ID); err != nil {
		return nil, err
	}
	return newReceipt(e), nil
}

func newReceipt(e social.Erasure) *receiptOut {
	out := &ErasureReceipt{
		ID: e.ID.String(), State: "running", Asked: stamp(e.Asked), Posts: e.Counts.Posts, Likes: e.Counts.Likes,
		Samples: e.Counts.Samples, Files: e.Counts.Files, Logins: e.Counts.Logins, Names: e.Counts.Names,
	}
	status := http.StatusAccepted
	if !e.Done.IsZero() {
		out.State, out.Done, status = "done", stamp(e.Done), http.StatusOK
	}
	return &receiptOut{Status: status, Location: "/v1/admin/erasures/" + out.ID, Body: out}
}

type erasureIn struct {
	ID string `path:"id"`
}

type erasureOut struct{ Body ErasureReceipt }

func (s *Server) getErasure(ctx context.Context, a social.Actor, in *erasureIn) (*erasureOut, error) {
	id, ok := social.ParseID(in.ID)
	if !ok {
		return nil, social.Errorf(social.KindNotFound, "There is no erasure %q.", clip(in.ID))
	}
	e, err := s.erasures.Get(ctx, a, id)
	if err != nil {
		return nil, err
	}
	return &erasureOut{*newReceipt(e).Body}, nil
}

type roleIn struct {
	Role string `path:"role" enum:"manager,moderator,auditor,hidden"`
	PathName
}

func (s *Server) giveRole(ctx context.Context, a social.Actor, in *roleIn) (*struct{}, error) {
	return nil, s.changeRole(ctx, a, in, func(has, role social.Roles) social.Roles { return has | role })
}

func (s *Server) takeRole(ctx context.Context, a social.Actor, in *roleIn) (*struct{}, error) {
	return nil, s.changeRole(ctx, a, in, func(has, role social.Roles) social.Roles { return has &^ role })
}

func (s *Server) changeRole(ctx context.Context, a social.Actor, in *roleIn, change func(has, role social.Roles) social.Roles) error {
	if err := s.requireManager(a); err != nil {
		return err
	}
	role, err := social.ParseRoles("role", []string{in.Role})
	if err != nil {
		return err
	}
	p, err := s.people.Get(a, in.Name)
	if err != nil {
		return err
	}
	roles := change(p.Roles, role)
	_, err = s.people.Edit(ctx, a, p.Name, social.PersonPatch{Roles: &roles})
	return err
}
