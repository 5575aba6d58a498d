//go:build !unix

package pushgw

import (
	"errors"
	"os"
)

// lockNotes cannot tell here whether another process works: then none are kept.
func lockNotes(*os.File) error { return errors.New("files cannot be claimed on this system") }
