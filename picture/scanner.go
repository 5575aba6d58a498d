package picture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// errShort is what a scanner returns where the file ends too early.
var errShort = errors.New("the file ends too early")

// scanner reads a file from its start and knows where it is.
type scanner struct {
	r    *bufio.Reader
	at   int64
	size int64
}

func newScanner(src io.ReadSeeker) (*scanner, error) {
	size, err := src.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = src.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("read a picture: %w", err)
	}
	return &scanner{r: bufio.NewReaderSize(src, 32<<10), size: size}, nil
}

func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	}
	return fmt.Errorf("read a picture: %w", err)
}

// peek is the next n bytes, or fewer where there are no more; they hold until the
// next reading.
func (s *scanner) peek(n int) ([]byte, error) {
	b, err := s.r.Peek(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, short(err)
	}
	return b, nil
}

// next reads n bytes, of which n is at most what a small segment has.
func (s *scanner) next(n int) ([]byte, error) {
	if int64(n) > s.size-s.at {
		return nil, errShort
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		return nil, short(err)
	}
	s.at += int64(n)
	return b, nil
}

func (s *scanner) byte() (byte, error) {
	b, err := s.r.ReadByte()
	if err != nil {
		return 0, short(err)
	}
	s.at++
	return b, nil
}

// skip leaves n bytes out.
func (s *scanner) skip(n int64) error {
	if n < 0 || n > s.size-s.at {
		return errShort
	}
	for n > 0 {
		step := int(min(n, 1<<30))
		if _, err := s.r.Discard(step); err != nil {
			return short(err)
		}
		s.at += int64(step)
		n -= int64(step)
	}
	return nil
}

// skipTo leaves out everything before the next byte c.
func (s *scanner) skipTo(c byte) error {
	for {
		if _, err := s.r.Peek(1); err != nil {
			return short(err)
		}
		b, err := s.r.Peek(s.r.Buffered())
		if err != nil {
			return short(err)
		}
		n := bytes.IndexByte(b, c)
		if n < 0 {
			n = len(b)
		}
		if err := s.skip(int64(n)); err != nil {
			return err
		}
		if n < len(b) {
			return nil
		}
	}
}
