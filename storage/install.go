package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"rambla/social"
)

// unfinishedFile is in a data directory while a store is put into it.
const unfinishedFile = "restore.unfinished"

// installed refuses a data directory into which a store was half put.
func (c Config) installed() error {
	if !c.embedded() || c.completing {
		return nil
	}
	_, err := os.Stat(filepath.Join(c.Dir, unfinishedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failure(fmt.Errorf("look into the data directory: %w", err))
	}
	return &social.Error{
		Kind: social.KindInvalid, Err: ErrSchema,
		Safe: "The data directory is not complete: a restore did not come to its end. Run rambla restore --replace again.",
	}
}

// Install moves a store, and what stands beside it, from a directory on the same
// disk into the data directory, where nobody may be using one. What is there under
// the same names goes to a directory of its own, which is returned; "" where there
// was nothing. If it is interrupted, the data directory is refused until it is
// done again.
func Install(from, dir string, now time.Time, beside ...string) (kept string, err error) {
	mark := filepath.Join(dir, unfinishedFile)
	if err := makeFile(mark); err != nil {
		return "", err
	}
	if err := syncDir(dir); err != nil {
		return "", err
	}
	aside := filepath.Join(dir, "replaced-"+now.UTC().Format("20060102T150405.000000Z"))
	// The log of the old store must not be taken for one of the new.
	names := append([]string{sqliteFile, sqliteFile + "-wal", sqliteFile + "-shm"}, beside...)
	for _, name := range names {
		moved, err := moveAside(dir, aside, name)
		if err != nil {
			return "", err
		}
		if moved {
			kept = aside
		}
	}
	for _, name := range names {
		err := os.Rename(filepath.Join(from, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return kept, fmt.Errorf("move %s into its place: %w", name, err)
		}
	}
	if err := syncDir(dir); err != nil {
		return kept, err
	}
	if err := os.Remove(mark); err != nil {
		return kept, fmt.Errorf("end the restore: %w", err)
	}
	return kept, syncDir(dir)
}

func moveAside(dir, aside, name string) (moved bool, err error) {
	old := filepath.Join(dir, name)
	if _, err := os.Lstat(old); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err := makeDir(aside); err != nil {
		return false, err
	}
	if err := os.Rename(old, filepath.Join(aside, name)); err != nil {
		return false, fmt.Errorf("keep %s: %w", name, err)
	}
	return true, nil
}

// syncDir makes the names in a directory durable. Windows has no such call, and
// does so by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
