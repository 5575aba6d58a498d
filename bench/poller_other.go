//go:build !linux

package bench

import (
	"errors"
	"net"
)

// poller exists on Linux only; elsewhere every connection has a goroutine.
type poller struct{}

func newPoller(*worker) (*poller, error) { return nil, nil }

func (*poller) run() {}

func (*poller) addLocked(*net.TCPConn, []byte, *subscriber) error { return errors.ErrUnsupported }

func (*poller) stallLocked(bool) error { return nil }

func (*poller) pingLocked() int { return 0 }
