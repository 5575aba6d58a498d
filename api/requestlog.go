package api

import (
	"context"
	"log/slog"
)

// requestHandler puts the id of a request into the lines about it.
type requestHandler struct{ slog.Handler }

// NewLogHandler puts the id of the request into every line that is logged with a
// context of one, as request, whoever logs it.
func NewLogHandler(next slog.Handler) slog.Handler { return requestHandler{next} }

// Handle is part of slog.Handler.
func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	id := requestID(ctx)
	if id == "" {
		return h.Handler.Handle(ctx, r)
	}
	named := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	named.AddAttrs(slog.String("request", id))
	r.Attrs(func(a slog.Attr) bool { named.AddAttrs(a); return true })
	return h.Handler.Handle(ctx, named)
}

// WithAttrs is part of slog.Handler.
func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
