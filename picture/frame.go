package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"io"
)

// decodeFirst decodes the first frame of a moving WebP, which the decoder does not
// know: its chunks are put into a container of their own.
func decodeFirst(ctx context.Context, src io.ReadSeeker, i *Info) (image.Image, error) {
	if _, err := src.Seek(i.first.at-16, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read a picture: %w", err)
	}
	head := make([]byte, 16)
	if _, err := io.ReadFull(src, head); err != nil {
		return nil, reading(ctx, WebP, err)
	}
	var begin bytes.Buffer
	begin.WriteString("RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00")
	begin.Write(head[6:12]) // width and height, each less one
	kind := make([]byte, 4)
	if _, err := io.ReadFull(src, kind); err != nil {
		return nil, reading(ctx, WebP, err)
	}
	container := begin.Bytes()
	if string(kind) == "ALPH" {
		container[20] = webpAlpha
	}
	binary.LittleEndian.PutUint32(container[4:], uint32(int64(len(container))-8+i.first.n)) //nolint:gosec // the scanner has compared it with the file
	frame := io.MultiReader(bytes.NewReader(container), bytes.NewReader(kind), io.LimitReader(src, i.first.n-4))
	m, err := WebP.decode(&patient{ctx, frame})
	if err != nil {
		return nil, reading(ctx, WebP, err)
	}
	return m, nil
}
