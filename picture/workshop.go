package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/sync/semaphore"

	"rambla/social"
)

// Workshop makes pictures of pictures. It bounds what is decoded at once; whoever
// comes when all places are taken waits a little, and is then told KindUnavailable
// with a time to come again. It is safe for concurrent use.
type Workshop struct {
	limits  Limits
	places  chan struct{}
	memory  *semaphore.Weighted
	waiting atomic.Int64
	metrics *metrics
	letters *opentype.Font // of badges
}

// NewWorkshop makes one. Its metrics are registered with r, which may be nil.
func NewWorkshop(limits Limits, r prometheus.Registerer) (*Workshop, error) {
	limits = limits.orDefault()
	letters, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, fmt.Errorf("read the font of drawn pictures: %w", err)
	}
	w := &Workshop{
		limits: limits, places: make(chan struct{}, limits.AtOnce), memory: semaphore.NewWeighted(limits.Memory),
		letters: letters,
	}
	w.metrics = newMetrics(r, w)
	return w, nil
}

// Examine reads what src is, and refuses what is beyond the limits: KindInvalid.
// What it takes, the other methods take, too, unless the pixels turn out broken.
func (w *Workshop) Examine(src io.ReadSeeker) (Info, error) {
	i, err := Examine(src)
	if err == nil {
		err = w.limits.check(&i)
	}
	return i, err
}

// Clean writes the picture of src to dst without what nobody needs to know, and
// upright. Its pixels and frames are copied as they are, unless they have to be
// turned: then it is decoded, and what was WebP becomes JPEG or PNG. The Info is of
// what was written. What was written before an error is of no use.
func (w *Workshop) Clean(ctx context.Context, src io.ReadSeeker, dst io.Writer) (Info, error) {
	i, err := w.Examine(src)
	if err != nil {
		return i, w.metrics.done(deedClean, err)
	}
	if i.orientation.upright() {
		return i, w.metrics.done(deedClean, i.copyClean(src, dst))
	}
	err = w.decoded(ctx, src, &i, func(m image.Image) (err error) {
		i.Format, err = encodeWhole(dst, turnWhole(m, i.orientation), i.profile)
		return err
	})
	i.orientation, i.Frames = 0, 1
	return i, w.metrics.done(deedClean, err)
}

// Thumbnail makes one that fits into a square of so many pixels, and is never larger
// than the picture. Of what moves it shows the first frame.
func (w *Workshop) Thumbnail(ctx context.Context, src io.ReadSeeker, side int) (social.Rendition, error) {
	return w.make(ctx, deedThumbnail, src, func(stored image.Rectangle) (image.Rectangle, int, int) {
		long := max(stored.Dx(), stored.Dy())
		side := min(side, long)
		return stored, max(1, (stored.Dx()*side+long/2)/long), max(1, (stored.Dy()*side+long/2)/long)
	})
}

// Portrait makes a square of at most so many pixels to a side, of the middle of the
// picture.
func (w *Workshop) Portrait(ctx context.Context, src io.ReadSeeker, side int) (social.Rendition, error) {
	return w.make(ctx, deedPortrait, src, func(stored image.Rectangle) (image.Rectangle, int, int) {
		short := min(stored.Dx(), stored.Dy())
		left, top := stored.Min.X+(stored.Dx()-short)/2, stored.Min.Y+(stored.Dy()-short)/2
		side := min(side, short)
		return image.Rect(left, top, left+short, top+short), side, side
	})
}

// make shrinks what the frame says to its size, both before the picture is turned.
func (w *Workshop) make(ctx context.Context, d deed, src io.ReadSeeker, frame func(stored image.Rectangle) (part image.Rectangle, width, height int)) (social.Rendition, error) {
	i, err := w.Examine(src)
	if err != nil {
		return social.Rendition{}, w.metrics.done(d, err)
	}
	var out social.Rendition
	err = w.decoded(ctx, src, &i, func(m image.Image) error {
		stored := image.Rect(0, 0, i.Width, i.Height)
		if i.orientation.swaps() {
			stored = image.Rect(0, 0, i.Height, i.Width)
		}
		part, width, height := frame(stored)
		small := turnSmall(shrink(m, part, width, height), i.orientation)
		var body bytes.Buffer
		format, err := encodeSmall(&body, small)
		out = social.Rendition{Body: body.Bytes(), MediaType: format.MediaType()}
		return err
	})
	return out, w.metrics.done(d, err)
}

