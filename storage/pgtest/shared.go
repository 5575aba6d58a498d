//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
)

// joined remembers, for the life of the process, the lease on the shared
// cluster. It is package state because what it stands for is one per process:
// go test gives no hook at the end of a process in which it could be returned,
// and does not need one, as the kernel returns it.
var joined struct {
	sync.Mutex
	lease *os.File
	url   string
}

// sharedURL is the shared cluster of this user, started where it does not run.
func sharedURL(ctx context.Context) (string, error) {
	joined.Lock()
	defer joined.Unlock()
	if joined.lease != nil {
		return joined.url, nil
	}
	room, err := openRoom()
	if err != nil {
		return "", err
	}
	url, lease, err := room.join(ctx, launchKeeper)
	if err != nil {
		return "", err
	}
	joined.url, joined.lease = url, lease
	return url, nil
}

// join takes a lease on the shared cluster and returns its URL. The cluster
// stands as long as somebody holds a lease, and a while longer. Where there is
// none, launch starts one and returns its URL.
func (r room) join(ctx context.Context, launch func(context.Context, room) (string, error)) (string, *os.File, error) {
	lock, err := lockFile(ctx, r.path("shared.lock"), syscall.LOCK_EX)
	if err != nil {
		return "", nil, err
	}
	defer lock.Close()
	lease, err := lockFile(ctx, r.path("shared.lease"), syscall.LOCK_SH)
	if err != nil {
		return "", nil, err
	}
	url, err := r.running(ctx)
	if err == nil && url == "" {
		url, err = launch(ctx, r)
	}
	if err != nil {
		lease.Close()
		return "", nil, err
	}
	return url, lease, nil
}

// running is the URL of the shared cluster, or empty if none answers there.
func (r room) running(ctx context.Context) (string, error) {
	content, err := os.ReadFile(r.path("shared.url"))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the shared cluster: %w", err)
	}
	url := strings.TrimSpace(string(content))
	if !answers(ctx, url) {
		// Its keeper was killed; the new one sweeps up what is left.
		return "", nil
	}
	return url, nil
}

// publish tells the other processes where the shared cluster is, in one step.
func (r room) publish(url string) error {
	draft := r.path("shared.url.new")
	if err := os.WriteFile(draft, []byte(url+"\n"), 0o600); err != nil {
		return fmt.Errorf("write where the cluster is: %w", err)
	}
	if err := os.Rename(draft, r.path("shared.url")); err != nil {
		return fmt.Errorf("write where the cluster is: %w", err)
	}
	return nil
}

// hear reads what a keeper says about its start.
func hear(r io.Reader) (string, error) {
	said, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil {
		return "", fmt.Errorf("listen to the keeper: %w", err)
	}
	if url, ok := strings.CutPrefix(string(said), "ready "); ok {
		return strings.TrimSpace(url), nil
	}
	if reason, ok := strings.CutPrefix(string(said), "failed "); ok {
		return "", errors.New(strings.TrimSpace(reason))
	}
	return "", errors.New("the keeper of the test cluster died while starting it")
}
