package api_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/api"
	"rambla/social"
)

// topicDocument is what the tests read of the AsyncAPI document.
type topicDocument struct {
	AsyncAPI string
	Info     struct{ Title, Version string }
	Servers  map[string]struct{ Host, Protocol string }
	Channels map[string]struct {
		Address    string
		Parameters map[string]struct{ Description string }
		Messages   map[string]ref
	}
	Operations map[string]struct {
		Action   string
		Channel  ref
		Messages []ref
		Bindings struct{ MQTT struct{ QoS int } }
	}
	Components struct {
		Messages map[string]struct {
			ContentType string
			Payload     map[string]any
		}
		Schemas map[string]map[string]any
	}
}

type ref struct {
	Ref string `json:"$ref"`
}

func TestTheAsyncAPIDocumentHasEveryTopicAndIsWhole(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	a := s.as("", "GET", "/v1/asyncapi.json").wants(200)
	var d topicDocument
	if err := json.Unmarshal(a.body, &d); err != nil {
		t.Fatal(err)
	}
	checkRefs(t, a.json(), a.json(), "#")
	if d.AsyncAPI != "3.0.0" || d.Info.Title == "" || d.Info.Version == "" || d.Servers["mqtt"].Host != "chat.example.org:1883" || d.Servers["mqtt"].Protocol != "mqtt" {
		t.Errorf("it begins with %q %+v %+v", d.AsyncAPI, d.Info, d.Servers)
	}
	part := schemas(t, a.body)
	for name := range d.Components.Schemas {
		part("#/components/schemas/" + name)
	}
	done := map[string][]string{} // what is done on each address
	for name, op := range d.Operations {
		channel, ok := d.Channels[strings.TrimPrefix(op.Channel.Ref, "#/channels/")]
		if !ok || op.Action != "send" && op.Action != "receive" || len(op.Messages) != 1 {
			t.Errorf("%s: %+v", name, op)
		}
		for _, m := range op.Messages { // one of its channel [AsyncAPI 3.0, Operation Object]
			if within, ok := strings.CutPrefix(m.Ref, op.Channel.Ref+"/messages/"); !ok || channel.Messages[within].Ref == "" {
				t.Errorf("%s: its message %s is none of its channel", name, m.Ref)
			}
		}
		done[channel.Address] = append(done[channel.Address], op.Action)
	}
	for name, c := range d.Channels {
		levels := strings.Split(c.Address, "/")
		for level := range strings.SplitSeq(c.Address, "/") {
			if p, is := strings.CutPrefix(level, "{"); is && c.Parameters[strings.TrimSuffix(p, "}")].Description == "" {
				t.Errorf("%s: the parameter %s of %s is not described", name, level, c.Address)
			}
		}
		if c.Address != social.BroadcastTopic && (len(levels) < 4 || len(c.Parameters) == 0) || len(c.Messages) == 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	// Every topic of the grammar, and nothing else.
	var forms []string
	for _, f := range social.Forms() {
		forms = append(forms, f.Topic())
		topic := strings.NewReplacer("{id}", "lobby", "{name}", "bob", "{topic}", "a/b").Replace(f.Topic())
		if at, err := social.ParseTopic(topic); err != nil || at.Channel != f.Channel || at.Kind != f.Kind {
			t.Errorf("%s is no topic: %v", topic, err)
		}
		if slices.Contains(done[f.Topic()], "receive") != f.Said || slices.Contains(done[f.Topic()], "send") != f.Told {
			t.Errorf("%s: done are %q", f.Topic(), done[f.Topic()])
		}
	}
	for _, promised := range []string{"/ctx/{id}/messages", "/ctx/{id}/data/{topic}", "/conv/{id}/typing", "/user/{name}/posts", "/user/{name}/errors", "/ctx/{id}/receipts/{name}"} {
		if !slices.Contains(forms, promised) {
			t.Errorf("%s is missing", promised)
		}
	}
	if len(forms) != len(d.Channels) || len(done) != len(forms) {
		t.Errorf("there are %d forms, %d channels, %d addresses on which something is done", len(forms), len(d.Channels), len(done))
	}
}

func TestWhatTheAsyncAPIDocumentDescribesIsWhatIsSaid(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	p, _ := s.dir.PersonByName("bob")
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text []byte
		into any
	}{
		{s.dir.RenderTyping(nil, p.Key, true, at), &api.TypingTold{}},
		{s.dir.RenderMarker(nil, social.Marker{Person: p.Key, Read: 2, Delivered: 3, At: at}), &api.MarkerTold{}},
		{s.dir.RenderPresence(nil, social.Presence{Person: p.Key, Status: social.StatusAway, LastSeen: at}), &api.PresenceTold{}},
		{social.RenderAttendance(nil, 3), &api.AttendanceTold{}},
		{social.RenderBroadcast(nil, social.Broadcast{ID: social.ID{1}, Content: "x", Published: at, Until: at}), &api.BroadcastTold{}},
		{social.RenderCounts(nil, social.Counts{Contexts: 1, Conversations: 2}), &api.CountsTold{}},
	} {
		dec := json.NewDecoder(strings.NewReader(string(c.text)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(c.into); err != nil {
			t.Errorf("%s is no %T: %v", c.text, c.into, err)
		}
		again, err := json.Marshal(c.into)
		if err != nil || !sameJSON(t, again, c.text) {
			t.Errorf("%s is described as %s", c.text, again)
		}
	}
	if _, err := social.ParseTyping(encoded(t, api.TypingSaid{Typing: true})); err != nil {
		t.Error(err)
	}
	if _, err := social.ParseStatus(encoded(t, api.StatusSaid{Status: "busy"})); err != nil {
		t.Error(err)
	}
	if _, err := social.ParseReceipt(encoded(t, api.Receipt{Read: 2, Delivered: 3})); err != nil {
		t.Error(err)
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(decoded(t, a), decoded(t, b))
}
