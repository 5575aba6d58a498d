//go:build unix

package pushgw

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockNotes makes the file the process's own until it is closed, or the process
// ends, however that comes. errNotesInUse: it is another one's.
func lockNotes(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // descriptors are small
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return errNotesInUse
	case err != nil:
		return fmt.Errorf("claim notes of pushes: %w", err)
	}
	return nil
}
