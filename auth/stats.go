package auth

import "sync/atomic"

// Stats are figures for the operators, since the start where they count.
type Stats struct {
	Hashes        uint64 // passwords hashed
	HashesWaiting int    // logins in line for a hash at this moment
	LineFull      uint64 // logins turned away because the line was full
	Remembered    uint64 // passwords verified without a hash
	Failed        uint64 // wrong names or passwords
	Limited       uint64 // attempts refused after too many failures
	Replays       uint64 // refresh tokens used twice
}

type counts struct {
	remembered, failed, limited, replays atomic.Uint64
}

// Stats does not block.
func (a *Authority) Stats() Stats {
	return Stats{
		Hashes: a.hashes.Load(), HashesWaiting: int(a.waiting.Load()), LineFull: a.refused.Load(),
		Remembered: a.counts.remembered.Load(), Failed: a.counts.failed.Load(),
		Limited: a.counts.limited.Load(), Replays: a.counts.replays.Load(),
	}
}
