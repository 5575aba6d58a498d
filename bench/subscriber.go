package bench

import (
	"fmt"

	"rambla/mqttwire"
)

// subscriber is one connection that receives, and what it has seen of every
// stream. It belongs to its worker.
type subscriber struct {
	version byte
	// next is the seq that comes next in each stream; 0: not invited to it.
	next []uint32
	// gaps are what was passed over, until it comes late or counts as lost.
	gaps []gap
	dead bool
	// slow ones stop reading at times. What they wait for is their own affair, so
	// their latency does not count.
	slow bool
}

// gap is seqs from … to-1 of a stream.
type gap struct {
	stream   uint16
	from, to uint32
}

// tally is what the subscribers of one worker have seen in one run.
type tally struct {
	latency    histogram
	unique     uint64 // deliveries of what had not come before
	duplicates uint64
	disordered uint64 // came after a later one
	uninvited  uint64
	late       uint64 // counted as lost in a run before
	last       int64  // clock time of the last one
}

// received is what a worker reads packets into, and what it makes of them.
type received struct {
	tally
	load  uint16
	floor []uint32 // of each stream: lower seqs belong to runs that are over
	hint  int      // where the last stamp stood
	// resumed is the clock time at which the slow ones have begun to read again;
	// caught when the last delivery came to one of them that was sent before.
	resumed, caught int64
	pongs           uint64 // answers to pings, in all runs
	acks            []byte // to be written to the connection that was read from
}

// take handles the whole packets at the beginning of data, which arrived at
// now, and says how many bytes they were. It appends to r.acks.
func (s *subscriber) take(data []byte, now int64, r *received) (used int, err error) {
	for {
		head, body, size, err := mqttwire.Split(data[used:])
		if err != nil {
			return used, err
		}
		if size == 0 {
			return used, nil
		}
		used += size
		switch head >> 4 {
		case mqttwire.Publish:
			id, payload, err := parsePublish(s.version, head, body)
			if err != nil {
				return used, err
			}
			switch head & 0x06 {
			case 0:
			case 2:
				r.acks = appendPuback(r.acks, id)
			default:
				return used, fmt.Errorf("a delivery at more than the QoS 1 that was asked for: %w", mqttwire.ErrMalformed)
			}
			stamp, at, ok := findStamp(payload, r.hint)
			if !ok || stamp.load != r.load || int(stamp.stream) >= len(s.next) {
				continue // another's post: it costs the server, but says nothing to us
			}
			r.hint = at
			s.see(stamp, now, r)
		case mqttwire.Pingresp:
			r.pongs++
		case mqttwire.Disconnect:
			return used, parseDisconnect(body)
		default:
			return used, mqttwire.ErrMalformed
		}
	}
}

// see compares one delivery with what had to come.
func (s *subscriber) see(d stamp, now int64, r *received) {
	next := s.next[d.stream]
	switch {
	case next == 0:
		r.uninvited++
		return
	case d.seq < r.floor[d.stream]:
		r.late++
		return
	case d.seq == next:
		s.next[d.stream]++
	case d.seq > next:
		s.gaps = append(s.gaps, gap{stream: d.stream, from: next, to: d.seq})
		s.next[d.stream] = d.seq + 1
	case s.fill(d):
		r.disordered++
	default:
		r.duplicates++
		return
	}
	r.unique++
	r.last = now
	if !s.slow {
		r.latency.add(now - d.at)
	} else if d.at < r.resumed {
		r.caught = now
	}
}

// fill takes a seq out of the gap that it lies in; false: it had come before.
func (s *subscriber) fill(d stamp) bool {
	for i, g := range s.gaps {
		if g.stream != d.stream || d.seq < g.from || d.seq >= g.to {
			continue
		}
		s.gaps[i].to = d.seq
		if d.seq+1 < g.to {
			s.gaps = append(s.gaps, gap{stream: g.stream, from: d.seq + 1, to: g.to})
		}
		if s.gaps[i].from == s.gaps[i].to {
			s.gaps[i] = s.gaps[len(s.gaps)-1]
			s.gaps = s.gaps[:len(s.gaps)-1]
		}
		return true
	}
	return false
}

// miss counts what has not come of the streams, whose last seqs are given, and
// forgets about it.
func (s *subscriber) miss(last []uint32) (lost uint64) {
	for _, g := range s.gaps {
		lost += uint64(g.to - g.from)
	}
	s.gaps = nil
	for stream, next := range s.next {
		if next > 0 && next <= last[stream] {
			lost += uint64(last[stream] + 1 - next)
			s.next[stream] = last[stream] + 1
		}
	}
	return lost
}
