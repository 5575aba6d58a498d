package api

import (
	"bufio"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"rambla/social"
)

// exportPage is how much of a context is in memory while it is exported.
const exportPage = 200

// exportedChannels are the logs that an export has, in its order.
func exportedChannels() []social.Channel {
	return []social.Channel{social.ChannelMessages, social.ChannelComments, social.ChannelReactions, social.ChannelEvents}
}

// getContextExport sends everything of a context, a JSON object a line. The last
// one is of the kind end: without it, the export is not whole.
func (s *Server) getContextExport(w http.ResponseWriter, r *http.Request) {
	a, id := askedOf(r.Context()).actor, chi.URLParam(r, "id")
	sight, err := s.spaces.Export(r.Context(), a, id)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", sight.Space.ID+".ndjson"))
	h.Set("Cache-Control", "no-store")
	x := &contextExport{
		server: s, request: r, actor: a, space: sight.Space,
		lineWriter: lineWriter{out: bufio.NewWriterSize(&pacedWriter{ResponseWriter: w, control: http.NewResponseController(w)}, 64<<10)},
	}
	if err := x.write(s.newContext(a, sight)); err != nil { //nolint:contextcheck // it has the request
		s.log.WarnContext(r.Context(), "an export was cut", "context", sight.Space.ID, "err", err)
		panic(http.ErrAbortHandler) // the client must not take a part for the whole
	}
}

// contextExport is one being sent.
type contextExport struct {
	lineWriter
	server  *Server
	request *http.Request
	actor   social.Actor
	space   *social.Space
}

func (x *contextExport) write(c Context) error {
	if err := x.line("context", "context", c); err != nil {
		return err
	}
	if err := x.members(); err != nil {
		return err
	}
	for _, channel := range exportedChannels() {
		if err := x.log(channel); err != nil {
			return fmt.Errorf("%s: %w", channel, err)
		}
	}
	if err := x.line("end", "lines", x.lines); err != nil {
		return err
	}
	return x.out.Flush()
}

func (x *contextExport) members() error {
	for after, more := social.PersonKey(0), true; more; more = after != 0 {
		list, next, err := x.server.spaces.Members(x.request.Context(), x.actor, x.space.ID, after, exportPage)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := x.line("member", "member", newMember(r)); err != nil {
				return err
			}
		}
		after = next
	}
	return nil
}

// log writes a stream from its beginning. The right to it is looked at for every page.
func (x *contextExport) log(channel social.Channel) error {
	page := social.Page{Forward: true, Limit: exportPage}
	for more := true; more; {
		list, err := x.server.posts.History(x.request.Context(), x.actor, social.InContext(x.space.ID), channel, page)
		if err != nil {
			return err
		}
		var text []byte
		for i := range list.Posts {
			p := &list.Posts[i]
			text = x.server.directory.RenderActivity(text[:0], list.Space, p, nil)
			if err := x.raw(channel.String(), "activity", text); err != nil {
				return err
			}
			page.After = p.Seq
		}
		more = list.More
	}
	return nil
}
