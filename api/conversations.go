package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

// Conversation is a private exchange, as a participant sees it.
type Conversation struct {
	ID               string        `json:"id"`
	DisplayName      string        `json:"displayName" example:"Trip to Girona" doc:"Of a conversation of two the other's name"`
	Participants     []Participant `json:"participants" nullable:"false" doc:"By name; in lists the first few"`
	ParticipantCount int           `json:"participantCount"`
	Owner            string        `json:"owner,omitempty" doc:"Of a group"`
	Tags             []string      `json:"tags" nullable:"false" doc:"group; single: of two people one has left; archive: nobody is left to write to; and the group's own"`
	History          string        `json:"history" enum:"all,since_join" doc:"What participants see of the time before they joined"`
	Created          string        `json:"created" format:"date-time"`
	Avatar           string        `json:"avatar,omitempty" doc:"Where the picture that was uploaded is, of a conversation of two that of the other one; another address for each"`
	May              []string      `json:"may" nullable:"false" doc:"The permissions that I have in it, with this token"`
}

// Participant is somebody who takes part.
type Participant struct {
	Name        string `json:"name" example:"bob"`
	DisplayName string `json:"displayName" example:"Bob"`
	Service     bool   `json:"service"`
}

func newParticipant(p social.Person) Participant {
	return Participant{Name: p.Name, DisplayName: p.DisplayName, Service: p.Service}
}

func (s *Server) newConversation(c *social.Conversation) Conversation {
	out := Conversation{
		ID: c.Space.ID, DisplayName: c.Name, ParticipantCount: c.Total, Tags: append([]string{}, c.Tags...),
		History: c.Space.History.String(), Created: stamp(c.Space.Created), Avatar: avatarAddress("/v1/conversations/"+c.Space.ID, c.Avatar.Picture), May: c.May.Words(),
	}
	if !c.Space.Single() {
		out.Owner = s.directory.AnyPerson(c.Space.Owner).Name
	}
	for _, p := range c.Participants {
		out.Participants = append(out.Participants, newParticipant(p))
	}
	return out
}

