package picture

import (
	"image"
	"image/draw"
)

// shrink makes a picture of width by height of a part of m: every pixel is the mean
// of those that it covers. It takes memory for a few rows beside the result, where
// the kernels of x/image/draw take thirty-two bytes for each row of m and column of
// the result: a gigabyte for a photo. width and height are at most those of part;
// what of part m does not cover shows through.
func shrink(m image.Image, part image.Rectangle, width, height int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	row := image.NewRGBA(image.Rect(0, 0, part.Dx(), 1))
	columns := newSpread(part.Dx(), width)
	narrow := make([]float32, 4*width) // one row of m, as wide as the result
	sum := make([]float32, 4*width)    // of the rows that the current one of out covers
	scale := float32(height) / float32(part.Dy())
	y := 0
	for from := range part.Dy() {
		clear(row.Pix)
		draw.Draw(row, row.Rect, m, image.Pt(part.Min.X, part.Min.Y+from), draw.Src)
		columns.apply(narrow, row.Pix)
		// In units of 1/height of a row, this one reaches to (from+1)*height.
		end := (from + 1) * height
		over := end - (y+1)*part.Dy() // what of it belongs to the next row of out
		share := scale
		if over > 0 {
			share = scale * float32(height-over) / float32(height)
		}
		for i, v := range narrow {
			sum[i] += v * share
		}
		if over < 0 {
			continue
		}
		store(out.Pix[y*out.Stride:], sum)
		y++
		rest := scale * float32(over) / float32(height)
		for i, v := range narrow {
			sum[i] = v * rest
		}
	}
	return out
}

func store(to []byte, sum []float32) {
	for i, v := range sum {
		to[i] = uint8(min(v+0.5, 255))
	}
}

// spread says which pixels of a row go into which of a narrower one, and how much of
// each.
type spread struct {
	from  []int // by pixel of the narrow row: its first one
	first []float32
	last  []float32 // of the one behind the whole ones
	whole []int     // how many between them
	scale float32
}

func newSpread(wide, narrow int) spread {
	s := spread{
		from: make([]int, narrow), first: make([]float32, narrow), last: make([]float32, narrow), whole: make([]int, narrow),
		scale: float32(narrow) / float32(wide),
	}
	for x := range narrow {
		begin, end := x*wide, (x+1)*wide // in units of 1/narrow of a pixel
		s.from[x] = begin / narrow
		s.first[x] = s.scale * float32(narrow-begin%narrow) / float32(narrow)
		s.whole[x] = end/narrow - s.from[x] - 1
		s.last[x] = s.scale * float32(end%narrow) / float32(narrow)
	}
	return s
}

// apply makes one row narrow; both are of four bytes, or numbers, to a pixel.
func (s *spread) apply(to []float32, from []byte) {
	for x := range s.from {
		at := 4 * s.from[x]
		p, share := from[at:at+4], s.first[x]
		r, g, b, a := float32(p[0])*share, float32(p[1])*share, float32(p[2])*share, float32(p[3])*share
		var rs, gs, bs, as int
		for range s.whole[x] {
			at += 4
			p := from[at : at+4]
			rs, gs, bs, as = rs+int(p[0]), gs+int(p[1]), bs+int(p[2]), as+int(p[3])
		}
		r, g, b, a = r+float32(rs)*s.scale, g+float32(gs)*s.scale, b+float32(bs)*s.scale, a+float32(as)*s.scale
		if share := s.last[x]; share > 0 {
			p := from[at+4 : at+8]
			r, g, b, a = r+float32(p[0])*share, g+float32(p[1])*share, b+float32(p[2])*share, a+float32(p[3])*share
		}
		to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = r, g, b, a
	}
}
