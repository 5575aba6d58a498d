//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// claimDirectory makes the process the only server of the embedded store in dir,
// until release or its end, however that comes: what one server announces the
// other would never hear. Commands may use the store beside it.
func claimDirectory(dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil { //nolint:gosec // descriptors are small
		_ = f.Close() // it was opened for nothing
		return nil, fmt.Errorf("another rambla serves %s; one embedded store is one server's (use PostgreSQL for more): %w", dir, err)
	}
	return f.Close, nil
}
