package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"rambla/social"
)

type userImportCommand struct {
	File   string `arg:"" help:"A JSON object a line, as POST /v1/import takes them, or a table of people as CSV (- for standard input)."`
	CSV    bool   `name:"csv" help:"It is CSV; so is every FILE whose name ends in .csv."`
	DryRun bool   `help:"Only say what would change."`
	Skip   bool   `help:"Leave broken lines out; else nothing behind the first one goes in."`
}

func (u userImportCommand) Run(in *invocation) error {
	src := in.in
	if u.File != "-" {
		f, err := os.Open(filepath.Clean(u.File))
		if err != nil {
			return usagef("FILE: %w", err)
		}
		defer f.Close()
		src = f
		u.CSV = u.CSV || strings.EqualFold(filepath.Ext(u.File), ".csv")
	}
	return in.administer(func(ctx context.Context, s *site) error { return u.run(ctx, in, s, src) })
}

func (u userImportCommand) run(ctx context.Context, in *invocation, s *site, src io.Reader) error {
	r, err := s.imports.Found(ctx, social.Actor{Generator: "server"}, src, social.ImportOptions{DryRun: u.DryRun, Skip: u.Skip, CSV: u.CSV, People: true})
	for _, f := range r.Faults {
		fmt.Fprintf(in.err, "line %d: %s\n", f.Line, f.Detail)
	}
	what := "imported"
	if u.DryRun {
		what = "to import"
	}
	for _, c := range []struct {
		name string
		n    social.ImportCount
	}{{"people", r.People}, {"contexts", r.Contexts}, {"members", r.Members}} {
		if err := say(in, "%s %s: %d added, %d changed, %d unchanged", c.name, what, c.n.Added, c.n.Changed, c.n.Unchanged); err != nil {
			return err
		}
	}
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d of %d lines did not go in", r.Failed, r.Lines)
	}
	return err
}
