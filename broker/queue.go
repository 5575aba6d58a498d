package broker

// entry is one message waiting in one session's queue. Queues hold millions in
// a burst, and copying them is what fan-out costs beside system calls: keep it
// at 32 bytes.
type entry struct {
	message *message
	track   *track
	ids     identifiers
	right   uint32 // the state of track.right when it was queued
	id      uint16 // its packet identifier, where it has one already
	qos     byte
	marks   entryMarks
}

type entryMarks byte

const (
	markRetain entryMarks = 1 << iota // the RETAIN flag
	markDup                           // it was sent on a former connection
	markEarly                         // it waits in outbox.early
)

func (e *entry) retain() bool { return e.marks&markRetain != 0 }
func (e *entry) dup() bool    { return e.marks&markDup != 0 }
func (e *entry) early() bool  { return e.marks&markEarly != 0 }

// retainMark is the mark of a delivery with or without the RETAIN flag.
func retainMark(retain bool) entryMarks {
	if retain {
		return markRetain
	}
	return 0
}

// queue is a ring that grows to what is needed and lets go of it when empty.
// Its bound is kept by the outbox.
type queue struct {
	ring  []entry // a power of two long, or nil
	head  int
	count int
	bytes int
}

// idleRing is how many entries an empty queue keeps room for.
const idleRing = 16

func (q *queue) grow() {
	if q.count < len(q.ring) {
		return
	}
	size := max(idleRing, 4*len(q.ring))
	if len(q.ring) >= feedLow {
		size = 2 * len(q.ring)
	}
	bigger := make([]entry, size)
	for i := range q.count {
		bigger[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
	}
	q.ring, q.head = bigger, 0
}

func (q *queue) push(e entry) {
	q.grow()
	q.ring[(q.head+q.count)&(len(q.ring)-1)] = e
	q.count++
	q.bytes += e.message.size()
}

// pushFront puts back what pop gave.
func (q *queue) pushFront(e entry) {
	q.grow()
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.ring[q.head] = e
	q.count++
	q.bytes += e.message.size()
}

// front must not be called on an empty queue; it is valid until the next change.
func (q *queue) front() *entry { return &q.ring[q.head] }

func (q *queue) pop() entry {
	e := q.ring[q.head]
	q.ring[q.head] = entry{} // lets go of the message
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.count--
	q.bytes -= e.message.size()
	if q.count == 0 && len(q.ring) > idleRing {
		q.ring, q.head = nil, 0
	}
	return e
}

func (q *queue) clear() { *q = queue{} }
