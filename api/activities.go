package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"rambla/social"
)

type createActivityIn struct {
	PathID
	Key string `header:"Idempotency-Key" hidden:"true"`
	Raw
}

func (s *Server) createActivity(ctx context.Context, a social.Actor, in *createActivityIn) (*jsonOut, error) {
	return s.createPost(ctx, a, in, social.InContext(in.ID), "/v1/activities/")
}

// createPost posts into the messages of a space; at is where the post is found.
func (s *Server) createPost(ctx context.Context, a social.Actor, in *createActivityIn, w social.Where, at string) (*jsonOut, error) {
	d, err := parseDraft(in.raw, in.Key)
	if err != nil {
		return nil, err
	}
	f, again, err := s.repeats.Create(ctx, a, w, d)
	if err != nil {
		return nil, err
	}
	out := newJSON(created(!again), s.directory.RenderPost(nil, f.Space, &f.Post))
	out.Location, out.ETag = at+f.ID.String(), etag(&f.Post)
	return out, nil
}

// parseDraft reads a post; the header's key and the body's are the same thing.
func parseDraft(raw []byte, key string) (social.Draft, error) {
	d, err := social.ParseDraft(raw)
	if err != nil {
		return d, err
	}
	return d, takeKey(&d, key)
}

// takeKey takes the key of the header.
func takeKey(d *social.Draft, key string) error {
	if key == "" {
		return nil
	}
	if d.Key != "" && d.Key != key {
		return social.Invalid("key", "differs from the header Idempotency-Key")
	}
	d.Key = key
	return social.CheckKey("Idempotency-Key", key)
}

func (s *Server) getActivity(ctx context.Context, a social.Actor, in *PathID) (*jsonOut, error) {
	f, err := s.posts.Get(ctx, a, social.SortActivity, in.ID)
	if err != nil {
		return nil, err
	}
	return s.renderActivity(ctx, a, f)
}

// renderActivity writes one activity and what was said about it.
func (s *Server) renderActivity(ctx context.Context, a social.Actor, f social.Found) (*jsonOut, error) {
	facts, err := s.activities.Facts(ctx, a, []social.Post{f.Post})
	if err != nil {
		return nil, err
	}
	out := newJSON(http.StatusOK, s.directory.RenderActivity(nil, f.Space, &f.Post, &facts[0]))
	out.ETag = etag(&f.Post)
	return out, nil
}

type streamIn struct {
	PathID
	PageSeq
}

// home is a space as addresses of REST name it.
type home struct {
	social.Where
	path string
}

func inContext(id string) home {
	return home{social.InContext(id), "/v1/contexts/" + url.PathEscape(id)}
}

func inConversation(id string) home {
	return home{social.InConversation(id), "/v1/conversations/" + url.PathEscape(id)}
}

// onWall is the wall of somebody whom the address names in its own way, such as me.
func onWall(w social.Where, name string) home { return home{w, personPath(name)} }

// log is the address of one of its logs.
func (h home) log(c social.Channel) string {
	if h.Kind == social.ScopePerson && c == social.ChannelMessages {
		return h.path + "/log/posts"
	}
	return h.path + "/log/" + c.String()
}

// listPosts lists the living posts of a space, at path below it.
func (s *Server) listPosts(ctx context.Context, a social.Actor, in *streamIn, of home, path string) (*jsonOut, error) {
	page, err := in.seqs()
	if err != nil {
		return nil, err
	}
	list, facts, err := s.activities.Page(ctx, a, of.Where, page)
	if err != nil {
		return nil, err
	}
	return s.renderPage(in, of.path+path, page, &list, facts, ""), nil
}

func (s *Server) messagesLog(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
	return s.readLog(ctx, a, in, inContext(in.ID), social.ChannelMessages)
}

func (s *Server) commentsLog(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
	return s.readLog(ctx, a, in, inContext(in.ID), social.ChannelComments)
}

func (s *Server) reactionsLog(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
	return s.readLog(ctx, a, in, inContext(in.ID), social.ChannelReactions)
}

func (s *Server) eventsLog(ctx context.Context, a social.Actor, in *streamIn) (*jsonOut, error) {
	return s.readLog(ctx, a, in, inContext(in.ID), social.ChannelEvents)
}

// readLog reads a stream, forward from a position or back from its end.
func (s *Server) readLog(ctx context.Context, a social.Actor, in *streamIn, of home, channel social.Channel) (*jsonOut, error) {
	page, epoch, err := in.page()
	if err != nil {
		return nil, err
	}
	list, complete := social.Listed{}, true
	if page.Forward {
		list, complete, err = s.posts.Since(ctx, a, of.Where, channel, epoch, page)
	} else {
		list, err = s.posts.History(ctx, a, of.Where, channel, page)
	}
	if err != nil {
		return nil, err
	}
	position := fmt.Sprintf(`,"position":"%s:%d","complete":%t`, list.State.Epoch, list.Position(page.Forward), complete)
	return s.renderPage(in, of.log(channel), page, &list, nil, position), nil
}

// renderPage writes a page of posts, each with its facts where they are given;
// more is JSON that follows the items.
func (s *Server) renderPage(in *streamIn, path string, page social.Page, list *social.Listed, facts []social.Facts, more string) *jsonOut {
	body := append(make([]byte, 0, 512*len(list.Posts)+64), `{"items":[`...)
	for i := range list.Posts {
		if i > 0 {
			body = append(body, ',')
		}
		var f *social.Facts
		if facts != nil {
			f = &facts[i]
		}
		body = s.directory.RenderActivity(body, list.Space, &list.Posts[i], f)
	}
	body = append(body, ']')
	out := newJSON(http.StatusOK, nil)
	if list.More {
		last := strconv.FormatUint(list.Posts[len(list.Posts)-1].Seq, 10)
		body = append(append(body, `,"next":`...), last...)
		q := in.query()
		direction := "before"
		if page.Forward {
			direction = "after"
		}
		q.Set(direction, last)
		out.Link = link(path, q)
	}
	out.Body = append(append(body, more...), '}')
	return out
}
