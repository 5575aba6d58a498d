package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

type timelineIn struct {
	PageCursor
	Sort string `query:"sort" default:"published" enum:"published,comments" doc:"comments: by the time of the last comment, or the post's own where it has none"`
}

func (s *Server) timeline(ctx context.Context, a social.Actor, in *timelineIn) (*jsonOut, error) {
	list := "timeline " + in.Sort
	after, err := listPlace(in.PageCursor, list)
	if err != nil {
		return nil, err
	}
	found, err := s.feeds.Timeline(ctx, a, feedOrder(in.Sort), after.Feed, in.Limit)
	if err != nil {
		return nil, err
	}
	return s.renderList(ctx, a, list, "/v1/me/timeline", in.PageCursor, url.Values{"sort": {in.Sort}}, &found)
}

func feedOrder(sort string) social.FeedOrder {
	if sort == "comments" {
		return social.ByComment
	}
	return social.ByPublished
}

type listActivitiesIn struct {
	PathID
	PageSeq
	Cursor    string `query:"cursor" maxLength:"500" doc:"What next said on the page before, of lists that are sorted or filtered"`
	Sort      string `query:"sort" enum:"published,likes,flagged,comments" doc:"likes: those that are liked first, by how many like them, then the others; flagged: those that are flagged first; comments: by the time of the last comment. Absent: published, paged by seq"`
	Favorites bool   `query:"favorites" doc:"Only those that I keep as favorites"`
	Flagged   bool   `query:"flagged" doc:"Only those that are flagged, the last flagged first"`
	Author    string `query:"author" maxLength:"64" doc:"Only what this person wrote"`
	Recursive bool   `query:"recursive" doc:"Also those of the contexts whose url continues this one's, as far as I may read them"`
}

// wanted is the list that is asked for; plain is one that is paged by seq.
func (in *listActivitiesIn) wanted() (q social.ListQuery, plain bool, err error) {
	q = social.ListQuery{Order: feedOrder(in.Sort), Author: in.Author, Recursive: in.Recursive, Limit: in.Limit}
	sorted := in.Sort != "" && in.Sort != "published"
	switch {
	case in.Flagged && in.Favorites:
		return q, false, social.Invalid("favorites", "excludes flagged")
	case in.Favorites && sorted:
		return q, false, social.Invalid("favorites", "are sorted by their own time only")
	case in.Flagged && sorted && in.Sort != "flagged":
		return q, false, social.Invalid("flagged", "goes with the order flagged only")
	case in.Favorites:
		q.Rank = social.RankFavorites
	case in.Flagged || in.Sort == "flagged":
		q.Rank, q.Only = social.RankFlagged, in.Flagged
	case in.Sort == "likes":
		q.Rank = social.RankLikes
	}
	plain = q.Rank == social.RankNone && in.Sort == "" && in.Author == "" && !in.Recursive
	switch {
	case plain && in.Cursor != "":
		return q, true, social.Invalid("cursor", "belongs to lists that are sorted or filtered; this one is paged by after and before")
	case !plain && in.After != "":
		return q, false, social.Invalid("after", "pages the plain list only; this one is paged by cursor")
	case !plain && in.Before != "":
		return q, false, social.Invalid("before", "pages the plain list only; this one is paged by cursor")
	}
	return q, plain, nil
}

// extra is the query of the next page, but for its cursor.
func (in *listActivitiesIn) extra() url.Values {
	out := url.Values{}
	for name, value := range map[string]string{"sort": in.Sort, "author": in.Author} {
		if value != "" {
			out.Set(name, value)
		}
	}
	for name, is := range map[string]bool{"favorites": in.Favorites, "flagged": in.Flagged, "recursive": in.Recursive} {
		if is {
			out.Set(name, "true")
		}
	}
	return out
}