// decoded decodes the picture, or the first frame of one that moves, and calls f with
// it while it has a place.
func (w *Workshop) decoded(ctx context.Context, src io.ReadSeeker, i *Info, f func(image.Image) error) error {
	leave, err := w.enter(ctx, i.cost())
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, w.limits.Within)
	defer cancel()
	begun := time.Now()
	m, err := decode(ctx, src, i)
	if err != nil {
		return err
	}
	err = f(m)
	w.metrics.took(time.Since(begun))
	return err
}

// busyFor is when somebody who found no place should come again.
const busyFor = 2 * time.Second

// enter takes a place and so much memory, and returns what gives both back.
func (w *Workshop) enter(ctx context.Context, bytes int64) (leave func(), err error) {
	defer w.waiting.Add(-1)
	if w.waiting.Add(1) > int64(w.limits.Queue) {
		return nil, busy(nil)
	}
	within, cancel := context.WithTimeout(ctx, w.limits.Wait)
	defer cancel()
	select {
	case w.places <- struct{}{}:
	case <-within.Done():
		return nil, busy(within.Err())
	}
	if err := w.memory.Acquire(within, bytes); err != nil {
		<-w.places
		return nil, busy(err)
	}
	return func() { w.memory.Release(bytes); <-w.places }, nil
}

func busy(err error) error {
	return &social.Error{
		Kind: social.KindUnavailable, Safe: "The server is busy with other pictures; try again shortly.", RetryAfter: busyFor, Err: err,
	}
}

// decode is KindInvalid for what the decoder cannot read, a decoder that panics
// included: what it reads is foreign.
func decode(ctx context.Context, src io.ReadSeeker, i *Info) (m image.Image, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			m, err = nil, unread(i.Format, fmt.Errorf("the decoder panicked: %v\n%s", cause, debug.Stack()))
		}
	}()
	width, height := i.Width, i.Height
	if i.orientation.swaps() {
		width, height = height, width
	}
	if i.first.n > 0 {
		if m, err = decodeFirst(ctx, src, i); err != nil {
			return nil, err
		}
	} else {
		if err := checkSize(ctx, src, i.Format, width, height); err != nil {
			return nil, err
		}
		if m, err = i.Format.decode(&patient{ctx, src}); err != nil {
			return nil, reading(ctx, i.Format, err)
		}
	}
	if b := m.Bounds(); !b.In(image.Rect(0, 0, width, height)) {
		return nil, broken(i.Format, "its header says another size")
	}
	return m, nil
}

// checkSize asks the decoder whether it would make what the scanner has found, and
// leaves src at its start.
func checkSize(ctx context.Context, src io.ReadSeeker, f Format, width, height int) error {
	if err := rewind(src); err != nil {
		return err
	}
	c, err := f.decodeConfig(&patient{ctx, src})
	if err != nil {
		return reading(ctx, f, err)
	}
	if c.Width != width || c.Height != height {
		return broken(f, "its header says two sizes")
	}
	return rewind(src)
}

func rewind(src io.ReadSeeker) error {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read a picture: %w", err)
	}
	return nil
}

// reading is the error of a decoder: whose fault it is.
func reading(ctx context.Context, f Format, err error) error {
	switch {
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return unread(f, errors.New("decoding took too long"))
	case ctx.Err() != nil:
		return social.Unavailable(ctx.Err())
	}
	return unread(f, err)
}

func unread(f Format, err error) error {
	e := broken(f, "its pixels are not as they should be")
	e.Err = err
	return e
}

// patient ends a decoder's reading when its time is over. It gives little at a time,
// as a few bytes can mean much work.
type patient struct {
	ctx context.Context //nolint:containedctx // decoders take a reader and nothing else
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b[:min(len(b), 2048)])
}
