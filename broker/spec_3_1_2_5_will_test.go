package broker_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rambla/broker"
)

// testament is the will in a CONNECT.
type testament struct {
	topic, payload string
	qos            byte
	retain         bool
	properties     [][]byte // of MQTT 5.0
	clean          bool
	keepAlive      uint16 // 0 = 60
	expiry         uint32 // of the session
}

func willDelay(seconds uint32) []byte { return binary.BigEndian.AppendUint32([]byte{0x18}, seconds) }

// bequeath connects with a will and returns the CONNACK.
func (p *peer) bequeath(name, id string, w testament) received {
	p.t.Helper()
	flags := byte(0xC4) | w.qos<<3
	if w.retain {
		flags |= 0x20
	}
	if w.clean {
		flags |= 2
	}
	if w.keepAlive == 0 {
		w.keepAlive = 60
	}
	body := append(str("MQTT"), p.version, flags)
	body = binary.BigEndian.AppendUint16(body, w.keepAlive)
	body = append(append(body, p.props(expiry(w.expiry))...), str(id)...)
	body = append(append(append(body, p.props(w.properties...)...), str(w.topic)...), str(w.payload)...)
	p.send(packet(0x10, append(append(body, str(name)...), str(name)...)))
	return p.expect(2)
}

func (p *peer) bequeathed(name, id string, w testament) {
	p.t.Helper()
	if r := p.bequeath(name, id, w); r.code != 0 {
		p.t.Fatalf("CONNACK says %#x", r.code)
	}
}

func TestSection3_1_2_5AWillArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, end := range map[string]func(p *peer){
		"cut":     func(p *peer) { p.nc.Close() },
		"silence": func(*peer) {},
		"its credential ended": func(p *peer) {
			s.End(func(who *broker.Principal) bool { return who.Name == "of-"+p.t.Name() }, broker.ReasonNotAuthorized, "It has ended.")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variants(t, func(t *testing.T, version byte, transport string) {
				c := s.pair(t, version, transport)
				person := "of-" + t.Name()
				s.site.join(c.space, person)
				c.sub.subscribe(c.data+"#", 2)
				for _, clean := range []bool{true, false} {
					p := s.dial(t, version, transport)
					p.bequeathed(person, fmt.Sprint(t.Name(), clean), testament{
						topic: c.data + "will", payload: "gone", qos: 1, clean: clean, keepAlive: 1,
						properties: [][]byte{{0x01, 1}, append([]byte{0x03}, str("text/plain")...), user("b", "1"), user("a", "2"), user("b", "3")},
					})
					c.sub.quiet()
					end(p)
					r := c.sub.expect(3)
					if r.topic != c.data+"will" || r.payload != "gone" || r.header != 0x32 {
						t.Errorf("delivered %#x %q on %q", r.header, r.payload, r.topic)
					}
					if version == 5 { // [MQTT-3.1.3-10]
						want := string([]byte{0x01, 1}) + string(append([]byte{0x03}, str("text/plain")...)) +
							string(user("b", "1")) + string(user("a", "2")) + string(user("b", "3"))
						if string(r.props) != want {
							t.Errorf("delivered with % x, want % x", r.props, want)
						}
					}
					c.sub.send(ack(4, r.id))
					c.sub.quiet() // once
				}
			})
		})
	}
}

func TestSection3_1_2_5RetainAndQoSOfAWillAreThoseOfItsPublish(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		for qos := range byte(3) {
			for _, retain := range []bool{false, true} {
				topic := c.data + fmt.Sprint(qos, retain)
				p := s.dial(t, version, transport)
				p.bequeathed("alice", topic, testament{topic: topic, payload: "gone", qos: qos, retain: retain, clean: true})
				s.leave(p, "alice", topic, nil)
				waitFor(t, func() bool {
					for _, m := range s.site.published() {
						if m.topic == topic {
							if m.qos != qos || m.retain != retain {
								t.Errorf("published at QoS %d, retained %v; want %d, %v", m.qos, m.retain, qos, retain)
							}
							return true
						}
					}
					return false
				})
			}
		}
	})
}

func TestSection3_1_2_5AWillWhereOneMayNotWriteRefusesTheConnect(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for name, topic := range map[string]string{
		"not a member": "/ctx/staff/messages", "no such context": "/ctx/none/data/x", "the server's topic": "/ctx/lobby/events",
		"figures": "$SYS/broker/version", "another's topic": "/user/alice/sync/x", "a wildcard": "/ctx/lobby/data/#",
		"another wildcard": "/ctx/+/messages", "nothing": "", "shared": "$share/g//ctx/lobby/messages", "no topic of ours": "x",
		"too deep": "/ctx/lobby/data" + strings.Repeat("/x", 20), "too long": "/ctx/lobby/data/" + strings.Repeat("x", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variants(t, func(t *testing.T, version byte, transport string) {
				p := s.dial(t, version, transport)
				r := p.bequeath("bob", t.Name(), testament{topic: topic, payload: "gone", qos: 1, clean: true})
				if version == 5 && r.code != 0x87 && r.code != 0x90 || version == 4 && r.code != 5 && r.code != 3 || r.body[0] != 0 {
					t.Errorf("CONNACK % x", r.body)
				}
				p.ended(0)
			})
		})
	}
	for _, m := range s.site.published() {
		t.Errorf("published on %q", m.topic)
	}
}

func TestSection3_1_2_5TheDelayOfAWill(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	s := serve(t, broker.Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	jump := func(d time.Duration) { ahead.Add(int64(d)) }
	c := s.pair(t, 5, "tcp")
	c.sub.subscribe(c.data+"#", 1)
	die := func(id string, delay, expiry uint32) {
		t.Helper()
		p := s.dial(t, 5, "tcp")
		p.bequeathed("alice", id, testament{
			topic: c.data + id, payload: id, qos: 1, expiry: expiry, properties: [][]byte{willDelay(delay)},
		})
		s.leave(p, "alice", id, nil)
	}
	// [MQTT-3.1.3-9]: who comes back in time has not died.
	die("back in time", 60, 600)
	jump(59 * time.Second)
	p := s.kept(t, 5, "tcp", "alice", "back in time", 1)
	jump(10 * time.Second)
	s.leave(p, "alice", "back in time", goodbye)
	// [MQTT-3.1.2-8]: at the end of the delay, or of the session.
	die("after its delay", 60, 600)
	jump(50 * time.Second)
	die("after its session", 600, 60)
	jump(11 * time.Second)
	c.sub.gets("after its delay")
	jump(50 * time.Second)
	c.sub.gets("after its session")
	// A clean start ends the session, and that is the end of the delay too.
	die("ended by a clean start", 60, 600)
	p = s.dial(t, 5, "tcp")
	p.join("alice", "ended by a clean start")
	c.sub.gets("ended by a clean start")
	c.sub.quiet()
}
