package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"syscall"

	"rambla/social"
)

// draft is a file among those that are incoming.
type draft struct {
	disk *Disk
	file *os.File // nil when it is over
	name string
	size int64
	err  error // of a write: what follows would leave a hole
}

var errOver = errors.New("the draft is over")

func (f *draft) Write(b []byte) (int, error) {
	if f.file == nil {
		return 0, errOver
	}
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.file.Write(b)
	f.size += int64(n)
	if err != nil {
		f.err = failure("write a file", err)
	}
	return n, f.err
}

// Size is [social.BlobDraft]'s.
func (f *draft) Size() int64 { return f.size }

// Reader is [social.BlobDraft]'s.
func (f *draft) Reader() (io.ReadSeeker, error) {
	if f.file == nil {
		return nil, errOver
	}
	if f.err != nil {
		return nil, f.err
	}
	return io.NewSectionReader(f.file, 0, f.size), nil
}

// Keep is [social.BlobDraft]'s.
func (f *draft) Keep(ctx context.Context, name social.BlobName) error {
	defer f.Discard()
	switch {
	case f.file == nil:
		return errOver
	case f.err != nil:
		return f.err
	case !name.Valid():
		return fmt.Errorf("keep a file: %q is no name for one", name)
	case ctx.Err() != nil:
		return social.Unavailable(ctx.Err())
	}
	if err := f.place(pathOf(name)); err != nil {
		return failure("keep a file", err)
	}
	return nil
}

// place gives the file its path when all of it is on the disk.
func (f *draft) place(to string) error {
	if err := f.file.Sync(); err != nil {
		return err
	}
	// A close may be where a network's file system tells of a full disk.
	if err := f.file.Close(); err != nil {
		return err
	}
	root, folder := f.disk.root, path.Dir(to)
	if err := errors.Join(makeDir(root, path.Dir(folder)), makeDir(root, folder)); err != nil {
		return err
	}
	if err := root.Rename(f.name, to); err != nil {
		return err
	}
	f.file = nil // there is nothing to discard any more
	return syncDir(root, folder)
}

// Discard is [social.BlobDraft]'s. What cannot be removed now is at the next start.
func (f *draft) Discard() {
	if f.file == nil {
		return
	}
	_ = f.file.Close()
	_ = f.disk.root.Remove(f.name)
	f.file = nil
}

// failure says of a full disk that it is one; the rest is the operators' to mend.
func failure(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &social.Error{Kind: social.KindUnavailable, Safe: "The server has no room for files left; tell its operators.", Err: err}
	}
	return err
}

func notThere(err error) error {
	return &social.Error{Kind: social.KindNotFound, Safe: "There is no such file.", Err: err}
}
