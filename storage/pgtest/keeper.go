//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// The shared cluster outlives each of the test binaries that use it and must not
// outlive all of them. So it is the child of a process that belongs to none: the
// test binary that finds no cluster starts itself again under keeperName, in a
// session of its own, and that copy does nothing but keep the server.

const (
	keeperName = "rambla-pgtest-keeper"
	// answerFD is where a keeper finds the pipe to its launcher.
	answerFD = 3
	// look is how often the keeper asks whether anybody is left.
	look = 500 * time.Millisecond
)

func init() {
	if os.Args[0] != keeperName {
		return
	}
	// The server must not inherit the pipe, or its reader waits for ever.
	syscall.CloseOnExec(answerFD)
	if err := keep(os.NewFile(answerFD, "answer"), os.Args[1:]); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// launchKeeper starts a keeper and waits for its server.
func launchKeeper(ctx context.Context, r room) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the test binary: %w", err)
	}
	answer, theirs, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("make a pipe to the keeper: %w", err)
	}
	defer answer.Close()
	// Not bound to ctx, and not waited for: it is meant to outlive this process.
	// It has none of its standard streams, else go test would wait for it.
	keeper := exec.CommandContext(context.WithoutCancel(ctx), self)
	keeper.Args = []string{keeperName, r.dir, r.linger.String()}
	keeper.Dir = "/"
	keeper.ExtraFiles = []*os.File{theirs}
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = keeper.Start()
	theirs.Close()
	if err != nil {
		return "", fmt.Errorf("start the keeper: %w", err)
	}
	if err := keeper.Process.Release(); err != nil {
		return "", fmt.Errorf("let go of the keeper: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := answer.SetReadDeadline(deadline); err != nil {
			return "", fmt.Errorf("bound the wait for the keeper: %w", err)
		}
	}
	return hear(answer)
}

// keep runs the shared cluster until nobody has used it for a while, or until it
// is asked to end. It answers once, as soon as it is known whether the server
// runs. Its launcher holds shared.lock until then.
func keep(answer *os.File, args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	room, err := roomOf(args)
	if err != nil {
		return tell(answer, "failed", err.Error(), err)
	}
	server, err := startIn(ctx, room)
	if err != nil {
		return tell(answer, "failed", err.Error(), err)
	}
	if err := room.publish(server.URL()); err != nil {
		return tell(answer, "failed", err.Error(), errors.Join(err, server.Stop()))
	}
	if err := tell(answer, "ready", server.URL(), nil); err != nil {
		// The launcher has given up; whoever finds the URL finds nobody there.
		return errors.Join(err, server.Stop())
	}
	return room.keepUntilIdle(ctx, server)
}

// roomOf is the room that launchKeeper wrote into the arguments.
func roomOf(args []string) (room, error) {
	if len(args) != 2 {
		return room{}, errors.New("keep the test cluster: a directory and a duration are needed")
	}
	linger, err := time.ParseDuration(args[1])
	if err != nil {
		return room{}, fmt.Errorf("keep the test cluster: %w", err)
	}
	who, err := findAccount()
	return room{dir: args[0], account: who, linger: linger}, err
}

func tell(answer *os.File, word, what string, result error) error {
	_, err := fmt.Fprintln(answer, word, what)
	return errors.Join(result, err, answer.Close())
}

// keepUntilIdle stops the server when nobody has held a lease for r.linger.
func (r room) keepUntilIdle(ctx context.Context, server *Server) error {
	lastUse := time.Now()
	for {
		if pause(ctx, look) != nil {
			// Asked to end: those who still use the cluster see it go.
			return errors.Join(os.Remove(r.path("shared.url")), server.Stop())
		}
		ended, err := r.endIfUnused(server, &lastUse)
		if ended || err != nil {
			return err
		}
	}
}

// endIfUnused takes both locks before it decides, so that nobody can join a
// cluster that is about to go.
func (r room) endIfUnused(server *Server, lastUse *time.Time) (ended bool, err error) {
	lock, err := tryLock(r.path("shared.lock"), syscall.LOCK_EX)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		*lastUse = time.Now()
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	lease, err := tryLock(r.path("shared.lease"), syscall.LOCK_EX)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		*lastUse = time.Now()
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lease.Close()
	if time.Since(*lastUse) < r.linger {
		return false, nil
	}
	return true, errors.Join(os.Remove(r.path("shared.url")), server.Stop())
}
