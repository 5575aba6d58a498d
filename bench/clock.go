package bench

import "time"

// clock tells the nanoseconds since a load began. All parts of a load share
// one, so what one stamps another can subtract.
type clock struct{ zero time.Time }

func newClock() clock { return clock{zero: time.Now()} }

func (c clock) now() int64 { return int64(time.Since(c.zero)) }

// time is the moment of a reading, for deadlines.
func (c clock) time(ns int64) time.Time { return c.zero.Add(time.Duration(ns)) }
