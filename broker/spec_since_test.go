package broker_test

import (
	"fmt"
	"testing"

	"rambla/broker"
	"rambla/social"
)

func TestAPositionThatIsNoneIsRefusedAndTheConnectionLivesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		p := s.client(t, version, transport, "bob", t.Name())
		for _, filter := range []string{
			"$since/-1//ctx/lobby/messages", "$since/1.5//ctx/lobby/messages", "$since/x//ctx/lobby/messages",
			"$since///ctx/lobby/messages", "$since/1", "$since/1/",
			"$since/e1:-1//ctx/lobby/messages", "$since/e1://ctx/lobby/messages", "$since/+1//ctx/lobby/messages",
			"$since/+//ctx/lobby/messages", "$since/#", "$since/1//ctx/+/messages", "$since/1//ctx/lobby/#", "$since/1//ctx/lobby/data/#",
			"$since/1//ctx/lobby/data/x", "$last/-1//ctx/lobby/messages", "$last/x//ctx/lobby/messages", "$last/1//ctx/+/messages",
			"$last/1",
		} {
			code := p.subscribe(filter, 1)
			if want := map[byte]byte{4: 0x80, 5: 0x8F}[version]; code != want {
				t.Errorf("%q is granted %#x, want %#x", filter, code, want)
			}
		}
		for _, filter := range []string{
			"$since/1//ctx/staff/messages", "$last/1//ctx/none/messages", "$since/0/x", "$since",
			"$since/1/$last/1//ctx/lobby/messages", "$share/g/$since/1//ctx/lobby/messages", "$since/1/$share/g//ctx/lobby/messages",
		} {
			if code := p.subscribe(filter, 1); code < 0x80 {
				t.Errorf("%q is granted %#x", filter, code)
			}
		}
		p.quiet()
	})
}

func TestAPositionBeyondTheHeadOrOfAnotherEpoch(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		for i := range 5 {
			s.append(c.space, social.ChannelMessages, "", 1, fmt.Sprint(i+1))
		}
		topic := "/ctx/" + c.space + "/messages"
		for position, first := range map[string]int{
			"$since/0": 1, "$since/3": 4, "$since/e1:3": 4, "$since/e0:3": 1, "$since/5": 6, "$since/9223372036854775807": 6,
			"$since/18446744073709551616": 6, "$since/99999999999999999999999999": 6, "$since/e1:900": 6, "$last/2": 4, "$last/5": 1, "$last/99999999999999999999999999": 1,
		} {
			p := s.client(t, version, transport, "bob", fmt.Sprint(t.Name(), position))
			p.send(p.subscribePacket(7, nil, subscription(position+"/"+topic, 1)))
			r := p.expect(9)
			if r.codes[0] != 1 {
				t.Fatalf("%s is granted %#x", position, r.codes[0])
			}
			complete := position != "$since/e0:3" && (first < 6 || position == "$since/5")
			if version == 5 && (!r.has(user("complete", fmt.Sprint(complete))...) || !r.has(user("position", "e1:5")...)) {
				t.Errorf("%s: SUBACK tells % x", position, r.props)
			}
			for seq := first; seq <= 5; seq++ {
				p.gets(fmt.Sprint(seq))
			}
			p.quiet()
			p.send(p.unsubscribePacket(8, topic)) // either form will do
			if r := p.expect(11); version == 5 && r.codes[0] != 0 {
				t.Errorf("%s: UNSUBACK % x", position, r.codes)
			}
		}
	})
}

func TestAPositionOfBeforeARestoreReplaysAllThatIsKept(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	c := s.pair(t, 5, "tcp")
	topic := "/ctx/" + c.space + "/messages"
	var stream social.StreamKey
	for i := range 5 {
		stream = s.append(c.space, social.ChannelMessages, "", 1, fmt.Sprint(i+1)).Stream
	}
	s.site.log.restore(stream, "e2", 3)
	for position, complete := range map[string]string{"$since/e1:2": "false", "$since/e2:0": "true"} {
		p := s.client(t, 5, "tcp", "bob", position)
		p.send(p.subscribePacket(7, nil, subscription(position+"/"+topic, 1)))
		if r := p.expect(9); !r.has(user("complete", complete)...) || !r.has(user("position", "e2:3")...) {
			t.Errorf("%s: SUBACK tells % x", position, r.props)
		}
		for seq := range 3 {
			p.gets(fmt.Sprint(seq + 1))
		}
		p.quiet()
	}
}

func TestAPositionThatNobodyCanFindNowEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	s.site.log.fail(social.Unavailable(nil))
	for _, version := range []byte{4, 5} {
		p := s.client(t, version, "tcp", "bob", fmt.Sprint(t.Name(), version))
		p.send(p.subscribePacket(7, nil, subscription("$since/1//ctx/lobby/messages", 1)))
		p.ended(map[byte]byte{4: 0, 5: 0x89}[version])
	}
}
