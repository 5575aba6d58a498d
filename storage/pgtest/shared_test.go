//go:build unix

package pgtest

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestAllProcessesShareOneClusterThatEndsWithTheLast(t *testing.T) {
	t.Parallel()
	r := privateRoom(t)
	var launches atomic.Int32
	kept := make(chan error, 1)
	launch := func(ctx context.Context, r room) (string, error) {
		launches.Add(1)
		s, err := startIn(ctx, r)
		if err != nil {
			return "", err
		}
		if err := r.publish(s.URL()); err != nil {
			return "", errors.Join(err, s.Stop())
		}
		go func() { kept <- r.keepUntilIdle(context.WithoutCancel(ctx), s) }()
		return s.URL(), nil
	}

	const users = 5
	var wg sync.WaitGroup
	urls, leases := make([]string, users), make([]*os.File, users)
	for i := range users {
		wg.Go(func() {
			var err error
			if urls[i], leases[i], err = r.join(t.Context(), launch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if n := launches.Load(); n != 1 {
		t.Errorf("%d clusters were started for %d processes", n, users)
	}
	for _, url := range urls {
		if url != urls[0] {
			t.Errorf("one process uses %s, another %s", urls[0], url)
		}
	}

	for i, lease := range leases {
		select {
		case err := <-kept:
			t.Fatalf("the cluster ended while %d processes used it: %v", users-i, err)
		default:
		}
		lease.Close()
	}
	if err := <-kept; err != nil {
		t.Fatal(err)
	}
	if exists(r.path("shared.url")) {
		t.Error("the address of a cluster that is gone still stands there")
	}
	if answers(t.Context(), urls[0]) {
		t.Error("the cluster still runs")
	}
}

func TestTheKeeperOutlivesItsLauncherAndEndsWhenNobodyIsLeft(t *testing.T) {
	t.Parallel()
	r := privateRoom(t)
	url, lease, err := r.join(t.Context(), launchKeeper)
	if err != nil {
		t.Fatal(err)
	}
	again, second, err := r.join(t.Context(), func(context.Context, room) (string, error) {
		return "", errors.New("a second cluster was asked for")
	})
	if err != nil {
		t.Fatal(err)
	}
	if again != url {
		t.Errorf("the second process was sent to %s, the first to %s", again, url)
	}
	if n := query[int](t, url, "SELECT 1"); n != 1 {
		t.Errorf("the kept server says %d", n)
	}
	lease.Close()
	second.Close()
	eventually(t, "the keeper has ended the cluster", func() bool {
		return !exists(r.path("shared.url")) && !answers(t.Context(), url)
	})
}

func TestAKilledClusterIsReplaced(t *testing.T) {
	t.Parallel()
	r := privateRoom(t)
	// As a keeper that was killed leaves it.
	if err := r.publish("postgres://rambla:gone@127.0.0.1:1/postgres?sslmode=disable"); err != nil {
		t.Fatal(err)
	}
	url, lease, err := r.join(t.Context(), func(context.Context, room) (string, error) { return "postgres://new", nil })
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Close()
	if url != "postgres://new" {
		t.Errorf("sent to %s, where nobody listens", url)
	}
}

func TestAKeeperThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"failed no disk space\n": "no disk space",
		"":                       "died while starting",
	} {
		if _, err := hear(strings.NewReader(said)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a keeper that said %q gives %v", said, err)
		}
	}
}
