//go:build faults

// Package fault seeds one mistake into the server, to show that the checker finds
// it. It exists in builds with the tag faults only; in every other build the
// functions that ask it are empty, and the compiler leaves nothing of them.
//
// RAMBLA_FAULT names the mistake, and after a colon every how many-eth time it is
// made: lose-announcement:20. It is the one place besides the command line that
// reads the environment, as no configuration may know of it.
package fault

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

var (
	name, every = parse(os.Getenv("RAMBLA_FAULT"))
	asked       atomic.Uint64
)

func parse(s string) (string, uint64) {
	name, number, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 {
		n = 1
	}
	return name, n
}

// On tells whether the mistake of that name is to be made now.
func On(mistake string) bool { return mistake == name && asked.Add(1)%every == 0 }
