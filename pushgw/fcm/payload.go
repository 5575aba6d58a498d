package fcm

import (
	"time"

	"firebase.google.com/go/v4/messaging"

	"rambla/pushgw"
)

const (
	// maxData is what the names and values of the data may come to, in bytes: FCM
	// takes 4096 of everything, and the rest of the message is its own.
	maxData = 4000
	// maxTTL is four weeks; FCM refuses more.
	maxTTL = 28 * 24 * time.Hour
	// The classes that FCM tells apart while a phone is off. It keeps four of a
	// device at most, so they may not stand for conversations; and since each push
	// says all that there is to say of its stream, the app loses nothing but a hint
	// to fetch when a newer one takes its place.
	collapseShown = "msg"
	collapseSync  = "sync"
)

// message is what the phone gets: data only, so that the app is started and
// shows it itself, also what was encrypted for it. Priority high is for what is
// shown, and nothing else: Google watches whether a notification follows, and
// slows down apps of which none does.
//
// Where the sealed preview makes it too large, it goes without; nil if that is
// not enough.
func message(m *pushgw.Message, now time.Time) *messaging.Message {
	data := m.DataWithText()
	if size(data) > maxData {
		delete(data, "sealed")
	}
	if size(data) > maxData {
		return nil
	}
	android := &messaging.AndroidConfig{
		Priority: "high", CollapseKey: collapseShown, TTL: new(ttl(m, now)), DirectBootOK: true,
	}
	if m.Kind == pushgw.KindClear || m.Silent {
		android.Priority, android.CollapseKey = "normal", collapseSync
	}
	return &messaging.Message{
		Token: string(m.Device.Token), //nolint:staticcheck // apps register tokens until they know installation ids
		Data:  data, Android: android,
	}
}

// ttl is in whole seconds; 0 is now or never.
func ttl(m *pushgw.Message, now time.Time) time.Duration {
	return min(max(m.Expires.Sub(now), 0), maxTTL).Truncate(time.Second)
}

func size(data map[string]string) int {
	n := 0
	for k, v := range data {
		n += len(k) + len(v)
	}
	return n
}
