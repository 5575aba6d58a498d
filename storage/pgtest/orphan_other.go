//go:build unix && !linux

package pgtest

import "syscall"

// dieWithParent does nothing here: the next process that wants a cluster ends
// the orphans (room.sweep).
func dieWithParent(*syscall.SysProcAttr) {}
