//go:build linux || darwin

package bench

import (
	"fmt"
	"syscall"
)

// allowFiles makes sure that the process may open n connections and some more
// files. Go has raised the soft limit to the hard one when the process began;
// root may raise that too.
func allowFiles(n int) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	const others = 64
	if l.Cur >= uint64(n+others) {
		return nil
	}
	had := l.Cur
	l.Cur = uint64(n + others)
	l.Max = max(l.Max, l.Cur)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fmt.Errorf("%d connections need as many open files, and this process may have %d: raise it with `ulimit -n` (or LimitNOFILE)", n, had)
	}
	return nil
}
