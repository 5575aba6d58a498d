package check

import (
	"slices"
	"testing"

	"rambla/mqttwire"
)

func TestWhatAClientSendsIsReadAsItWasMeant(t *testing.T) {
	t.Parallel()
	for _, version := range []byte{4, 5} {
		out := outgoing{topic: "/ctx/a/messages", payload: []byte("hello"), key: "k-1", qos: 2, dup: true, packet: 7}
		head, body, size, err := mqttwire.Split(appendPublish(nil, version, &out))
		if err != nil || size == 0 {
			t.Fatal(size, err)
		}
		p, err := parse(version, head, body)
		if err != nil || p.topic != out.topic || string(p.payload) != "hello" || p.qos != 2 || !p.dup || p.id != 7 {
			t.Errorf("version %d: %+v, %v", version, p, err)
		}
		if version == 5 && p.told("key") != "k-1" {
			t.Errorf("user properties %v", p.user)
		}
	}
	for kind, first := range map[byte]byte{mqttwire.Puback: 0x40, mqttwire.Pubrec: 0x50, mqttwire.Pubrel: 0x62, mqttwire.Pubcomp: 0x70} {
		if b := appendAck(nil, kind, 0x0102); !slices.Equal(b, []byte{first, 2, 1, 2}) {
			t.Errorf("%d: % x", kind, b)
		}
	}
}

func TestAConnectAsksForASession(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		h     hello
		flags byte
		props string
	}{
		{"MQTT 3.1.1, clean", hello{version: 4, clean: true}, 0xc2, ""},
		{"MQTT 3.1.1, a session", hello{version: 4}, 0xc0, ""},
		{"MQTT 5.0, a session", hello{version: 5, expiry: 3600, receiveMaximum: 8}, 0xc0, "\x08\x11\x00\x00\x0e\x10\x21\x00\x08"},
		{"MQTT 5.0, clean", hello{version: 5, clean: true}, 0xc2, "\x00"},
	} {
		_, body, _, err := mqttwire.Split(appendConnect(nil, row.h))
		if err != nil || body[6] != row.h.version || body[7] != row.flags || string(body[10:10+len(row.props)]) != row.props {
			t.Errorf("%s: % x, %v", row.name, body, err)
		}
	}
}

func TestPacketsOfTheServerAreTakenApart(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		version byte
		raw     string
		is      func(*packet) bool
	}{
		{"CONNACK", 4, "\x20\x02\x01\x00", func(p *packet) bool { return p.present && p.code == 0 }},
		{"CONNACK with a reason", 5, "\x20\x08\x00\x88\x05\x1f\x00\x02no", func(p *packet) bool { return p.code == 0x88 && p.reason == "no" }},
		{"PUBACK", 4, "\x40\x02\x00\x09", func(p *packet) bool { return p.id == 9 && p.code == 0 }},
		{"PUBACK that tells", 5, "\x40\x0c\x00\x09\x00\x08\x26\x00\x03seq\x00\x00", func(p *packet) bool { return p.id == 9 && p.told("seq") == "" && len(p.user) == 1 }},
		{"SUBACK", 5, "\x90\x05\x00\x01\x00\x01\x87", func(p *packet) bool { return slices.Equal(p.codes, []byte{1, 0x87}) }},
		{"DISCONNECT", 5, "\xe0\x01\x8e", func(p *packet) bool { return p.code == takenOver }},
	} {
		head, body, size, err := mqttwire.Split([]byte(row.raw))
		if err != nil || size != len(row.raw) {
			t.Fatalf("%s: %d of %d bytes, %v", row.name, size, len(row.raw), err)
		}
		if p, err := parse(row.version, head, body); err != nil || !row.is(&p) {
			t.Errorf("%s: %+v, %v", row.name, p, err)
		}
	}
	for _, bad := range []string{"\x30\x03\x00\x05a", "\x32\x05\x00\x01a\x00\x00", "\x40\x01\x00", "\x10\x00"} {
		head, body, _, _ := mqttwire.Split([]byte(bad))
		if p, err := parse(4, head, body); err == nil {
			t.Errorf("% x is taken for %+v", bad, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(byte(5), byte(0x32), []byte("\x00\x01a\x00\x01\x07\x26\x00\x01k\x00\x01vx"))
	f.Add(byte(4), byte(0x20), []byte("\x01\x00"))
	f.Fuzz(func(_ *testing.T, version, head byte, body []byte) {
		_, _ = parse(version, head, body) // whatever it is, it does not panic
	})
}
