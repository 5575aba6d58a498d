package pushgw

import (
	"encoding/base64"
	"strconv"
)

// DataVersion is the form of what a push carries beside the provider's own fields.
const DataVersion = "1"

// Data is what every push carries beside the provider's own fields, whoever
// carries it: strings, as FCM takes nothing else. Only a preview has a title and
// a body in it, or both of them sealed.
func (m *Message) Data() map[string]string {
	d := map[string]string{
		"v": DataVersion, "kind": string(m.Kind), "stream": m.Stream, "seq": strconv.FormatUint(m.Seq, 10),
		"id": m.Post, "n": strconv.Itoa(m.Count), "badge": strconv.Itoa(m.Badge),
	}
	switch {
	case m.Kind == KindClear:
	case len(m.Sealed) > 0:
		d["sealed"] = base64.RawURLEncoding.EncodeToString(m.Sealed)
	case m.Device.Preview && len(m.Device.PayloadKey) == 0:
		d["title"], d["body"] = m.Title, m.Body
	}
	return d
}

// DataWithText is Data for a provider that has no place of its own for what is
// shown: the line that says nothing of the content goes along as alertTitle and
// alertBody where no title and body do, and silent is 1 where the push only
// replaces what is shown.
func (m *Message) DataWithText() map[string]string {
	d := m.Data()
	if m.Kind == KindClear {
		return d
	}
	if _, preview := d["body"]; !preview {
		d["alertTitle"], d["alertBody"] = m.Title, m.Body
	}
	if m.Silent {
		d["silent"] = "1"
	}
	return d
}
