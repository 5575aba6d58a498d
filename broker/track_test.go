package broker

import (
	"testing"
	"time"

	"rambla/social"
)

// A connection that was cut had its last position jump over what was announced
// while it closed: it was never queued, and taken for not being for the session.
func TestWhatIsAnnouncedWhileAConnectionClosesIsNotTakenForHad(t *testing.T) {
	t.Parallel()
	var o outbox
	o.open(wire{version: version5}, limits{entries: 10, bytes: 1 << 20}, 10)
	tr := &track{stream: 7}
	o.begin(tr, 3)
	o.hear(tr, 3)
	tr.set(true)
	if tr.behind || tr.at != 3 {
		t.Fatalf("a cursor at the head is behind: %+v", tr)
	}
	o.close(0, "")
	d := &Delivery{Stream: 7, Seq: 4, Payload: func() []byte { return nil }, Channel: social.ChannelMessages}
	m := newMessage(d, time.Time{})
	if f := o.enqueue(entry{message: m, track: tr, right: tr.right.Load(), qos: 1}); f != fateClosed {
		t.Errorf("fate %d", f)
	}
	if !tr.behind || tr.at != 3 || tr.sent != 3 {
		t.Errorf("it counts as had: at %d, sent %d, behind %v", tr.at, tr.sent, tr.behind)
	}
}
