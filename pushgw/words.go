package pushgw

import "rambla/social"

// Line is what a push tells where it shows nothing of what was written.
type Line struct {
	Locale string // a language tag; empty: not said
	Kind   Kind
	Count  int
	// Where is the name of the context or the group; empty where it has none, as
	// between two people.
	Where string
	// Who is the name of who wrote the newest post.
	Who string
}

// Words say in people's languages what happened.
type Words interface {
	Line(l Line) (title, body string)
}

// Sealer encrypts what a device shows for the device's own key.
type Sealer interface {
	Seal(d *social.Device, title, body string) ([]byte, error)
}

// previewMost is how many characters of a post a preview shows.
const previewMost = 128

// preview is the beginning of a text, in one line.
func preview(text string) string {
	out := make([]rune, 0, previewMost)
	blank := false
	for _, r := range text {
		if r == '\n' || r == '\r' || r == '\t' || r == ' ' {
			blank = len(out) > 0
			continue
		}
		if len(out) >= previewMost-1 {
			return string(append(out, '…'))
		}
		if blank {
			out, blank = append(out, ' '), false
		}
		out = append(out, r)
	}
	return string(out)
}
