package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// links completes the Link header of a list (RFC 8288): its next page has what
// else was asked for, and where a stream was read from a position there is a way
// back. prev turns around: of what is read newest first it is what came after,
// oldest first.
func (h *heldAnswer) links(u *url.URL) {
	asked := u.Query()
	var links []string
	for _, text := range h.header.Values("Link") {
		if strings.HasSuffix(text, `rel="next"`) {
			text = nextLink(text, asked)
		}
		links = append(links, text)
	}
	if text := prevLink(u, h.body.Bytes()); text != "" {
		links = append(links, text)
	}
	if len(links) > 0 {
		h.header.Set("Link", strings.Join(links, ", "))
	}
}

// nextLink adds to a link of ours the parameters that its handler does not know.
func nextLink(text string, asked url.Values) string {
	target, attributes, ok := strings.Cut(strings.TrimPrefix(text, "<"), ">")
	path, query, _ := strings.Cut(target, "?")
	q, err := url.ParseQuery(query)
	if !ok || err != nil {
		return text
	}
	for name, values := range asked {
		if !q.Has(name) && !slices.Contains(paging(), name) {
			q[name] = values
		}
	}
	return "<" + path + "?" + q.Encode() + ">" + attributes
}

func prevLink(u *url.URL, body []byte) string {
	q := u.Query()
	from, to := "before", "after"
	if q.Get(from) == "" {
		from, to = to, from
	}
	first := firstSeq(body)
	if q.Get(from) == "" || first == 0 || from == "after" && first == 1 { // nothing is before the first
		return ""
	}
	q.Del(from)
	q.Set(to, strconv.FormatUint(first, 10))
	return "<" + u.EscapedPath() + "?" + q.Encode() + `>; rel="prev"`
}

// firstSeq is the seq of the first item of a page; 0 where there is none.
func firstSeq(page []byte) uint64 {
	begin := []byte(`{"items":[{`) // as every list of ours begins
	if !bytes.HasPrefix(page, begin) {
		return 0
	}
	var first struct {
		Seq uint64 `json:"seq"`
	}
	if json.NewDecoder(bytes.NewReader(page[len(begin)-1:])).Decode(&first) != nil {
		return 0
	}
	return first.Seq
}
