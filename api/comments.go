package api

import (
	"context"
	"net/http"
	"net/url"

	"rambla/social"
)

func (s *Server) createComment(ctx context.Context, a social.Actor, in *createActivityIn) (*jsonOut, error) {
	d, err := parseDraft(in.raw, in.Key)
	if err != nil {
		return nil, err
	}
	f, _, err := s.activities.Comment(ctx, a, in.ID, d)
	if err != nil {
		return nil, err
	}
	out := newJSON(http.StatusCreated, s.directory.RenderPost(nil, f.Space, &f.Post))
	out.Location = "/v1/comments/" + f.ID.String()
	out.ETag = etag(&f.Post)
	return out, nil
}

func (s *Server) listComments(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
	page, err := in.seqs()
	if err != nil {
		return nil, err
	}
	list, err := s.activities.Comments(ctx, a, in.ID, page)
	if err != nil {
		return nil, err
	}
	return s.renderPage(in, "/v1/activities/"+url.PathEscape(in.ID)+"/comments", page, &list, nil, ""), nil
}

func (s *Server) getComment(ctx context.Context, a social.Actor, in *PathID) (*jsonOut, error) {
	f, err := s.posts.Get(ctx, a, social.SortComment, in.ID)
	if err != nil {
		return nil, err
	}
	return s.renderPost(f), nil
}

// renderPost writes one post as the log has it.
func (s *Server) renderPost(f social.Found) *jsonOut {
	out := newJSON(http.StatusOK, s.directory.RenderPost(nil, f.Space, &f.Post))
	out.ETag = etag(&f.Post)
	return out
}

func (s *Server) patchComment(ctx context.Context, a social.Actor, in *editIn) (*jsonOut, error) {
	f, err := s.editPost(ctx, a, social.SortComment, in)
	if err != nil {
		return nil, err
	}
	return s.renderPost(f), nil
}

func (s *Server) deleteComment(ctx context.Context, a social.Actor, in *removeIn) (*struct{}, error) {
	return s.removePost(ctx, a, social.SortComment, in)
}
