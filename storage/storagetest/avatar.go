package storagetest

import (
	"reflect"

	"rambla/social"
)

func avatarClaims() []claim {
	return []claim{
		{"a picture is of whom it was set for, until it is replaced or taken away", avatarOfPerson},
		{"a picture of a space is told in its events, once", avatarOfSpace},
		{"who is removed shows no other picture", avatarOfGone},
	}
}

var (
	onePicture     = social.ID{1, 15: 1}
	anotherPicture = social.ID{1, 15: 2}
)

func avatarOfPerson(w *World) {
	before := w.Version()
	set := func(picture, want social.ID) {
		w.Helper()
		was, err := w.DB.SetPersonAvatar(w.Context(), w.Alice, picture, Epoch())
		if err != nil || was != want {
			w.Errorf("before %v there was %v, %v; wanted %v", picture, was, err, want)
		}
		if got := w.ReadPerson(w.Alice).Avatar; got != picture {
			w.Errorf("read %v, wanted %v", got, picture)
		}
	}
	set(onePicture, social.ID{})
	set(onePicture, onePicture)
	set(anotherPicture, onePicture)
	set(social.ID{}, anotherPicture)
	change := social.Change{Kind: social.ChangePerson, Person: w.Alice}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{change, change, change}) {
		w.Errorf("changes %+v", got)
	}
}

func avatarOfSpace(w *World) {
	before := w.Version()
	for range 2 {
		event := w.Event(social.TypeUpdate, w.Alice, 0)
		if _, err := w.DB.SetSpaceAvatar(w.Context(), w.Lobby.Key, onePicture, event, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	got := w.ReadSpace(w.Lobby.Key)
	if got.Avatar != onePicture || got.Heads[social.ChannelEvents] != 1 {
		w.Errorf("read %+v", got)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeSpace, Space: w.Lobby.Key}}) {
		w.Errorf("changes %+v", got)
	}
}

func avatarOfGone(w *World) {
	if _, err := w.DB.SetPersonAvatar(w.Context(), w.Bob, onePicture, Epoch()); err != nil {
		w.Fatal(err)
	}
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if err := w.DB.DeleteSpace(w.Context(), w.Lobby.Key, w.Event(social.TypeDelete, w.Alice, 0), Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.ReadPerson(w.Bob); got.Avatar != onePicture || !got.Removed {
		w.Errorf("whoever removes the picture finds %+v", got)
	}
	_, err := w.DB.SetPersonAvatar(w.Context(), w.Bob, anotherPicture, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.SetSpaceAvatar(w.Context(), w.Lobby.Key, anotherPicture, w.Event(social.TypeUpdate, w.Alice, 0), Epoch())
	Wants(w, err, social.KindNotFound)
}
