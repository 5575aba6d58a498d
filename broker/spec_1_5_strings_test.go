package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
)

// notText are strings that a UTF-8 Encoded String must not be.
var notText = map[string]string{
	"NUL":              "a\x00b",
	"a lone byte":      "a\xff",
	"cut short":        "a\xe2\x82",
	"an overlong NUL":  "\xc0\x80",
	"a surrogate":      "\xed\xa0\x80",
	"above U+10FFFF":   "\xf4\x90\x80\x80",
	"a lone surrogate": "x\xed\xbf\xbfy",
}

func TestSection1_5TextThatIsNoUTF8EndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, bad := range notText {
		for _, version := range []byte{4, 5} {
			for place, build := range map[string]func(p *peer) []byte{
				"a topic name":   func(p *peer) []byte { return p.message(1, 1, "/ctx/lobby/data/"+bad, "x") },
				"a topic filter": func(p *peer) []byte { return p.subscribePacket(1, nil, subscription("/ctx/lobby/data/"+bad, 1)) },
				"a filter to unsubscribe from": func(p *peer) []byte {
					return p.unsubscribePacket(1, "/ctx/lobby/data/"+bad)
				},
			} {
				t.Run(fmt.Sprintf("%s in %s v%d", name, place, version), func(t *testing.T) {
					t.Parallel()
					p := s.client(t, version, "tcp", "alice", t.Name())
					p.send(build(p))
					p.ended(0x81)
				})
			}
		}
		for place, prop := range map[string][]byte{
			"the content type":   append([]byte{0x03}, str(bad)...),
			"the response topic": append([]byte{0x08}, str(bad)...),
			"a property's name":  user(bad, "v"),
			"a property's value": user("k", bad),
		} {
			t.Run(name+" in "+place, func(t *testing.T) {
				t.Parallel()
				p := s.client(t, 5, "tcp", "alice", t.Name())
				p.send(p.message(1, 1, "/ctx/lobby/data/x", "x", prop))
				p.ended(0x81)
			})
		}
	}
}

func TestSection1_5TextThatIsNoUTF8RefusesTheConnect(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, bad := range notText {
		for _, version := range []byte{4, 5} {
			head := append(str("MQTT"), version, 0xC2, 0, 60)
			login := append(str("alice"), str("alice")...)
			if version == 5 {
				head = append(head, 0)
			}
			will := append(str("MQTT"), version, 0xC6, 0, 60)
			if version == 5 {
				will = append(will, 0)
			}
			will = append(will, str("c")...)
			if version == 5 {
				will = append(will, 0)
			}
			for place, body := range map[string][]byte{
				"the client identifier": append(append(head[:len(head):len(head)], str(bad)...), login...),
				"the user name":         append(append(append(head[:len(head):len(head)], str("c")...), str(bad)...), str("p")...),
				"the will's topic":      append(append(append(will, str("/ctx/lobby/data/"+bad)...), str("m")...), login...),
			} {
				t.Run(fmt.Sprintf("%s in %s v%d", name, place, version), func(t *testing.T) {
					t.Parallel()
					p := s.dial(t, version, "tcp")
					p.send(packet(0x10, body))
					if version == 5 {
						if r := p.expect(2); r.code != 0x81 || r.body[0] != 0 {
							t.Errorf("CONNACK % x", r.body)
						}
					}
					p.ended(0)
				})
			}
		}
	}
}

func TestSection1_5_3AByteOrderMarkIsACharacterLikeAnyOther(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("bom-", version, transport)
		s.site.join(space, "alice", "bob")
		marked, plain := "/ctx/"+space+"/data/\ufeffx", "/ctx/"+space+"/data/x"
		p := s.client(t, version, transport, "bob", t.Name())
		p.subscribe(marked, 1)
		a := s.client(t, version, transport, "alice", t.Name())
		a.send(a.message(1, 1, plain, "without"), a.message(1, 2, marked, "\ufeffwith"))
		a.expect(4)
		a.expect(4)
		if r := p.expect(3); r.topic != marked || r.payload != "\ufeffwith" {
			t.Errorf("delivered %q on %q", r.payload, r.topic)
		}
		p.quiet()
	})
}

func TestSection4_7_3TopicsAreComparedByteByByte(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		space := fmt.Sprint("exact-", version, transport)
		s.site.join(space, "alice", "bob")
		prefix := "/ctx/" + space + "/data/"
		names := []string{"caf\u00e9", "cafe\u0301", "Caf\u00e9", "a/b", "a//b", "a/b/", "a/ b", "\u2126", "\u03a9"} // é, e with an accent; Ohm, Omega
		a := s.client(t, version, transport, "alice", t.Name())
		for i, own := range names {
			p := s.client(t, version, transport, "bob", fmt.Sprint(t.Name(), i))
			if code := p.subscribe(prefix+own, 0); code != 0 {
				t.Fatalf("%q: %#x", own, code)
			}
			for j, name := range names {
				a.send(a.message(1, uint16(j+1), prefix+name, name))
				a.expect(4)
			}
			if r := p.expect(3); r.topic != prefix+own || r.payload != own {
				t.Errorf("%q got %q", own, r.topic)
			}
			p.quiet()
		}
	})
}
