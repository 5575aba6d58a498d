package storage

import (
	"context"
)

// seekRun is the search for the greatest seq of a run that is behind a place:
// what is at or below low is, what is at or above high is not.
type seekRun struct {
	run         *feedRun
	low, high   int64
	lowAt       int64 // no later than the entry above low; exact where low was looked at
	highAt      int64
	looked      bool // at low
	slow        bool // the last guess did not halve what is left
	guess, left int64
}

// seek moves the runs to the first entry behind the place. Times of a stream grow
// with its seqs, mostly evenly: so it looks where the time should be, and in the
// middle where that has not helped.
func (f *feed) seek(ctx context.Context, after feedKey, runs []*seekRun) error {
	f.times.narrow(after, runs)
	for len(runs) > 0 {
		var streams, seqs []int64
		of := make(map[int64]*seekRun, len(runs))
		open := runs[:0]
		for _, s := range runs {
			if s.high-s.low <= 1 {
				s.finish()
				continue
			}
			s.aim(after.at)
			streams, seqs = append(streams, s.run.stream), append(seqs, s.guess)
			of[s.run.stream] = s
			open = append(open, s)
		}
		runs = open
		if len(runs) == 0 {
			return nil
		}
		var found []feedKey
		// By primary key.
		err := each(ctx, f, func(rs rows) error {
			var key feedKey
			if err := rs.Scan(&key.stream, &key.seq, &key.at); err != nil {
				return err
			}
			found = append(found, key)
			of[key.stream].tell(key, key.compare(after) < 0)
			return nil
		}, entriesAt, streams, seqs)
		if err != nil {
			return err
		}
		f.times.learn(found)
		if len(found) < len(runs) {
			// Retention has given up what was asked for: whatever is left is above.
			for _, s := range runs {
				if s.guess != 0 {
					s.low, s.looked, s.guess = s.guess, false, 0
				}
			}
		}
	}
	return nil
}

const entriesAt = `SELECT p.stream, p.seq, p.published_at FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq)
	CROSS JOIN posts p WHERE p.stream = u.stream AND p.seq = u.seq` // SQLite keeps this order

// aim chooses where to look next.
func (s *seekRun) aim(at int64) {
	s.left = s.high - s.low
	middle := s.low + s.left/2
	s.guess = middle
	if span := s.highAt - s.lowAt; !s.slow && span > 0 && at > s.lowAt && at <= s.highAt {
		s.guess = s.low + int64(float64(s.left)*(float64(at-s.lowAt)/float64(span)))
	}
	s.guess = min(max(s.guess, s.low+1), s.high-1)
}

// tell takes in what was found at the guess.
func (s *seekRun) tell(key feedKey, behind bool) {
	if behind {
		s.low, s.lowAt, s.looked = key.seq, key.at, true
	} else {
		s.high, s.highAt = key.seq, key.at
	}
	s.slow = s.high-s.low > s.left/2
	s.guess = 0
}

// finish leaves the run where the search has ended.
func (s *seekRun) finish() {
	s.run.next = feedKey{}
	if s.looked {
		s.run.next = feedKey{s.lowAt, s.run.stream, s.low}
	}
}
