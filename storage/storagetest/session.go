package storagetest

import (
	"reflect"
	"time"

	"rambla/social"
)

func sessionClaims() []claim {
	return []claim{
		{"a session is read as it was written", sessionRoundTrip},
		{"a session is found again by its name, with another fence", sessionAgain},
	}
}

// write commits one write and fails the test where the batch fails.
func (w *World) write(x social.SessionWrite, now time.Time) social.SessionWritten {
	w.Helper()
	out, err := w.DB.WriteSessions(w.Context(), []social.SessionWrite{x}, now)
	if err != nil {
		w.Fatalf("write sessions: %v", err)
	}
	return out[0]
}

// claimed claims a session and fails the test where that fails.
func (w *World) claimed(c social.SessionClaim, now time.Time) *social.SessionClaimed {
	w.Helper()
	out := w.write(social.SessionWrite{Claim: &c}, now)
	if out.Err != nil {
		w.Fatalf("claim %+v: %v", c, out.Err)
	}
	return out.Claimed
}

// saved saves a session, which must not be stale.
func (w *World) saved(s social.SessionSave, now time.Time) {
	w.Helper()
	if out := w.write(social.SessionWrite{Save: &s}, now); out.Stale || out.Err != nil {
		w.Fatalf("save %+v: %+v", s, out)
	}
}

// stale saves a session, which must be.
func (w *World) stale(s social.SessionSave, now time.Time) {
	w.Helper()
	if out := w.write(social.SessionWrite{Save: &s}, now); !out.Stale || out.Err != nil {
		w.Fatalf("save %+v: %+v", s, out)
	}
}

// phone is a claim of bob's client "phone".
func (w *World) phone(id social.SessionID) social.SessionClaim {
	return social.SessionClaim{ID: id, Person: w.Bob, Name: "phone", Version: 5, Node: 1, Expiry: time.Hour, Most: 50}
}

func sessionRoundTrip(w *World) {
	c := w.phone(11)
	c.Grant, c.Will, c.WillDelay, c.Rights = 7, []byte("will"), time.Minute, 3
	got := w.claimed(c, Epoch())
	want := social.Session{
		ID: 11, Person: w.Bob, Name: "phone", Grant: 7, Version: 5, Fence: 1, Node: 1, Created: Epoch(), Expiry: time.Hour,
		Rights: 3, Saved: Epoch(), Will: []byte("will"), WillDelay: time.Minute,
	}
	if got.Present || got.Before != nil || !reflect.DeepEqual(got.Session, want) {
		w.Fatalf("made %+v\nwanted %+v", got, want)
	}
	messages := w.Lobby.Stream(social.ChannelMessages)
	position := social.EncodePosition(social.Position{Cursors: []social.Cursor{{Stream: messages}}})
	subscriptions := social.EncodeSubscriptions([]social.Subscription{{Filter: "/ctx/+/messages", QoS: 1}})
	forever, renewed := social.SessionForever, social.GrantKey(8)
	w.saved(social.SessionSave{ID: 11, Fence: 1, Rights: 4, Subscriptions: subscriptions, Position: position, Expiry: &forever}, Epoch().Add(time.Second))
	left := Epoch().Add(time.Minute)
	w.saved(social.SessionSave{ID: 11, Fence: 1, Grant: &renewed}, left)
	w.saved(social.SessionSave{ID: 11, Fence: 1, Left: left, WillDue: left.Add(time.Minute)}, left)
	want.Grant = renewed
	want.Rights, want.Saved, want.Subscriptions, want.Position, want.Expiry = 4, Epoch().Add(time.Second), subscriptions, position, forever
	want.Node, want.Left, want.WillDue = 0, left, left.Add(time.Minute)
	found, err := w.DB.FindSession(w.Context(), w.Bob, social.SessionClient, "phone")
	if err != nil || !reflect.DeepEqual(found, want) {
		w.Errorf("found %+v, %v\nwanted %+v", found, err, want)
	}
	list, err := w.DB.Sessions(w.Context(), w.Bob, 0, 10, left)
	if err != nil || len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		w.Errorf("listed %+v, %v\nwanted %+v", list, err, want)
	}
}

func sessionAgain(w *World) {
	w.claimed(w.phone(11), Epoch())
	messages := w.Lobby.Stream(social.ChannelMessages)
	w.Append(Epoch(), w.Post(w.Alice, "one"), w.Post(w.Alice, "two"))
	position := social.EncodePosition(social.Position{Cursors: []social.Cursor{{Stream: messages, Seq: 1}}})
	w.saved(social.SessionSave{ID: 11, Fence: 1, Position: position, Rights: 2}, Epoch())
	again := w.phone(12)
	again.Node, again.Expiry, again.Rights = 2, time.Minute, 9
	got := w.claimed(again, Epoch())
	if !got.Present || got.Session.ID != 11 || got.Session.Fence != 2 || got.Session.Node != 2 || got.Session.Rights != 2 ||
		got.Session.Expiry != time.Minute || string(got.Session.Position) != string(position) {
		w.Errorf("%+v", got)
	}
	if got.Before == nil || got.Before.Fence != 1 || got.Before.Node != 1 || got.Before.Expiry != time.Hour {
		w.Errorf("before %+v", got.Before)
	}
	state, err := w.DB.State(w.Context(), messages)
	if want := []social.StreamState{state}; err != nil || state.Head != 2 || !reflect.DeepEqual(got.Streams, want) {
		w.Errorf("streams %+v, wanted %+v", got.Streams, want)
	}
	w.stale(social.SessionSave{ID: 11, Fence: 1, Gone: true}, Epoch())
	w.saved(social.SessionSave{ID: 11, Fence: 2, Gone: true}, Epoch())
	_, err = w.DB.FindSession(w.Context(), w.Bob, social.SessionClient, "phone")
	Wants(w, err, social.KindNotFound)
}
