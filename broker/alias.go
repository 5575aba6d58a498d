package broker

import "strings"

// aliases are the topics that a client has given a number, MQTT 5.0 section
// 3.3.2.3.4. They end with the connection and belong to its reader.
type aliases struct {
	most    int      // Topic Alias Maximum of our CONNACK
	longest int      // bytes of a topic that is worth keeping whole
	topics  []string // by alias, less one; "" = not given
}

// resolve puts the topic into a PUBLISH that has an alias in its place, and
// learns an alias that comes with a topic, also a new one for an old number.
func (a *aliases) resolve(p *publishPacket) *violation {
	if !p.hasAlias {
		if p.topic == "" { // [MQTT-4.7.3-1]
			return protocolErr("A PUBLISH names a topic.")
		}
		return nil
	}
	n := int(p.alias)
	switch {
	case n == 0 || n > a.most: // [MQTT-3.3.2-8], [MQTT-3.3.2-9], [MQTT-3.2.2-18]
		return &violation{codeTopicAliasInvalid, "The topic alias is zero or above the server's maximum."}
	case p.topic != "":
		for len(a.topics) < n {
			a.topics = append(a.topics, "")
		}
		// Of a topic that is too long anyhow only so much is kept that it stays so.
		a.topics[n-1] = strings.Clone(p.topic[:min(len(p.topic), a.longest+1)])
	case n > len(a.topics) || a.topics[n-1] == "":
		return protocolErr("The topic alias was not given a topic before.")
	default:
		p.topic = a.topics[n-1]
	}
	return nil
}

// naming is how a PUBLISH to a client names its topic: the zero value in full, or
// with a number beside it, by which the client knows it from then on.
type naming struct {
	alias uint16 // 0 = none
	bare  bool   // the number alone: the client knows it
}

// written is what stands in the topic's place.
func (n naming) written(topic string) string {
	if n.bare {
		return ""
	}
	return topic
}

// size is that of the property.
func (n naming) size() int {
	if n.alias == 0 {
		return 0
	}
	return 3
}

// sentAliases are the numbers that a client knows topics by. A topic gets one on
// its first delivery and keeps it; topics beyond the last number have none. It
// is guarded by the outbox's lock.
type sentAliases struct {
	most    int // the client's Topic Alias Maximum or ours [MQTT-3.1.2-26], [MQTT-3.1.2-27]
	numbers map[string]uint16
}

// name is how to name a topic now.
func (a *sentAliases) name(topic string) naming {
	if n := a.numbers[topic]; n != 0 {
		return naming{n, true}
	}
	if len(a.numbers) < a.most {
		return naming{uint16(len(a.numbers) + 1), false} //nolint:gosec // most is a uint16
	}
	return naming{}
}

// tell notes a number that is on its way.
func (a *sentAliases) tell(topic string, n naming) {
	if n.alias == 0 || n.bare {
		return
	}
	if a.numbers == nil {
		a.numbers = make(map[string]uint16)
	}
	a.numbers[topic] = n.alias
}

// untell takes back what tell noted, as its packet has not left. What was told
// later must have been taken back before, so the numbers stay without a gap.
func (a *sentAliases) untell(topic string, n naming) {
	if n.alias != 0 && !n.bare {
		delete(a.numbers, topic)
	}
}
