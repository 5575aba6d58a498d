//go:build unix

package broker

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// rawOf is the file descriptor behind a plain TCP connection; nil where bytes
// pass through a layer of their own (TLS, WebSocket).
func rawOf(nc net.Conn) syscall.RawConn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil // the connection is closed already; the plain path will tell
	}
	return raw
}

// readFD reads without waiting; again tells that there is nothing now.
func readFD(fd uintptr, p []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Read(int(fd), p)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		default:
			return n, false, nil
		}
	}
}

// peekFD is readFD of one byte that stays where it is.
func peekFD(fd uintptr) (first byte, again bool, err error) {
	var p [1]byte
	for {
		n, _, err := syscall.Recvfrom(int(fd), p[:], syscall.MSG_PEEK)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		case err != nil:
			return 0, false, err
		case n == 0:
			return 0, false, io.EOF
		default:
			return p[0], false, nil
		}
	}
}

// writeFD writes what the socket takes without waiting.
func writeFD(fd uintptr, p []byte) (n int, again bool, err error) {
	for n < len(p) {
		m, err := syscall.Write(int(fd), p[n:])
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return n, true, nil
		case err != nil:
			return n, false, err
		default:
			n += m
		}
	}
	return n, false, nil
}
