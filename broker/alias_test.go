package broker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// read takes a stream of PUBLISH packets apart as a client would that takes
// aliases up to most.
func readStream(t *testing.T, stream []byte, most int) (topics []string) {
	t.Helper()
	known := aliases{most: most, longest: 1000}
	for len(stream) > 0 {
		size, n, ok := readVarint(stream[1:])
		if !ok || 1+n+size > len(stream) {
			t.Fatalf("the stream ends inside a packet: % x", stream)
		}
		p, bad := decodePublish(version5, stream[0], bytes.Clone(stream[1+n:1+n+size]))
		if bad == nil {
			bad = known.resolve(&p)
		}
		if bad != nil {
			t.Fatalf("%+v: % x", bad, stream[:1+n+size])
		}
		topics = append(topics, p.topic)
		stream = stream[1+n+size:]
	}
	return topics
}

func TestAliasesAreThoseThatTheClientGotToReadInWhateverPieces(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 8))
		var o outbox
		o.open(wire{version: version5, aliasMax: 4}, limits{entries: 1 << 20, bytes: 1 << 30}, 1<<15)
		var tracks [7]*track
		for i := range tracks {
			tracks[i] = &track{kept: true}
			tracks[i].set(true)
		}
		var got []byte
		var want []string
		var b batch
		gone := -1 // the topic whose right goes while packets wait
		if seed%2 == 1 {
			gone = r.IntN(len(tracks))
		}
		for i := range 80 {
			n := r.IntN(len(tracks))
			m := &message{topic: fmt.Sprintf("topic/%d", n), seq: uint64(i + 1), payload: make([]byte, r.IntN(40)), expiryAt: -1}
			e := entry{message: m, track: tracks[n], right: tracks[n].right.Load(), qos: byte(r.IntN(2))}
			m.prepare(true, e.qos > 0)
			o.enqueue(e)
			if n != gone {
				want = append(want, m.topic)
			}
			if r.IntN(3) == 0 {
				o.pull(&b, 1+r.IntN(300), time.Time{})
				written := r.IntN(len(b.buf) + 1)
				got = append(got, b.buf[:written]...)
				o.settle(&b, written)
				b.reset()
			}
			if n == gone && i > 40 {
				tracks[n].set(false)
			}
		}
		for more := true; more || len(b.buf) > 0; {
			b.reset()
			more = o.pull(&b, 1<<10, time.Time{}).more
			got = append(got, b.buf...)
		}
		topics := readStream(t, got, 4)
		lost := fmt.Sprintf("topic/%d", gone)
		topics = slices.DeleteFunc(topics, func(topic string) bool { return topic == lost })
		if !slices.Equal(topics, want) {
			t.Fatalf("seed %d:\n got %v\nwant %v", seed, topics, want)
		}
		if len(o.aliases.numbers) > 4 {
			t.Fatalf("%d aliases", len(o.aliases.numbers))
		}
	}
}

func TestAnAliasIsGivenWhereThePacketHasRoomForIt(t *testing.T) {
	t.Parallel()
	topic := strings.Repeat("t", 20)
	for _, c := range []struct {
		name     string
		most     uint32 // Maximum Packet Size
		payloads []int
		sizes    []int // of the packets; what is missing was left out
	}{
		// A packet is 2 bytes, 2 of the topic's length, the topic, 1 of the properties' length, the payload.
		{"no limit", 0, []int{10, 10}, []int{38, 18}},
		{"room for the topic and its alias", 38, []int{10, 10}, []int{38, 18}},
		{"room for the topic alone", 37, []int{10, 10}, []int{35, 35}},
		{"an alias makes room for more", 38, []int{10, 20, 30, 31}, []int{38, 28, 38}},
		{"without it there is none", 37, []int{20, 10, 12, 13}, []int{35, 37}},
	} {
		var o outbox
		o.open(wire{version: version5, aliasMax: 1, maxPacket: c.most}, limits{entries: 100, bytes: 1 << 20}, 10)
		p := &track{kept: true}
		p.set(true)
		for _, size := range c.payloads {
			m := &message{topic: topic, payload: make([]byte, size), expiryAt: -1}
			m.prepare(true, false)
			o.enqueue(entry{message: m, track: p, right: p.right.Load()})
		}
		var b batch
		o.pull(&b, 1<<10, time.Time{})
		var sizes []int
		at := 0
		for _, s := range b.sent {
			sizes = append(sizes, s.end-at)
			at = s.end
		}
		if !slices.Equal(sizes, c.sizes) || b.skips.tooLarge != len(c.payloads)-len(c.sizes) {
			t.Errorf("%s: packets of %v bytes, want %v; %+v", c.name, sizes, c.sizes, b.skips)
		}
		if topics := readStream(t, b.buf, 1); len(topics) != len(c.sizes) || slices.ContainsFunc(topics, func(s string) bool { return s != topic }) {
			t.Errorf("%s: %q", c.name, topics)
		}
	}
}
