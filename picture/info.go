package picture

import (
	"fmt"
	"io"

	"rambla/social"
)

// Info is what the header of a picture tells.
type Info struct {
	Format        Format
	Width, Height int // in pixels, as it is looked at: turned upright
	Frames        int // more than 1: it moves

	orientation orientation
	bytesPerTen int64  // what decoding takes, for ten pixels
	area        int64  // of all frames of an animation, in pixels
	first       span   // of a moving WebP: its first frame
	profile     []byte // of a JPEG: its ICC segments, as they stand in the file
	keep        []piece
	kept        int64
}

// span is a part of a file.
type span struct{ at, n int64 }

// piece is a part of a file that goes into the clean one, or bytes that stand there
// instead: those of a blank one are n zeros.
type piece struct {
	span
	instead []byte
	blank   bool
}

// maxPieces is how many gaps a clean picture may have been cut from. Cameras leave
// a dozen; each costs us memory.
const maxPieces = 4096

// take keeps a part of the file.
func (i *Info) take(at, n int64) error {
	i.kept += n
	if last := len(i.keep) - 1; last >= 0 && i.keep[last].instead == nil && !i.keep[last].blank && i.keep[last].at+i.keep[last].n == at {
		i.keep[last].n += n
		return nil
	}
	return i.add(piece{span: span{at, n}})
}

// put writes these bytes, of which the caller must change none any more.
func (i *Info) put(instead []byte) error {
	i.kept += int64(len(instead))
	return i.add(piece{instead: instead})
}

// blank writes so many zeros.
func (i *Info) blank(n int64) error {
	i.kept += n
	if last := len(i.keep) - 1; last >= 0 && i.keep[last].blank {
		i.keep[last].n += n
		return nil
	}
	return i.add(piece{span: span{n: n}, blank: true})
}

func (i *Info) add(p piece) error {
	if len(i.keep) == maxPieces {
		return broken(i.Format, "it is made of too many parts")
	}
	i.keep = append(i.keep, p)
	return nil
}

// cost is how many bytes decoding it takes at the most, and turning it where it lies
// on its side.
func (i *Info) cost() int64 {
	each := i.bytesPerTen
	if !i.orientation.upright() {
		each += 40
	}
	return int64(i.Width) * int64(i.Height) * each / 10
}

// turn notes the orientation, and which way the sides are because of it. It is the
// last thing that a scanner does.
func (i *Info) turn() {
	if i.orientation.swaps() {
		i.Width, i.Height = i.Height, i.Width
	}
}

// Examine reads what src is from where its format says it; src is read from its
// start, and left anywhere. KindInvalid where it is no picture, or is broken.
// Limits are for [Workshop.Examine].
func Examine(src io.ReadSeeker) (Info, error) {
	s, err := newScanner(src)
	if err != nil {
		return Info{}, err
	}
	head, err := s.peek(SniffLength)
	if err != nil {
		return Info{}, err
	}
	i := Info{Format: Sniff(head), Frames: 1}
	switch i.Format {
	case JPEG:
		err = scanJPEG(s, &i)
	case PNG:
		err = scanPNG(s, &i)
	case GIF:
		err = scanGIF(s, &i)
	case WebP:
		err = scanWebP(s, &i)
	default:
		return Info{}, social.Invalid("file", "is no JPEG, PNG, GIF or WebP picture")
	}
	if err == errShort { //nolint:errorlint // the scanner's own, never wrapped
		err = broken(i.Format, "it breaks off")
	}
	i.turn()
	return i, err
}

// copyClean writes the parts that stay.
func (i *Info) copyClean(src io.ReadSeeker, dst io.Writer) error {
	for _, p := range i.keep {
		if p.blank {
			if _, err := io.CopyN(dst, zeros{}, p.n); err != nil {
				return fmt.Errorf("write a picture: %w", err)
			}
			continue
		}
		if p.instead != nil {
			if _, err := dst.Write(p.instead); err != nil {
				return fmt.Errorf("write a picture: %w", err)
			}
			continue
		}
		if _, err := src.Seek(p.at, io.SeekStart); err != nil {
			return fmt.Errorf("read a picture: %w", err)
		}
		if _, err := io.CopyN(dst, src, p.n); err != nil {
			return fmt.Errorf("copy a picture: %w", err)
		}
	}
	return nil
}

// zeros is a reader of them that never ends.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
