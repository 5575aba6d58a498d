package picture

import "encoding/binary"

// orientation is how a camera was held, as EXIF numbers it: 1 is upright, 2 to 4
// are turned over, 5 to 8 lie on their side. 0 is none that was told.
type orientation uint8

func (o orientation) upright() bool { return o < 2 || o > 8 }

// swaps tells whether width and height change places.
func (o orientation) swaps() bool { return o >= 5 && o <= 8 }

// source finds the pixel of the stored picture, w wide and h high, that is seen at
// x, y of the upright one.
func (o orientation) source(x, y, w, h int) (int, int) {
	switch o {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return y, h - 1 - x
	case 7:
		return w - 1 - y, h - 1 - x
	case 8:
		return w - 1 - y, x
	default:
		return x, y
	}
}

// maxExif bounds what is read to find the orientation, in bytes: it stands in the
// first directory, near the beginning.
const maxExif = 64 << 10

const (
	exifPrefix     = "Exif\x00\x00"
	tagOrientation = 0x0112
	maxDirectory   = 512 // entries that are looked at
)

// orientationOf reads the first directory of EXIF data, which is a TIFF file. What
// it does not understand is upright.
func orientationOf(tiff []byte) orientation {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 0
	}
	n := min(int(order.Uint16(tiff[at:])), maxDirectory)
	for entries := tiff[at+2:]; n > 0 && len(entries) >= 12; n, entries = n-1, entries[12:] {
		const short = 3
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == short {
			if o := orientation(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
	}
	return 0
}
