//go:build !unix

package broker

import (
	"errors"
	"net"
	"syscall"
)

// rawOf is nil: without non-blocking descriptors every connection is written to
// by a goroutine of its own.
func rawOf(net.Conn) syscall.RawConn { return nil }

func readFD(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }

func peekFD(uintptr) (byte, bool, error) { return 0, false, errors.ErrUnsupported }

func writeFD(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }
