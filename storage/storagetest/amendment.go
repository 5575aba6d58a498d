package storagetest

import (
	"time"

	"rambla/social"
)

func amendmentClaims() []claim {
	return []claim{
		{"an edit changes the post and keeps its place", edits},
		{"an edit without application data keeps what there was", editKeepsExtra},
		{"a removed post keeps its seq and nothing else", removes},
		{"what was removed cannot be changed, and nor can anything that is no post of the stream", amendsLivingOnly},
		{"one batch may create, edit and remove", amendsInOneBatch},
	}
}

func edits(w *World) {
	p := w.Post(w.Alice, "helo")
	w.Append(Epoch(), p, w.Post(w.Bob, "other"))
	up := w.Amend(social.TypeUpdate, p, "*hello*")
	up.Markdown = true
	w.Append(Epoch().Add(time.Minute), up)
	got := w.All(w.Bob)
	if len(got) != 3 || got[0].Content != "*hello*" || !got[0].Markdown || !got[0].Published.Equal(Epoch()) || !got[0].Updated.Equal(Epoch().Add(time.Minute)) {
		w.Fatalf("after the edit: %+v", got)
	}
	if got[2].Type != social.TypeUpdate || got[2].Object != p.ID || got[2].Content != "*hello*" || got[1].Content != "other" {
		w.Errorf("the edit itself: %+v", got)
	}
}

func editKeepsExtra(w *World) {
	p := w.Post(w.Alice, "a")
	p.Extra = []byte(`{"data":1}`)
	w.Append(Epoch(), p)
	w.Append(Epoch(), w.Amend(social.TypeUpdate, p, "b"))
	if got := w.All(w.Alice)[0]; string(got.Extra) != `{"data":1}` || got.Content != "b" {
		w.Errorf("%+v", got)
	}
	other := w.Amend(social.TypeUpdate, p, "c")
	other.Extra = []byte(`{"data":2}`)
	w.Append(Epoch(), other)
	if got := w.All(w.Alice)[0]; string(got.Extra) != `{"data":2}` {
		w.Errorf("%+v", got)
	}
}

func removes(w *World) {
	p := w.Post(w.Alice, "secret one")
	p.Extra = []byte(`{"data":"secret two"}`)
	w.Append(Epoch(), p)
	w.Append(Epoch(), w.Amend(social.TypeUpdate, p, "secret three"))
	w.Append(Epoch(), w.Amend(social.TypeUpdate, p, "secret four"))
	w.Append(Epoch().Add(time.Minute), w.Amend(social.TypeDelete, p, ""))
	for _, got := range w.All(w.Alice) {
		if got.Content != "" || got.Extra != nil {
			w.Errorf("seq %d still says %q %s", got.Seq, got.Content, got.Extra)
		}
	}
	got := w.All(w.Alice)
	if len(got) != 4 || got[0].ID != p.ID {
		w.Fatalf("%+v", got)
	}
	for _, erased := range got[:3] { // the post and its edits
		if !erased.Removed.Equal(Epoch().Add(time.Minute)) {
			w.Errorf("seq %d is not a removed one", erased.Seq)
		}
	}
}

func amendsLivingOnly(w *World) {
	p, gone := w.Post(w.Alice, "a"), w.Post(w.Alice, "b")
	w.Append(Epoch(), p, gone)
	up := w.Amend(social.TypeUpdate, p, "a2")
	w.Append(Epoch(), up, w.Amend(social.TypeDelete, gone, ""))
	elsewhere := w.Amend(social.TypeUpdate, p, "x")
	elsewhere.Stream = w.Space("news", w.Alice).Stream(social.ChannelMessages)
	refused := []*social.Post{
		w.Amend(social.TypeUpdate, gone, "x"), w.Amend(social.TypeDelete, gone, ""),
		w.Amend(social.TypeUpdate, up, "x"), w.Amend(social.TypeDelete, up, ""), elsewhere,
	}
	for i, out := range w.Append(Epoch(), refused...) {
		if out.Err == nil || social.KindOf(out.Err) != social.KindNotFound || out.Seq != 0 {
			w.Errorf("entry %d: %+v", i, out)
		}
	}
	if got := w.All(w.Alice); len(got) != 4 || got[0].Content != "a2" {
		w.Errorf("%+v", got)
	}
}

func amendsInOneBatch(w *World) {
	p, q := w.Post(w.Alice, "p1"), w.Post(w.Alice, "q1")
	out := w.Append(Epoch(), p, w.Amend(social.TypeUpdate, p, "p2"), q, w.Amend(social.TypeUpdate, p, "p3"),
		w.Amend(social.TypeUpdate, q, "q2"), w.Amend(social.TypeDelete, q, ""), w.Amend(social.TypeUpdate, q, "q3"))
	for i, o := range out[:6] {
		if o.Err != nil || o.Seq != uint64(i+1) {
			w.Errorf("entry %d: %+v", i, o)
		}
	}
	if out[6].Err == nil {
		w.Error("edited what the same batch had removed")
	}
	got := w.All(w.Alice)
	if len(got) != 6 || got[0].Content != "p3" || got[1].Content != "p2" || got[2].Content != "" || got[4].Content != "" || got[2].Removed.IsZero() {
		w.Errorf("%+v", got)
	}
}
