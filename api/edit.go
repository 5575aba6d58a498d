package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"rambla/social"
)

// IfMatch names the versions of which one must be the present one (RFC 9110
// section 13.1.1); absent or *: any.
type IfMatch struct {
	Match string `header:"If-Match" doc:"The ETag of the version to change: 412 where the post has another one meanwhile" example:"\"42\""`
}

// versions reads the header. A tag that is none of ours matches no post.
func (in IfMatch) versions() []uint64 {
	var out []uint64
	if in.Match == "" {
		return nil
	}
	for tag := range strings.SplitSeq(in.Match, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" {
			return nil
		}
		version := uint64(0) // no post has this one
		if text, ok := strings.CutPrefix(tag, `"`); ok {
			if n, err := strconv.ParseUint(strings.TrimSuffix(text, `"`), 10, 63); err == nil {
				version = n
			}
		}
		out = append(out, version)
	}
	return out
}

// etag names the version of a post: its content, whatever is said about it.
func etag(p *social.Post) string { return `"` + strconv.FormatUint(p.Version(), 10) + `"` }

type editIn struct {
	PathID
	Key string `header:"Idempotency-Key" hidden:"true"`
	IfMatch
	Raw
}

type removeIn struct {
	PathID
	IfMatch
}

func (s *Server) patchActivity(ctx context.Context, a social.Actor, in *editIn) (*jsonOut, error) {
	f, err := s.editPost(ctx, a, social.SortActivity, in)
	if err != nil {
		return nil, err
	}
	return s.renderActivity(ctx, a, f)
}

func (s *Server) deleteActivity(ctx context.Context, a social.Actor, in *removeIn) (*struct{}, error) {
	return s.removePost(ctx, a, social.SortActivity, in)
}

func (s *Server) removePost(ctx context.Context, a social.Actor, sort social.Sort, in *removeIn) (*struct{}, error) {
	return nil, s.posts.Remove(ctx, a, sort, in.ID, in.versions()...)
}

// editTries is how often an edit of a part is made anew because another one came
// between reading the rest and writing.
const editTries = 5

func (s *Server) editPost(ctx context.Context, a social.Actor, sort social.Sort, in *editIn) (social.Found, error) {
	d, err := parseDraft(in.raw, in.Key)
	if err != nil {
		return social.Found{}, err
	}
	for field, given := range map[string]bool{"to": d.Private, "inReplyTo": !d.InReplyTo.IsZero(), "type": d.Type != social.TypeCreate, "attachments": d.Attachments != nil} {
		if given {
			return social.Found{}, social.Invalid(field, "stays as it is when a post is edited")
		}
	}
	for try := 1; ; try++ {
		versions := in.versions()
		whole, err := s.keepRest(ctx, a, sort, in, &d)
		if err != nil {
			return social.Found{}, err
		}
		again := whole != 0 && len(versions) == 0
		if again {
			versions = []uint64{whole}
		}
		f, err := s.posts.Edit(ctx, a, sort, in.ID, d, versions...)
		if !again || try == editTries || social.KindOrNil(err) != social.KindStale {
			return f, err
		}
	}
}

// keepRest fills in what an edit leaves out, and tells of which version that is; 0
// where the edit is whole.
func (s *Server) keepRest(ctx context.Context, a social.Actor, sort social.Sort, in *editIn, d *social.Draft) (version uint64, err error) {
	var given struct{ Content, Format *string }
	if err := json.Unmarshal(in.raw, &given); err != nil {
		return 0, fmt.Errorf("read what an edit gives: %w", err) // ParseDraft has read it
	}
	if given.Content != nil && given.Format != nil {
		return 0, nil
	}
	f, err := s.posts.Get(ctx, a, sort, in.ID)
	if err != nil {
		return 0, err
	}
	if given.Content == nil {
		d.Content = f.Content
	}
	if given.Format == nil {
		d.Markdown = f.Markdown
	}
	return f.Version(), nil
}

// Revision is a content that a post has or had.
type Revision struct {
	Version   uint64          `json:"version" doc:"The seq of the entry that said it; the ETag is made of it"`
	Published string          `json:"published" format:"date-time" doc:"When it was said"`
	Content   string          `json:"content"`
	MediaType string          `json:"mediaType,omitempty"`
	Told      json.RawMessage `json:"told,omitempty" doc:"The object, target and data of an application"`
}

type historyIn struct {
	PathID
	PageCursor
}

func (s *Server) listRevisions(ctx context.Context, a social.Actor, in *historyIn) (*listOut[Revision], error) {
	list := "history of " + in.ID
	after, err := in.number(list)
	if err != nil {
		return nil, err
	}
	_, found, more, err := s.activities.Revisions(ctx, a, in.ID, after, in.Limit)
	if err != nil {
		return nil, err
	}
	items, next := make([]Revision, len(found)), ""
	for i, r := range found {
		items[i] = Revision{Version: r.Version, Published: stamp(r.At), Content: r.Content, Told: r.Extra}
		if r.Markdown {
			items[i].MediaType = "text/markdown"
		}
		if more {
			next = strconv.FormatUint(r.Version, 10)
		}
	}
	return newList(list, "/v1/activities/"+url.PathEscape(in.ID)+"/history", in.PageCursor, nil, items, next), nil
}

// number reads a cursor whose key is a number; 0 for the beginning.
func (in PageCursor) number(list string) (uint64, error) {
	text, err := in.after(list)
	if err != nil || text == "" {
		return 0, err
	}
	return parseSeq("cursor", text)
}
