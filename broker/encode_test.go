package broker

import (
	"bytes"
	"testing"

	"rambla/social"
)

func TestSection3_2ConnackTellsWhatWasAgreed(t *testing.T) {
	t.Parallel()
	full := connack{
		present: true, expiry: 0x01020304, keepAlive: 9, receiveMax: 7, maxPacket: 1000, aliasMax: 5, assignedID: "id",
		responseInfo: "/r", authMethod: "token", authData: []byte("d"),
		told: []social.UserProperty{{Name: "complete", Value: "false"}},
	}
	least := connack{expiry: -1, keepAlive: -1, receiveMax: 7, maxPacket: 1000}
	for _, c := range []struct {
		name string
		w    wire
		ack  connack
		want string
	}{
		{"3.1.1", wire{version: version311}, full, "\x20\x02\x01\x00"},
		{"3.1.1, refused", wire{version: version311}, connack{present: true, code: codeNotAuthorized}, "\x20\x02\x00\x05"},
		{"what is as asked is not told", wire{version: version5}, least, "\x20\x0e\x00\x00\x0b\x21\x00\x07\x27\x00\x00\x03\xe8\x22\x00\x00"},
		{
			"all", wire{version: version5}, full, "\x20\x3e\x01\x00\x3b\x11\x01\x02\x03\x04\x21\x00\x07\x27\x00\x00\x03\xe8" +
				"\x12\x00\x02id\x22\x00\x05\x13\x00\x09\x15\x00\x05token\x16\x00\x01d\x1a\x00\x02/r\x26\x00\x08complete\x00\x05false",
		},
		{
			"what explains is left out where there is no room",
			wire{version: version5, maxPacket: 60},
			full,
			"\x20\x27\x01\x00\x24\x11\x01\x02\x03\x04\x21\x00\x07\x27\x00\x00\x03\xe8" +
				"\x12\x00\x02id\x22\x00\x05\x13\x00\x09\x15\x00\x05token\x16\x00\x01d",
		},
		{"a refusal with its reason", wire{version: version5}, connack{code: codeBadAuthMethod, reason: "no", present: true}, "\x20\x08\x00\x8c\x05\x1f\x00\x02no"},
		{"a refusal without room for it", wire{version: version5, maxPacket: 8}, connack{code: codeBadAuthMethod, reason: "no"}, "\x20\x03\x00\x8c\x00"},
	} {
		if got := c.w.appendConnack(nil, c.ack); string(got) != c.want {
			t.Errorf("%s:\n got % x\nwant % x", c.name, got, c.want)
		}
	}
}

func TestSection3_9SubackTellsWhatWasAskedForWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	told := []social.UserProperty{{Name: "complete", Value: "true"}}
	property := "\x26\x00\x08complete\x00\x04true"
	for _, c := range []struct {
		name string
		w    wire
		kind byte
		want string
	}{
		{"5.0", wire{version: version5, problemInfo: true}, typeSuback, "\x90\x16\x00\x07\x11" + property + "\x01\x80"},
		{"5.0 without problem information", wire{version: version5}, typeSuback, "\x90\x05\x00\x07\x00\x01\x80"},
		{"5.0 in a small packet", wire{version: version5, problemInfo: true, maxPacket: 23}, typeSuback, "\x90\x05\x00\x07\x00\x01\x80"},
		{"3.1.1", wire{version: version311}, typeSuback, "\x90\x04\x00\x07\x01\x80"},
		{"3.1.1, unsubscribed", wire{version: version311}, typeUnsuback, "\xb0\x02\x00\x07"},
	} {
		if got := c.w.appendSubscribed(nil, c.kind, 7, []byte{1, 0x80}, told); string(got) != c.want {
			t.Errorf("%s:\n got % x\nwant % x", c.name, got, c.want)
		}
	}
}

func TestSection3_1_2ConnectIsReadWithAllThatASessionNeeds(t *testing.T) {
	t.Parallel()
	p, bad := decodeConnect([]byte("\x00\x04MQTT\x05\xf6\x00\x3c" + // clean start, will of QoS 2 that is retained
		"\x15\x11\xff\xff\xff\xff\x22\x00\x09\x19\x01\x17\x00\x15\x00\x01m\x16\x00\x02dd\x00\x01c" +
		"\x1b\x18\x00\x00\x00\x05\x01\x01\x02\x00\x00\x00\x07\x03\x00\x01t\x26\x00\x01a\x00\x01b\x09\x00\x01x" +
		"\x00\x02/w\x00\x02hi\x00\x01u\x00\x01p"))
	if bad != nil {
		t.Fatalf("%+v", bad)
	}
	if !p.clean || p.expiry != expiryNever || p.aliasMax != 9 || !p.responseInfo || p.problemInfo || p.authMethod != "m" || string(p.authData) != "dd" {
		t.Errorf("%+v", p)
	}
	w := p.will
	if w == nil || w.topic != "/w" || string(w.payload) != "hi" || w.qos != 2 || !w.retain || w.delay.Seconds() != 5 {
		t.Fatalf("%+v", w)
	}
	if q := w.properties; !q.TextPayload || q.Expiry != 7 || q.ContentType != "t" || len(q.User) != 1 || q.User[0].Value != "b" || !bytes.Equal(q.CorrelationData, []byte("x")) {
		t.Errorf("%+v", q)
	}
	for flags, want := range map[byte]uint32{0xC2: 0, 0xC0: expiryNever} {
		p, bad := decodeConnect(append([]byte("\x00\x04MQTT\x04"), flags, 0, 60, 0, 1, 'c', 0, 1, 'u', 0, 1, 'p'))
		if bad != nil || p.expiry != want {
			t.Errorf("3.1.1 with flags %#x: expiry %d, %+v", flags, p.expiry, bad)
		}
	}
}

func TestSection3_14DisconnectIsReadWithItsCodeAndExpiry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		want       disconnectPacket
		code       byte // of the violation
	}{
		{"empty", "", disconnectPacket{}, 0},
		{"a code alone", "\x04", disconnectPacket{code: 4}, 0},
		{"no properties", "\x04\x00", disconnectPacket{code: 4}, 0},
		{"an expiry", "\x00\x05\x11\x00\x00\x01\x00", disconnectPacket{expiry: 256, hasExpiry: true}, 0},
		{"an expiry of zero", "\x00\x05\x11\x00\x00\x00\x00", disconnectPacket{hasExpiry: true}, 0},
		{"bytes behind the end", "\x00\x00\x00", disconnectPacket{}, codeMalformedPacket},
		{"a property of others", "\x00\x03\x21\x00\x01", disconnectPacket{}, codeMalformedPacket},
	} {
		p, bad := decodeDisconnect(version5, 0xE0, []byte(c.body))
		if c.code != 0 && (bad == nil || bad.code != c.code) || c.code == 0 && (bad != nil || p != c.want) {
			t.Errorf("%s: %+v, %+v", c.name, p, bad)
		}
	}
}
