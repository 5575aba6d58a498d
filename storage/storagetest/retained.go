package storagetest

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"rambla/social"
)

func retainedClaims() []claim {
	return []claim{
		{"the last retained message of a topic is kept, and an empty one removes it", retainedLast},
		{"what is retained at QoS 0 is in no stream", retainedUnlogged},
		{"retained messages are found by topic and prefix, in the order of bytes", retainedPages},
		{"a retained message that has expired is not read, and is purged", retainedExpiry},
		{"a batch retains only what it said last, and repeats nothing", retainedBatch},
		{"a deleted context forgets what it retained", retainedDeleted},
		{"a prefix of open topics has one stream, however often it is asked for", openStreams},
	}
}

func (w *World) toRetain(topic, payload string, qos byte) *social.Sample {
	m := w.sample(topic, []byte(payload))
	m.Retain, m.QoS, m.Session = true, qos, 77
	return m
}

// retained lists topic=payload of the lobby's retained messages.
func (w *World) retained(q social.RetainedQuery) string {
	w.Helper()
	q.Stream = w.Lobby.Stream(social.ChannelData)
	if q.At.IsZero() {
		q.At = Epoch()
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, err := w.DB.Retained(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, m := range list {
		out = append(out, m.Topic+"="+string(m.Payload))
	}
	return strings.Join(out, " ")
}

func retainedLast(w *World) {
	full := w.toRetain("kitchen/lamp", "on", 2)
	full.Properties = &social.Properties{ContentType: "text/plain", User: []social.UserProperty{{Name: "a", Value: "1"}}}
	w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("kitchen/lamp", "dim", 1)}, social.Entry{Sample: w.sample("kitchen/lamp", []byte("passing"))})
	w.AppendEntries(Epoch(), social.Entry{Sample: full})
	got, err := w.DB.Retained(w.Context(), social.RetainedQuery{Stream: full.Stream, Topic: "kitchen/lamp", At: Epoch(), Limit: 9})
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], *full) || got[0].Seq != 3 {
		w.Errorf("read %+v, %v\nwrote %+v", got, err, full)
	}
	// The log has all three, as they were published.
	var kept []string
	for _, m := range w.samples(social.SampleQuery{Limit: 9}) {
		kept = append(kept, fmt.Sprint(m.Seq, m.Retain, m.Session))
	}
	if got := strings.Join(kept, ", "); got != "1 true 77, 2 false 0, 3 true 77" {
		w.Errorf("the log has %s", got)
	}
	w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("kitchen/lamp", "", 1)}, social.Entry{Sample: w.toRetain("never/there", "", 1)})
	if got := w.retained(social.RetainedQuery{}); got != "" {
		w.Errorf("after its end: %s", got)
	}
	if s, err := w.DB.State(w.Context(), full.Stream); err != nil || s.Head != 5 {
		w.Errorf("%+v, %v", s, err)
	}
}

func retainedUnlogged(w *World) {
	out := w.AppendEntries(Epoch(), social.Entry{Sample: w.sample("t", []byte("1"))}, social.Entry{Sample: w.toRetain("t", "now", 0)})
	if out[1] != (social.Appended{}) {
		w.Errorf("%+v", out[1])
	}
	later := w.toRetain("t", "later", 0)
	w.AppendEntries(Epoch().Add(time.Hour), social.Entry{Sample: later})
	if later.Seq != 0 || !later.Published.Equal(Epoch().Add(time.Hour)) {
		w.Errorf("%+v", later)
	}
	got, err := w.DB.Retained(w.Context(), social.RetainedQuery{Stream: later.Stream, Topic: "t", At: Epoch(), Limit: 1})
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], *later) {
		w.Errorf("read %+v, %v\nwrote %+v", got, err, later)
	}
	if got := w.samples(social.SampleQuery{Limit: 9}); len(got) != 1 {
		w.Errorf("the log has %+v", got)
	}
	// A key holds for it too.
	keyed := func(payload string) social.Entry {
		m := w.toRetain("t", payload, 0)
		m.Key = "k"
		return social.Entry{Sample: m, Digest: [32]byte{1}}
	}
	w.AppendEntries(Epoch(), keyed("first"))
	w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("t", "second", 0)})
	if out := w.AppendEntries(Epoch(), keyed("first")); !out[0].Repeat || out[0].Seq != 0 {
		w.Errorf("a repeat: %+v", out)
	}
	if got := w.retained(social.RetainedQuery{}); got != "t=second" {
		w.Errorf("%s", got)
	}
	w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("t", "", 0)})
	if got := w.retained(social.RetainedQuery{}); got != "" {
		w.Errorf("after its end: %s", got)
	}
}

