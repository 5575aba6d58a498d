package apns

import (
	"bytes"
	"encoding/json"
	"fmt"

	"rambla/pushgw"
)

// MaxPayload is what Apple takes, in bytes.
const MaxPayload = 4096

type alert struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

type aps struct {
	Alert             *alert  `json:"alert,omitempty"`
	Badge             *int    `json:"badge,omitempty"` // 0 clears it
	Sound             string  `json:"sound,omitempty"`
	ThreadID          string  `json:"thread-id,omitempty"`
	Category          string  `json:"category,omitempty"`
	MutableContent    int     `json:"mutable-content,omitempty"`
	ContentAvailable  int     `json:"content-available,omitempty"`
	InterruptionLevel string  `json:"interruption-level,omitempty"`
	RelevanceScore    float64 `json:"relevance-score,omitempty"`
}

// payload is the push as Apple takes it; nil if it cannot be made small enough.
func payload(m *pushgw.Message) ([]byte, error) {
	data := m.Data()
	b, err := encode(m, data)
	if err != nil || len(b) <= MaxPayload {
		return b, err
	}
	if _, sealed := data["sealed"]; !sealed {
		return nil, nil
	}
	delete(data, "sealed") // what is shown beside it says nothing
	if b, err = encode(m, data); err != nil || len(b) <= MaxPayload {
		return b, err
	}
	return nil, nil
}

func encode(m *pushgw.Message, data map[string]string) ([]byte, error) {
	out := make(map[string]any, len(data)+1)
	for k, v := range data {
		out[k] = v
	}
	out["aps"] = dictionary(m)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it would make six bytes of one
	if err := e.Encode(out); err != nil {
		return nil, fmt.Errorf("encode a push: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// dictionary is Apple's part. A background push may neither alert nor carry a
// badge: the app finds the new one in the data.
func dictionary(m *pushgw.Message) *aps {
	if m.Kind == pushgw.KindClear {
		return &aps{ContentAvailable: 1}
	}
	a := &aps{Badge: &m.Badge, ThreadID: m.Stream, Category: string(m.Kind), InterruptionLevel: "active", RelevanceScore: 0.5}
	if m.Title != "" || m.Body != "" {
		a.Alert = &alert{Title: m.Title, Body: m.Body}
		a.MutableContent = 1 // needs an alert, or the app's extension never runs
		a.Sound = "default"
	}
	if m.Kind == pushgw.KindMention {
		a.InterruptionLevel, a.RelevanceScore = "time-sensitive", 1
	}
	if m.Silent {
		a.Sound, a.InterruptionLevel = "", "passive"
	}
	return a
}
