package api

import (
	"bufio"
	"encoding/json"
	"fmt"
)

// lineWriter writes an export, a JSON object a line, and counts them.
type lineWriter struct {
	out   *bufio.Writer
	lines int
}

// line writes one; its value stands under its own name.
func (x *lineWriter) line(kind, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	return x.raw(kind, name, text)
}

func (x *lineWriter) raw(kind, name string, value []byte) error {
	x.lines++
	_, err := fmt.Fprintf(x.out, "{\"kind\":%q,%q:%s}\n", kind, name, value)
	return err
}
