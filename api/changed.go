package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"rambla/social"
)

// PageChanged pages a list of what one belongs to.
type PageChanged struct {
	PageCursor
	ChangedSince string `query:"changed_since" maxLength:"1000" doc:"The token of a former answer: only what may have changed since, and the ids of what is gone"`
}

// Changed is what such a list tells beside its items, on the first page.
type Changed struct {
	Token string   `json:"token,omitempty" doc:"On the first page: what to ask for as changed_since next time"`
	Gone  []string `json:"gone,omitempty" doc:"With changed_since, on the first page: the ids of those that I no longer have"`
	Reset bool     `json:"reset,omitempty" doc:"The token was too old: this is everything, and what is not listed is gone"`
}

// tokenName makes tokens of lists and people differ.
func tokenName(list string, a social.Actor) string {
	return "seen " + list + " " + strconv.FormatInt(int64(a.Person), 10)
}

// changes compares what the actor belongs to with the token of a former answer.
func (s *Server) changes(ctx context.Context, a social.Actor, list string, kind social.SpaceKind, in *PageChanged) (*social.Changes, error) {
	switch {
	case in.ChangedSince == "" && in.Cursor != "":
		return s.markers.Everything(a, kind)
	case in.ChangedSince == "":
		return s.markers.Changes(ctx, a, kind, nil)
	}
	text, err := PageCursor{Cursor: in.ChangedSince}.after(tokenName(list, a))
	seen, ok := social.DecodeSeen([]byte(text))
	if err != nil || !ok {
		return nil, social.Invalid("changed_since", "is not the token of an answer of this list to you")
	}
	return s.markers.Changes(ctx, a, kind, &seen)
}

// renderChanged writes a page of such a list.
func renderChanged[T any](list, path string, a social.Actor, in *PageChanged, c *social.Changes, items []T, next string) (*jsonOut, error) {
	extra := url.Values{}
	if in.ChangedSince != "" {
		extra.Set("changed_since", in.ChangedSince)
	}
	page := newList(list, path, in.PageCursor, extra, items, next)
	body := struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty"`
		Changed
	}{Items: page.Body.Items, Next: page.Body.Next}
	if in.Cursor == "" {
		body.Changed = Changed{Token: cursor(tokenName(list, a), string(c.Now.Encode())), Gone: c.Gone, Reset: c.Reset}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode a list of %s: %w", list, err)
	}
	out := newJSON(http.StatusOK, b)
	out.Link = page.Link
	return out, nil
}
