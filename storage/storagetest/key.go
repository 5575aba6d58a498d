package storagetest

import (
	"time"

	"rambla/social"
)

func keyClaims() []claim {
	return []claim{
		{"a key makes a publish happen once", keyOnce},
		{"a key is its author's own", keyPerPerson},
		{"a key is forgotten after its life", keyLife},
		{"a refused publish leaves its key free", keyOfRefused},
		{"keys hold for samples too", keyOfSample},
	}
}

func (w *World) keyed(author social.PersonKey, key, content string) *social.Post {
	p := w.Post(author, content)
	p.Key = key
	return p
}

func keyOnce(w *World) {
	p := w.keyed(w.Alice, "k", "a")
	first := w.Append(Epoch(), p)[0]
	for i, out := range w.Append(Epoch(), w.keyed(w.Alice, "k", "a"), w.Post(w.Alice, "other"), w.keyed(w.Alice, "k", "a")) {
		if i != 1 && (!out.Repeat || out.ID != first.ID || out.Seq != first.Seq || out.Err != nil) {
			w.Errorf("repeat %d: %+v, first %+v", i, out, first)
		}
	}
	out := w.Append(Epoch(), w.keyed(w.Alice, "k", "b"))[0]
	Wants(w, out.Err, social.KindConflict)
	// The same within one batch.
	q := w.keyed(w.Alice, "in one batch", "a")
	batch := w.Append(Epoch(), q, w.keyed(w.Alice, "in one batch", "a"), w.keyed(w.Alice, "in one batch", "b"))
	if batch[0].Repeat || !batch[1].Repeat || batch[1].ID != q.ID || batch[1].Seq != q.Seq || social.KindOf(batch[2].Err) != social.KindConflict {
		w.Errorf("%+v", batch)
	}
	if got := w.All(w.Alice); len(got) != 3 || got[0].Key != "k" {
		w.Errorf("stored %s", seqs(got))
	}
	// On another stream it is the same key.
	elsewhere := w.keyed(w.Alice, "k", "a")
	elsewhere.Stream = w.Space("news", w.Alice).Stream(social.ChannelMessages)
	if out := w.Append(Epoch(), elsewhere)[0]; !out.Repeat || out.ID != p.ID {
		w.Errorf("%+v", out)
	}
}

func keyPerPerson(w *World) {
	out := w.Append(Epoch(), w.keyed(w.Alice, "k", "a"), w.keyed(w.Bob, "k", "b"))
	if out[0].Repeat || out[1].Repeat || out[1].Err != nil {
		w.Errorf("%+v", out)
	}
}

func keyLife(w *World) {
	w.Append(Epoch(), w.keyed(w.Alice, "k", "a"), w.keyed(w.Alice, "l", "a"))
	if out := w.Append(Epoch().Add(social.KeyLife-time.Second), w.keyed(w.Alice, "k", "a")); !out[0].Repeat {
		w.Errorf("forgotten too early: %+v", out)
	}
	out := w.Append(Epoch().Add(social.KeyLife), w.keyed(w.Alice, "l", "b"), w.keyed(w.Alice, "k", "b"), w.keyed(w.Alice, "k", "b"))
	if out[0].Repeat || out[0].Err != nil || out[1].Repeat || out[1].Err != nil || !out[2].Repeat || out[2].ID != out[1].ID {
		w.Errorf("%+v", out)
	}
}

func keyOfRefused(w *World) {
	bad := w.keyed(w.Alice, "k", "a")
	bad.Stream = 4711
	out := w.Append(Epoch(), bad, w.keyed(w.Alice, "k", "a"))
	if out[0].Err == nil || out[1].Err != nil || out[1].Repeat {
		w.Errorf("%+v", out)
	}
}

func keyOfSample(w *World) {
	sample := func() social.Entry {
		return social.Entry{Sample: &social.Sample{Stream: w.Lobby.Stream(social.ChannelData), Topic: "a", Author: w.Bob, Key: "k", Payload: []byte{1}}}
	}
	first := w.AppendEntries(Epoch(), sample())[0]
	again := w.AppendEntries(Epoch(), sample())[0]
	if first.Repeat || !again.Repeat || again.Seq != first.Seq || !again.ID.IsZero() {
		w.Errorf("%+v then %+v", first, again)
	}
}
