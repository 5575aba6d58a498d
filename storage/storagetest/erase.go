package storagetest

import (
	"slices"
	"time"

	"rambla/social"
)

func eraseClaims() []claim {
	return []claim{
		{"who is erased is nobody at once, and its name is nobody's", eraseBegins},
		{"an erasure belongs to one worker until its lease ends", eraseLeases},
		{"an erasure goes through the whole log, closed streams and data too", eraseLog},
	}
}

// EraseBegun begins to erase a person.
func (w *World) EraseBegun(person social.PersonKey) social.Erasure {
	w.Helper()
	e, err := w.DB.BeginErasure(w.Context(), social.Erasure{ID: w.IDs.New(Epoch()), Person: person, Asked: Epoch()}, Epoch())
	w.must(err)
	return e
}

// Erased erases somebody who has written nothing that takes a Delete.
func (w *World) Erased(person social.PersonKey) social.Erasure {
	w.Helper()
	e := w.EraseBegun(person)
	if _, ok, err := w.DB.ClaimErasure(w.Context(), 7, Epoch(), time.Minute); !ok || err != nil {
		w.Fatal("nobody may erase", err)
	}
	for {
		p, err := w.DB.EraseParcel(w.Context(), e.ID)
		w.must(err)
		if p.Last {
			break
		}
		w.must(w.DB.FinishParcel(w.Context(), e.ID, 7, social.ErasureCounts{Likes: len(p.Likes)}, Epoch(), time.Minute))
	}
	w.must(w.DB.FinishErasure(w.Context(), e.ID, 7, Epoch()))
	e, err := w.DB.Erasure(w.Context(), e.ID)
	w.must(err)
	return e
}

func eraseBegins(w *World) {
	title := "teaches maths"
	w.must(w.DB.PatchPerson(w.Context(), w.Carol, social.PersonPatch{Title: &title}, Epoch()))
	w.must(w.DB.RenamePerson(w.Context(), w.Carol, "carola", Epoch()))
	before := w.Version()
	e := w.EraseBegun(w.Carol)
	if e.Counts.Names != 2 || !e.Done.IsZero() {
		w.Errorf("it says %+v", e)
	}
	if !slices.Contains(w.Changes(before), social.Change{Kind: social.ChangePerson, Person: w.Carol}) {
		w.Error("memory is not told")
	}
	if p := w.ReadPerson(w.Carol); !p.Erased || !p.Removed || p.Name != social.ErasedName || p.DisplayName != social.ErasedName || len(p.Aliases) > 0 {
		w.Errorf("of the person is left %+v", p)
	}
	if p, err := w.DB.Profile(w.Context(), w.Carol); err != nil || p != (social.Profile{}) {
		w.Errorf("of the profile is left %+v, %v", p, err)
	}
	for _, name := range []string{"carol", "carola"} {
		_, err := w.DB.CreatePerson(w.Context(), social.NewPerson{Name: name}, Epoch())
		Wants(w, err, social.KindConflict)
	}
	if again := w.EraseBegun(w.Carol); again != e {
		w.Errorf("again it is %+v", again)
	}
	_, err := w.DB.Erasure(w.Context(), w.IDs.New(Epoch()))
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.BeginErasure(w.Context(), social.Erasure{ID: w.IDs.New(Epoch()), Person: 4711}, Epoch())
	Wants(w, err, social.KindNotFound)
}

