package backup_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rambla/backup"
)

// entry is one of an archive, as it stands there.
type entry struct {
	tar.Header
	body string
}

// parts are what a whole archive has between its manifest and its sums.
func parts() map[string]string {
	return map[string]string{"rambla.db": strings.Repeat("store ", 1000), "files/attachments/aa/0190": "a picture"}
}

// whole is an archive as Writer makes it.
func whole(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := backup.NewWriter(&out, backup.Manifest{Version: "1.0", Schema: 7, Created: time.Unix(1e9, 0).UTC(), Epoch: "e"}, t.TempDir())
	for _, name := range []string{"rambla.db", "files/attachments/aa/0190"} {
		if err == nil {
			err = w.Add(name, strings.NewReader(parts()[name]), int64(len(parts()[name])))
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func entriesOf(t *testing.T, archive []byte) (out []entry) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		body, readErr := io.ReadAll(r)
		if err = errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		out = append(out, entry{tar.Header{Typeflag: h.Typeflag, Name: h.Name, Mode: h.Mode}, string(body)})
	}
}

// packed is an archive of entries; the sums are made to fit where they are the last
// one, as who means harm would.
func packed(t *testing.T, entries []entry) []byte {
	t.Helper()
	last := len(entries) - 1
	if entries[last].Name == "SHA256SUMS" {
		sums := ""
		for _, e := range entries[:last] {
			sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(e.body)), e.Name)
		}
		entries[last].body = sums
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		e.Size = int64(len(e.body))
		err := w.WriteHeader(&e.Header)
		if err == nil {
			_, err = io.WriteString(w, e.body)
		}
		if err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// extract reads an archive into a directory of its own, and sees that nothing is
// written anywhere else.
func extract(t *testing.T, archive []byte) (dir string, _ backup.Contents, _ error) {
	t.Helper()
	above := t.TempDir()
	dir = filepath.Join(above, "into")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	newer := errors.New("the schema is newer; use the newer program")
	contents, err := backup.Extract(bytes.NewReader(archive), dir, func(m backup.Manifest) error {
		if m.Schema > 7 {
			return newer
		}
		return nil
	}, func(name string) bool { return name == "rambla.db" || strings.HasPrefix(name, "files/") })
	list, readErr := os.ReadDir(above)
	if readErr != nil || len(list) != 1 {
		t.Errorf("beside the directory there is %v, %v", list, readErr)
	}
	return dir, contents, err
}

func TestAnArchiveComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, archive := range map[string][]byte{"as written": whole(t), "on a tape": append(whole(t), make([]byte, 100<<10)...), "packed anew": packed(t, entriesOf(t, whole(t)))} {
		dir, contents, err := extract(t, archive)
		if err != nil || contents.Parts != 2 || contents.Manifest.Schema != 7 {
			t.Fatalf("%s: %+v, %v", name, contents, err)
		}
		for part, want := range parts() {
			file := filepath.Join(dir, filepath.FromSlash(part))
			got, err := os.ReadFile(file)
			info, statErr := os.Stat(file)
			if errors.Join(err, statErr) != nil || string(got) != want || info.Mode() != 0o600 {
				t.Errorf("%s: %s is %q, %v, %v", name, part, got, info.Mode(), err)
			}
		}
	}
}

