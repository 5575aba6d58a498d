package storagetest

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	"rambla/social"
)

func sampleClaims() []claim {
	return []claim{
		{"a sample is read as it was written", sampleRoundTrip},
		{"samples are found by topic, position and time", sampleQueries},
	}
}

func (w *World) sample(topic string, payload []byte) *social.Sample {
	return &social.Sample{Stream: w.Lobby.Stream(social.ChannelData), Topic: topic, Payload: payload, Author: w.Bob}
}

func (w *World) samples(q social.SampleQuery) []social.Sample {
	w.Helper()
	q.Stream = w.Lobby.Stream(social.ChannelData)
	out, err := w.DB.Samples(w.Context(), q)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

func sampleRoundTrip(w *World) {
	full := w.sample("kitchen/temperature", []byte{0, 1, 0xff})
	full.QoS, full.Key = 2, "k"
	full.Properties = &social.Properties{
		TextPayload: true, ContentType: "text/plain", ResponseTopic: "r", CorrelationData: []byte{0, 9}, Expiry: 7,
		User: []social.UserProperty{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}},
	}
	empty := w.sample("kitchen/temperature", nil)
	w.AppendEntries(Epoch(), social.Entry{Sample: full}, social.Entry{Sample: empty})
	got := w.samples(social.SampleQuery{Topic: "kitchen/temperature", Limit: 10})
	if len(got) != 2 || !reflect.DeepEqual(got[0], *full) || got[0].Seq != 1 {
		w.Fatalf("read %+v\nwrote %+v", got, full)
	}
	if len(got[1].Payload) != 0 || got[1].Properties != nil || got[1].Seq != 2 {
		w.Errorf("an empty one: %+v", got[1])
	}
	if out := w.AppendEntries(Epoch(), social.Entry{Sample: w.sample("t", bytes.Repeat([]byte{1}, 16<<20+1))}); social.KindOf(out[0].Err) != social.KindTooLarge {
		w.Errorf("a giant: %+v", out)
	}
	wrong := w.sample("t", nil)
	wrong.Stream = w.Lobby.Stream(social.ChannelMessages)
	if out := w.AppendEntries(Epoch(), social.Entry{Sample: wrong}); out[0].Err == nil {
		w.Error("a sample was stored among posts")
	}
}

func sampleQueries(w *World) {
	at := func(i int) time.Time { return Epoch().Add(time.Duration(i) * time.Minute) }
	for i := range 20 { // seq i+1 at minute i; even ones in topic a
		w.AppendEntries(at(i), social.Entry{Sample: w.sample([]string{"a", "b"}[i%2], []byte{byte(i)})})
	}
	for _, c := range []struct {
		name string
		q    social.SampleQuery
		want string
	}{
		{"from the beginning", social.SampleQuery{Topic: "a", Limit: 3}, "[1 3 5]"},
		{"after a position", social.SampleQuery{Topic: "a", After: 3, Limit: 2}, "[5 7]"},
		{"above a floor", social.SampleQuery{Topic: "b", Floor: 15, Limit: 9}, "[16 18 20]"},
		{"the newest", social.SampleQuery{Topic: "a", Backward: true, Limit: 1}, "[19]"},
		{"from a moment", social.SampleQuery{Topic: "a", From: at(15), Limit: 9}, "[17 19]"},
		{"from exactly its moment", social.SampleQuery{Topic: "a", From: at(16), Limit: 9}, "[17 19]"},
		{"to a moment, exclusive", social.SampleQuery{Topic: "a", To: at(4), Limit: 9}, "[1 3]"},
		{"within", social.SampleQuery{Topic: "b", From: at(3), To: at(8), After: 4, Limit: 9}, "[6 8]"},
		{"from the future", social.SampleQuery{Topic: "a", From: at(100), Limit: 9}, "[]"},
		{"to the past", social.SampleQuery{Topic: "a", To: at(-1), Limit: 9}, "[]"},
		{"the newest before a moment", social.SampleQuery{Topic: "b", To: at(8), Backward: true, Limit: 1}, "[8]"},
		{"newest first", social.SampleQuery{Topic: "a", Backward: true, Limit: 3}, "[19 17 15]"},
		{"newest first before a position", social.SampleQuery{Topic: "a", Before: 15, Backward: true, Limit: 2}, "[13 11]"},
		{"before a position and a moment", social.SampleQuery{Topic: "a", Before: 9, To: at(6), Backward: true, Limit: 2}, "[5 3]"},
		{"every topic", social.SampleQuery{After: 4, Limit: 3}, "[5 6 7]"},
		{"every topic, newest first", social.SampleQuery{Backward: true, Limit: 2}, "[20 19]"},
		{"another topic", social.SampleQuery{Topic: "c", Limit: 9}, "[]"},
	} {
		seqs := []uint64{}
		for _, m := range w.samples(c.q) {
			seqs = append(seqs, m.Seq)
		}
		if got := fmt.Sprint(seqs); got != c.want {
			w.Errorf("%s: got %s, wanted %s", c.name, got, c.want)
		}
	}
	if got, err := w.DB.Samples(w.Context(), social.SampleQuery{Stream: 4711, From: at(0), Limit: 1}); err != nil || len(got) != 0 {
		w.Errorf("a stream that is not there: %v, %v", got, err)
	}
}
