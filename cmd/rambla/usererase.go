package main

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/social"
)

// eraseAlone is how long an erasure from the command line is left to a server that may
// be running on the same database before it is done here: who publishes the removals
// tells its subscribers.
const eraseAlone = 3 * time.Second

// erase erases a person and prints the receipt.
func (s *site) erase(ctx context.Context, in *invocation, name string) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	e, err := s.erasures.Begin(ctx, nil, name)
	if err != nil {
		return err
	}
	if e, err = s.finish(ctx, &c, e); err != nil {
		return err
	}
	if e.Done.IsZero() {
		return errors.New("the erasure goes on when a server runs, or with the same command again")
	}
	return json.NewEncoder(in.out).Encode(map[string]any{"id": e.ID.String(), "asked": e.Asked, "done": e.Done, "counts": e.Counts})
}

// finish waits until the erasure is done, by the server if there is one. Beside the
// embedded store nobody else can be at work while the directory is ours.
func (s *site) finish(ctx context.Context, c *Config, e social.Erasure) (social.Erasure, error) {
	if c.DatabaseURL == "" {
		release, err := claimDirectory(c.Data)
		if err != nil {
			return s.erasures.Await(ctx, e.ID)
		}
		defer func() { _ = release() }() // at the latest the end of the process does
		return s.eraseHere(ctx, c, e)
	}
	within, cancel := context.WithTimeout(ctx, eraseAlone)
	defer cancel()
	e, err := s.erasures.Await(within, e.ID)
	if err != nil || !e.Done.IsZero() {
		return e, err
	}
	return s.eraseHere(ctx, c, e)
}

// eraseHere does what a server would: the files and the index of search are part of it.
func (s *site) eraseHere(ctx context.Context, c *Config, e social.Erasure) (_ social.Erasure, err error) {
	filed, err := s.openFiles(ctx, c, prometheus.NewRegistry())
	if err != nil {
		return e, err
	}
	defer func() { err = errors.Join(err, filed.blobs.Close()) }()
	working, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { s.committer.Serve(working) })
	if c.SearchIndex {
		work.Go(func() { s.indexer.Serve(working) })
	}
	work.Go(func() { s.erasures.Serve(working) })
	return s.erasures.Await(ctx, e.ID)
}