func TestADamagedArchiveIsRefused(t *testing.T) {
	t.Parallel()
	good := whole(t)
	changed := func(text string) []byte {
		i := bytes.Index(good, []byte(text))
		if i < 0 {
			t.Fatalf("the archive has no %q", text)
		}
		out := slices.Clone(good)
		out[i+len(text)/2] ^= 1
		return out
	}
	// with has the entries before the sums changed, and everything fit.
	with := func(more ...entry) []byte {
		all := entriesOf(t, good)
		return packed(t, slices.Insert(all, len(all)-1, more...))
	}
	file := func(name string) entry {
		return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600}, "evil"}
	}
	link := func(kind byte, to string) entry {
		return entry{Header: tar.Header{Typeflag: kind, Name: "files/link", Linkname: to, Mode: 0o600}}
	}
	manifest := func(text string) []byte {
		all := entriesOf(t, good)
		all[0].body = text
		return packed(t, all)
	}
	huge := func(name string, size int64) []byte {
		var out bytes.Buffer
		if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if name == "manifest.json" {
			return out.Bytes()
		}
		return append(packed(t, entriesOf(t, good)[:1])[:1024], out.Bytes()...)
	}
	all := entriesOf(t, good)
	for name, c := range map[string]struct {
		archive []byte
		says    string
	}{
		"a byte of the manifest":       {changed(`"schema": 7`), ""},
		"a byte of the store":          {changed("store store store"), "not those that were written"},
		"a byte of a file":             {changed("a picture"), "not those that were written"},
		"a byte of the sums":           {changed("  rambla.db\n"), "not those that were written"},
		"a byte of a name":             {changed("files/attachments/aa/0190\x00"), ""},
		"a byte of a header":           {changed("0000600\x00"), ""},
		"nothing":                      {nil, "ends too early"},
		"no archive":                   {bytes.Repeat([]byte("a picture "), 200), ""},
		"cut in the first header":      {good[:300], "cut short"},
		"cut in the manifest":          {good[:520], "cut short"},
		"cut in the store":             {good[:4000], "cut short"},
		"cut before the sums":          {packed(t, all[:3]), "ends too early"},
		"cut in the sums":              {good[:bytes.Index(good, []byte("  rambla.db\n"))], "cut short"},
		"something behind its end":     {append(slices.Clone(good), "more"...), "behind its end"},
		"another archive behind it":    {append(slices.Clone(good), good...), "behind its end"},
		"an entry behind the sums":     {packed(t, append(slices.Clone(all), file("files/more"))), "behind its end"},
		"a part that is missing":       {packed(t, append(slices.Clone(all[:2]), file("SHA256SUMS2"))), "no part of a backup"},
		"a manifest that is not first": {packed(t, all[1:]), "begin with a manifest"},
		"a second manifest":            {with(file("manifest.json")), "no part of a backup"},
		"a manifest that is none":      {manifest("{"), "manifest cannot be read"},
		"a part that is there twice":   {with(file("rambla.db")), "there twice"},
		"a name that leads out":        {with(file("../evil")), "no part of a backup"},
		"a name that leads out later":  {with(file("files/../../evil")), "no part of a backup"},
		"an absolute name":             {with(file("/etc/cron.d/evil")), "no part of a backup"},
		"a name of Windows":            {with(file(`files\..\..\evil`)), "no part of a backup"},
		"a name with an empty part":    {with(file("files//evil")), "no part of a backup"},
		"a name with a dot":            {with(file("files/./evil")), "no part of a backup"},
		"a part that is for others":    {with(file("rambla.yaml")), "no part of a backup"},
		"a file in the place of a directory": {
			with(file("files/attachments/aa/0190/evil")), "",
		},
		"a symbolic link":      {with(link(tar.TypeSymlink, "/etc"), file("files/link/evil")), "is no file"},
		"a hard link":          {with(link(tar.TypeLink, "rambla.db")), "is no file"},
		"a directory":          {with(link(tar.TypeDir, "")), "is no file"},
		"a pipe":               {with(link(tar.TypeFifo, "")), "is no file"},
		"a file with holes":    {sparse(t, all), "is no file"},
		"a manifest of 1 TiB":  {huge("manifest.json", 1<<40), "begin with a manifest"},
		"a store of 1 EiB":     {huge("rambla.db", 1<<60), "cut short"},
		"a newer schema":       {manifest(`{"format":1,"schema":8}`), "use the newer program"},
		"a form of the future": {manifest(`{"format":2,"schema":7,"version":"9.0"}`), "rambla 9.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := extract(t, c.archive)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, want %q", err, c.says)
			}
			known := strings.Contains(c.says, "rambla 9.0") || strings.Contains(c.says, "newer program")
			if !errors.Is(err, backup.ErrDamaged) && !known && !errors.Is(err, fs.ErrInvalid) && name != "a file in the place of a directory" {
				t.Errorf("%v does not say that it is damaged", err)
			}
		})
	}
}

// sparse is an archive with a file that would be a tebibyte of nothing.
func sparse(t *testing.T, all []entry) []byte {
	t.Helper()
	// The PAX form 1.0 of GNU tar: a map of what is no hole stands before the data.
	hole := entry{tar.Header{Typeflag: tar.TypeReg, Name: "files/hole", Mode: 0o600, Format: tar.FormatPAX, PAXRecords: map[string]string{
		"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "files/hole", "XXX.sparse.realsize": fmt.Sprint(1 << 40),
	}}, "0\n" + strings.Repeat("\x00", 510)}
	out := packed(t, slices.Insert(slices.Clone(all), len(all)-1, hole))
	// Go's writer refuses to write such records, so they are named after it has.
	return bytes.ReplaceAll(out, []byte("XXX.sparse"), []byte("GNU.sparse"))
}
