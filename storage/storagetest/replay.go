package storagetest

import (
	"reflect"
	"time"

	"rambla/social"
)

func replayClaims() []claim {
	return []claim{{"a replay is claimed by one request and answered once", replays}}
}

func replays(w *World) {
	r := social.Replay{Person: w.Bob, Key: [32]byte{1}, Digest: [32]byte{2}, At: Epoch()}
	begin := func(r social.Replay) *social.Replay {
		w.Helper()
		earlier, err := w.DB.BeginReplay(w.Context(), r)
		if err != nil {
			w.Fatal(err)
		}
		return earlier
	}
	if got := begin(r); got != nil {
		w.Fatalf("the first one found %+v", got)
	}
	second := r
	second.Digest, second.At = [32]byte{3}, Epoch().Add(59*time.Second)
	if got := begin(second); !reflect.DeepEqual(got, &r) {
		w.Errorf("while the first is at work: %+v", got)
	}
	done := r
	done.Status, done.Sealed = 201, []byte("sealed")
	if err := w.DB.FinishReplay(w.Context(), done); err != nil {
		w.Fatal(err)
	}
	second.At = Epoch().Add(time.Hour)
	if got := begin(second); !reflect.DeepEqual(got, &done) {
		w.Errorf("after the answer: %+v", got)
	}
	late := done
	late.Status = 500
	if err := w.DB.FinishReplay(w.Context(), late); err != nil {
		w.Fatal(err)
	}
	if got := begin(second); got == nil || got.Status != 201 {
		w.Errorf("after a second answer: %+v", got)
	}
	other := r
	other.Person = w.Alice
	if got := begin(other); got != nil {
		w.Errorf("another person found %+v", got)
	}
	other.At = Epoch().Add(61 * time.Second)
	if got := begin(other); got != nil {
		w.Errorf("a claim that died was not taken over: %+v", got)
	}
	r.At = Epoch().Add(social.KeyLife + time.Second)
	if got := begin(r); got != nil {
		w.Errorf("after its life: %+v", got)
	}
}
