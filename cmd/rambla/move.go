package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"rambla/social"
	"rambla/storage"
)

// moveCommand is `rambla migrate --to`.
type moveCommand struct {
	To    string `placeholder:"URL" help:"Move the whole site into this empty database (postgres://…), or into the embedded store of this directory."`
	Again bool   `help:"Empty a target in which an earlier move did not come to its end, and begin anew."`
}

func (m moveCommand) Run(in *invocation) error {
	if m.To == "" {
		return usageError{errors.New("migrate: say status, up or --to URL")}
	}
	c, err := in.config()
	if err != nil {
		return err
	}
	from := storage.Config{URL: string(c.DatabaseURL), Dir: c.Data, Logger: in.logger(&c)}
	to := storage.MoveTarget{Config: storage.Config{URL: m.To, Logger: from.Logger}, Again: m.Again, Act: operatorAct(social.VerbSiteMigrate, "")}
	dirs := []string{}
	if !strings.Contains(m.To, "://") {
		to.URL, to.Dir = "", m.To
		dirs = append(dirs, to.Dir)
		if err := os.MkdirAll(to.Dir, 0o700); err != nil {
			return fmt.Errorf("make the data directory: %w", err)
		}
	}
	if from.URL == "" {
		if _, err := os.Stat(filepath.Join(c.Data, storage.StoreFile)); err != nil {
			return fmt.Errorf("there is no store to move: %w", err)
		}
		dirs = append(dirs, c.Data)
	}
	for _, dir := range dirs {
		release, err := claimDirectory(dir)
		if err != nil {
			return err
		}
		defer func() { _ = release() }() // at the latest the end of the process does
	}
	to.Told = func(table string, rows int64) {
		if rows > 0 {
			_ = say(in, "%s: %d", table, rows) // whoever closed standard output still wants the move
		}
	}
	if err := storage.Move(in.ctx, from, to); err != nil {
		return err
	}
	return say(in, "the site has moved, and both sides are the same; the files of people stay in %s", filepath.Join(c.Data, filesDir))
}
