package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"rambla/social"
)

// exportBeat is how long nothing is sent while the log is walked: proxies in front cut
// what is silent for a minute.
const exportBeat = 15 * time.Second

// reacted is a post that I like, or keep as a favorite, by its id.
type reacted struct {
	Object string `json:"object"`
	Since  string `json:"since"`
}

// ownMembership is a context of mine, without its last post.
type ownMembership struct {
	ContextOverview
	Joined string `json:"joined"`
	Owner  bool   `json:"owner"`
}

// ownFile is a file of mine, as posts tell of it.
type ownFile struct {
	Attachment
	Created string `json:"created"`
	Post    string `json:"post,omitempty"`
}

// getMyExport sends everything that the person has, a JSON object a line. The last one is
// of the kind end: without it, the export is not whole. What it costs is told by
// [social.PersonExport.Next]; memory is that of a page.
func (s *Server) getMyExport(w http.ResponseWriter, r *http.Request) {
	a := askedOf(r.Context()).actor
	export, err := s.exports.Begin(r.Context(), a)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer export.End()
	me, err := s.people.Get(a, "me")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", me.Name+".ndjson"))
	h.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	x := &personExport{
		PersonExport: export, server: s, actor: a, me: me, control: control, sent: time.Now(),
		lineWriter: lineWriter{out: bufio.NewWriterSize(&pacedWriter{ResponseWriter: w, control: control}, 64<<10)},
	}
	if err := x.write(r.Context()); err != nil {
		s.log.WarnContext(r.Context(), "an export was cut", "person", me.Name, "err", err)
		panic(http.ErrAbortHandler) // the client must not take a part for the whole
	}
}

// personExport is one being sent.
type personExport struct {
	*social.PersonExport
	lineWriter
	server  *Server
	actor   social.Actor
	me      social.Person
	control *http.ResponseController
	sent    time.Time // when something was last sent for sure
}

func (x *personExport) write(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		x.person, x.credentials, x.sessions, x.memberships, x.acquaintances, x.files, x.favorites, x.conversations, x.log,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if err := x.line("end", "lines", x.lines); err != nil {
		return err
	}
	return x.out.Flush()
}

// show writes a line whose value stands under its kind.
func (x *personExport) show(kind string, value any) error { return x.line(kind, kind, value) }

func (x *personExport) person(ctx context.Context) error {
	p := newPerson(x.me, true)
	profile, err := x.server.people.Profile(ctx, x.actor, "me")
	if err != nil {
		return err
	}
	p.Title, p.About, p.URL = profile.Title, profile.About, profile.URL
	if err := x.show("person", p); err != nil {
		return err
	}
	preferences, err := x.server.preferences.Get(ctx, x.actor)
	if err != nil {
		return err
	}
	return x.show("preferences", showPreferences(preferences).Body)
}

func (x *personExport) credentials(ctx context.Context) error {
	devices, err := x.server.devices.List(ctx, x.actor)
	if err != nil {
		return err
	}
	for i := range devices {
		if err := x.show("device", newDevice(&devices[i])); err != nil {
			return err
		}
	}
	tokens, err := x.server.auth.ListTokens(ctx, x.actor)
	if err != nil {
		return err
	}
	for _, g := range tokens {
		if err := x.show("token", newToken(g)); err != nil {
			return err
		}
	}
	return nil
}

func (x *personExport) sessions(ctx context.Context) error {
	for after, more := social.SessionID(0), true; more; {
		var page []social.SessionView
		var err error
		if page, more, err = x.server.sessions.Mine(ctx, x.actor, after, exportPage); err != nil {
			return err
		}
		for i := range page {
			if err := x.show("session", newSession(&page[i])); err != nil {
				return err
			}
			after = page[i].ID
		}
	}
	return nil
}

