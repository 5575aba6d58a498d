package bench

import (
	"bytes"
	"encoding/binary"

	"rambla/mqttwire"
)

// stamp is what every payload of ours carries: when it was sent, and which it
// is of its stream. It stands at the beginning of the content as text between
// two marks, so that it survives a server that wraps the content into JSON:
//
//	~ 12 digits time, 8 digits seq, 4 digits stream, 4 digits load ~
type stamp struct {
	at     int64  // nanoseconds of the load's clock, 48 bits
	seq    uint32 // 1, 2, 3 … of the stream
	stream uint16
	load   uint16 // tells this load's posts from those of another
}

const (
	stampMark = '~'
	stampTime = 12
	stampSize = stampTime + 8 + 4 + 4 + 2
)

const digits = "0123456789abcdef"

// put writes the stamp over the first stampSize bytes of b.
func (s stamp) put(b []byte) {
	b = b[:stampSize]
	b[0], b[stampSize-1] = stampMark, stampMark
	putHex(b[1:1+stampTime], uint64(s.at))
	putHex(b[1+stampTime:stampSize-1], uint64(s.seq)<<32|uint64(s.stream)<<16|uint64(s.load))
}

func putHex(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[v&15]
		v >>= 4
	}
}

// hexValue is 0xff for what is no digit.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range len(digits) {
		t[digits[i]] = byte(i)
	}
	return t
}()

func hex(b []byte) (v uint64, ok bool) {
	var bad byte
	for _, c := range b {
		d := hexValue[c]
		bad |= d
		v = v<<4 | uint64(d&15)
	}
	return v, bad < 16
}

// stampAt reads the stamp whose first mark stands at b[0].
func stampAt(b []byte) (s stamp, ok bool) {
	if len(b) < stampSize || b[0] != stampMark || b[stampSize-1] != stampMark {
		return s, false
	}
	at, ok1 := hex(b[1 : 1+stampTime])
	id, ok2 := hex(b[1+stampTime : stampSize-1])
	return stamp{at: int64(at), seq: uint32(id >> 32), stream: uint16(id >> 16), load: uint16(id)}, ok1 && ok2
}

// findStamp looks for a stamp in a payload, first where the last one stood:
// within one load a server's wrapping hardly ever changes its size.
func findStamp(payload []byte, hint int) (s stamp, at int, ok bool) {
	if hint < len(payload) {
		if s, ok := stampAt(payload[hint:]); ok {
			return s, hint, true
		}
	}
	for from := 0; ; {
		i := bytes.IndexByte(payload[from:], stampMark)
		if i < 0 {
			return stamp{}, 0, false
		}
		from += i
		if s, ok := stampAt(payload[from:]); ok {
			return s, from, true
		}
		from++
	}
}

// template is one encoded PUBLISH of QoS 1 in which only the packet id and the
// stamp (and the key made of it) change.
type template struct {
	frame []byte
	id    int // where the packet id stands
	stamp int // where the stamp stands
	key   int // where the last 16 digits of the key stand; 0: no key
}

const keyDigits = 16

// keyPrefix names the load and the template in every key, in twelve digits.
func keyPrefix(unique string) string { return "bench-" + unique + "-" }

// leastPayload is what a payload needs to carry its stamp, in bytes.
func leastPayload(json bool) int {
	if !json {
		return stampSize
	}
	return len(`{"key":"","content":""}`) + len(keyPrefix("000000000000")) + keyDigits + stampSize
}

// newTemplate makes a publish of size bytes of payload to topic.
func newTemplate(version byte, topic string, size int, json bool, unique string) template {
	var t template
	var payload []byte
	if json {
		payload = append(payload, `{"key":"`+keyPrefix(unique)...)
		t.key = len(payload)
		payload = append(payload, "0000000000000000"+`","content":"`...)
	}
	t.stamp = len(payload)
	end := ""
	if json {
		end = `"}`
	}
	payload = append(payload, bytes.Repeat([]byte{stampMark}, stampSize)...)
	const filler = " the quick brown fox jumps over the lazy dog"
	for i := 0; len(payload) < size-len(end); i++ {
		payload = append(payload, filler[i%len(filler)])
	}
	// A trailing blank would be trimmed by a careful server.
	if len(payload) > t.stamp+stampSize {
		payload[len(payload)-1] = '.'
	}
	payload = append(payload, end...)

	body := mqttwire.AppendText(nil, topic)
	id := len(body)
	body = append(body, 0, 0)
	if version == 5 {
		body = append(body, 0)
	}
	before := len(body)
	body = append(body, payload...)
	t.frame = mqttwire.AppendLength([]byte{mqttwire.Publish<<4 | 2}, len(body))
	start := len(t.frame)
	t.frame = append(t.frame, body...)
	t.id = start + id
	t.stamp += start + before
	if t.key > 0 {
		t.key += start + before
	}
	return t
}

// append writes the publish with this packet id and stamp behind b.
func (t *template) append(b []byte, id uint16, s stamp) []byte {
	from := len(b)
	b = append(b, t.frame...)
	f := b[from:]
	binary.BigEndian.PutUint16(f[t.id:], id)
	s.put(f[t.stamp:])
	if t.key > 0 {
		copy(f[t.key:t.key+keyDigits], f[t.stamp+1+stampTime:])
	}
	return b
}
