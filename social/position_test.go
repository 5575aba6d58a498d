package social

import (
	"bytes"
	"reflect"
	"testing"
)

func somePosition() Position {
	return Position{
		Cursors: []Cursor{{Stream: 1}, {Stream: 7, Seq: 300, Asleep: true}, {Stream: 1 << 40, Seq: 1<<62 - 1}},
		Open: []OpenPacket{
			{Packet: 1, State: AwaitsPuback, Stream: 7, Seq: 299},
			{Packet: 65535, State: AwaitsPubrec, Stream: 1 << 40, Seq: 1<<62 - 1},
			{Packet: 2, State: AwaitsPubcomp, Stream: 1, Seq: 0},
		},
	}
}

func someSubscriptions() []Subscription {
	return []Subscription{
		{Filter: "/ctx/+/messages", QoS: 1},
		{Filter: "$share/workers//ctx/lobby/data/#", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2, Identifier: 1<<28 - 1},
		{Filter: "ü", RetainHandling: 1},
	}
}

func TestAPositionIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, p := range []Position{{}, somePosition(), {Open: somePosition().Open}, {Restored: true}, somePosition().Begun()} {
		got, err := DecodePosition(EncodePosition(p))
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("read %+v, %v\nwrote %+v", got, err, p)
		}
	}
	if p, err := DecodePosition(nil); err != nil || !reflect.DeepEqual(p, Position{}) {
		t.Errorf("none: %+v, %v", p, err)
	}
}

func TestARestoredPositionGoesBackToWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	got := somePosition().Begun()
	want := Position{Restored: true, Cursors: []Cursor{{Stream: 1}, {Stream: 7, Seq: 298, Asleep: true}, {Stream: 1 << 40, Seq: 1<<62 - 2}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestSubscriptionsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for _, subs := range [][]Subscription{nil, someSubscriptions()} {
		got, err := DecodeSubscriptions(EncodeSubscriptions(subs))
		if err != nil || !reflect.DeepEqual(got, subs) {
			t.Errorf("read %+v, %v\nwrote %+v", got, err, subs)
		}
	}
	if subs, err := DecodeSubscriptions(nil); err != nil || subs != nil {
		t.Errorf("none: %+v, %v", subs, err)
	}
}

// A thousand streams, each far along, cost some bytes each.
func TestAPositionIsSmall(t *testing.T) {
	t.Parallel()
	var p Position
	for i := range 1000 {
		p.Cursors = append(p.Cursors, Cursor{Stream: StreamKey(10_000 + i), Seq: 1_000_000})
	}
	if n := len(EncodePosition(p)); n > 6100 {
		t.Errorf("%d bytes", n)
	}
}

// What was cut off, or goes on behind its end, is told, and asks for no memory.
func TestAStoredFormThatWasDamagedIsCorrupt(t *testing.T) {
	t.Parallel()
	position, subscriptions := EncodePosition(somePosition()), EncodeSubscriptions(someSubscriptions())
	for i := 1; i < len(position); i++ {
		if p, err := DecodePosition(position[:i]); err == nil {
			t.Errorf("%d bytes of a position are %+v", i, p)
		}
	}
	for i := 1; i < len(subscriptions); i++ {
		if s, err := DecodeSubscriptions(subscriptions[:i]); err == nil {
			t.Errorf("%d bytes of subscriptions are %+v", i, s)
		}
	}
	for name, b := range map[string][]byte{
		"another version":          {3, 0, 0},
		"more behind the end":      append(bytes.Clone(position), 0),
		"very many cursors":        {1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1},
		"a number beyond 64 bits":  {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0},
		"a number beyond 63 bits":  {1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0, 0},
		"packet 0":                 {1, 0, 1, 0, 0, byte(AwaitsPuback), 1, 1},
		"a state that there isn't": {1, 0, 1, 0, 1, byte(AwaitsPubcomp) + 1, 1, 1},
	} {
		if p, err := DecodePosition(b); err == nil || !reflect.DeepEqual(p, Position{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, b := range map[string][]byte{
		"another version":           {2, 0},
		"more behind the end":       append(bytes.Clone(subscriptions), 0),
		"very many":                 {1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1},
		"QoS 3":                     {1, 1, 3, 0, 1, 'a'},
		"retain handling 3":         {1, 1, 0x30, 0, 1, 'a'},
		"an identifier too large":   {1, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x01, 1, 'a'},
		"no filter":                 {1, 1, 0, 0, 0},
		"a filter beyond the end":   {1, 1, 0, 0, 9, 'a'},
		"a filter of a huge length": {1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 'a'},
	} {
		if s, err := DecodeSubscriptions(b); err == nil || s != nil {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add(EncodePosition(Position{}))
	f.Add(EncodePosition(somePosition()))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePosition(b)
		if err != nil {
			return
		}
		again, err := DecodePosition(EncodePosition(p))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%x is %+v, and written again %+v, %v", b, p, again, err)
		}
	})
}

func FuzzSubscriptions(f *testing.F) {
	f.Add(EncodeSubscriptions(nil))
	f.Add(EncodeSubscriptions(someSubscriptions()))
	f.Add([]byte{1, 1, 0, 0, 1, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		subs, err := DecodeSubscriptions(b)
		if err != nil {
			return
		}
		again, err := DecodeSubscriptions(EncodeSubscriptions(subs))
		if err != nil || !reflect.DeepEqual(again, subs) {
			t.Errorf("%x is %+v, and written again %+v, %v", b, subs, again, err)
		}
	})
}
