//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// oldestVersion is the first major version of PostgreSQL that Rambla supports.
const oldestVersion = 15

// errNoServer carries the way out, because it is read by someone whose tests
// have just failed on a new machine.
var errNoServer = errors.New(`no PostgreSQL server of version 15 or later was found in PATH or in /usr/lib/postgresql/*/bin.
Install one:
    Debian, Ubuntu:  apt-get install -y postgresql
    Fedora:          dnf install -y postgresql-server
    macOS:           brew install postgresql@17
or name a server on which databases may be created:
    export RAMBLA_TEST_DATABASE=postgres://user:password@127.0.0.1:5432/postgres`)

// findBinaries returns the directory that holds postgres and initdb: the one of
// PATH, else the newest that a distribution has put aside.
func findBinaries(ctx context.Context) (string, error) {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// The server finds its libraries relative to where it really is.
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(resolved))
		}
	}
	packaged, err := packagedBinaries(
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	)
	if err != nil {
		return "", err
	}
	return firstUsable(ctx, append(dirs, packaged...))
}

// packagedBinaries lists the directories that match, the newest version first.
func packagedBinaries(patterns ...string) ([]string, error) {
	var dirs []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("look for PostgreSQL in %s: %w", pattern, err)
		}
		dirs = append(dirs, found...)
	}
	slices.SortStableFunc(dirs, func(a, b string) int { return versionInPath(b) - versionInPath(a) })
	return dirs, nil
}

// firstUsable is the first directory with both programs in a version that will do.
func firstUsable(ctx context.Context, dirs []string) (string, error) {
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		if version, err := serverVersion(ctx, dir); err == nil && version >= oldestVersion {
			return dir, nil
		}
	}
	return "", errNoServer
}

var firstNumber = regexp.MustCompile(`\d+`)

// versionInPath is 17 for /usr/lib/postgresql/17/bin and 0 where the directory
// above bin has no number.
func versionInPath(path string) int {
	n, err := strconv.Atoi(firstNumber.FindString(filepath.Base(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}

// serverVersion is the major version of the server in dir.
func serverVersion(ctx context.Context, dir string) (int, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("ask %s for its version: %w", dir, err)
	}
	version, err := strconv.Atoi(string(firstNumber.Find(out)))
	if err != nil {
		return 0, fmt.Errorf("read the version in %q: %w", out, err)
	}
	return version, nil
}
