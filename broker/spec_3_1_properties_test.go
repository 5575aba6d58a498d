package broker_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"rambla/broker"
)

// expiry is the property Session Expiry Interval.
func expiry(seconds uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x11}, seconds) }

func TestSection3_1_2_11PropertiesThatAConnectMustNotHaveRefuseIt(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, c := range map[string]struct {
		code byte
		list []byte
	}{
		"session expiry twice":             {0x82, bytes.Repeat(expiry(1), 2)},
		"receive maximum 0":                {0x82, []byte{0x21, 0, 0}},
		"receive maximum twice":            {0x82, []byte{0x21, 0, 1, 0x21, 0, 1}},
		"maximum packet size 0":            {0x82, []byte{0x27, 0, 0, 0, 0}},
		"maximum packet size twice":        {0x82, bytes.Repeat([]byte{0x27, 0, 0, 1, 0}, 2)},
		"topic alias maximum twice":        {0x82, bytes.Repeat([]byte{0x22, 0, 1}, 2)},
		"request response information 2":   {0x82, []byte{0x19, 2}},
		"request response information two": {0x82, []byte{0x19, 0, 0x19, 0}},
		"request problem information 2":    {0x82, []byte{0x17, 2}},
		"request problem information two":  {0x82, []byte{0x17, 0, 0x17, 0}},
		"data without a method":            {0x82, data("token:alice")},
		"data twice":                       {0x82, append(method("token"), bytes.Repeat(data("x"), 2)...)},
		"a will's delay":                   {0x81, []byte{0x18, 0, 0, 0, 1}},
		"a message's expiry":               {0x81, []byte{0x02, 0, 0, 0, 1}},
		"a topic alias":                    {0x81, alias(1)},
		"a reason":                         {0x81, append([]byte{0x1F}, str("why")...)},
		"a server keep alive":              {0x81, []byte{0x13, 0, 1}},
		"an assigned identifier":           {0x81, append([]byte{0x12}, str("x")...)},
		"one that does not exist":          {0x81, []byte{0x04, 0}},
		"one above them all":               {0x81, []byte{0xFF, 0x7F, 0}},
		"a value cut short":                {0x81, []byte{0x11, 0, 0}},
		"a pair cut short":                 {0x81, append([]byte{0x26}, str("name")...)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, transport := range []string{"tcp", "ws"} {
				p := s.dial(t, 5, transport)
				p.send(packet(0x10, p.connectBody("alice", "c", 60, c.list)))
				if r := p.expect(2); r.code != c.code || r.body[0] != 0 {
					t.Errorf("CONNACK % x, want code %#x", r.body, c.code)
				}
				p.ended(0)
			}
		})
	}
}

func TestSection3_1_2_11UserPropertiesMayRepeatAndAreNoConcernOfTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		p := s.dial(t, 5, transport)
		p.join("alice", "c", user("a", "1"), user("a", "1"), user("", ""))
		p.send(p.subscribePacket(1, append(user("a", "1"), user("a", "2")...), subscription("/ctx/lobby/messages", 1)))
		if r := p.expect(9); r.has(0x26) {
			t.Errorf("SUBACK tells % x", r.props)
		}
		p.send([]byte{0xE0, 0})
		p.ended(0)
	}
}
