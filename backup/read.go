package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrDamaged is in the error about an archive that is not what was written.
var ErrDamaged = errors.New("the backup is damaged")

const maxManifest = 1 << 20 // bytes

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Contents is what an archive held.
type Contents struct {
	Manifest Manifest
	Parts    int
	Bytes    int64
}

// Extract writes the parts of an archive into dir, which is empty and the caller's
// own, for their owner only, and syncs them. They may be used where there is no
// error: then nothing is missing, nothing is changed and nothing was added. accept
// sees the manifest before any part and may refuse it; allowed says which names
// parts may have.
func Extract(r io.Reader, dir string, accept func(Manifest) error, allowed func(name string) bool) (Contents, error) {
	x := extraction{raw: r, tar: tar.NewReader(r), dir: dir, allowed: allowed}
	lines := sha256.New() // of what SHA256SUMS should be
	var out Contents
	h, err := x.next()
	if err != nil {
		return out, err
	}
	if h.Name != manifestName || h.Size > maxManifest {
		return out, damaged("it does not begin with a manifest")
	}
	sum := sha256.New()
	text, err := io.ReadAll(io.TeeReader(x.tar, sum))
	if err != nil {
		return out, cut(err)
	}
	_, _ = io.WriteString(lines, sumLine(sum, manifestName)) // a hash takes everything
	if err := json.Unmarshal(text, &out.Manifest); err != nil {
		return out, damaged("its manifest cannot be read")
	}
	if out.Manifest.Format > format {
		return out, fmt.Errorf("the backup was written by rambla %s, in a form that this program does not know; use that one", out.Manifest.Version)
	}
	if err := accept(out.Manifest); err != nil {
		return out, err
	}
	for {
		h, err := x.next()
		if err != nil {
			return out, err
		}
		sum.Reset()
		if h.Name == sumsName {
			if _, err := io.Copy(sum, x.tar); err != nil {
				return out, cut(err)
			}
			if subtle.ConstantTimeCompare(sum.Sum(nil), lines.Sum(nil)) != 1 {
				return out, damaged("its parts are not those that were written")
			}
			return out, errors.Join(x.end(), x.sync())
		}
		n, err := x.part(h.Name, io.TeeReader(x.tar, sum))
		if err != nil {
			return out, err
		}
		_, _ = io.WriteString(lines, sumLine(sum, h.Name)) // likewise
		out.Parts++
		out.Bytes += n
	}
}

type extraction struct {
	raw     io.Reader // what tar reads, which never reads ahead
	tar     *tar.Reader
	dir     string
	allowed func(string) bool
}

func (x *extraction) next() (*tar.Header, error) {
	h, err := x.tar.Next()
	if errors.Is(err, io.EOF) {
		return nil, damaged("it ends too early")
	}
	if err != nil {
		return nil, cut(err)
	}
	if h.Typeflag != tar.TypeReg || isSparse(h) {
		return nil, damaged("%q is no file", h.Name)
	}
	return h, nil
}

// isSparse tells of holes, by which a few bytes would fill the disk.
func isSparse(h *tar.Header) bool {
	for name := range h.PAXRecords {
		if strings.HasPrefix(name, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// part writes one. Of its name nothing leads out of the directory.
func (x *extraction) part(name string, r io.Reader) (n int64, err error) {
	if !filepath.IsLocal(name) || path.Clean(name) != name || strings.Contains(name, `\`) || !x.allowed(name) {
		return 0, damaged("%q is no part of a backup", name)
	}
	file := filepath.Join(x.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // checked above
	if errors.Is(err, os.ErrExist) {
		return 0, damaged("%q is there twice", name)
	}
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	read := &readError{r: r}
	n, err = io.Copy(f, read)
	if read.err != nil {
		return 0, errors.Join(cut(read.err), f.Close())
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	return n, nil
}

// readError tells a damaged source from a full disk.
type readError struct {
	r   io.Reader
	err error
}

func (r *readError) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// end sees that nothing follows but zeros, which some tapes and tools add.
func (x *extraction) end() error {
	_, err := x.tar.Next()
	if err == nil {
		return damaged("there is something behind its end")
	}
	if !errors.Is(err, io.EOF) {
		return cut(err)
	}
	rest, zeros := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, err := x.raw.Read(rest)
		switch {
		case !bytes.Equal(rest[:n], zeros[:n]):
			return damaged("there is something behind its end")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return cut(err)
		}
	}
}

// sync makes the names of the parts durable.
func (x *extraction) sync() error {
	return filepath.WalkDir(x.dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncDir(name)
	})
}

// cut is a failure to read the archive.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it was cut short")
	}
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, tar.ErrFieldTooLong) {
		return damaged("%v", err)
	}
	return fmt.Errorf("read the backup: %w", err)
}
