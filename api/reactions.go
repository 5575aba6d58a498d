package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"rambla/social"
)

// Opinion is what I think of a post, after I said so.
type Opinion struct {
	Liked     *bool `json:"liked,omitempty"`
	Favorited *bool `json:"favorited,omitempty"`
	Flagged   *bool `json:"flagged,omitempty" doc:"Whether it is highlighted, for everybody"`
}

type opinionOut struct {
	Status int
	Body   Opinion
}

// opinion is 201 for what was not so before, else 200.
func opinion(first bool, body Opinion, err error) (*opinionOut, error) {
	if err != nil {
		return nil, err
	}
	out := &opinionOut{Status: http.StatusOK, Body: body}
	if first {
		out.Status = http.StatusCreated
	}
	return out, nil
}

func (s *Server) putLike(ctx context.Context, a social.Actor, in *PathID) (*opinionOut, error) {
	first, err := s.activities.Like(ctx, a, social.SortActivity, in.ID)
	return opinion(first, Opinion{Liked: new(true)}, err)
}

func (s *Server) deleteLike(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	return nil, s.activities.Unlike(ctx, a, social.SortActivity, in.ID)
}

func (s *Server) putMessageLike(ctx context.Context, a social.Actor, in *PathID) (*opinionOut, error) {
	first, err := s.activities.Like(ctx, a, social.SortMessage, in.ID)
	return opinion(first, Opinion{Liked: new(true)}, err)
}

func (s *Server) deleteMessageLike(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	return nil, s.activities.Unlike(ctx, a, social.SortMessage, in.ID)
}

func (s *Server) putFavorite(ctx context.Context, a social.Actor, in *PathID) (*opinionOut, error) {
	first, err := s.activities.Favorite(ctx, a, in.ID, true)
	return opinion(first, Opinion{Favorited: new(true)}, err)
}

func (s *Server) deleteFavorite(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	_, err := s.activities.Favorite(ctx, a, in.ID, false)
	return nil, err
}

func (s *Server) putFlag(ctx context.Context, a social.Actor, in *PathID) (*opinionOut, error) {
	first, err := s.activities.Flag(ctx, a, in.ID, true)
	return opinion(first, Opinion{Flagged: new(true)}, err)
}

func (s *Server) deleteFlag(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	_, err := s.activities.Flag(ctx, a, in.ID, false)
	return nil, err
}

// Liking is that somebody likes a post.
type Liking struct {
	Actor     Party  `json:"actor"`
	Published string `json:"published" format:"date-time"`
}

func (s *Server) listLikes(ctx context.Context, a social.Actor, in *historyIn) (*listOut[Liking], error) {
	list := "likes of " + in.ID
	before, err := in.number(list)
	if err != nil {
		return nil, err
	}
	found, end, more, err := s.activities.Likes(ctx, a, in.ID, before, in.Limit)
	if err != nil {
		return nil, err
	}
	items, next := make([]Liking, len(found)), ""
	for i, l := range found {
		items[i] = Liking{Actor: s.party(l.Person), Published: stamp(l.At)}
	}
	if more {
		next = strconv.FormatUint(end, 10)
	}
	return newList(list, "/v1/activities/"+url.PathEscape(in.ID)+"/likes", in.PageCursor, nil, items, next), nil
}

// party is a person as posts show it.
func (s *Server) party(key social.PersonKey) Party {
	p := s.directory.AnyPerson(key)
	kind := "Person"
	if p.Service {
		kind = "Service"
	}
	return Party{Type: kind, ID: p.Name, Name: p.DisplayName}
}

// ShareDraft is what one says with a share.
type ShareDraft struct {
	Context string `json:"context,omitempty" doc:"The id of the context to share into; absent: my own wall"`
	Content string `json:"content,omitempty" doc:"What I say about it, at most 16 KiB"`
	Format  string `json:"format,omitempty" enum:"plain,markdown"`
	Key     string `json:"key,omitempty" doc:"Makes the share idempotent for 7 days; the same as the header Idempotency-Key"`
}

func (s *Server) createShare(ctx context.Context, a social.Actor, in *createActivityIn) (*jsonOut, error) {
	d, id, err := social.ParseShare(in.raw)
	if err == nil {
		err = takeKey(&d, in.Key)
	}
	if err != nil {
		return nil, err
	}
	to := social.InContext(id)
	if id == "" {
		if to, err = s.walls.Own(ctx, a); err != nil {
			return nil, err
		}
	}
	f, _, err := s.activities.Share(ctx, a, in.ID, to, d)
	if err != nil {
		return nil, err
	}
	out := newJSON(http.StatusCreated, s.directory.RenderPost(nil, f.Space, &f.Post))
	out.Location, out.ETag = "/v1/activities/"+f.ID.String(), etag(&f.Post)
	return out, nil
}
