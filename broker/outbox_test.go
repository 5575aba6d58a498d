package broker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func TestPacketIdentifiersGoRoundWithoutZeroAndAreFoundInAnyOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	w := window{limit: 100}
	open := make(map[uint16]byte) // identifier → QoS
	var order []uint16
	for step := range 400_000 {
		switch {
		case !w.full() && r.IntN(2) == 0:
			qos := byte(1 + r.IntN(2))
			id := w.take(qos, nil, 1)
			if _, used := open[id]; used || id == 0 {
				t.Fatalf("step %d: identifier %d is in use or zero", step, id)
			}
			open[id] = qos
			order = append(order, id)
		case len(order) > 0 && r.IntN(50) == 0: // the newest was not sent after all
			id := order[len(order)-1]
			if int(id) != int(packetID(w.next-1)) {
				continue // a newer one was acknowledged already
			}
			w.untake()
			delete(open, id)
			order = order[:len(order)-1]
		case len(order) > 0:
			i := min(len(order)-1, r.IntN(5)) // mostly the oldest
			id := order[i]
			if open[id] == 2 {
				if w.release(id, slotPuback) || w.release(id, slotPubcomp) {
					t.Fatal("a QoS 2 delivery ends without its PUBREC")
				}
				for range 2 { // a PUBREC may come twice
					if !w.advance(id) {
						t.Fatal("a PUBREC is unknown")
					}
				}
				if w.release(id, slotPubrec) || !w.release(id, slotPubcomp) {
					t.Fatal("a QoS 2 delivery does not end")
				}
			} else if w.advance(id) || w.release(id, slotPubcomp) || !w.release(id, slotPuback) {
				t.Fatal("a QoS 1 delivery does not end")
			}
			delete(open, id)
			order = slices.Delete(order, i, i+1)
		}
		if w.open != len(open) || w.open > w.limit {
			t.Fatalf("step %d: %d open, want %d", step, w.open, len(open))
		}
	}
	if w.next < 2*packetIDs {
		t.Errorf("only %d identifiers were used", w.next)
	}
}

func TestAnIdentifierThatIsNeverAcknowledgedStopsTheWindowInTheEnd(t *testing.T) {
	t.Parallel()
	w := window{limit: 10}
	w.take(1, nil, 1)
	for n := 1; !w.full(); n++ {
		if n > w.span() {
			t.Fatal("it goes on for ever")
		}
		w.release(w.take(1, nil, 1), slotPuback)
	}
	if !w.release(1, slotPuback) || w.full() || w.open != 0 {
		t.Errorf("it does not go on: %+v", w)
	}
}

func TestAcknowledgementsOfWhatWasNeverSentChangeNothing(t *testing.T) {
	t.Parallel()
	w := window{limit: 10}
	for _, id := range []uint16{0, 1, 65535} {
		if w.release(id, slotPuback) || w.advance(id) {
			t.Errorf("%d is known", id)
		}
	}
	w.take(1, nil, 1)
	w.take(1, nil, 1)
	w.release(1, slotPuback)
	w.release(2, slotPuback) // by a guess, before it left
	w.untake()
	w.untake()
	if w.open != 0 || w.full() {
		t.Errorf("%+v", w)
	}
	if id := w.take(2, nil, 1); id == 0 || w.open != 1 {
		t.Errorf("took %d: %+v", id, w)
	}
}

func TestTheQueueKeepsItsOrderAndLetsGoOfItsMemory(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	var q queue
	var model []string
	for i := range 20_000 {
		switch n := r.IntN(10); {
		case n < 5 && i < 15_000:
			m := &message{topic: fmt.Sprint(i)}
			q.push(entry{message: m})
			model = append(model, m.topic)
		case len(model) > 0 && n == 9:
			q.pushFront(q.pop())
		case len(model) > 0:
			if got := q.pop().message.topic; got != model[0] {
				t.Fatalf("got %s, want %s", got, model[0])
			}
			model = model[1:]
		}
		if q.count != len(model) || q.bytes != len(strings.Join(model, "")) {
			t.Fatalf("counts %d messages, %d bytes", q.count, q.bytes)
		}
	}
	for q.count > 0 {
		q.pop()
	}
	if len(q.ring) > idleRing {
		t.Errorf("an empty queue holds %d entries", len(q.ring))
	}
}

