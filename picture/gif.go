package picture

import "encoding/binary"

// scanGIF walks over the blocks. What stays: the frames, how long each is shown and
// how often all are.
func scanGIF(s *scanner, i *Info) error {
	head, err := s.next(13)
	if err != nil {
		return err
	}
	i.Width, i.Height = int(binary.LittleEndian.Uint16(head[6:])), int(binary.LittleEndian.Uint16(head[8:]))
	i.bytesPerTen, i.Frames = 10, 0
	if err := s.skip(gifColours(head[10])); err != nil {
		return err
	}
	if err := i.take(0, s.at); err != nil {
		return err
	}
	for {
		begin := s.at
		kind, err := s.byte()
		if err != nil {
			return err
		}
		stays := true
		switch kind {
		case ';':
			if i.Frames == 0 {
				return broken(GIF, "there is nothing in it")
			}
			return i.take(begin, 1)
		case ',':
			err = scanGIFFrame(s, i)
		case '!':
			stays, err = scanGIFExtension(s)
		default:
			return broken(GIF, "it has a part that is not known")
		}
		if err != nil {
			return err
		}
		if stays {
			if err := i.take(begin, s.at-begin); err != nil {
				return err
			}
		}
	}
}

// gifColours is how long the table of colours is that the flags tell of, in bytes.
func gifColours(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (1 + flags&7)
}

func scanGIFFrame(s *scanner, i *Info) error {
	head, err := s.next(9)
	if err != nil {
		return err
	}
	var at [4]int // left, top, width, height
	for n := range at {
		at[n] = int(binary.LittleEndian.Uint16(head[2*n:]))
	}
	if at[0]+at[2] > i.Width || at[1]+at[3] > i.Height {
		return broken(GIF, "a frame is larger than the picture")
	}
	i.Frames++
	i.area += int64(at[2]) * int64(at[3])
	if err := s.skip(gifColours(head[8]) + 1); err != nil { // and the size of codes
		return err
	}
	return skipBlocks(s)
}

// scanGIFExtension tells whether the extension stays: how a frame is shown, and how
// often the animation is.
func scanGIFExtension(s *scanner) (stays bool, err error) {
	label, err := s.byte()
	if err != nil {
		return false, err
	}
	const graphicControl, application = 0xf9, 0xff
	if label == application {
		head, err := s.peek(12)
		if err != nil {
			return false, err
		}
		stays = len(head) == 12 && head[0] == 11 && (string(head[1:]) == "NETSCAPE2.0" || string(head[1:]) == "ANIMEXTS1.0")
	}
	return stays || label == graphicControl, skipBlocks(s)
}

// skipBlocks leaves out blocks, each behind its length, up to the empty one.
func skipBlocks(s *scanner) error {
	for {
		n, err := s.byte()
		if err != nil || n == 0 {
			return err
		}
		if err := s.skip(int64(n)); err != nil {
			return err
		}
	}
}
