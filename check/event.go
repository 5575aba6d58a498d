package check

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what happened to a client. Sent is what it wrote, Got what it read.
type Kind uint8

const (
	SentConnect Kind = iota + 1
	GotConnack       // Code; Present
	Refused          // nobody there, or a CONNACK that says to come later
	GotSuback        // Stream is the filter, Code what was granted; one event per filter
	SentPublish      // QoS 0 is never published
	GotPuback
	GotPubrec
	SentPubrel
	GotPubcomp
	GotPublish
	SentPuback
	SentPubrec
	GotPubrel
	SentPubcomp
	SentDisconnect
	LinkEnded // Code is that of the server's DISCONNECT, Note why it was
)

var kindNames = [...]string{
	"", "CONNECT sent", "CONNACK", "not let in", "SUBACK", "PUBLISH sent", "PUBACK", "PUBREC", "PUBREL sent", "PUBCOMP",
	"PUBLISH", "PUBACK sent", "PUBREC sent", "PUBREL", "PUBCOMP sent", "DISCONNECT sent", "connection over",
}

func (k Kind) String() string { return kindNames[k] }

// Event is one thing that happened to one client. Times count from the begin of
// the run.
type Event struct {
	At      time.Duration
	Link    int // which of the client's connections, from 1
	Kind    Kind
	Packet  uint16
	QoS     byte
	Dup     bool
	Present bool
	// Again is a QoS 2 delivery whose identifier was not released yet: the same
	// delivery, which a receiver does not count twice [MQTT-4.3.3-10].
	Again bool
	// Late is a delivery on a connection that another had taken over: it is not
	// acknowledged, and comes again.
	Late   bool
	Code   byte
	Stream string
	Seq    uint64 // as told; 0 where it was not
	ID     string
	Mark   string // what tells this message from every other of the run
	Sum    uint64 // of the JSON of a delivered post
	Note   string
}

// String is one line of an explanation.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9.3fs link %d  %s", e.At.Seconds(), e.Link, e.Kind)
	if e.Packet != 0 {
		fmt.Fprintf(&b, " packet %d", e.Packet)
	}
	if e.Kind == GotPublish || e.Kind == SentPublish {
		fmt.Fprintf(&b, " QoS %d", e.QoS)
	}
	for _, flag := range []struct {
		set  bool
		text string
	}{{e.Dup, " DUP"}, {e.Again, " (again)"}, {e.Late, " (late)"}, {e.Present, " session present"}} {
		if flag.set {
			b.WriteString(flag.text)
		}
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, " 0x%02x", e.Code)
	}
	if e.Stream != "" {
		b.WriteString(" " + e.Stream)
	}
	if e.Seq != 0 {
		fmt.Fprintf(&b, " seq %d", e.Seq)
	}
	for _, text := range []string{e.Mark, e.ID, e.Note} {
		if text != "" {
			b.WriteString(" " + text)
		}
	}
	return b.String()
}