func retainedPages(w *World) {
	var entries []social.Entry
	for _, topic := range []string{"b", "a/ä", "a/b/c", "a", "a/b", "a-b", "a/z", "a0", "B", "a/\U0010ffff"} {
		entries = append(entries, social.Entry{Sample: w.toRetain(topic, "x", byte(len(entries)%3))})
	}
	w.AppendEntries(Epoch(), entries...)
	for _, c := range []struct {
		name string
		q    social.RetainedQuery
		want string
	}{
		{"all", social.RetainedQuery{}, "B a a-b a/b a/b/c a/z a/ä a/\U0010ffff a0 b"},
		{"a page", social.RetainedQuery{Limit: 3}, "B a a-b"},
		{"the next", social.RetainedQuery{Limit: 3, After: "a-b"}, "a/b a/b/c a/z"},
		{"behind the last", social.RetainedQuery{After: "b"}, ""},
		{"below a level", social.RetainedQuery{Prefix: "a/"}, "a/b a/b/c a/z a/ä a/\U0010ffff"},
		{"below a level, a page", social.RetainedQuery{Prefix: "a/", After: "a/b", Limit: 2}, "a/b/c a/z"},
		{"a level and below", social.RetainedQuery{Prefix: "a/b"}, "a/b a/b/c"},
		{"behind a letter that is no ASCII", social.RetainedQuery{Prefix: "a/ä"}, "a/ä"},
		{"behind the greatest letter", social.RetainedQuery{Prefix: "a/\U0010ffff"}, "a/\U0010ffff"},
		{"below nothing", social.RetainedQuery{Prefix: "c/"}, ""},
		{"one", social.RetainedQuery{Topic: "a/b"}, "a/b"},
		{"one, behind itself", social.RetainedQuery{Topic: "a/b", After: "a/b"}, ""},
		{"none", social.RetainedQuery{Topic: "c"}, ""},
	} {
		if got := strings.ReplaceAll(w.retained(c.q), "=x", ""); got != c.want {
			w.Errorf("%s: %q, wanted %q", c.name, got, c.want)
		}
	}
}

func retainedExpiry(w *World) {
	short, long := w.toRetain("short", "x", 0), w.toRetain("long", "x", 1)
	short.Properties, long.Properties = &social.Properties{Expiry: 60}, &social.Properties{Expiry: 3600}
	w.AppendEntries(Epoch(), social.Entry{Sample: short}, social.Entry{Sample: long}, social.Entry{Sample: w.toRetain("for ever", "x", 1)})
	at := func(d time.Duration) string { return w.retained(social.RetainedQuery{At: Epoch().Add(d)}) }
	if got := at(59 * time.Second); got != "for ever=x long=x short=x" {
		w.Error(got)
	}
	if got := at(time.Minute); got != "for ever=x long=x" {
		w.Error(got)
	}
	if n := w.purgeAll(Epoch().Add(time.Minute)); n != 1 {
		w.Errorf("%d rows were purged", n)
	}
	if got := at(0); got != "for ever=x long=x" { // whoever's clock is behind does not get it back
		w.Error(got)
	}
	if n := w.purgeAll(Epoch().Add(time.Hour)); n != 1 {
		w.Errorf("%d rows were purged", n)
	}
	if got := at(time.Hour); got != "for ever=x" {
		w.Error(got)
	}
}

