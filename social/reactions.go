package social

import "encoding/json"

// undoing is what an Undo among reactions says besides its Object: of what kind
// the reaction was that ends.
func undoing(kind string) []byte { return []byte(`{"object":{"type":"` + kind + `"}}`) }

// Undoes is the type of the reaction that an Undo ends; empty for other posts.
func (p *Post) Undoes() string {
	if p.Type != TypeUndo {
		return ""
	}
	var more extra
	if err := json.Unmarshal(p.Extra, &more); err != nil || more.Object == nil {
		return "" // a damaged row shows without it
	}
	return more.Object.Type
}
