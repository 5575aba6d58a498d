package storagetest

import (
	"reflect"
	"strconv"
	"time"

	"rambla/social"
)

func inboundClaims() []claim {
	return []claim{
		{"a QoS 2 publish is stored once until its PUBREL", inboundOnce},
		{"a packet and a key that say the same are one publish", inboundWithKey},
		{"a refused publish leaves its packet free", inboundOfRefused},
		{"what a session had not released ends with it", inboundEnds},
		{"entries keep the session that published them", publisher},
	}
}

// packet is alice's post in a QoS 2 packet of that session.
func (w *World) packet(session social.SessionID, packet uint16, content string) social.Entry {
	e := Entries(w.Post(w.Alice, content))[0]
	e.Inbound = social.InboundPacket{Session: session, Packet: packet}
	return e
}

func inboundOnce(w *World) {
	w.claimed(w.phone(11), Epoch())
	sample := social.Entry{
		Sample:  &social.Sample{Stream: w.Lobby.Stream(social.ChannelData), Topic: "t", Author: w.Bob, QoS: 2, Session: 11},
		Inbound: social.InboundPacket{Session: 11, Packet: 65535},
	}
	first := w.AppendEntries(Epoch(), w.packet(11, 1, "a"), w.packet(11, 1, "a"), sample, w.packet(11, 2, "b"))
	if first[0].Repeat || first[0].Err != nil || !first[1].Repeat || first[1].ID != first[0].ID || first[1].Seq != 1 || first[2].Seq != 1 || first[3].Seq != 2 {
		w.Fatalf("%+v", first)
	}
	// Whatever comes in the packet: it is the same publish.
	again := w.AppendEntries(Epoch(), w.packet(11, 1, "other"), sample)
	if !again[0].Repeat || again[0].ID != first[0].ID || again[0].Seq != 1 || !again[1].Repeat || again[1].Seq != 1 || !again[1].ID.IsZero() {
		w.Errorf("%+v", again)
	}
	got := w.claimed(w.phone(12), Epoch())
	want := []social.InboundPacket{
		{Session: 11, Packet: 1, Post: first[0].ID, Seq: 1}, {Session: 11, Packet: 2, Post: first[3].ID, Seq: 2}, {Session: 11, Packet: 65535, Seq: 1},
	}
	if !got.Present || !reflect.DeepEqual(got.Inbound, want) {
		w.Errorf("the session has %+v\nwanted %+v", got.Inbound, want)
	}
	w.saved(social.SessionSave{ID: 11, Fence: 2, Released: []uint16{2, 1, 77}}, Epoch())
	if got := w.claimed(w.phone(12), Epoch()); !reflect.DeepEqual(got.Inbound, want[2:]) {
		w.Errorf("after the release it has %+v", got.Inbound)
	}
	if out := w.AppendEntries(Epoch(), w.packet(11, 1, "next"))[0]; out.Repeat || out.Seq != 3 {
		w.Errorf("a packet that was released: %+v", out)
	}
	if got := w.All(w.Alice); len(got) != 3 {
		w.Errorf("stored %s", seqs(got))
	}
}

func inboundWithKey(w *World) {
	w.claimed(w.phone(11), Epoch())
	elsewhere := w.keyed(w.Alice, "k", "a")
	elsewhere.Stream = w.Space("news", w.Alice).Stream(social.ChannelMessages)
	first := w.Append(Epoch(), w.Post(w.Alice, "one"), elsewhere)[1]
	keyed := func(packet uint16) social.Entry {
		e := w.packet(11, packet, "a")
		e.Post.Key = "k"
		return e
	}
	// Of the key only, then of the packet too: there is nothing else to write.
	for range 2 {
		if out := w.AppendEntries(Epoch(), keyed(5))[0]; !out.Repeat || out.ID != first.ID || out.Seq != 1 {
			w.Errorf("%+v", out)
		}
	}
	if got := w.claimed(w.phone(12), Epoch()); len(got.Inbound) != 1 || got.Inbound[0].Post != first.ID {
		w.Errorf("the session has %+v", got.Inbound)
	}
}

func inboundOfRefused(w *World) {
	w.claimed(w.phone(11), Epoch())
	bad := w.packet(11, 1, "a")
	bad.Post.Stream = 4711
	out := w.AppendEntries(Epoch(), bad, w.packet(11, 1, "a"))
	if out[0].Err == nil || out[1].Err != nil || out[1].Repeat || out[1].Seq != 1 {
		w.Errorf("%+v", out)
	}
}

func inboundEnds(w *World) {
	for i, end := range []func(id social.SessionID){
		func(id social.SessionID) { w.saved(social.SessionSave{ID: id, Fence: 1, Gone: true}, Epoch()) },
		func(social.SessionID) {
			clean := w.phone(100)
			clean.Clean = true
			w.claimed(clean, Epoch())
			w.saved(social.SessionSave{ID: 100, Fence: 2, Gone: true}, Epoch())
		},
		func(social.SessionID) {
			short := w.phone(101)
			short.Expiry = 0
			if got := w.claimed(short, Epoch()); len(got.Inbound) != 1 {
				w.Errorf("the last connection was told of %+v", got.Inbound)
			}
		},
		func(id social.SessionID) {
			none := time.Duration(0)
			w.saved(social.SessionSave{ID: id, Fence: 1, Left: Epoch(), Expiry: &none}, Epoch())
		},
	} {
		id := social.SessionID(11 + i) //nolint:gosec // a handful
		w.claimed(w.phone(id), Epoch())
		if out := w.AppendEntries(Epoch(), w.packet(id, 1, strconv.Itoa(i)))[0]; out.Repeat {
			w.Errorf("round %d: %+v", i, out)
		}
		end(id)
		// Nothing remembers it, and nothing is remembered for a session that is over.
		for range 2 {
			if out := w.AppendEntries(Epoch(), w.packet(id, 1, "again"))[0]; out.Repeat || out.Err != nil {
				w.Errorf("round %d, after the end: %+v", i, out)
			}
		}
	}
}

func publisher(w *World) {
	post := w.Post(w.Alice, "by session")
	post.Session = 1<<63 - 1
	sample := w.sample("t", nil)
	sample.Session = 42
	w.AppendEntries(Epoch(), Entries(post)[0], social.Entry{Sample: sample}, Entries(w.Post(w.Alice, "by none"))[0])
	if got := w.All(w.Alice); got[0].Session != post.Session || got[1].Session != 0 {
		w.Errorf("%+v", got)
	}
	if got := w.samples(social.SampleQuery{Limit: 1}); got[0].Session != 42 {
		w.Errorf("%+v", got)
	}
}
