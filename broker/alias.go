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
