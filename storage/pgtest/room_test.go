//go:build unix

package pgtest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAnOrphanIsEndedAndRemovedByTheNextCaller(t *testing.T) {
	t.Parallel()
	r := privateRoom(t)
	orphan, err := startIn(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	// What the kernel does when the owner dies: the lock goes, the server stays.
	orphan.alive.Close()

	next, err := startIn(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := next.Stop(); err != nil {
			t.Error(err)
		}
	})
	if exists(orphan.dir) {
		t.Errorf("the orphan's directory %s is still there", orphan.dir)
	}
	<-orphan.exited
	if !answers(t.Context(), next.URL()) {
		t.Error("the sweep has hit the new server")
	}
}

func TestTheSweepSparesAClusterThatIsOwned(t *testing.T) {
	t.Parallel()
	r := privateRoom(t)
	dir, alive, err := r.newCluster(t.Context(), "/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	if err := r.sweep(t.Context(), "/nowhere"); err != nil {
		t.Fatal(err)
	}
	if !exists(dir) {
		t.Error("a cluster was removed under its owner")
	}
}

func TestAStalePidFileNamesNobody(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no process":         "999999999\n/data\n",
		"another's process":  "1\n/data\n",
		"not a number":       "postgres\n",
		"all processes":      "-1\n",
		"an empty file":      "",
		"this very process ": strings.Repeat("0", 20) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if pid := postmaster(data); pid != 0 {
				t.Errorf("taken for the server: process %d", pid)
			}
		})
	}
}

func TestTheServersAccountDoesNotEnterAPrivateDirectory(t *testing.T) {
	t.Parallel()
	who := account{name: "somebody", credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	private := filepath.Join(t.TempDir(), "private")
	if err := os.MkdirAll(filepath.Join(private, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	if who.mayEnter(filepath.Join(private, "below")) {
		t.Error("a directory below a private one counts as enterable")
	}
	if !who.mayEnter("/") {
		t.Error("the root directory does not count as enterable")
	}
	if !(account{}).mayEnter(private) {
		t.Error("the caller's own directory does not count as enterable for the caller")
	}
}
