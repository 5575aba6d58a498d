package api

import (
	"context"

	"rambla/social"
)

// Block is somebody whom one blocks, or ignores.
type Block struct {
	Name        string `json:"name" example:"bob"`
	DisplayName string `json:"displayName" example:"Bob"`
	Since       string `json:"since" format:"date-time"`
}

type statusOut struct{ Status int }

func (s *Server) putBlock(ctx context.Context, a social.Actor, in *PathName) (*statusOut, error) {
	first, err := s.blocks.Put(ctx, a, in.Name)
	if err != nil {
		return nil, err
	}
	return &statusOut{Status: created(first)}, nil
}

func (s *Server) deleteBlock(ctx context.Context, a social.Actor, in *PathName) (*struct{}, error) {
	return nil, s.blocks.End(ctx, a, in.Name)
}

func (s *Server) putIgnore(ctx context.Context, a social.Actor, in *PathName) (*statusOut, error) {
	first, err := s.ignores.Put(ctx, a, in.Name)
	if err != nil {
		return nil, err
	}
	return &statusOut{Status: created(first)}, nil
}

func (s *Server) deleteIgnore(ctx context.Context, a social.Actor, in *PathName) (*struct{}, error) {
	return nil, s.ignores.End(ctx, a, in.Name)
}

func newBlock(b social.Blocked) Block {
	return Block{Name: b.Person.Name, DisplayName: b.Person.DisplayName, Since: stamp(b.At)}
}

func (s *Server) listBlocks(_ context.Context, a social.Actor, in *PageCursor) (*listOut[Block], error) {
	return pageOfBlocks(a, in, s.blocks, "my blocks", "/v1/me/blocks")
}

func (s *Server) listIgnores(_ context.Context, a social.Actor, in *PageCursor) (*listOut[Block], error) {
	return pageOfBlocks(a, in, s.ignores, "my ignores", "/v1/me/ignores")
}

func pageOfBlocks(a social.Actor, in *PageCursor, of *social.Blocks, list, path string) (*listOut[Block], error) {
	after, err := in.after(list)
	if err != nil {
		return nil, err
	}
	found, more, err := of.List(a, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Block
	for _, b := range found {
		items = append(items, newBlock(b))
	}
	next := ""
	if more {
		next = found[len(found)-1].Person.Name
	}
	return newList(list, path, *in, nil, items, next), nil
}
