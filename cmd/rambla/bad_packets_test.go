package main

import (
	"strings"
	"testing"
)

func TestBadPacketsEndTheirOwnConnectionOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, "--demo", "--data", t.TempDir())
	bystander := s.as(t, 5, "carol", "bystander")
	bystander.subscribe("/ctx/lobby/messages", 1)
	const topic = "/ctx/lobby/messages"
	for _, version := range []byte{4, 5} {
		w := &wire{version: version}
		p := w.props()
		for what, packet := range map[string][]byte{
			"a length without an end":         {0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
			"packet type 0":                   {0x00, 0x00},
			"flags of PINGREQ":                {0xC1, 0x00},
			"a CONNACK":                       {0x20, 0x02, 0, 0},
			"a SUBACK":                        bytesOf(0x90, twoBytes(1), p, []byte{0}),
			"a PINGRESP":                      {0xD0, 0x00},
			"QoS 3":                           bytesOf(0x36, utf8String(topic), twoBytes(1), p),
			"DUP at QoS 0":                    bytesOf(0x38, utf8String(topic), p),
			"packet id 0":                     bytesOf(0x32, utf8String(topic), twoBytes(0), p, []byte("x")),
			"a PUBLISH that breaks off":       bytesOf(0x32, []byte{0, 40, '/'}),
			"an empty topic":                  bytesOf(0x30, utf8String(""), p, []byte("x")),
			"a wildcard in PUBLISH":           bytesOf(0x30, utf8String("/ctx/+/messages"), p, []byte("x")),
			"a topic with NUL":                bytesOf(0x30, utf8String("/ctx/lo\x00by/messages"), p, []byte("x")),
			"a topic that is not UTF-8":       bytesOf(0x30, utf8String("/ctx/\xff/messages"), p, []byte("x")),
			"flags of SUBSCRIBE":              bytesOf(0x80, twoBytes(1), p, utf8String(topic), []byte{1}),
			"a SUBSCRIBE without filters":     bytesOf(0x82, twoBytes(1), p),
			"a subscription at QoS 3":         bytesOf(0x82, twoBytes(1), p, utf8String(topic), []byte{3}),
			"a SUBSCRIBE with id 0":           bytesOf(0x82, twoBytes(0), p, utf8String(topic), []byte{1}),
			"an UNSUBSCRIBE without filters":  bytesOf(0xA2, twoBytes(1), p),
			"flags of PUBREL":                 bytesOf(0x60, twoBytes(1)),
			"a PUBACK of one byte":            {0x40, 0x01, 0},
			"a second CONNECT":                (&wire{version: version}).connectPacket(hello{id: "x", name: "bob", password: "bob"}),
			"a packet larger than the server": {0x30, 0xFF, 0xFF, 0xFF, 0x7F},
		} {
			bad := s.as(t, version, "bob", "bad")
			bad.send(packet)
			for {
				f, err := bad.read()
				if err == errQuiet { //nolint:errorlint // returned bare
					t.Errorf("%s in version %d: the connection lives on", what, version)
				}
				if err != nil {
					break
				}
				if f.kind != kindDisconnect || version == 4 || f.code < 0x80 {
					t.Errorf("%s in version %d: answered by %+v", what, version, f)
				}
			}
		}
		// Refused, and the connection lives on: as many levels as fit.
		deep := s.as(t, version, "bob", "deep")
		for _, name := range []string{strings.Repeat("/", 33_000), topic + strings.Repeat("/a", 16_000)} {
			if ack := deep.publish(1, name, "x"); version == 5 && ack.code < 0x80 {
				t.Errorf("a topic of %d bytes: %#x", len(name), ack.code)
			}
			if code := deep.subscribe(name, 1); code < 0x80 {
				t.Errorf("a filter of %d bytes: %#x", len(name), code)
			}
		}
		deep.quiet()
	}
	bystander.quiet()
	if ack := s.as(t, 5, "bob", "well").publish(1, topic, "all is well"); ack.code != 0 {
		t.Errorf("%+v", ack)
	}
	if p := readPost(t, bystander.hears()); p.Object.Content != "all is well" {
		t.Errorf("the bystander heard %q", p.Object.Content)
	}
}
