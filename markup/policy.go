package markup

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

// rel is on every link: it vouches for nothing, and what it opens gets no hold
// of the page.
const rel = "nofollow noopener"

// schemes are those that a link may have.
var schemes = []string{"http", "https", "mailto"}

// newPolicy is all that may come out, whatever the parser made. No classes,
// ids, styles or event handlers; addresses are absolute.
func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(
		"p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6",
		"em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li",
	)
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,9}$`)).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(regexp.MustCompile(`^` + rel + `$`)).OnElements("a")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.AllowURLSchemes(schemes...)
	p.RequireNoFollowOnLinks(true)
	return p
}
