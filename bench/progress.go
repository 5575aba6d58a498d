package bench

import (
	"fmt"
	"io"
	"sync"
)

// progress keeps a person informed. Its writer may be nil.
type progress struct {
	// mu guards all below: connections are made by several goroutines.
	mu sync.Mutex
	w  io.Writer
}

// status replaces the line that the cursor stands on.
func (p *progress) status(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
}

// line replaces it for good.
func (p *progress) line(format string, args ...any) {
	if p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "\r\x1b[K"+format+"\n", args...)
}
