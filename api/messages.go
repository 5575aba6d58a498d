package api

import (
	"context"

	"rambla/social"
)

func (s *Server) listMessages(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
	return s.listPosts(ctx, a, in, inConversation(in.ID), "/messages")
}

func (s *Server) createMessage(ctx context.Context, a social.Actor, in *createActivityIn) (*jsonOut, error) {
	return s.createPost(ctx, a, in, social.InConversation(in.ID), "/v1/messages/")
}

func (s *Server) patchMessage(ctx context.Context, a social.Actor, in *editIn) (*jsonOut, error) {
	f, err := s.editPost(ctx, a, social.SortMessage, in)
	if err != nil {
		return nil, err
	}
	return s.renderActivity(ctx, a, f)
}

func (s *Server) deleteMessage(ctx context.Context, a social.Actor, in *removeIn) (*struct{}, error) {
	return s.removePost(ctx, a, social.SortMessage, in)
}

// conversationLog reads a stream of a conversation.
func (s *Server) conversationLog(channel social.Channel) func(context.Context, social.Actor, *streamIn) (*jsonOut, error) {
	return func(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
		return s.readLog(ctx, a, in, inConversation(in.ID), channel)
	}
}