func eraseLeases(w *World) {
	w.Append(Epoch(), w.Post(w.Bob, "others stay"))
	e := w.EraseBegun(w.Carol)
	claim := func(by int64, after time.Duration) bool {
		got, ok, err := w.DB.ClaimErasure(w.Context(), by, Epoch().Add(after), time.Minute)
		w.must(err)
		if ok && got.ID != e.ID {
			w.Errorf("claimed is %v", got.ID)
		}
		return ok
	}
	if !claim(1, 0) || !claim(1, time.Second) || claim(2, 30*time.Second) || !claim(2, 2*time.Minute) {
		w.Error("it is the other one's")
	}
	Wants(w, w.DB.FinishParcel(w.Context(), e.ID, 1, social.ErasureCounts{}, Epoch(), time.Minute), social.KindConflict)
	w.must(w.DB.FinishErasure(w.Context(), e.ID, 1, Epoch())) // which is not the first one's to do any more
	if got, err := w.DB.Erasure(w.Context(), e.ID); err != nil || !got.Done.IsZero() {
		w.Errorf("done at %v, %v", got.Done, err)
	}
	w.must(w.DB.FinishParcel(w.Context(), e.ID, 2, social.ErasureCounts{Likes: 3}, Epoch(), time.Minute))
	if p, err := w.DB.EraseParcel(w.Context(), e.ID); err != nil || !p.Last {
		w.Errorf("the next part is %+v, %v", p, err)
	}
	w.must(w.DB.FinishErasure(w.Context(), e.ID, 2, Epoch()))
	got, err := w.DB.Erasure(w.Context(), e.ID)
	if err != nil || got.Done.IsZero() || got.Counts.Likes != 3 || claim(3, time.Hour) {
		w.Errorf("at the end it is %+v, %v", got, err)
	}
}

func eraseLog(w *World) {
	gone := w.Space("gone", w.Alice)
	_, err := w.DB.Join(w.Context(), gone.Key, w.Carol, nil, Epoch())
	w.must(err)
	said := w.Post(w.Carol, "in a context that was deleted")
	said.Stream = gone.Stream(social.ChannelMessages)
	living, others := w.Post(w.Carol, "mine"), w.Post(w.Bob, "another's")
	w.Append(Epoch(), said, living, others)
	w.must(w.DB.DeleteSpace(w.Context(), gone.Key, nil, Epoch()))
	w.AppendEntries(Epoch(), social.Entry{Sample: &social.Sample{
		Stream: w.Lobby.Stream(social.ChannelData), Topic: "t", Payload: []byte("x"), Author: w.Carol, Retain: true, QoS: 1,
	}})
	e := w.EraseBegun(w.Carol)
	if _, ok, err := w.DB.ClaimErasure(w.Context(), 1, Epoch(), time.Minute); !ok || err != nil {
		w.Fatal(ok, err)
	}
	p, err := w.DB.EraseParcel(w.Context(), e.ID)
	if err != nil || len(p.Posts) != 1 || p.Posts[0].ID != living.ID {
		w.Fatalf("to remove: %+v, %v", p.Posts, err)
	}
	w.Append(Epoch(), w.Amend(social.TypeDelete, living, ""))
	w.must(w.DB.FinishParcel(w.Context(), e.ID, 1, social.ErasureCounts{}, Epoch(), time.Minute))
	for {
		if p, err = w.DB.EraseParcel(w.Context(), e.ID); err != nil || p.Last {
			break
		}
		w.must(w.DB.FinishParcel(w.Context(), e.ID, 1, social.ErasureCounts{}, Epoch(), time.Minute))
	}
	w.must(err)
	w.must(w.DB.FinishErasure(w.Context(), e.ID, 1, Epoch()))
	got, err := w.DB.Erasure(w.Context(), e.ID)
	if err != nil || got.Counts.Posts != 2 || got.Counts.Samples != 1 {
		w.Errorf("the receipt says %+v, %v", got.Counts, err)
	}
	for _, post := range []*social.Post{said, living} {
		if p, err := w.DB.PostByID(w.Context(), post.ID); err != nil || p.Content != "" || p.Removed.IsZero() {
			w.Errorf("left is %+v, %v", p, err)
		}
	}
	if p, err := w.DB.PostByID(w.Context(), others.ID); err != nil || p.Content != "another's" {
		w.Errorf("the other's is %+v, %v", p, err)
	}
}
