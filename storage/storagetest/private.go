package storagetest

import (
	"reflect"

	"rambla/social"
)

func privateClaims() []claim {
	return []claim{{"a private post is there for its author and its readers only", private}}
}

func private(w *World) {
	p := w.Post(w.Alice, "between us")
	p.Private, p.To = true, []social.PersonKey{w.Bob, w.Bob}
	alone := w.Post(w.Carol, "a note to myself")
	alone.Private = true
	w.Append(Epoch(), w.Post(w.Alice, "for all"), p, alone)
	for _, c := range []struct {
		reader social.PersonKey
		want   string
	}{{w.Alice, "1 2 "}, {w.Bob, "1 2 "}, {w.Carol, "1 3 "}, {0, "1 "}} {
		if got := seqs(w.All(c.reader)); got != c.want {
			w.Errorf("person %d sees %s, wanted %s", c.reader, got, c.want)
		}
	}
	for _, got := range []social.Post{w.All(w.Bob)[1], w.Page(social.PostQuery{Stream: p.Stream, Reader: w.Bob, Limit: 1})[0]} {
		if !got.Private || !reflect.DeepEqual(got.To, []social.PersonKey{w.Bob}) {
			w.Errorf("%+v", got)
		}
	}
	if got := seqs(w.Page(social.PostQuery{Stream: p.Stream, Everything: true, Forward: true, Limit: 9})); got != "1 2 3 " {
		w.Errorf("delivery sees %s", got)
	}
	if got, err := w.DB.PostByID(w.Context(), alone.ID); err != nil || !got.Private || got.To != nil {
		w.Errorf("%+v, %v", got, err)
	}
}
