package storagetest

import (
	"maps"
	"time"

	"rambla/social"
)

func seenClaims() []claim {
	return []claim{
		{"when people were seen only moves on", seen},
		{"when somebody was seen goes with the person", seenGone},
	}
}

func (w *World) saveSeen(at map[social.PersonKey]time.Time) {
	w.Helper()
	if err := w.DB.SaveSeen(w.Context(), at); err != nil {
		w.Fatal(err)
	}
}

func (w *World) wantSeen(want map[social.PersonKey]time.Time, of ...social.PersonKey) {
	w.Helper()
	got, err := w.DB.Seen(w.Context(), of)
	if err != nil || !maps.EqualFunc(got, want, time.Time.Equal) {
		w.Errorf("%v, %v, want %v", got, err, want)
	}
}

func seen(w *World) {
	hour, day := Epoch().Add(time.Hour), Epoch().Add(24*time.Hour)
	w.wantSeen(nil)
	w.wantSeen(nil, w.Alice, w.Bob, 999)
	w.saveSeen(nil)
	w.saveSeen(map[social.PersonKey]time.Time{w.Alice: hour, w.Bob: hour, 999: hour})
	w.saveSeen(map[social.PersonKey]time.Time{w.Alice: Epoch(), w.Bob: day})
	w.wantSeen(map[social.PersonKey]time.Time{w.Alice: hour, w.Bob: day}, w.Bob, w.Alice, 999)
	w.wantSeen(map[social.PersonKey]time.Time{w.Bob: day}, w.Bob)
}

func seenGone(w *World) {
	zoe := w.Person("zoe")
	w.saveSeen(map[social.PersonKey]time.Time{zoe: Epoch()})
	if err := w.DB.RemovePerson(w.Context(), zoe, Epoch()); err != nil {
		w.Fatal(err)
	}
	w.saveSeen(map[social.PersonKey]time.Time{zoe: Epoch(), w.Bob: Epoch()})
	w.wantSeen(map[social.PersonKey]time.Time{w.Bob: Epoch()}, zoe, w.Bob)
}
