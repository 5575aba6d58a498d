package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"rambla/social"
)

type searchIn struct {
	PageCursor
	Q            string    `query:"q" maxLength:"1000" doc:"Words, all of which have to be there; \"words that follow each other\"; -without; begin*; #tag. Everything else parts words and means nothing"`
	Type         string    `query:"type" default:"activities" enum:"activities,comments,messages,people,contexts" doc:"What to look for"`
	Context      string    `query:"context" maxLength:"64" doc:"Only in this context; of activities and comments"`
	Conversation string    `query:"conversation" maxLength:"64" doc:"Only in this conversation; of messages"`
	Author       string    `query:"author" maxLength:"64" doc:"Only what this person wrote (me: what I did); of activities, comments and messages"`
	Tag          string    `query:"tag" maxLength:"400" doc:"Only what has this tag, with or without its #; not of people"`
	From         time.Time `query:"from" doc:"Published at this time or later; of activities, comments and messages"`
	To           time.Time `query:"to" doc:"Published before this time; likewise"`
}

// SearchPage is a page of what was found: activities, comments and messages as
// everywhere, newest first; people and contexts as in their lists, by name and id.
// Each has an excerpt beside.
type SearchPage struct {
	Items []any  `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent at the end. A page may have fewer items than asked for, also none, where there is a next one"`
}

// ExcerptRun is a piece of an excerpt. It is text, no HTML.
type ExcerptRun struct {
	Text string `json:"text"`
	Mark bool   `json:"mark,omitempty" doc:"Whether it is what was asked for"`
}

func newExcerpt(runs []social.ExcerptRun) []ExcerptRun {
	out := make([]ExcerptRun, len(runs))
	for i, r := range runs {
		out[i] = ExcerptRun{r.Text, r.Mark}
	}
	return out
}

// postSorts are the types that are posts.
var postSorts = map[string]social.Sort{"activities": social.SortActivity, "comments": social.SortComment, "messages": social.SortMessage}

// extra is the question, but for its page.
func (in *searchIn) extra() url.Values {
	out := url.Values{"type": {in.Type}}
	for name, value := range map[string]string{
		"q": in.Q, "context": in.Context, "conversation": in.Conversation, "author": in.Author, "tag": in.Tag,
	} {
		if value != "" {
			out.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": in.From, "to": in.To} {
		if !at.IsZero() {
			out.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return out
}

// strange is the first filter that does not go with names.
func (in *searchIn) strange() error {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"context", in.Context != ""},
		{"conversation", in.Conversation != ""},
		{"author", in.Author != ""},
		{"tag", in.Tag != "" && in.Type == "people"},
		{"from", !in.From.IsZero()},
		{"to", !in.To.IsZero()},
	} {
		if f.set {
			return social.Invalid(f.name, "does not go with the type %s", in.Type)
		}
	}
	return nil
}

func (s *Server) search(ctx context.Context, a social.Actor, in *searchIn) (*jsonOut, error) {
	list := "search " + in.extra().Encode()
	sort, posts := postSorts[in.Type]
	if posts {
		return s.searchPosts(ctx, a, in, list, sort)
	}
	after, err := in.after(list)
	if err == nil {
		err = in.strange()
	}
	if err != nil {
		return nil, err
	}
	var items []any
	var next string
	if in.Type == "people" {
		found, more, err := s.searches.People(a, in.Q, after, in.Limit)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			items = append(items, struct {
				Person
				Excerpt []ExcerptRun `json:"excerpt"`
			}{s.showPerson(a, f.Item), newExcerpt(f.Excerpt)})
			if more {
				next = f.Item.Name
			}
		}
	} else {
		found, more, err := s.searches.Contexts(a, in.Q, in.Tag, after, in.Limit)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			items = append(items, struct {
				Context
				Excerpt []ExcerptRun `json:"excerpt"`
			}{s.newContext(a, f.Item), newExcerpt(f.Excerpt)})
			if more {
				next = f.Item.Space.ID
			}
		}
	}
	page := newList(list, "/v1/search", in.PageCursor, in.extra(), items, next)
	body, err := json.Marshal(page.Body)
	if err != nil {
		return nil, fmt.Errorf("encode what was found: %w", err)
	}
	out := newJSON(http.StatusOK, body)
	out.Link = page.Link
	return out, nil
}

func (s *Server) searchPosts(ctx context.Context, a social.Actor, in *searchIn, list string, sort social.Sort) (*jsonOut, error) {
	after, err := listPlace(in.PageCursor, list)
	if err != nil {
		return nil, err
	}
	found, err := s.searches.Posts(ctx, a, social.SearchAsked{
		Query: in.Q, Sort: sort, Context: in.Context, Conversation: in.Conversation, Author: in.Author, Tag: in.Tag,
		From: in.From, Before: in.To, After: after.Feed, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	facts := make([]social.Facts, len(found.Posts))
	if sort != social.SortComment {
		if facts, err = s.activities.Facts(ctx, a, found.Posts); err != nil {
			return nil, err
		}
	}
	body := append(make([]byte, 0, 1024*len(found.Posts)+128), `{"items":[`...)
	for i := range found.Posts {
		if i > 0 {
			body = append(body, ',')
		}
		fact := &facts[i]
		if sort == social.SortComment {
			fact = nil
		}
		body = s.directory.RenderActivity(body, found.Spaces[i], &found.Posts[i], fact)
		runs, err := json.Marshal(newExcerpt(found.Excerpts[i]))
		if err != nil {
			return nil, fmt.Errorf("encode an excerpt: %w", err)
		}
		body = append(append(append(body[:len(body)-1], `,"excerpt":`...), runs...), '}')
	}
	page := newList[struct{}](list, "/v1/search", in.PageCursor, in.extra(), nil, placeKey(social.ListPlace{Feed: found.Next}))
	body = append(body, ']')
	if page.Body.Next != "" {
		body = append(append(append(body, `,"next":"`...), page.Body.Next...), '"')
	}
	out := newJSON(http.StatusOK, append(body, '}'))
	out.Link = page.Link
	return out, nil
}
