package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"
)

// The entries that are not parts.
const (
	manifestName = "manifest.json"
	sumsName     = "SHA256SUMS"
)

// format is what this program writes, and the newest that it reads.
const format = 1

// Manifest says what an archive is of.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the program that wrote it
	Schema  int       `json:"schema"`  // of the store in it
	Created time.Time `json:"created"` // the store is as it was then
	// Epoch is a digest of the epochs that the streams had.
	Epoch string `json:"epoch"`
}

// Writer writes an archive.
type Writer struct {
	tar  *tar.Writer
	at   time.Time
	sums *os.File // spooled: they may be of a million parts
}

// NewWriter begins an archive with its manifest. The sums are collected in a
// nameless file of the directory scratch.
func NewWriter(w io.Writer, m Manifest, scratch string) (*Writer, error) {
	m.Format = format
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest: %w", err)
	}
	sums, err := os.CreateTemp(scratch, ".sums-*")
	if err != nil {
		return nil, fmt.Errorf("collect the sums: %w", err)
	}
	_ = os.Remove(sums.Name()) // it lives as long as it is open; where that is not possible, Close removes it
	out := &Writer{tar: tar.NewWriter(w), at: m.Created, sums: sums}
	if err := out.Add(manifestName, bytes.NewReader(append(text, '\n')), int64(len(text))+1); err != nil {
		return nil, errors.Join(err, sums.Close())
	}
	return out, nil
}

// Add writes one part. The reader has to yield size bytes.
func (w *Writer) Add(name string, r io.Reader, size int64) error {
	sum := sha256.New()
	if err := w.entry(name, io.TeeReader(r, sum), size); err != nil {
		return err
	}
	if _, err := io.WriteString(w.sums, sumLine(sum, name)); err != nil {
		return fmt.Errorf("collect the sums: %w", err)
	}
	return nil
}

func sumLine(sum hash.Hash, name string) string {
	return hex.EncodeToString(sum.Sum(nil)) + "  " + name + "\n"
}

func (w *Writer) entry(name string, r io.Reader, size int64) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.at, Format: tar.FormatPAX}
	if err := w.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	n, err := io.Copy(w.tar, r)
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// AddFile writes a part from a file; false where there is none (any more).
func (w *Writer) AddFile(name, file string) (bool, error) {
	f, err := os.Open(file) //nolint:gosec // names come from the caller's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	// What was written behind the size that was seen is not this file's.
	return true, w.Add(name, io.LimitReader(f, info.Size()), info.Size())
}

// AddTree writes the regular files below dir as parts below name, but those that
// skip names by their slashed path. Files that go meanwhile are left out.
func (w *Writer) AddTree(name, dir string, skip func(file string) bool) (n int, err error) {
	err = filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if rel = filepath.ToSlash(rel); err != nil || skip(rel) {
			return err
		}
		is, err := w.AddFile(path.Join(name, rel), file)
		if is {
			n++
		}
		return err
	})
	if err != nil {
		return n, fmt.Errorf("read %s: %w", dir, err)
	}
	return n, nil
}

// Close writes the sums and ends the archive. An archive that is not closed is
// not whole.
func (w *Writer) Close() error {
	size, err := w.sums.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = w.sums.Seek(0, io.SeekStart)
	}
	if err == nil {
		err = w.entry(sumsName, w.sums, size)
	}
	return errors.Join(err, w.Abandon(), w.tar.Close())
}

// Abandon lets go of what Close would have written. Calls after Close do nothing.
func (w *Writer) Abandon() error {
	if w.sums == nil {
		return nil
	}
	err := w.sums.Close()
	_ = os.Remove(w.sums.Name()) // gone already, mostly
	w.sums = nil
	return err
}

// Create has write fill a new file that only its owner may read, and gives it its
// name when it is whole and on the disk. fs.ErrExist where there is one.
func Create(name string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("write %s: %w", name, fs.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		_ = f.Close()           // again, where all went well
		_ = os.Remove(f.Name()) // its other name stays
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	// Unlike a renaming, it takes nothing's place.
	if err := os.Link(f.Name(), name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes the names in a directory durable. Windows has no such call, and
// does so by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir) //nolint:gosec // the caller's own
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}
