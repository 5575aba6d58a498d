//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// room is the directory below which the clusters of one user live. It stays
// behind, empty but for its locks: a lock that is deleted is two locks for those
// who opened it before and after.
//
//	dirs.lock     held for the moment in which cluster directories come and go
//	shared.lock   held while the shared cluster is started, joined or ended
//	shared.lease  held, shared, by every process that uses the shared cluster
//	shared.url    where the shared cluster listens
//	cluster-*/    one cluster: alive (locked while somebody owns it), data, log
type room struct {
	dir     string
	account account
	linger  time.Duration // how long the shared cluster waits for a next user
}

// betweenPackages bridges the compile times within one run of go test.
const betweenPackages = 20 * time.Second

// openRoom makes the directory in the first temporary directory that the
// server's account can enter.
func openRoom() (room, error) {
	who, err := findAccount()
	if err != nil {
		return room{}, err
	}
	name := "rambla-pgtest-" + strconv.Itoa(os.Geteuid())
	if fsyncOff() {
		// A cluster that forgets must not be taken for one that remembers.
		name += "-nofsync"
	}
	for _, base := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if !who.mayEnter(base) {
			continue
		}
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
			return room{}, fmt.Errorf("make %s: %w", dir, err)
		}
		info, err := os.Lstat(dir)
		if err != nil {
			return room{}, fmt.Errorf("look at %s: %w", dir, err)
		}
		// The name can be guessed and the parent is writable by everybody, so
		// somebody else may have been here first.
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !info.IsDir() || !ok || int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
			return room{}, fmt.Errorf("%s is not a directory that only this user can write to; remove it", dir)
		}
		return room{dir: dir, account: who, linger: betweenPackages}, nil
	}
	return room{}, fmt.Errorf("the user %s can enter none of the temporary directories; set TMPDIR to one that it can", who.name)
}

func fsyncOff() bool { return os.Getenv("RAMBLA_TEST_FSYNC") == "off" }

func (r room) path(name string) string { return filepath.Join(r.dir, name) }

// newCluster makes an empty cluster directory and locks it for the life of the
// returned file. It first removes what crashed processes have left.
func (r room) newCluster(ctx context.Context, bin string) (dir string, alive *os.File, err error) {
	lock, err := lockFile(ctx, r.path("dirs.lock"), syscall.LOCK_EX)
	if err != nil {
		return "", nil, err
	}
	defer lock.Close()
	if err := r.sweep(ctx, bin); err != nil {
		return "", nil, err
	}
	dir, err = os.MkdirTemp(r.dir, "cluster-")
	if err != nil {
		return "", nil, fmt.Errorf("make a cluster directory: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", nil, fmt.Errorf("open %s for the server: %w", dir, err)
	}
	alive, err = lockFile(ctx, filepath.Join(dir, "alive"), syscall.LOCK_EX)
	if err != nil {
		return "", nil, err
	}
	return dir, alive, nil
}

// sweep ends and removes the clusters whose owner is gone.
func (r room) sweep(ctx context.Context, bin string) error {
	dirs, err := filepath.Glob(r.path("cluster-*"))
	if err != nil {
		return fmt.Errorf("list the clusters: %w", err)
	}
	for _, dir := range dirs {
		alive, err := tryLock(filepath.Join(dir, "alive"), syscall.LOCK_EX)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		err = r.endOrphan(ctx, bin, dir)
		alive.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// endOrphan stops a server that nobody owns any more, if it still runs, and
// removes its directory.
func (r room) endOrphan(ctx context.Context, bin, dir string) error {
	data := filepath.Join(dir, "data")
	if pid := postmaster(data); pid != 0 {
		stop := r.account.command(ctx, dir, filepath.Join(bin, "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
		if out, err := stop.CombinedOutput(); err != nil && postmaster(data) != 0 {
			return fmt.Errorf("stop the orphan with process id %d in %s: %w\n%s", pid, dir, err, out)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the orphan's directory: %w", err)
	}
	return nil
}

// postmaster is the process id of the server that runs on data, or 0. A file
// that outlived a reboot may name a process that is somebody else by now; where
// the system tells what a process is, that is checked.
func postmaster(data string) int {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return 0
	}
	if cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && !strings.Contains(string(cmdline), data) {
		return 0
	}
	return pid
}

// command runs name as the account, in dir, without the caller's PG* variables,
// which would redirect it.
func (a account) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	return cmd
}
