package api

import (
	"context"
	"net/http"

	"rambla/social"
)

type createWallPostIn struct {
	PathName
	Key string `header:"Idempotency-Key" hidden:"true"`
	Raw
}

func (s *Server) createWallPost(ctx context.Context, a social.Actor, in *createWallPostIn) (*jsonOut, error) {
	d, err := parseDraft(in.raw, in.Key)
	if err != nil {
		return nil, err
	}
	f, again, err := s.walls.Post(ctx, a, in.Name, d)
	if err != nil {
		return nil, err
	}
	out := newJSON(created(!again), s.directory.RenderPost(nil, f.Space, &f.Post))
	out.Location = "/v1/activities/" + f.ID.String()
	return out, nil
}

type wallIn struct {
	PathName
	PageSeq
}

func (in *wallIn) stream() *streamIn { return &streamIn{PageSeq: in.PageSeq} }

func (s *Server) listWall(ctx context.Context, a social.Actor, in *wallIn) (*jsonOut, error) {
	if _, err := in.seqs(); err != nil {
		return nil, err // also where there is no wall yet
	}
	where, made, err := s.walls.Find(a, in.Name)
	if err != nil {
		return nil, err
	}
	if !made {
		return newJSON(http.StatusOK, []byte(`{"items":[]}`)), nil
	}
	return s.listPosts(ctx, a, in.stream(), onWall(where, in.Name), "/activities")
}

func (s *Server) wallPostsLog(ctx context.Context, a social.Actor, in *wallIn) (*jsonOut, error) {
	return s.wallLog(ctx, a, in, social.ChannelMessages)
}

func (s *Server) wallCommentsLog(ctx context.Context, a social.Actor, in *wallIn) (*jsonOut, error) {
	return s.wallLog(ctx, a, in, social.ChannelComments)
}

func (s *Server) wallReactionsLog(ctx context.Context, a social.Actor, in *wallIn) (*jsonOut, error) {
	return s.wallLog(ctx, a, in, social.ChannelReactions)
}

func (s *Server) wallLog(ctx context.Context, a social.Actor, in *wallIn, channel social.Channel) (*jsonOut, error) {
	where, err := s.walls.Locate(ctx, a, in.Name)
	if err != nil {
		return nil, err
	}
	return s.readLog(ctx, a, in.stream(), onWall(where, in.Name), channel)
}

// Follower is somebody who follows a person, or is followed by one.
type Follower struct {
	Name        string `json:"name" example:"alice"`
	DisplayName string `json:"displayName" example:"Alice"`
	Service     bool   `json:"service"`
	Since       string `json:"since,omitempty" format:"date-time"`
}

func newFollower(f social.Follower) Follower {
	return Follower{Name: f.Person.Name, DisplayName: f.Person.DisplayName, Service: f.Person.Service, Since: stamp(f.Since)}
}

type followOut struct {
	Status int
	Body   Follower
}

func (s *Server) putFollow(ctx context.Context, a social.Actor, in *PathName) (*followOut, error) {
	p, first, err := s.walls.Follow(ctx, a, in.Name)
	if err != nil {
		return nil, err
	}
	return &followOut{Status: created(first), Body: newFollower(social.Follower{Person: p})}, nil
}

func (s *Server) deleteFollow(ctx context.Context, a social.Actor, in *PathName) (*struct{}, error) {
	return nil, s.walls.Unfollow(ctx, a, in.Name)
}

type listFollowIn struct {
	PathName
	PageCursor
}

func (s *Server) listFollowers(ctx context.Context, a social.Actor, in *listFollowIn) (*listOut[Follower], error) {
	return listFollow(in, "followers", func(after social.PersonKey) ([]social.Follower, social.PersonKey, error) {
		return s.walls.Followers(ctx, a, in.Name, after, in.Limit)
	})
}

func (s *Server) listFollowing(ctx context.Context, a social.Actor, in *listFollowIn) (*listOut[Follower], error) {
	return listFollow(in, "following", func(after social.PersonKey) ([]social.Follower, social.PersonKey, error) {
		return s.walls.Following(ctx, a, in.Name, after, in.Limit)
	})
}

// listFollow pages a list of people in the order of their internal keys, as that
// of members is.
func listFollow(in *listFollowIn, word string, read func(after social.PersonKey) ([]social.Follower, social.PersonKey, error)) (*listOut[Follower], error) {
	list := word + " of " + in.Name
	after, err := in.afterPerson(list)
	if err != nil {
		return nil, err
	}
	found, next, err := read(after)
	if err != nil {
		return nil, err
	}
	var items []Follower
	for _, f := range found {
		items = append(items, newFollower(f))
	}
	return newList(list, personPath(in.Name)+"/"+word, in.PageCursor, nil, items, personCursor(next)), nil
}