func retainedBatch(w *World) {
	w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("old", "1", 1)}, social.Entry{Sample: w.toRetain("gone", "1", 1)})
	keyed := w.toRetain("keyed", "1", 1)
	keyed.Key = "k"
	again := *keyed
	again.Payload = []byte("2")
	w.AppendEntries(Epoch(),
		social.Entry{Sample: w.toRetain("old", "22", 1)}, social.Entry{Sample: w.toRetain("new", "1", 0)}, social.Entry{Sample: w.toRetain("old", "333", 0)},
		social.Entry{Sample: w.toRetain("gone", "", 0)}, social.Entry{Sample: w.toRetain("new", "", 1)}, social.Entry{Sample: w.toRetain("back", "1", 1)},
		social.Entry{Sample: w.toRetain("gone", "again", 1)}, social.Entry{Sample: w.toRetain("back", "", 1)}, social.Entry{Sample: w.toRetain("back", "2", 1)},
		social.Entry{Sample: keyed, Digest: [32]byte{1}}, social.Entry{Sample: &again, Digest: [32]byte{1}},
	)
	if got := w.retained(social.RetainedQuery{}); got != "back=2 gone=again keyed=1 old=333" {
		w.Error(got)
	}
}

func retainedDeleted(w *World) {
	w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("t", "x", 1)})
	if err := w.DB.DeleteSpace(w.Context(), w.Lobby.Key, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.retained(social.RetainedQuery{}); got != "" {
		w.Error(got)
	}
	if out := w.AppendEntries(Epoch(), social.Entry{Sample: w.toRetain("t", "x", 0)}); social.KindOf(out[0].Err) != social.KindNotFound {
		w.Errorf("%+v", out)
	}
}

func openStreams(w *World) {
	first, err := w.DB.OpenStreams(w.Context(), []string{"sensors/", "/app/"})
	if err != nil || len(first) != 2 || first[0].Prefix != "sensors/" || first[1].Prefix != "/app/" || first[0].Stream == first[1].Stream {
		w.Fatalf("%+v, %v", first, err)
	}
	m := w.toRetain("roof/wind", "7", 1)
	m.Stream = first[0].Stream
	if out := w.AppendEntries(Epoch(), social.Entry{Sample: m}, social.Entry{Sample: w.sample("t", nil)}); out[0].Seq != 1 || out[1].Seq != 1 {
		w.Errorf("%+v", out)
	}
	again, err := w.DB.OpenStreams(w.Context(), []string{"/app/", "sensors/", "more/"})
	if err != nil || again[0] != first[1] || again[1].Stream != first[0].Stream || again[1].Head != 1 || again[2].Head != 0 {
		w.Errorf("%+v, %v; before %+v", again, err, first)
	}
	got, err := w.DB.Samples(w.Context(), social.SampleQuery{Stream: m.Stream, Topic: "roof/wind", Limit: 9})
	if err != nil || len(got) != 1 || got[0].Seq != 1 {
		w.Errorf("%+v, %v", got, err)
	}
	spaces := 0
	if err := w.DB.Spaces(w.Context(), nil, func(social.Space) { spaces++ }); err != nil || spaces != 1 {
		w.Errorf("%d contexts, %v", spaces, err)
	}
	if w.purgeAll(Epoch().Add(social.SampleLife + time.Minute)); len(w.samples(social.SampleQuery{Limit: 9})) != 0 {
		w.Error("samples of the lobby are left")
	}
	if s, err := w.DB.State(w.Context(), m.Stream); err != nil || s.Floor != 1 {
		w.Errorf("after a week %+v, %v", s, err)
	}
}
