package social

import "time"

// Retention is how much of a space's streams is kept; what is older is given up
// soon after. The zero value keeps all posts, and data for SampleLife.
type Retention struct {
	Age     time.Duration // of the entries of messages and events; 0: for ever
	Posts   int64         // how many entries of each of them; 0: all
	DataAge time.Duration // of samples; 0: SampleLife
	Samples int64         // how many of them; 0: as many as the site allows
}

// The bounds of a retention. An age is kept in microseconds.
const (
	leastAge = time.Minute
	mostAge  = 100 * 365 * 24 * time.Hour
)

func (r Retention) check() error {
	for _, f := range []struct {
		field string
		age   time.Duration
	}{{"retention.age", r.Age}, {"retention.dataAge", r.DataAge}} {
		if f.age != 0 && (f.age < leastAge || f.age > mostAge) {
			return Invalid(f.field, "is a time from %v to %v", leastAge, mostAge)
		}
	}
	if r.Posts < 0 {
		return Invalid("retention.posts", "is less than 0")
	}
	if r.Samples < 0 {
		return Invalid("retention.samples", "is less than 0")
	}
	return nil
}

// ParseAge reads a duration such as 720h; empty is none. The error is
// KindInvalid and names field.
func ParseAge(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, Invalid(field, "%q is no duration such as 720h", clip(text))
	}
	return d, nil
}
