package broker

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzDecoders holds that no body makes a decoder panic past its guard or hands
// out what shares memory with a buffer that is used again.
func FuzzDecoders(f *testing.F) {
	f.Add(byte(0x10), byte(5), []byte("\x00\x04MQTT\x05\xc2\x00\x3c\x03\x21\x00\x01\x00\x01c\x00\x01u\x00\x01p"))
	f.Add(byte(0x10), byte(4), []byte("\x00\x04MQTT\x04\xc6\x00\x3c\x00\x01c\x00\x01t\x00\x01m\x00\x01u\x00\x01p"))
	f.Add(byte(0x32), byte(5), []byte("\x00\x01t\x00\x01\x05\x03\x00\x02ab"))
	f.Add(byte(0x82), byte(5), []byte("\x00\x01\x02\x0b\x01\x00\x01t\x01\x00\x01u"))
	f.Add(byte(0xA2), byte(5), []byte("\x00\x01\x00\x00\x01t"))
	f.Add(byte(0x40), byte(5), []byte("\x00\x01\x00\x03\x1f\x00\x00"))
	f.Add(byte(0xE0), byte(5), []byte("\x00\x05\x11\x00\x00\x00\x01"))
	f.Add(byte(0x10), byte(5), []byte("\x00\x04MQTT\x05\xf6\x00\x3c\x00\x00\x01c\x0a\x18\x00\x00\x00\x05\x03\x00\x02ab\x00\x01t\x00\x01m\x00\x01u\x00\x01p"))
	f.Add(byte(0xF0), byte(5), []byte("\x19\x0c\x15\x00\x05token\x16\x00\x01t"))
	f.Fuzz(func(t *testing.T, header, version byte, body []byte) {
		version = version311 + version%2
		given := bytes.Clone(body)
		switch header >> 4 {
		case typeConnect:
			p, bad := decodeConnect(body)
			id, user := string([]byte(p.clientID)), string([]byte(p.username))
			clear(body)
			if bad == nil && (p.clientID != id || p.username != user) {
				t.Fatalf("CONNECT shares memory with its buffer: % x", given)
			}
			if bad == nil && p.will != nil {
				stored := p.will.encode()
				again, _ := decodeConnect(given)
				kept, _, err := decodeWill(stored)
				if kept.delay = p.will.delay; err == nil && (!reflect.DeepEqual(again.will, p.will) || !sameWill(&kept, p.will)) {
					t.Fatalf("the will %+v of % x is kept as %+v", again.will, given, kept)
				}
			}
		case typePublish:
			if p, bad := decodePublish(version, header, body); bad == nil && p.qos > 0 && p.id == 0 {
				t.Fatalf("a PUBLISH without identifier: % x", given)
			}
		case typeSubscribe:
			p, bad := decodeSubscribe(version, header, body)
			if bad != nil {
				return
			}
			if p.id == 0 || len(p.filters) == 0 {
				t.Fatalf("an empty SUBSCRIBE: % x", given)
			}
			first := string([]byte(p.filters[0].filter))
			clear(body)
			if p.filters[0].filter != first {
				t.Fatalf("SUBSCRIBE shares memory with its buffer: % x", given)
			}
		case typeUnsubscribe:
			if p, bad := decodeUnsubscribe(version, header, body); bad == nil && (p.id == 0 || len(p.filters) == 0) {
				t.Fatalf("an empty UNSUBSCRIBE: % x", given)
			}
		case typeDisconnect:
			_, _ = decodeDisconnect(version, header, body)
		case typeAuth:
			p, bad := decodeAuth(header, body)
			name := string([]byte(p.method))
			clear(body)
			if bad == nil && p.method != name {
				t.Fatalf("AUTH shares memory with its buffer: % x", given)
			}
		default:
			if p, bad := decodeAck(version, header, body); bad == nil && p.id == 0 {
				t.Fatalf("an acknowledgement of nothing: % x", given)
			}
		}
	})
}

// sameWill tells whether two wills are the same but for what is empty in one and
// missing in the other.
func sameWill(a, b *will) bool {
	x, y := *a, *b
	if len(x.payload)+len(y.payload) == 0 {
		x.payload, y.payload = nil, nil
	}
	return reflect.DeepEqual(x, y)
}

func TestASubscribeWithoutOptionsIsMalformedThoughTheDecoderPanics(t *testing.T) {
	t.Parallel()
	if _, bad := decodeSubscribe(version5, 0x82, []byte{0, 1, 0, 0, 1, 'x'}); bad == nil || bad.code != codeMalformedPacket {
		t.Errorf("%+v", bad)
	}
}

func TestVariableByteIntegersHaveAtMostFourBytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, maxRemaining} {
		b := appendVarint(nil, n)
		got, used, ok := readVarint(append(b, 0xFF))
		if !ok || got != n || used != len(b) || used != varintSize(n) {
			t.Errorf("%d: read %d of %d bytes, %v", n, got, used, ok)
		}
	}
	for _, b := range [][]byte{{}, {0x80}, {0x80, 0x80, 0x80, 0x80}, {0x80, 0x80, 0x80, 0x80, 0x01}} {
		if _, _, ok := readVarint(b); ok {
			t.Errorf("% x is read", b)
		}
	}
}