func (x *personExport) memberships(ctx context.Context) error {
	all, err := x.server.markers.Everything(x.actor, social.KindContext)
	if err != nil {
		return err
	}
	for after, more := "", true; more; {
		var page []social.Overview
		if page, more, err = x.server.markers.Overviews(ctx, x.actor, after, exportPage, all); err != nil {
			return err
		}
		for i := range page {
			o := &page[i]
			after = o.Space.ID
			if err := x.membership(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *personExport) membership(ctx context.Context, o *social.Overview) error {
	r, err := x.server.spaces.Member(ctx, x.actor, o.Space.ID, "me")
	if social.KindOrNil(err) == social.KindNotFound { // left meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	return x.show("membership", ownMembership{
		ContextOverview: x.server.newOverview(o).ContextOverview, Joined: stamp(r.Joined), Owner: o.Space.Owner == x.actor.Person,
	})
}

func (x *personExport) acquaintances(ctx context.Context) error {
	for after, more := social.PersonKey(0), true; more; more = after != 0 {
		page, next, err := x.server.walls.Following(ctx, x.actor, "me", after, exportPage)
		if err != nil {
			return err
		}
		for _, f := range page {
			if err := x.show("follow", newFollower(f)); err != nil {
				return err
			}
		}
		after = next
	}
	if err := x.blocks("block", x.server.blocks); err != nil {
		return err
	}
	return x.blocks("ignore", x.server.ignores)
}

func (x *personExport) blocks(kind string, of *social.Blocks) error {
	for after, more := "", true; more; {
		page, others, err := of.List(x.actor, after, exportPage)
		if err != nil {
			return err
		}
		for _, b := range page {
			if err := x.show(kind, newBlock(b)); err != nil {
				return err
			}
			after = b.Person.Name
		}
		more = others
	}
	return nil
}

func (x *personExport) files(ctx context.Context) error {
	var after social.AttachmentPlace
	for more := true; more; {
		var page []social.Attachment
		var err error
		if page, more, err = x.Attachments(ctx, after); err != nil {
			return err
		}
		for i := range page {
			f := &page[i]
			after = social.AttachmentPlace{Size: f.Size, ID: f.ID}
			out := ownFile{Created: stamp(f.Created)}
			if err := json.Unmarshal(social.AppendAttachment(nil, f), &out.Attachment); err != nil {
				return fmt.Errorf("show a file: %w", err)
			}
			if !f.Post.IsZero() {
				out.Post = f.Post.String()
			}
			if err := x.show("attachment", out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *personExport) favorites(ctx context.Context) error {
	var after social.PostRef
	for more := true; more; {
		var page []social.Liked
		var err error
		if page, more, err = x.Favorites(ctx, after); err != nil {
			return err
		}
		for _, l := range page {
			if err := x.show("favorite", newReacted(l)); err != nil {
				return err
			}
			after = l.PostRef
		}
	}
	return nil
}

func newReacted(l social.Liked) reacted { return reacted{Object: l.Post.String(), Since: stamp(l.At)} }

func (x *personExport) conversations(ctx context.Context) error {
	all, err := x.server.markers.Everything(x.actor, social.KindConversation)
	if err != nil {
		return err
	}
	var before social.Activity
	for more := true; more; more = before != (social.Activity{}) {
		page, next, err := x.server.talks.Overviews(ctx, x.actor, x.server.markers, before, exportPage, all)
		if err != nil {
			return err
		}
		for i := range page {
			if err := x.conversation(ctx, &page[i]); err != nil {
				return err
			}
		}
		before = next
	}
	return nil
}

// conversation writes one and its messages, as the person may read them. Who is removed
// from it meanwhile has what came before.
func (x *personExport) conversation(ctx context.Context, o *social.ConversationOverview) error {
	whole, err := x.server.talks.Get(x.actor, o.Space.ID)
	if err == nil {
		item := x.server.newConversationOverview(o)
		item.Conversation = x.server.newConversation(&whole)
		if err := x.show("conversation", item); err != nil {
			return err
		}
		err = x.messages(ctx, o.Space)
	}
	if social.KindOrNil(err) == social.KindNotFound {
		return nil
	}
	return err
}

func (x *personExport) messages(ctx context.Context, space *social.Space) error {
	page := social.Page{Forward: true, Limit: exportPage}
	for more := true; more; {
		list, err := x.server.posts.History(ctx, x.actor, social.InConversation(space.ID), social.ChannelMessages, page)
		if err != nil {
			return err
		}
		for i := range list.Posts {
			p := &list.Posts[i]
			page.After = p.Seq
			if !p.Counts() {
				continue // what an edit said stands in the message, and a removal shows
			}
			if err := x.activity("message", space, p); err != nil {
				return err
			}
		}
		more = list.More
	}
	x.Told(space.Key)
	return nil
}

func (x *personExport) activity(kind string, space *social.Space, p *social.Post) error {
	return x.raw(kind, "activity", x.server.directory.RenderPost(nil, space, p))
}

// log writes what the person wrote and likes.
func (x *personExport) log(ctx context.Context) error {
	for more := true; more; {
		var posts []social.Found
		var likes []social.Liked
		var err error
		if posts, likes, more, err = x.Next(ctx); err != nil {
			return err
		}
		for i := range posts {
			f := &posts[i]
			if err := x.activity(wordOf(f), f.Space, &f.Post); err != nil {
				return err
			}
		}
		for _, l := range likes {
			if err := x.show("like", newReacted(l)); err != nil {
				return err
			}
		}
		if err := x.beat(); err != nil {
			return err
		}
	}
	return nil
}

// wordOf is the kind of a line.
func wordOf(f *social.Found) string {
	switch {
	case !f.Root.IsZero() && f.Type != social.TypeAnnounce:
		return "comment"
	case f.Space.Kind == social.KindConversation:
		return "message"
	default:
		return "post"
	}
}

// beat sends what there is, from time to time, and something where there is nothing.
func (x *personExport) beat() error {
	if time.Since(x.sent) < exportBeat {
		return nil
	}
	x.sent = time.Now()
	if err := x.line("progress", "lines", x.lines); err != nil {
		return err
	}
	if err := x.out.Flush(); err != nil {
		return err
	}
	return x.control.Flush()
}
