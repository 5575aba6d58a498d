package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"rambla/social"
)

// maxPage is also in the tag below.
const maxPage = 200

// PageLimit is how much of a list somebody wants.
type PageLimit struct {
	Limit int `query:"limit" default:"20" minimum:"1" maximum:"200" doc:"How many entries at most"`
}

// PageCursor pages a list that has no sequence numbers.
type PageCursor struct {
	PageLimit
	Cursor string `query:"cursor" maxLength:"500" doc:"What next said on the page before"`
}

// PageSeq pages a stream.
type PageSeq struct {
	PageLimit
	After  string `query:"after" doc:"Entries after this seq, oldest first; epoch:seq, as a position says it, also notices a stream that began anew" example:"41"`
	Before string `query:"before" doc:"Entries before this seq, newest first, as without either" example:"42"`
}

// page reads the numbers. epoch is empty where none was given.
func (in PageSeq) page() (page social.Page, epoch string, err error) {
	page.Limit = in.Limit
	switch {
	case in.After != "" && in.Before != "":
		return page, "", social.Invalid("before", "excludes after")
	case in.After != "":
		number := in.After
		if i := strings.LastIndexByte(number, ':'); i >= 0 {
			epoch, number = number[:i], number[i+1:]
			if epoch == "" {
				return page, "", social.Invalid("after", "is neither a seq nor epoch:seq")
			}
		}
		page.Forward = true
		page.After, err = parseSeq("after", number)
	case in.Before != "":
		page.Before, err = parseSeq("before", in.Before)
	}
	return page, epoch, err
}

// seqs is page for a list that is no log.
func (in PageSeq) seqs() (social.Page, error) {
	page, epoch, err := in.page()
	if err == nil && epoch != "" {
		err = social.Invalid("after", "is no seq; a position belongs to the log")
	}
	return page, err
}

// parseSeq reads a seq; the error is KindInvalid and names field, also for one
// that no store can hold.
func parseSeq(field, s string) (uint64, error) {
	// Not ParseInt: a sign is no part of a number here.
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, social.Invalid(field, "%q is no sequence number", clip(s))
	}
	return n, nil
}

// cursor makes the opaque text that continues a list after key. It carries a
// checksum, so that one that was cut or made up is told from one of ours; there
// is nothing to protect in it.
func cursor(list, key string) string {
	sum := cursorSum(list, key)
	return base64.RawURLEncoding.EncodeToString(append(sum[:], key...))
}

// after reads a cursor of that list; empty for the beginning.
func (in PageCursor) after(list string) (string, error) {
	if in.Cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(in.Cursor)
	if err != nil || len(b) <= cursorSumBytes || [cursorSumBytes]byte(b) != cursorSum(list, string(b[cursorSumBytes:])) {
		return "", social.Invalid("cursor", "is not what next said on a page of this list")
	}
	return string(b[cursorSumBytes:]), nil
}

const cursorSumBytes = 8

func cursorSum(list, key string) [cursorSumBytes]byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", list, key))
	return [cursorSumBytes]byte(sum[:])
}

// link is the Link header that names the next page (RFC 8288).
func link(path string, query url.Values) string {
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}

func (in PageLimit) query() url.Values { return url.Values{"limit": {strconv.Itoa(in.Limit)}} }

// listOut is a page of a list that has no sequence numbers.
type listOut[T any] struct {
	Link string `header:"Link" doc:"The next page, rel=next; absent at the end"`
	Body struct {
		Items []T    `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent at the end"`
	}
}

// newList makes a page. next is the key of the last item, or empty at the end.
func newList[T any](list, path string, in PageCursor, extra url.Values, items []T, next string) *listOut[T] {
	out := &listOut[T]{}
	out.Body.Items = append([]T{}, items...)
	if next == "" {
		return out
	}
	out.Body.Next = cursor(list, next)
	q := in.query()
	q.Set("cursor", out.Body.Next)
	for name, values := range extra {
		q[name] = values
	}
	out.Link = link(path, q)
	return out
}
