package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"rambla/social"
)

// benchImportCommand measures `user import`, by the same code and in this process: no
// server is needed, and none should run on the store.
type benchImportCommand struct {
	People      int  `default:"38000" help:"People."`
	Contexts    int  `default:"2000" help:"Contexts."`
	Memberships int  `default:"1000000" help:"Memberships, evenly spread."`
	JSON        bool `name:"json" help:"Print the report as JSON."`
}

// importFigures are the time that each part of an import took.
type importFigures struct {
	Lines          int           `json:"lines"`
	Seconds        float64       `json:"seconds"`
	LinesPerSecond float64       `json:"lines_per_second"`
	Parts          []importedAll `json:"parts"`
}

// importedAll are the lines of one sort.
type importedAll struct {
	What    string  `json:"what"`
	Lines   int     `json:"lines"`
	Seconds float64 `json:"seconds"`
}

func (b *benchImportCommand) Run(in *invocation) (err error) {
	if b.People < 1 || b.Contexts < 1 || b.Memberships < 0 || b.Memberships > b.People*b.Contexts {
		return usagef("--memberships is more than --people in --contexts come to")
	}
	c, err := in.config()
	if err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		if c.Data, err = os.MkdirTemp("", "rambla-bench-"); err != nil {
			return fmt.Errorf("make a directory for the store: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.Data)) }()
	}
	s, err := openSite(in.ctx, &c, in.logger(&c), nil, nil)
	if err != nil {
		return err
	}
	f, err := b.measure(in.ctx, s)
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	if b.JSON {
		enc := json.NewEncoder(in.out)
		enc.SetIndent("", "  ")
		return enc.Encode(f)
	}
	for _, p := range f.Parts {
		if err := say(in, "%-9s %9d in %6.1f s", p.What, p.Lines, p.Seconds); err != nil {
			return err
		}
	}
	return say(in, "%-9s %9d in %6.1f s, %.0f a second", "lines", f.Lines, f.Seconds, f.LinesPerSecond)
}

// measure imports one sort of lines after the other.
func (b *benchImportCommand) measure(ctx context.Context, s *site) (f importFigures, err error) {
	// A store that was used before knows the names of the last time.
	run := fmt.Sprintf("b%x", time.Now().UnixMicro())
	for _, part := range []struct {
		what  string
		lines int
		line  func(w io.Writer, i int) error
	}{
		{"people", b.People, func(w io.Writer, i int) error {
			_, err := fmt.Fprintf(w, `{"type":"person","name":"%s-%d","displayName":"Person %d","title":"Student"}`+"\n", run, i, i)
			return err
		}},
		{"contexts", b.Contexts, func(w io.Writer, i int) error {
			_, err := fmt.Fprintf(w, `{"type":"context","id":"%s-%d","displayName":"Course %d","preset":"closed","owner":"%s-%d"}`+"\n", run, i, i, run, i%b.People)
			return err
		}},
		{"members", b.Memberships, func(w io.Writer, i int) error {
			// Context by context, as sites list them; its owner is a member already.
			each := (b.Memberships + b.Contexts - 1) / b.Contexts
			context := i / each
			person := (context*7919 + context%b.People + 1 + i%each) % b.People
			_, err := fmt.Fprintf(w, `{"type":"member","context":"%s-%d","person":"%s-%d"}`+"\n", run, context, run, person)
			return err
		}},
	} {
		began := time.Now()
		if err := b.importPart(ctx, s, part.lines, part.line); err != nil {
			return f, fmt.Errorf("%s: %w", part.what, err)
		}
		took := time.Since(began).Seconds()
		f.Parts = append(f.Parts, importedAll{part.what, part.lines, took})
		f.Lines, f.Seconds = f.Lines+part.lines, f.Seconds+took
	}
	f.LinesPerSecond = float64(f.Lines) / f.Seconds
	return f, nil
}

func (b *benchImportCommand) importPart(ctx context.Context, s *site, lines int, line func(w io.Writer, i int) error) error {
	out, w := io.Pipe()
	made := make(chan error, 1)
	go func() {
		buffered := bufio.NewWriterSize(w, 64<<10)
		var err error
		for i := 0; i < lines && err == nil; i++ {
			err = line(buffered, i)
		}
		err = errors.Join(err, buffered.Flush())
		made <- w.CloseWithError(err)
	}()
	r, err := s.imports.Found(ctx, social.Actor{Generator: "server"}, out, social.ImportOptions{People: true})
	_ = out.Close() // whoever writes on ends then
	if err = errors.Join(err, <-made); err != nil {
		return err
	}
	if r.Failed > 0 {
		var what []string
		for _, f := range r.Faults {
			what = append(what, fmt.Sprintf("line %d: %s", f.Line, f.Detail))
		}
		return errors.New(strings.Join(what, "; "))
	}
	if r.Lines != lines {
		return fmt.Errorf("%d of %d lines went in", r.Lines, lines)
	}
	return nil
}
