//go:build faults

package social

import (
	"context"
	"time"

	seeded "rambla/fault"
)

// fault tells whether a mistake is to be made that the checker has to find.
func fault(mistake string) bool { return seeded.On(mistake) }

// early is how long before the commit tellEarly tells of it.
const early = 100 * time.Millisecond

// tellEarly acknowledges or announces what is not committed yet, with the seqs
// that it is going to have.
func (s *shard) tellEarly(batch []pending) {
	acknowledge, announce := fault("acknowledge-before-commit"), fault("announce-before-commit")
	if !acknowledge && !announce {
		return
	}
	next := map[StreamKey]uint64{}
	for i := range batch {
		p := batch[i].entry.Post
		if p == nil {
			continue
		}
		if next[p.Stream] == 0 {
			state, err := s.c.log.State(context.Background(), p.Stream)
			if err != nil {
				return
			}
			next[p.Stream] = state.Head
		}
		next[p.Stream]++
		if acknowledge {
			batch[i].done(Appended{ID: p.ID, Seq: next[p.Stream]}, nil)
			batch[i].done = func(Appended, error) {}
			continue
		}
		told := *p
		told.Seq, told.Published = next[p.Stream], s.c.now()
		_ = s.c.announce.Announce(context.Background(), p.Stream, []Entry{{Post: &told}})
	}
	time.Sleep(early)
}
