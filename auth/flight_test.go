package auth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"rambla/social"
)

func TestThoseWhoAskTheSameShareTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f flights[string, int]
		works, release := 0, make(chan struct{})
		answers := make(chan int, 11)
		for range 10 {
			go func() {
				n, err := f.do(t.Context(), "a", func() (int, error) {
					works++
					<-release
					return 7, nil
				})
				if err != nil {
					t.Error(err)
				}
				answers <- n
			}()
		}
		synctest.Wait()
		other, err := f.do(t.Context(), "b", func() (int, error) { return 8, nil })
		if err != nil || other != 8 {
			t.Errorf("another question waits: %d, %v", other, err)
		}
		close(release)
		for range 10 {
			if n := <-answers; n != 7 {
				t.Errorf("the answer is %d", n)
			}
		}
		if works != 1 || len(f.flying) != 0 {
			t.Errorf("%d worked, %d fly on", works, len(f.flying))
		}
	})
}

func TestOnlyAWorkersOwnFailureIsShared(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, leaves := range map[string]bool{"the worker fails": false, "the worker's caller leaves": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var f flights[string, int]
				leader, leave := context.WithCancel(t.Context())
				defer leave()
				release := make(chan struct{})
				go func() {
					_, _ = f.do(leader, "a", func() (int, error) { // its error is the follower's matter
						<-release
						return 0, broken
					})
				}()
				synctest.Wait()
				follower := make(chan error, 1)
				go func() {
					n, err := f.do(t.Context(), "a", func() (int, error) { return 7, nil })
					if err == nil && n != 7 {
						t.Errorf("the answer is %d", n)
					}
					follower <- err
				}()
				synctest.Wait()
				if leaves {
					leave()
				}
				close(release)
				if err := <-follower; leaves && err != nil || !leaves && !errors.Is(err, broken) {
					t.Errorf("who waits got %v", err)
				}
			})
		})
	}
}

func TestWhoWaitsForAnAnswerCanLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f flights[string, int]
		release := make(chan struct{})
		go func() {
			_, _ = f.do(t.Context(), "a", func() (int, error) { <-release; return 7, nil })
		}()
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := f.do(ctx, "a", func() (int, error) { return 8, nil })
		wantKind(t, err, social.KindUnavailable)
		close(release)
	})
}

func TestAWorkerThatPanicsLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f flights[string, int]
		release := make(chan struct{})
		go func() {
			defer func() { _ = recover() }() // what a server does for each connection
			_, _ = f.do(t.Context(), "a", func() (int, error) { <-release; panic("a bug") })
		}()
		synctest.Wait()
		follower := make(chan error, 1)
		go func() {
			_, err := f.do(t.Context(), "a", func() (int, error) { return 7, nil })
			follower <- err
		}()
		synctest.Wait()
		close(release)
		wantKind(t, <-follower, social.KindInternal)
	})
}
