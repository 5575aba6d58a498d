package files_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/files"
	"rambla/social"
)

var ids social.IDs

func name(variant string) social.BlobName {
	return social.BlobName{Room: "attachments", ID: ids.New(time.Now()), Variant: variant}
}

func open(t *testing.T, cfg files.Config) *files.Disk {
	t.Helper()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d, err := files.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func draftOf(t *testing.T, d *files.Disk, text string) social.BlobDraft {
	t.Helper()
	draft, err := d.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(draft, text); err != nil {
		t.Fatal(err)
	}
	return draft
}

func keep(t *testing.T, d *files.Disk, n social.BlobName, text string) {
	t.Helper()
	if err := draftOf(t, d, text).Keep(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, d *files.Disk, n social.BlobName) string {
	t.Helper()
	b, err := d.Open(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	text, err := io.ReadAll(b)
	if err != nil || int64(len(text)) != b.Info().Size {
		t.Fatalf("read %d bytes of %d: %v", len(text), b.Info().Size, err)
	}
	return string(text)
}

// every lists the files below dir.
func every(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestABlobIsReadAsItWasWrittenOnceItIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := open(t, files.Config{Dir: dir})
	n := name("")
	draft := draftOf(t, d, "hello ")
	if _, err := draft.Write([]byte("world")); err != nil || draft.Size() != 11 {
		t.Fatal(draft.Size(), err)
	}
	r, err := draft.Reader()
	if err != nil {
		t.Fatal(err)
	}
	if before, err := io.ReadAll(r); err != nil || string(before) != "hello world" {
		t.Fatalf("%q %v", before, err)
	}
	if _, err := d.Open(t.Context(), n); social.KindOf(err) != social.KindNotFound {
		t.Fatalf("opened before it was kept: %v", err)
	}
	if err := draft.Keep(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	draft.Discard()
	if got := read(t, d, n); got != "hello world" {
		t.Fatalf("%q", got)
	}
	if err := draft.Keep(t.Context(), n); err == nil {
		t.Fatal("kept twice")
	}
	keep(t, d, n, "another one")
	if got := read(t, d, n); got != "another one" {
		t.Fatalf("after it was replaced: %q", got)
	}
	for _, path := range every(t, dir) {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestADiscardedDraftAndAFailedOneLeaveNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := open(t, files.Config{Dir: dir})
	n := name("")
	draftOf(t, d, "half of it").Discard()
	if err := draftOf(t, d, "x").Keep(t.Context(), social.BlobName{Room: "../etc", ID: n.ID}); err == nil {
		t.Fatal("kept under a name that is none")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := draftOf(t, d, "x").Keep(gone, n); social.KindOf(err) != social.KindUnavailable {
		t.Fatalf("kept for somebody who has gone: %v", err)
	}
	if left := every(t, dir); len(left) > 0 {
		t.Fatalf("left: %s", left)
	}
}

func TestWhatACrashLeftIsSweptAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := open(t, files.Config{Dir: dir})
	n := name("")
	keep(t, before, n, "whole")
	draftOf(t, before, "half")
	incoming := filepath.Join(dir, ".incoming")

	open(t, files.Config{Dir: dir})
	if left := every(t, incoming); len(left) != 1 {
		t.Fatalf("a draft of another server was taken away: %s", left)
	}
	open(t, files.Config{Dir: dir, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	if left := every(t, incoming); len(left) != 0 {
		t.Fatalf("an old draft was left: %s", left)
	}
	draftOf(t, before, "half again")
	d := open(t, files.Config{Dir: dir, Alone: true})
	if left := every(t, incoming); len(left) != 0 {
		t.Fatalf("left: %s", left)
	}
	if got := read(t, d, n); got != "whole" {
		t.Fatalf("%q", got)
	}
}

func TestRemovalTakesAThingWithItsVariantsAndNoOther(t *testing.T) {
	t.Parallel()
	d := open(t, files.Config{Dir: t.TempDir()})
	mine, other := name(""), name("")
	other.ID[15] = mine.ID[15] // the same folder
	variant := mine
	variant.Variant = "400x400.jpeg"
	for _, n := range []social.BlobName{mine, variant, other} {
		keep(t, d, n, n.String())
	}
	if err := d.RemoveAll(t.Context(), mine.Room, mine.ID); err != nil {
		t.Fatal(err)
	}
	for _, n := range []social.BlobName{mine, variant} {
		if _, err := d.Open(t.Context(), n); social.KindOf(err) != social.KindNotFound {
			t.Fatalf("%s: %v", n, err)
		}
	}
	read(t, d, other)
	if err := errors.Join(d.Remove(t.Context(), mine), d.Remove(t.Context(), other)); err != nil {
		t.Fatalf("what is not there cannot be removed again: %v", err)
	}
	if err := d.RemoveAll(t.Context(), "nothing", mine.ID); err != nil {
		t.Fatal(err)
	}
}

func TestAWalkMeetsTheBlobsOfARoomAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := open(t, files.Config{Dir: dir})
	var want []string
	for range 5 {
		n := name("")
		keep(t, d, n, "five5")
		want = append(want, n.String())
	}
	v := name("a-b_c.png")
	keep(t, d, v, "five5")
	keep(t, d, social.BlobName{Room: "avatars", ID: v.ID}, "elsewhere")
	want = append(want, v.String())
	for _, stray := range []string{"attachments/readme", "attachments/00/readme", "attachments/zz/" + v.ID.String()} {
		path := filepath.Join(dir, filepath.FromSlash(stray))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := d.Walk(t.Context(), "attachments", func(b social.BlobInfo) error {
		if b.Size != 5 || b.Written.IsZero() {
			t.Errorf("%+v", b)
		}
		got = append(got, b.Name.String())
		return nil
	})
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v: %s, not %s", err, got, want)
	}
	if err := d.Walk(t.Context(), "nothing", nil); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	if err := d.Walk(t.Context(), "attachments", func(social.BlobInfo) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
}

func TestNamesThatAreNoneOpenNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := open(t, files.Config{Dir: dir})
	id := ids.New(time.Now())
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []social.BlobName{
		{},
		{Room: "attachments"},
		{ID: id},
		{Room: "..", ID: id},
		{Room: "a/b", ID: id},
		{Room: ".incoming", ID: id},
		{Room: "attachments", ID: id, Variant: "../../x"},
		{Room: "attachments", ID: id, Variant: ".."},
		{Room: "attachments", ID: id, Variant: strings.Repeat("x", 65)},
	} {
		if _, err := d.Open(t.Context(), n); social.KindOf(err) != social.KindNotFound {
			t.Errorf("%+v: %v", n, err)
		}
		if err := d.Remove(t.Context(), n); err == nil {
			t.Errorf("%+v was removed", n)
		}
	}
	// Nor does a link that somebody laid lead out of the directory.
	n := social.BlobName{Room: "attachments", ID: id}
	keep(t, d, n, "x")
	path := every(t, dir)[0]
	if err := errors.Join(os.Remove(path), os.Symlink(secret, path)); err != nil {
		t.Fatal(err)
	}
	if b, err := d.Open(t.Context(), n); err == nil {
		text, _ := io.ReadAll(b)
		t.Fatalf("read %q through a link", text)
	}
}

func TestALongBlobIsSoughtIn(t *testing.T) {
	t.Parallel()
	d := open(t, files.Config{Dir: t.TempDir()})
	n := name("")
	long := bytes.Repeat([]byte("0123456789"), 100_000)
	keep(t, d, n, string(long))
	b, err := d.Open(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Seek(-7, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || string(got) != "3456789" {
		t.Fatalf("%q %v", got, err)
	}
	// Who reads finishes reading, whatever became of it.
	if _, err := b.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, long) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}
