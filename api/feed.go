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

// feedCursor writes a place in a feed as the key of a cursor.
func feedCursor(p social.FeedPlace) string {
	if p.IsZero() {
		return ""
	}
	return strconv.FormatInt(p.At.UnixMicro(), 10) + " " + p.Post.String()
}

// place reads it.
func (in PageCursor) place(list string) (social.FeedPlace, error) {
	key, err := in.after(list)
	if err != nil || key == "" {
		return social.FeedPlace{}, err
	}
	at, id, _ := strings.Cut(key, " ")
	micros, err := strconv.ParseInt(at, 10, 64)
	post, ok := social.ParseID(id)
	if err != nil || !ok {
		return social.FeedPlace{}, social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return social.FeedPlace{At: time.UnixMicro(micros), Post: post}, nil
}

type timelineIn struct {
	PageCursor
	Sort string `query:"sort" default:"published" enum:"published,comments" doc:"comments: by the time of the last comment, or the post's own where it has none"`
}

func (s *Server) timeline(ctx context.Context, a social.Actor, in *timelineIn) (*jsonOut, error) {
	list, order := "timeline "+in.Sort, social.ByPublished
	if in.Sort == "comments" {
		order = social.ByComment
	}
	after, err := in.place(list)
	if err != nil {
		return nil, err
	}
	found, err := s.feeds.Timeline(ctx, a, order, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return s.renderGathered(ctx, a, list, "/v1/me/timeline", in.PageCursor, url.Values{"sort": {in.Sort}}, &found)
}

// renderGathered writes a page of posts of several spaces, with what was said about them.
func (s *Server) renderGathered(ctx context.Context, a social.Actor, list, path string, in PageCursor, extra url.Values, found *social.Gathered) (*jsonOut, error) {
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
	page := newList[struct{}](list, path, in, extra, nil, feedCursor(found.Next))
	body = append(body, ']')
	if page.Body.Next != "" {
		body = append(append(append(body, `,"next":"`...), page.Body.Next...), '"')
	}
	out := newJSON(http.StatusOK, append(body, '}'))
	out.Link = page.Link
	return out, nil
}