// activityCursor reads where a list by activity goes on.
func activityCursor(in PageCursor, list string) (social.Activity, error) {
	after, err := in.after(list)
	if err != nil || after == "" {
		return social.Activity{}, err
	}
	at, stream, _ := strings.Cut(after, " ")
	us, err1 := strconv.ParseInt(at, 36, 64)
	key, err2 := strconv.ParseInt(stream, 36, 64)
	if err1 != nil || err2 != nil {
		return social.Activity{}, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return social.Activity{At: time.UnixMicro(us), Stream: social.StreamKey(key)}, nil
}

// activityKey is what activityCursor reads; empty at the end.
func activityKey(a social.Activity) string {
	if a.Stream == 0 {
		return ""
	}
	return strconv.FormatInt(a.At.UnixMicro(), 36) + " " + strconv.FormatInt(int64(a.Stream), 36)
}

func (s *Server) listConversations(ctx context.Context, a social.Actor, in *PageCursor) (*listOut[Conversation], error) {
	const list = "conversations"
	before, err := activityCursor(*in, list)
	if err != nil {
		return nil, err
	}
	found, next, err := s.talks.List(ctx, a, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Conversation
	for i := range found {
		items = append(items, s.newConversation(&found[i]))
	}
	return newList(list, "/v1/conversations", *in, nil, items, activityKey(next)), nil
}

// ConversationOverview is a conversation of mine, and how far I have read there.
type ConversationOverview struct {
	Conversation
	Position  string  `json:"position" doc:"Where its messages stand, as epoch:seq" example:"1f0c9a2e:42"`
	Delivered *uint64 `json:"delivered" doc:"What is up to this seq has reached a device of mine"`
	Read      *uint64 `json:"read" doc:"What is up to this seq I have read"`
	Unread    *uint64 `json:"unread" doc:"Living messages by others after it that I may see"`
	Last      *Post   `json:"last,omitempty" doc:"The last living message that I may see"`
	Interest
}

// ConversationOverviewPage is a page of my conversations.
type ConversationOverviewPage struct {
	Items []ConversationOverview `json:"items" nullable:"false"`
	Next  string                 `json:"next,omitempty" doc:"The cursor of the next page; absent at the end"`
	Changed
}

// conversationOverview is what ConversationOverview describes, with its post as
// it is rendered everywhere.
type conversationOverview struct {
	ConversationOverview
	Last json.RawMessage `json:"last,omitempty"`
}

func (s *Server) listMyConversations(ctx context.Context, a social.Actor, in *PageChanged) (*jsonOut, error) {
	const list = "my conversations"
	before, err := activityCursor(in.PageCursor, list)
	if err != nil {
		return nil, err
	}
	changes, err := s.changes(ctx, a, list, social.KindConversation, in)
	if err != nil {
		return nil, err
	}
	found, next, err := s.talks.Overviews(ctx, a, s.markers, before, in.Limit, changes)
	if err != nil {
		return nil, err
	}
	var items []conversationOverview
	for i := range found {
		o := &found[i]
		item := conversationOverview{ConversationOverview: s.newConversationOverview(o)}
		if o.Post != nil {
			item.Last = s.directory.RenderPost(nil, o.Space, o.Post)
		}
		items = append(items, item)
	}
	return renderChanged(list, "/v1/me/conversations", a, in, changes, items, activityKey(next))
}

// newConversationOverview leaves the last message out.
func (s *Server) newConversationOverview(o *social.ConversationOverview) ConversationOverview {
	return ConversationOverview{
		Conversation: s.newConversation(&o.Conversation), Position: fmt.Sprintf("%s:%d", o.Epoch, o.Head),
		Delivered: &o.Delivered, Read: &o.Read, Unread: &o.Unread, Interest: newInterest(o.Overview.Interest),
	}
}

type createConversationIn struct {
	Body struct {
		Participants []string `json:"participants" nullable:"false" doc:"Names of the others" example:"bob"`
		DisplayName  string   `json:"displayName,omitempty" doc:"Makes it a group, also of two" example:"Trip to Girona"`
		Tags         []string `json:"tags,omitempty" nullable:"false" doc:"Of a group"`
		History      *string  `json:"history,omitempty" enum:"all,since_join" doc:"Of a group; absent: since_join"`
	}
}

type conversationOut struct {
	Status   int
	Location string `header:"Location"`
	Body     Conversation
}

func (s *Server) createConversation(ctx context.Context, a social.Actor, in *createConversationIn) (*conversationOut, error) {
	n := social.NewConversation{Participants: in.Body.Participants, DisplayName: in.Body.DisplayName, Tags: in.Body.Tags}
	var err error
	if n.History, err = parseHistory(in.Body.History); err != nil {
		return nil, err
	}
	c, first, err := s.talks.Create(ctx, a, n)
	if err != nil {
		return nil, err
	}
	return &conversationOut{Status: created(first), Location: "/v1/conversations/" + c.Space.ID, Body: s.newConversation(&c)}, nil
}

// parseHistory reads the policy, where one is given.
func parseHistory(word *string) (*social.History, error) {
	if word == nil {
		return nil, nil
	}
	h, err := social.ParseHistory("history", *word)
	return &h, err
}

func (s *Server) getConversation(_ context.Context, a social.Actor, in *PathID) (*conversationOut, error) {
	c, err := s.talks.Get(a, in.ID)
	if err != nil {
		return nil, err
	}
	return &conversationOut{Status: http.StatusOK, Body: s.newConversation(&c)}, nil
}

type patchConversationIn struct {
	PathID
	Body struct {
		DisplayName *string   `json:"displayName,omitempty"`
		Tags        *[]string `json:"tags,omitempty"`
		History     *string   `json:"history,omitempty" enum:"all,since_join"`
	}
}

func (s *Server) patchConversation(ctx context.Context, a social.Actor, in *patchConversationIn) (*conversationOut, error) {
	patch := social.SpacePatch{DisplayName: in.Body.DisplayName, Tags: in.Body.Tags}
	var err error
	if patch.History, err = parseHistory(in.Body.History); err != nil {
		return nil, err
	}
	c, err := s.talks.Edit(ctx, a, in.ID, patch)
	if err != nil {
		return nil, err
	}
	return &conversationOut{Status: http.StatusOK, Body: s.newConversation(&c)}, nil
}

func (s *Server) deleteConversation(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	return nil, s.talks.Delete(ctx, a, in.ID)
}

type participantOut struct {
	Status int
	Body   Participant
}

func (s *Server) putParticipant(ctx context.Context, a social.Actor, in *PathMember) (*participantOut, error) {
	who, first, err := s.talks.Admit(ctx, a, in.ID, in.Name)
	if err != nil {
		return nil, err
	}
	return &participantOut{Status: created(first), Body: newParticipant(who)}, nil
}

func (s *Server) deleteParticipant(ctx context.Context, a social.Actor, in *PathMember) (*struct{}, error) {
	return nil, s.talks.Dismiss(ctx, a, in.ID, in.Name)
}

func (s *Server) putConversationOwner(ctx context.Context, a social.Actor, in *putOwnerIn) (*conversationOut, error) {
	c, err := s.talks.HandOver(ctx, a, in.ID, in.Body.Owner)
	if err != nil {
		return nil, err
	}
	return &conversationOut{Status: http.StatusOK, Body: s.newConversation(&c)}, nil
}

func (s *Server) putConversationRead(ctx context.Context, a social.Actor, in *putReadIn) (*markerOut, error) {
	return s.moveMarker(ctx, a, in, social.InConversation(in.ID))
}
