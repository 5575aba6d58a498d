package picture

import (
	"image"
	"image/draw"
)

// turnSmall makes a small picture upright.
func turnSmall(m *image.RGBA, o orientation) *image.RGBA {
	if o.upright() {
		return m
	}
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewRGBA(turnedRect(w, h, o))
	turnPixels(out.Pix, out.Stride, m.Pix, m.Stride, w, h, 4, o)
	return out
}

// turnWhole makes a picture upright that may be large. What a camera makes, YCbCr, is
// turned plane by plane; all else becomes NRGBA.
func turnWhole(m image.Image, o orientation) image.Image {
	if c, ok := m.(*image.YCbCr); ok {
		if ratio, ok := turnedRatio(c.SubsampleRatio, o); ok {
			return turnYCbCr(c, ratio, o)
		}
	}
	w, h := m.Bounds().Dx(), m.Bounds().Dy()
	flat := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(flat, flat.Rect, m, m.Bounds().Min, draw.Src)
	out := image.NewNRGBA(turnedRect(w, h, o))
	turnPixels(out.Pix, out.Stride, flat.Pix, flat.Stride, w, h, 4, o)
	return out
}

func turnedRect(w, h int, o orientation) image.Rectangle {
	if o.swaps() {
		w, h = h, w
	}
	return image.Rect(0, 0, w, h)
}

// turnedRatio is how the colours of a turned picture are sampled. Those that are not
// there on their side, and on odd edges of a mirrored one, are not turned by plane.
func turnedRatio(r image.YCbCrSubsampleRatio, o orientation) (image.YCbCrSubsampleRatio, bool) {
	switch r {
	case image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio420:
		return r, true
	case image.YCbCrSubsampleRatio422:
		if o.swaps() {
			return image.YCbCrSubsampleRatio440, true
		}
		return r, true
	case image.YCbCrSubsampleRatio440:
		if o.swaps() {
			return image.YCbCrSubsampleRatio422, true
		}
		return r, true
	default:
		return r, false
	}
}

// turnYCbCr turns m, whose bounds begin at 0, 0 as a decoder makes them.
func turnYCbCr(m *image.YCbCr, ratio image.YCbCrSubsampleRatio, o orientation) image.Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewYCbCr(turnedRect(w, h, o), ratio)
	turnPixels(out.Y, out.YStride, m.Y, m.YStride, w, h, 1, o)
	cw, ch := w, h
	if m.SubsampleRatio == image.YCbCrSubsampleRatio420 || m.SubsampleRatio == image.YCbCrSubsampleRatio422 {
		cw = (w + 1) / 2
	}
	if m.SubsampleRatio == image.YCbCrSubsampleRatio420 || m.SubsampleRatio == image.YCbCrSubsampleRatio440 {
		ch = (h + 1) / 2
	}
	turnPixels(out.Cb, out.CStride, m.Cb, m.CStride, cw, ch, 1, o)
	turnPixels(out.Cr, out.CStride, m.Cr, m.CStride, cw, ch, 1, o)
	return out
}

// turnPixels copies w by h pixels of n bytes to where they are seen.
func turnPixels(to []byte, toStride int, from []byte, fromStride, w, h, n int, o orientation) {
	tw, th := w, h
	if o.swaps() {
		tw, th = h, w
	}
	for y := range th {
		line := to[y*toStride:]
		for x := range tw {
			sx, sy := o.source(x, y, w, h)
			copy(line[x*n:x*n+n], from[sy*fromStride+sx*n:])
		}
	}
}
