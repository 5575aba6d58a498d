package broker_test

import (
	"slices"
	"testing"

	"rambla/broker"
)

// property is one encoded property.
type property struct {
	id    byte
	value []byte
}

// properties takes encoded properties apart.
func properties(props []byte) (out []property) {
	number := func(i int) int { return int(props[i])<<8 | int(props[i+1]) }
	for i := 0; i < len(props); {
		id, start := props[i], i+1
		switch id {
		case 0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A:
			i += 2
		case 0x13, 0x21, 0x22, 0x23:
			i += 3
		case 0x02, 0x11, 0x18, 0x27:
			i += 5
		case 0x0B:
			for i++; props[i]&0x80 != 0; i++ {
			}
			i++
		case 0x26:
			i += 3 + number(i+1)
			i += 2 + number(i)
		default:
			i += 3 + number(i+1)
		}
		out = append(out, property{id, props[start:i]})
	}
	return out
}

func TestSection3_2_2TheConnackTellsNothingThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	for _, transport := range []string{"tcp", "ws"} {
		p := s.dial(t, 5, transport)
		var ids []byte
		for _, prop := range properties(p.join("bob", "b", []byte{0x19, 0}).props) {
			ids = append(ids, prop.id)
		}
		for id, what := range map[byte]string{
			0x12: "an assigned identifier", 0x13: "a keep alive", 0x15: "an authentication method", 0x16: "authentication data",
			0x1A: "response information", 0x1C: "a server reference", 0x1F: "a reason",
		} {
			if slices.Contains(ids, id) {
				t.Errorf("it tells %s", what)
			}
		}
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("a property stands twice: % x", ids)
		}
	}
}

func TestSection3_1_2WithoutAWillNothingIsPublishedAtTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Config{})
	variants(t, func(t *testing.T, version byte, transport string) {
		c := s.pair(t, version, transport)
		c.sub.subscribe("/ctx/"+c.space+"/#", 1)
		c.pub.nc.Close()
		waitFor(t, func() bool { return !s.connected(t.Name(), "alice") })
		c.sub.quiet()
	})
}

// connected tells whether a person's client is.
func (s *server) connected(clientID, name string) bool {
	return slices.ContainsFunc(s.Sessions(), func(i broker.SessionInfo) bool {
		return i.ClientID == clientID && i.Name == name
	})
}
