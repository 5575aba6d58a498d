package mqttwire

import "testing"

func TestALengthIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, want := range []int{0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455} {
		b := AppendLength(nil, want)
		for cut := range b {
			if _, size := Length(b[:cut]); size != 0 {
				t.Errorf("%d: %d of %d bytes were enough", want, cut, len(b))
			}
		}
		if n, size := Length(b); n != want || size != len(b) {
			t.Errorf("read %d of %d bytes, want %d of %d", n, size, want, len(b))
		}
	}
	if _, size := Length([]byte{0x80, 0x80, 0x80, 0x80}); size != -1 {
		t.Error("a length of more than four bytes is not refused")
	}
}

func TestPropertiesAreSteppedOverAndGivenOneByOne(t *testing.T) {
	t.Parallel()
	block := []byte{0x01, 1, 0x02, 0, 0, 0, 9, 0x0b, 0x80, 0x01, 0x26, 0, 1, 'k', 0, 2, 'v', 'w', 0x1f, 0, 2, 'n', 'o'}
	var seen []byte
	err := EachProperty(append(AppendLength(nil, len(block)), block...), func(id byte, value []byte) {
		seen = append(append(seen, id), value...)
	})
	want := "\x01\x01\x02\x00\x00\x00\x09\x0b\x80\x01\x26\x00\x01k\x00\x02vw\x1fno"
	if err != nil || string(seen) != want {
		t.Errorf("got %q, %v; want %q", seen, err, want)
	}
	for _, bad := range []string{"\x01\x7f", "\x02\x26\x00", "\x03\x1f\x00\x05", "\x05\x01", "\xff\xff\xff\xff"} {
		if EachProperty([]byte(bad), func(byte, []byte) {}) == nil {
			t.Errorf("%q is taken for properties", bad)
		}
	}
}
