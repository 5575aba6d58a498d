package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"slices"

	"rambla/social"
)

// watchful is the handler of the log that takes secrets out of every line, and
// notes what went wrong for those who administer the site without its machine.
type watchful struct {
	next    slog.Handler
	secrets redactor
	mishaps *social.Mishaps // nil: nobody asks
	attrs   []slog.Attr     // of the logger
}

// Enabled is part of slog.Handler.
func (w *watchful) Enabled(ctx context.Context, level slog.Level) bool {
	return w.next.Enabled(ctx, level) || w.mishaps != nil && level >= slog.LevelWarn
}

// Handle is part of slog.Handler.
func (w *watchful) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, w.secrets.text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(w.clean(a))
		return true
	})
	if w.mishaps != nil && r.Level >= slog.LevelWarn {
		w.note(clean)
	}
	if !w.next.Enabled(ctx, r.Level) {
		return nil
	}
	return w.next.Handle(ctx, clean)
}

// WithAttrs is part of slog.Handler.
func (w *watchful) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = w.clean(a)
	}
	return &watchful{next: w.next.WithAttrs(clean), secrets: w.secrets, mishaps: w.mishaps, attrs: slices.Concat(w.attrs, clean)}
}

// WithGroup is part of slog.Handler.
func (w *watchful) WithGroup(name string) slog.Handler {
	return &watchful{next: w.next.WithGroup(name), secrets: w.secrets, mishaps: w.mishaps, attrs: w.attrs}
}

func (w *watchful) clean(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, w.secrets.text(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.String(a.Key, w.secrets.text(err.Error()))
		}
		if s, ok := v.Any().(fmt.Stringer); ok {
			return slog.String(a.Key, w.secrets.text(s.String()))
		}
		return slog.String(a.Key, w.secrets.text(fmt.Sprint(v.Any())))
	case slog.KindGroup:
		var out []any
		for _, inner := range v.Group() {
			out = append(out, w.clean(inner))
		}
		return slog.Group(a.Key, out...)
	default:
		return a
	}
}

// maxMishapDetail bounds what is kept of an error, in bytes: a stack begins with
// what matters.
const maxMishapDetail = 2000

// varying is what differs between two occurrences of one mistake.
var varying = regexp.MustCompile(`0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|"[^"]*"|[0-9]+`)

func (w *watchful) note(r slog.Record) {
	m := social.Mishap{Severe: r.Level >= slog.LevelError, Message: r.Message}
	code := ""
	take := func(a slog.Attr) bool {
		switch a.Key {
		case "err", "panic":
			m.Detail = a.Value.String()
		case "route":
			m.Route = a.Value.String()
		case "request":
			m.Request = a.Value.String()
		case "code":
			code = a.Value.String()
		}
		return true
	}
	for _, a := range w.attrs {
		take(a)
	}
	r.Attrs(take)
	m.Detail = m.Detail[:min(len(m.Detail), maxMishapDetail)]
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%s", m.Message, m.Route, code, varying.ReplaceAllString(m.Detail, "#")))
	m.ID = hex.EncodeToString(sum[:8])
	w.mishaps.Note(m)
}
