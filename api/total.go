package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	totalHeader  = "X-Total-Count"
	cappedHeader = "X-Total-Count-Capped"
)

// maxCounted bounds how many entries are counted by reading them: ten pages. A
// list that is in memory is counted whole, see [counted].
const maxCounted = 10 * maxPage

// counted lets the handler of a list that costs nothing to count tell its total,
// where it was asked for. The error is that of total.
func counted(ctx context.Context, total func() (int, error)) error {
	a := askedOf(ctx)
	if !a.counting {
		return nil
	}
	n, err := total()
	a.total = &n
	return err
}

// count sets the header that tells how many entries a list has for whoever asks,
// whatever page of it this is. Where the handler did not tell and the list does
// not end on this page, its pages are read and counted: what one may not see is
// not counted, and a count costs what reading would. So each page is a request
// to the limiter too, and there are at most maxCounted entries.
func (s *Server) count(held *heldAnswer, r *http.Request, next http.Handler) error {
	total, capped := 0, false
	asked := askedOf(r.Context())
	page, err := readPage(held.body.Bytes())
	switch {
	case err != nil:
		return err
	case asked.total != nil:
		total = *asked.total
	case page.next == "" && atBeginning(r.URL.Query()):
		total = page.items
	default:
		if total, capped, err = s.countPages(r, next); err != nil {
			return err
		}
	}
	held.header.Set(totalHeader, strconv.Itoa(total))
	if capped {
		held.header.Set(cappedHeader, "true")
	}
	return nil
}

func (s *Server) countPages(r *http.Request, next http.Handler) (total int, capped bool, err error) {
	q := withoutPlace(r.URL.Query())
	q.Set("limit", strconv.Itoa(maxPage))
	for {
		if wait := s.persons.take(askedOf(r.Context()).actor.Person); wait > 0 {
			return 0, false, s.metrics.refuseFast(byPerson, wait)
		}
		page, err := s.readOn(r, q, next)
		if err != nil {
			return 0, false, err
		}
		total += page.items
		if page.next == "" {
			return total, false, nil
		}
		if total >= maxCounted {
			return total, true, nil
		}
		q.Set(page.by, page.next)
	}
}

// readOn reads another page of the list that r is about.
func (s *Server) readOn(r *http.Request, q url.Values, next http.Handler) (listPage, error) {
	again := r.Clone(r.Context())
	again.Method = http.MethodGet
	again.URL.RawQuery = q.Encode()
	held := &heldAnswer{header: http.Header{}}
	next.ServeHTTP(held, again)
	if held.status != http.StatusOK {
		p := newProblem(held.status, "", "")
		if err := json.Unmarshal(held.body.Bytes(), p); err != nil {
			return listPage{}, fmt.Errorf("count a list: %d: %w", held.status, err)
		}
		return listPage{}, p
	}
	return readPage(held.body.Bytes())
}

// listPage is what there is to know of a page to count a list.
type listPage struct {
	items int
	next  string // empty at the end
	by    string // the parameter that takes next
}

func readPage(body []byte) (listPage, error) {
	var read struct {
		Items []json.RawMessage `json:"items"`
		Next  json.RawMessage   `json:"next"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		return listPage{}, fmt.Errorf("read a page: %w", err)
	}
	page := listPage{items: len(read.Items), by: "before", next: string(read.Next)}
	if len(read.Next) > 0 && read.Next[0] == '"' {
		page.by = "cursor"
		if err := json.Unmarshal(read.Next, &page.next); err != nil {
			return listPage{}, fmt.Errorf("read a page: %w", err)
		}
	}
	return page, nil
}

// withoutPlace is a query of the same list from its beginning.
func withoutPlace(q url.Values) url.Values {
	for _, name := range append(paging(), "fields", "count") {
		q.Del(name)
	}
	return q
}

func atBeginning(q url.Values) bool {
	for _, name := range paging() {
		if q.Get(name) != "" {
			return false
		}
	}
	return true
}