func TestWhatASocketTakesInPiecesIsTheSameStreamInAnyPieces(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 7))
		var o outbox
		o.open(wire{version: version5}, limits{entries: 1 << 20, bytes: 1 << 30}, 1<<15)
		p := &track{kept: true}
		p.set(true)
		var want, got []byte
		ids := 0
		for i := range 60 {
			m := &message{topic: "t", seq: uint64(i + 1), payload: bytes.Repeat([]byte{byte(i)}, r.IntN(300)), expiryAt: -1}
			e := entry{message: m, track: p, right: p.right.Load(), qos: byte(r.IntN(2))}
			if r.IntN(4) == 0 {
				e.ids = identifier(uint32(1 + r.IntN(1000)))
			} else {
				m.prepare(true, e.qos > 0)
			}
			if f := o.enqueue(e); f != fateWake {
				t.Fatalf("fate %d", f)
			}
			if e.qos > 0 {
				ids++
			}
			want = m.appendTo(want, true, &e, naming{}, uint16(ids), time.Time{})
		}
		var b batch
		for more := true; more || len(got) < len(want); {
			more = o.pull(&b, 1+r.IntN(2000), time.Time{}).more
			n := len(b.buf)
			if r.IntN(2) == 0 {
				n = r.IntN(len(b.buf) + 1)
			}
			got = append(got, b.buf[:n]...)
			o.settle(&b, n)
			b.reset()
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: the stream differs", seed)
		}
	}
}

func TestARightThatIsGoneKeepsBackWhatTheSocketDidNotTake(t *testing.T) {
	t.Parallel()
	var o outbox
	o.open(wire{version: version311}, limits{entries: 100, bytes: 1 << 20}, 10)
	p := &track{kept: true}
	p.set(true)
	for i := range 3 {
		m := &message{topic: "t", seq: uint64(i + 1), payload: []byte{byte(i)}, expiryAt: -1}
		m.prepare(false, true)
		o.enqueue(entry{message: m, track: p, right: p.right.Load(), qos: 1})
	}
	var b batch
	o.pull(&b, 1<<10, time.Time{})
	size := len(b.buf) / 3
	if n := o.settle(&b, size+1); n != 2 { // all of the first, one byte of the second
		t.Errorf("%d count as delivered", n)
	}
	second := bytes.Clone(b.buf[size+1 : 2*size])
	b.reset()
	p.set(false)
	o.pull(&b, 1<<10, time.Time{})
	if !bytes.Equal(b.buf, second) || b.skips.right != 1 {
		t.Errorf("then % x leaves, %d skipped", b.buf, b.skips.right)
	}
	if o.window.open != 2 || packetID(o.window.next) != 3 {
		t.Errorf("%d unacknowledged, next is %d", o.window.open, packetID(o.window.next))
	}
}

func TestAnExpiredMessageIsNotDeliveredAndAnOtherSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var o outbox
	o.open(wire{version: version5}, limits{entries: 100, bytes: 1 << 20}, 10)
	p := &track{kept: true}
	p.set(true)
	for _, expiry := range []uint32{5, 100} {
		m := newMessage(&Delivery{
			Topic: "t", Properties: &social.Properties{ContentType: "x", Expiry: expiry},
			Payload: func() []byte { return nil },
		}, now)
		m.prepare(true, false)
		o.enqueue(entry{message: m, track: p, right: p.right.Load()})
	}
	var b batch
	o.pull(&b, 1<<10, now.Add(10*time.Second))
	if b.skips.expired != 1 || len(b.sent) != 1 || !bytes.Contains(b.buf, []byte{propMessageExpiry, 0, 0, 0, 90}) {
		t.Errorf("%+v % x", b.skips, b.buf)
	}
}