func (s *Server) listActivities(ctx context.Context, a social.Actor, in *listActivitiesIn) (*jsonOut, error) {
	q, plain, err := in.wanted()
	if err != nil {
		return nil, err
	}
	if plain {
		return s.listPosts(ctx, a, &streamIn{in.PathID, in.PageSeq}, inContext(in.ID), "/activities")
	}
	extra := in.extra()
	page := PageCursor{PageLimit: in.PageLimit, Cursor: in.Cursor}
	list := "activities " + in.ID + " " + extra.Encode()
	if q.After, err = listPlace(page, list); err != nil {
		return nil, err
	}
	found, err := s.feeds.List(ctx, a, social.InContext(in.ID), q)
	if err != nil {
		return nil, err
	}
	return s.renderList(ctx, a, list, inContext(in.ID).path+"/activities", page, extra, &found)
}

// renderList writes a page of posts, with what was said about them.
func (s *Server) renderList(ctx context.Context, a social.Actor, list, path string, in PageCursor, extra url.Values, found *social.ListPage) (*jsonOut, error) {
	facts, err := s.activities.Facts(ctx, a, found.Posts)
	if err != nil {
		return nil, err
	}
	body := append(make([]byte, 0, 512*len(found.Posts)+128), `{"items":[`...)
	for i := range found.Posts {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.directory.RenderActivity(body, found.Spaces[i], &found.Posts[i], &facts[i])
	}
	page := newList[struct{}](list, path, in, extra, nil, placeKey(found.Next))
	body = append(body, ']')
	if page.Body.Next != "" {
		body = append(append(append(body, `,"next":"`...), page.Body.Next...), '"')
	}
	out := newJSON(http.StatusOK, append(body, '}'))
	out.Link = page.Link
	return out, nil
}

// placeKey writes a place in a list as the key of a cursor; empty at the end.
func placeKey(p social.ListPlace) string {
	if p.IsZero() {
		return ""
	}
	mark, at, post := "f", p.Feed.At, p.Feed.Post
	switch {
	case !p.Ranked.IsZero():
		mark, at, post = strconv.FormatUint(p.Ranked.Likes, 10), p.Ranked.At, p.Ranked.Post
	case p.Behind:
		mark = "b"
	}
	us := int64(0)
	if !at.IsZero() {
		us = at.UnixMicro()
	}
	return mark + " " + strconv.FormatInt(us, 10) + " " + post.String()
}

// listPlace reads it from a cursor.
func listPlace(in PageCursor, list string) (p social.ListPlace, err error) {
	key, err := in.after(list)
	if err != nil || key == "" {
		return p, err
	}
	mark, rest, _ := strings.Cut(key, " ")
	number, id, _ := strings.Cut(rest, " ")
	us, err := strconv.ParseInt(number, 10, 64)
	post, ok := social.ParseID(id)
	wrong := err != nil || !ok
	var at time.Time
	if us != 0 {
		at = time.UnixMicro(us)
	}
	switch mark {
	case "f", "b":
		p.Feed, p.Behind = social.FeedPlace{At: at, Post: post}, mark == "b"
	default:
		p.Ranked = social.RankPlace{At: at, Post: post}
		p.Ranked.Likes, err = strconv.ParseUint(mark, 10, 62)
		wrong = wrong || err != nil
	}
	if wrong {
		return social.ListPlace{}, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return p, nil
}

// authorsOut are the people who posted last.
type authorsOut struct {
	Body struct {
		Items []Person `json:"items" nullable:"false"`
	}
}

func newAuthors(people []social.Person) *authorsOut {
	out := &authorsOut{}
	out.Body.Items = []Person{}
	for _, p := range people {
		out.Body.Items = append(out.Body.Items, newPerson(p, false))
	}
	return out
}

func (s *Server) listAuthors(ctx context.Context, a social.Actor, in *PathID) (*authorsOut, error) {
	found, err := s.feeds.Authors(ctx, a, social.InContext(in.ID))
	if err != nil {
		return nil, err
	}
	return newAuthors(found), nil
}

func (s *Server) timelineAuthors(ctx context.Context, a social.Actor, _ *struct{}) (*authorsOut, error) {
	found, err := s.feeds.TimelineAuthors(ctx, a)
	if err != nil {
		return nil, err
	}
	return newAuthors(found), nil
}
