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

// requireMessage is KindNotFound for the id of a post elsewhere.
func (s *Server) requireMessage(ctx context.Context, id string) error {
	return s.posts.RequireIn(ctx, id, social.ChannelMessages, social.KindConversation)
}

func (s *Server) patchMessage(ctx context.Context, a social.Actor, in *createActivityIn) (*jsonOut, error) {
	return s.editPost(ctx, a, in, s.requireMessage)
}

func (s *Server) deleteMessage(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	if err := s.requireMessage(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.posts.Remove(ctx, a, in.ID)
}

// conversationLog reads a stream of a conversation.
func (s *Server) conversationLog(channel social.Channel) func(context.Context, social.Actor, *streamIn) (*jsonOut, error) {
	return func(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
		return s.readLog(ctx, a, in, inConversation(in.ID), channel)
	}
}
