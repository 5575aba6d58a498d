package picture

// steps are the sizes that small pictures are made in, in pixels: those that pages
// and apps ask for, and few enough that what is kept of a picture stays small.
var steps = [...]int{16, 24, 32, 48, 64, 96, 100, 128, 160, 200, 250, 256, 320, 400, 480, 512, 640, 800, 1024, 1280, 1600, 2048}

// The least and the most pixels that one may ask for.
const (
	MinSide = 16
	MaxSide = 2048
)

// Step is [Step].
func (w *Workshop) Step(side int) int { return Step(side) }

// Step is the largest size that small pictures are made in and that is not above
// side: what is made never overflows the place that it was asked for.
func Step(side int) int {
	found := steps[0]
	for _, s := range steps {
		if s <= side {
			found = s
		}
	}
	return found
}
