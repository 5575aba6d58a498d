package files

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"strings"
	"time"

	"rambla/social"
)

// incoming is the folder of drafts. No room is called so: they are of small letters.
const incoming = ".incoming"

// staleDraft is how long nothing was written to a draft that somebody gave up who
// may be another server on the same directory. A live one is written to every few
// seconds, or its upload is ended.
const staleDraft = time.Hour

// Config says where the blobs are.
type Config struct {
	Dir string
	// Alone says that nobody else writes to Dir, so that every draft found at the
	// start is what a crash left.
	Alone bool
	Now   func() time.Time
}

// Disk keeps blobs in a directory, each in a file ROOM/hh/ID or ROOM/hh/ID.VARIANT
// where hh, the end of the id, spreads them. A file is written under another name
// and gets its own when it is whole and on the disk. It is safe for concurrent use.
type Disk struct {
	// root refuses every path that leads out of the directory, links included.
	root *os.Root
	now  func() time.Time
}

// Open makes the directory where there is none, for its owner only, and removes
// what a crash left of drafts. Close it.
func Open(cfg Config) (*Disk, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of files: %w", err)
	}
	d, err := OpenExisting(cfg.Dir)
	if err != nil {
		return nil, err
	}
	d.now = cfg.Now
	if err := errors.Join(makeDir(d.root, incoming), d.sweep(cfg.Alone)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// OpenExisting opens a directory only to look at what is there, and changes nothing.
// The error is fs.ErrNotExist's where there is none.
func OpenExisting(dir string) (*Disk, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of files: %w", err)
	}
	return &Disk{root: root, now: time.Now}, nil
}

// Close ends the use of the directory.
func (d *Disk) Close() error { return d.root.Close() }

// sweep removes drafts that nobody writes to any more.
func (d *Disk) sweep(all bool) error {
	entries, err := fs.ReadDir(d.root.FS(), incoming)
	if err != nil {
		return fmt.Errorf("look for left drafts: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && !all && d.now().Sub(info.ModTime()) < staleDraft {
			continue
		}
		if err == nil {
			err = d.root.Remove(path.Join(incoming, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a left draft: %w", err)
		}
	}
	return nil
}

// Create is [social.Blobs]'s.
func (d *Disk) Create(ctx context.Context) (social.BlobDraft, error) {
	if err := ctx.Err(); err != nil {
		return nil, social.Unavailable(err)
	}
	name := path.Join(incoming, rand.Text())
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, failure("begin a file", err)
	}
	return &draft{disk: d, file: f, name: name}, nil
}

// Open is [social.Blobs]'s.
func (d *Disk) Open(_ context.Context, name social.BlobName) (social.Blob, error) {
	if !name.Valid() {
		return nil, notThere(nil)
	}
	f, err := d.root.Open(pathOf(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notThere(err)
	}
	if err != nil {
		return nil, failure("open a file", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return nil, errors.Join(failure("look at a file", err), f.Close())
	}
	return &blob{f, social.BlobInfo{Name: name, Size: info.Size(), Written: info.ModTime()}}, nil
}

// Remove is [social.Blobs]'s.
func (d *Disk) Remove(_ context.Context, name social.BlobName) error {
	if !name.Valid() {
		return fmt.Errorf("remove a file: %q is no name of one", name)
	}
	if err := d.root.Remove(pathOf(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return failure("remove a file", err)
	}
	return nil
}

// RemoveAll is [social.Blobs]'s. It reads the folder that the thing lies in.
func (d *Disk) RemoveAll(ctx context.Context, room string, id social.ID) error {
	name := social.BlobName{Room: room, ID: id}
	if !name.Valid() {
		return fmt.Errorf("remove files: %q is no name of one", name)
	}
	folder := path.Dir(pathOf(name))
	return d.walkFolder(ctx, room, folder, func(b social.BlobInfo) error {
		if b.Name.ID != id {
			return nil
		}
		return d.Remove(ctx, b.Name)
	})
}

// Walk is [social.Blobs]'s.
func (d *Disk) Walk(ctx context.Context, room string, f func(social.BlobInfo) error) error {
	folders, err := fs.ReadDir(d.root.FS(), room)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failure("list files", err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		if err := d.walkFolder(ctx, room, path.Join(room, folder.Name()), f); err != nil {
			return err
		}
	}
	return nil
}

func (d *Disk) walkFolder(ctx context.Context, room, folder string, f func(social.BlobInfo) error) error {
	entries, err := fs.ReadDir(d.root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failure("list files", err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return social.Unavailable(err)
		}
		name, ok := nameOf(room, e.Name())
		if !ok || path.Join(folder, e.Name()) != pathOf(name) || !e.Type().IsRegular() {
			continue // not ours
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return failure("look at a file", err)
		}
		if err := f(social.BlobInfo{Name: name, Size: info.Size(), Written: info.ModTime()}); err != nil {
			return err
		}
	}
	return nil
}

// pathOf is where a blob lies, below the directory. The end of an id is random, its
// beginning the time.
func pathOf(n social.BlobName) string {
	id := n.ID.String()
	file := id
	if n.Variant != "" {
		file += "." + n.Variant
	}
	return n.Room + "/" + id[len(id)-2:] + "/" + file
}

// nameOf reads the name of a file.
func nameOf(room, file string) (social.BlobName, bool) {
	text, variant, varied := strings.Cut(file, ".")
	id, ok := social.ParseID(text)
	n := social.BlobName{Room: room, ID: id, Variant: variant}
	return n, ok && n.Valid() && varied == (variant != "")
}

// makeDir makes a folder and puts its entry on the disk.
func makeDir(root *os.Root, name string) error {
	if err := root.Mkdir(name, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return syncDir(root, path.Dir(name))
}

// syncDir puts the entries of a folder on the disk, so that a renamed file is found
// after a power cut too. Windows has no such call, and does so by itself.
func syncDir(root *os.Root, name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// blob is a file that is open for reading. A removed one stays readable until it is
// closed.
type blob struct {
	*os.File
	info social.BlobInfo
}

func (b *blob) Info() social.BlobInfo { return b.info }
