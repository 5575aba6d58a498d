package picture

import (
	"runtime"
	"time"

	"rambla/social"
)

// Limits bound what one picture may cost, and all of them at once. The zero value
// of each member stands for its default.
type Limits struct {
	Pixels int64         // most of one picture, or of one frame; default 50 million
	Memory int64         // most bytes that all decoded at once may take; default 384 MiB
	Frames int           // most of one animation; default 1000
	AtOnce int           // most pictures that are decoded at once; default half of the processors
	Queue  int           // most that wait for their turn; default 64
	Wait   time.Duration // the longest that one waits; default 5 s
	Within time.Duration // the longest that decoding may take; default 15 s
}

func (l Limits) orDefault() Limits {
	or(&l.Pixels, 50_000_000)
	or(&l.Memory, 384<<20)
	or(&l.Frames, 1000)
	or(&l.AtOnce, max(1, runtime.GOMAXPROCS(0)/2))
	or(&l.Queue, 64)
	or(&l.Wait, 5*time.Second)
	or(&l.Within, 15*time.Second)
	return l
}

func or[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

// animationPixels is how many times the pixels of one picture all frames of an
// animation may have together: whoever looks at it decodes them all.
const animationPixels = 20

// check is KindInvalid for a picture that costs more than it may.
func (l Limits) check(i *Info) error {
	switch {
	case i.Width < 1 || i.Height < 1:
		return broken(i.Format, "it has no size")
	case int64(i.Width)*int64(i.Height) > l.Pixels:
		return social.Invalid("file", "is a picture of %d by %d pixels; at most %d million are taken", i.Width, i.Height, l.Pixels/1_000_000)
	case i.Frames > l.Frames:
		return social.Invalid("file", "is an animation of more than %d frames", l.Frames)
	case i.area > animationPixels*l.Pixels:
		return social.Invalid("file", "is an animation whose frames have too many pixels together")
	case i.cost() > l.Memory:
		return social.Invalid("file", "is a picture that takes more memory to read than this server gives one; save it with fewer pixels")
	}
	return nil
}
