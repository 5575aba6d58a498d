package storage

import "time"

// micros is t as the store keeps it: microseconds since 1970 UTC, 0 for the
// zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the reverse of micros.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// duration is a number of microseconds.
func duration(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// orNull keeps a zero out of a column that is usually empty.
func orNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}
