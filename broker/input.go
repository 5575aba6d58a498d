package broker

import (
	"errors"
	"net"
	"syscall"
)

// inputSize is the room of a read buffer. Plain TCP connections borrow one for
// as long as there is something to read, so idle ones hold none.
const inputSize = 16 << 10

type inputBuffer [inputSize]byte

var errNoLength = errors.New("remaining length of more than four bytes")

type tooLargeError struct{ size int }

func (tooLargeError) Error() string { return "packet too large" }

// input cuts a connection's bytes into packets. It belongs to the connection's
// reader goroutine.
type input struct {
	nc      net.Conn
	raw     syscall.RawConn // nil: read through nc, with a buffer of one's own
	buffers *pool[inputBuffer]
	waiting func()      // called before the goroutine may wait for bytes
	arrived func(n int) // called when n bytes came

	buf  []byte
	r, w int // buf[r:w] is unread

	readable func(fd uintptr) bool
	into     []byte // where readable reads to; nil = buf
	n        int
	err      error
}

func (in *input) open(nc net.Conn, raw syscall.RawConn, buffers *pool[inputBuffer]) {
	in.nc, in.raw, in.buffers = nc, raw, buffers
	in.readable = func(fd uintptr) bool {
		into := in.into
		if into == nil {
			if in.buf == nil {
				in.buf = in.buffers.get()[:]
			}
			into = in.buf[in.w:]
		}
		var again bool
		if in.n, again, in.err = readFD(fd, into); again {
			if in.into == nil && in.r == in.w {
				in.release()
			}
			return false
		}
		return true
	}
}

func (in *input) release() {
	if in.raw != nil && in.buf != nil {
		in.buffers.put((*inputBuffer)(in.buf))
	}
	in.buf, in.r, in.w = nil, 0, 0
}

// read waits for bytes into p, or into the buffer where p is nil.
func (in *input) read(p []byte) (int, error) {
	in.waiting()
	if in.raw != nil {
		in.into, in.n, in.err = p, 0, nil
		if err := in.raw.Read(in.readable); err != nil {
			return 0, err
		}
	} else {
		if p == nil {
			if in.buf == nil {
				in.buf = make([]byte, 2<<10)
			}
			p = in.buf[in.w:]
		}
		in.n, in.err = in.nc.Read(p)
	}
	if in.n > 0 {
		in.arrived(in.n)
		return in.n, nil
	}
	return 0, in.err
}

// fill gets more bytes behind what is unread.
func (in *input) fill() error {
	if in.r == in.w {
		in.r, in.w = 0, 0
	} else if in.r > 0 {
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
	}
	n, err := in.read(nil)
	in.w += n
	return err
}

// peek waits for the first byte of the next packet.
func (in *input) peek() (byte, error) {
	for in.r == in.w {
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	return in.buf[in.r], nil
}

// next reads one packet of at most limit bytes. The body of a PUBLISH is the
// caller's to keep; any other is valid until the next call.
func (in *input) next(limit int) (header byte, body []byte, err error) {
	for {
		have := in.buf[in.r:in.w]
		if len(have) >= 2 {
			remaining, n, ok := readVarint(have[1:])
			if ok {
				if size := 1 + n + remaining; size > limit {
					return have[0], nil, tooLargeError{size}
				}
				header = have[0]
				in.r += 1 + n
				body, err = in.body(header, remaining)
				return header, body, err
			}
			if len(have) >= 5 {
				return have[0], nil, errNoLength // [MQTT-1.5.5-1]
			}
		}
		if err := in.fill(); err != nil {
			return 0, nil, err
		}
	}
}

func (in *input) body(header byte, size int) ([]byte, error) {
	if header>>4 != typePublish && size <= len(in.buf) {
		for in.w-in.r < size {
			if err := in.fill(); err != nil {
				return nil, err
			}
		}
		body := in.buf[in.r : in.r+size]
		in.r += size
		return body, nil
	}
	body := make([]byte, size)
	n := copy(body, in.buf[in.r:in.w])
	in.r += n
	for n < size {
		m, err := in.read(body[n:])
		if err != nil {
			return nil, err
		}
		n += m
	}
	return body, nil
}

// discard reads on until the other side closes or the read deadline passes.
func (in *input) discard() {
	var sink [512]byte
	for {
		if _, err := in.nc.Read(sink[:]); err != nil {
			return
		}
	}
}
