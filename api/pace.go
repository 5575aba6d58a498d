package api

import (
	"io"
	"net/http"
	"time"
)

// Long bodies take as long as they take, as long as they go on: so many bytes each
// second, after some time to begin with. Whoever is slower than that holds a place
// that somebody else could have.
const (
	paceBytes = 16 << 10 // a second
	paceGrace = 30 * time.Second
)

// pace moves a deadline with what has passed by. Deadlines are the network's: they go
// by the clock of the machine.
type pace struct {
	begun time.Time
	bytes int64
}

func (p *pace) deadline() time.Time {
	return p.begun.Add(paceGrace + time.Duration(p.bytes/paceBytes)*time.Second)
}

// pacedBody is the body of a request, instead of the server's own limit of time.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	pace
}

func newPacedBody(w http.ResponseWriter, r *http.Request) *pacedBody {
	return &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), pace: pace{begun: time.Now()}}
}

func (b *pacedBody) Read(p []byte) (int, error) {
	end := b.deadline()
	_ = b.control.SetReadDeadline(end)                 // a test's recorder has none
	_ = b.control.SetWriteDeadline(end.Add(paceGrace)) // the answer comes behind
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	return n, err
}

// pacedWriter sends a long answer, likewise. The time that the server takes between two
// pieces is not the client's.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	left    time.Time // when the last Write ended
	pace
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	now := time.Now()
	if w.begun.IsZero() {
		w.begun, w.left = now, now
	}
	w.begun = w.begun.Add(now.Sub(w.left))
	_ = w.control.SetWriteDeadline(w.deadline()) // likewise
	n, err := w.ResponseWriter.Write(p)
	w.bytes, w.left = w.bytes+int64(n), time.Now()
	return n, err
}
