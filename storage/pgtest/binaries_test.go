//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeBinaries makes a directory with an initdb and a postgres that says its version.
func fakeBinaries(t *testing.T, dir, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"initdb":   "#!/bin/sh\n",
		"postgres": fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheFirstServerThatIsNotTooOldIsTaken(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := fakeBinaries(t, filepath.Join(root, "old"), "14.9 (Debian 14.9-1)")
	good := fakeBinaries(t, filepath.Join(root, "good"), "15.18 (Debian 15.18-0+deb12u1)")
	newer := fakeBinaries(t, filepath.Join(root, "newer"), "18beta1")

	if got, err := firstUsable(t.Context(), []string{root, old, good, newer}); err != nil || got != good {
		t.Errorf("got %s, %v; want %s", got, err, good)
	}
	if got, err := firstUsable(t.Context(), []string{old, newer}); err != nil || got != newer {
		t.Errorf("got %s, %v; want %s", got, err, newer)
	}
}

func TestWithoutAServerTheErrorSaysHowToGetOne(t *testing.T) {
	t.Parallel()
	_, err := firstUsable(t.Context(), []string{t.TempDir()})
	if !errors.Is(err, errNoServer) || !strings.Contains(err.Error(), "apt-get install -y postgresql") {
		t.Errorf("got %v", err)
	}
}

func TestOfSeveralPackagedServersTheNewestComesFirst(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, version := range []string{"9.6", "15", "17", "16"} {
		fakeBinaries(t, filepath.Join(root, "postgresql", version, "bin"), version)
	}
	dirs, err := packagedBinaries(filepath.Join(root, "postgresql", "*", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, dir := range dirs {
		versions = append(versions, filepath.Base(filepath.Dir(dir)))
	}
	if want := []string{"17", "16", "15", "9.6"}; !slices.Equal(versions, want) {
		t.Errorf("got %v, want %v", versions, want)
	}
}
