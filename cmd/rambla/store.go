package main

import (
	"errors"
	"fmt"
	"strings"

	"rambla/storage"
)

type migrateCommand struct {
	Status migrateStatusCommand `cmd:"" help:"Show the version of the store's schema."`
	Up     migrateUpCommand     `cmd:"" help:"Bring the schema up to date."`
	Move   moveCommand          `cmd:"" default:"withargs" help:"rambla migrate --to URL: move the whole site into another, empty store."`
}

func (in *invocation) storeConfig() (storage.Config, error) {
	c, err := in.config()
	if err != nil {
		return storage.Config{}, err
	}
	return storage.Config{URL: string(c.DatabaseURL), Dir: c.Data, Logger: in.logger(&c)}, nil
}

type migrateStatusCommand struct{}

func (migrateStatusCommand) Run(in *invocation) error {
	c, err := in.storeConfig()
	if err != nil {
		return err
	}
	st, err := storage.Status(in.ctx, c)
	if err != nil {
		return err
	}
	if len(st.Pending) == 0 {
		return say(in, "the schema is up to date: version %d", st.Version)
	}
	return say(in, "the schema is at version %d; to come are %s: run `rambla migrate up`", st.Version, strings.Join(st.Pending, ", "))
}

type migrateUpCommand struct{}

func (migrateUpCommand) Run(in *invocation) error {
	c, err := in.storeConfig()
	if err != nil {
		return err
	}
	if _, err := storage.Migrate(in.ctx, c); err != nil {
		return err
	}
	return migrateStatusCommand{}.Run(in)
}

type doctorCommand struct {
	RebuildSearch bool `name:"rebuild-search" help:"Have the index of search made again, by the server that runs or the next that starts, instead of checking."`
}

// Run checks without changing anything. What it finds it says, with the mend,
// and ends with failure.
func (d doctorCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	if err := c.checkFiles(); err != nil {
		return err
	}
	db, err := storage.Open(in.ctx, storage.Config{URL: string(c.DatabaseURL), Dir: c.Data, ReadOnly: !d.RebuildSearch, Logger: in.logger(&c)})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if d.RebuildSearch {
		if err := errors.Join(db.ForgetSearch(in.ctx), db.Close()); err != nil {
			return err
		}
		return say(in, "the index of search is made again from the posts; rambla_search_behind_posts says how many are left")
	}
	findings, err := db.Verify(in.ctx)
	if err == nil {
		var missing []storage.Finding
		missing, err = verifyBlobs(in.ctx, db, &c)
		findings = append(findings, missing...)
	}
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if err := say(in, "%s: %s\n  mend: %s", f.Rule, f.Detail, f.Mend); err != nil {
			return err
		}
	}
	if len(findings) > 0 {
		return fmt.Errorf("%d findings", len(findings))
	}
	return say(in, "the configuration is fine, and the store holds what it promises")
}
