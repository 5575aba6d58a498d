//go:build unix

package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// owner is the superuser of every cluster that this package makes.
const owner = "rambla"

const (
	// startLimit bounds one start of a server, recovery after a crash included,
	// on a machine that is busy with other tests and whose disk is slow.
	startLimit = 3 * time.Minute
	// endLimit is how long a server may take over each kind of end.
	endLimit = time.Minute
)

// Server is a PostgreSQL of one's own, on the loopback interface, with its own
// data directory. Its methods may be called from several goroutines.
type Server struct {
	bin      string
	account  account
	dir      string // below a room
	alive    *os.File
	password string
	port     int // the same over all restarts

	mu      sync.Mutex // guards what follows
	process *exec.Cmd  // nil while the server is down
	exited  chan struct{}
	gone    bool // stopped for good, directory removed
}

// Start makes a cluster and starts it; ctx bounds only the start. The caller
// stops the server. Should the caller die instead, the server dies with it (on
// Linux) or is removed by the next caller.
func Start(ctx context.Context) (*Server, error) {
	room, err := openRoom()
	if err != nil {
		return nil, err
	}
	return startIn(ctx, room)
}

// Private starts a server that the test may kill, and stops it with the test.
func Private(t testing.TB) *Server {
	t.Helper()
	server, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func startIn(ctx context.Context, room room) (*Server, error) {
	bin, err := findBinaries(ctx)
	if err != nil {
		return nil, err
	}
	dir, alive, err := room.newCluster(ctx, bin)
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, account: room.account, dir: dir, alive: alive, password: rand.Text()}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	// Between finding a free port and the server taking it somebody else may.
	for range 5 {
		if s.port, err = freePort(ctx); err != nil {
			break
		}
		if err = s.Restart(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// create runs initdb. The files are not synced, as a machine that goes down now
// loses nothing; what is committed later is.
func (s *Server) create(ctx context.Context) error {
	data := s.data()
	if err := os.Mkdir(data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := s.account.own(data); err != nil {
		return fmt.Errorf("hand over the data directory: %w", err)
	}
	secret := filepath.Join(s.dir, "password") // for its account's eyes; goes with the directory
	if err := os.WriteFile(secret, []byte(s.password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the password for initdb: %w", err)
	}
	if err := s.account.own(secret); err != nil {
		return fmt.Errorf("hand over the password for initdb: %w", err)
	}
	locale := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		locale = "en_US.UTF-8"
	}
	initdb := s.account.command(ctx, s.dir, filepath.Join(s.bin, "initdb"),
		"--pgdata="+data, "--username="+owner, "--pwfile="+secret,
		// In the clear over loopback: SCRAM would cost the tests thousands of
		// hash rounds per connection, doubled by the race detector.
		"--auth=password",
		"--encoding=UTF8", "--locale="+locale, "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w\n%s", err, out)
	}
	return nil
}

// URL is where the server's database postgres is reached, as a superuser. It
// stays the same over Kill and Restart.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres?sslmode=disable", owner, s.password, s.port)
}

// Restart starts the server again after Kill, with what was committed, and
// returns when it answers. A server that runs is shut down properly first. ctx
// bounds only the restart.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, errors.New("PostgreSQL did not answer in time"))
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return errors.New("restart PostgreSQL: it was stopped for good")
	}
	if err := s.endLocked(syscall.SIGINT); err != nil {
		return err
	}
	for {
		err := s.launchLocked(ctx)
		if err == nil {
			return nil
		}
		// The backends of a killed server take a moment to notice, and until
		// then the new one refuses to touch their memory.
		if !strings.Contains(err.Error(), "shared memory block") || pause(ctx, 50*time.Millisecond) != nil {
			return err
		}
	}
}

// launchLocked starts the process and waits until it answers.
func (s *Server) launchLocked(ctx context.Context) error {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the server's log: %w", err)
	}
	defer log.Close()
	before, err := log.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("find the end of the server's log: %w", err)
	}
	settings := []string{
		"-D", s.data(),
		"-c", "listen_addresses=127.0.0.1",
		"-c", fmt.Sprintf("port=%d", s.port),
		"-c", "unix_socket_directories=", // a temporary directory's path is often longer than a socket's may be
		"-c", "max_connections=400", // many packages at once, each with its pools
		"-c", "timezone=UTC",
		"-c", "log_timezone=UTC",
	}
	if fsyncOff() {
		settings = append(settings, "-c", "fsync=off")
	}
	// Not bound to ctx: the server outlives its start.
	cmd := s.account.command(context.WithoutCancel(ctx), s.dir, filepath.Join(s.bin, "postgres"), settings...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	exited := make(chan struct{})
	go func() { // ends with the process; endLocked waits for it
		defer close(exited)
		// How it ended is in its log, which is where the reason is too.
		_ = cmd.Wait()
	}()
	s.process, s.exited = cmd, exited

	for {
		if answers(ctx, s.URL()) {
			return nil
		}
		select {
		case <-exited:
			s.process = nil
			return fmt.Errorf("start PostgreSQL: it ended at once:\n%s", s.logSince(before))
		default:
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("start PostgreSQL: %w:\n%s", err, s.logSince(before)), s.endLocked(syscall.SIGQUIT))
		}
	}
}

// answers tells whether a server at url lets one in.
func answers(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

// Kill ends the server as a crash would: no checkpoint, no farewell to its
// clients. What was committed is there after Restart. Nobody gets in any more
// when it returns; connections that are open go a moment later, as each of the
// server's processes notices. A server that is down stays down.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked(syscall.SIGKILL)
}

// Stop shuts the server down and removes all that it has stored. A second Stop
// does nothing.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil
	}
	err := s.endLocked(syscall.SIGINT)
	s.gone = true
	return errors.Join(err, os.RemoveAll(s.dir), s.alive.Close())
}

// endLocked sends the signal and waits; a server that does not obey is asked
// with more force.
func (s *Server) endLocked(how syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	for _, signal := range []syscall.Signal{how, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := s.process.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("end PostgreSQL: %w", err)
		}
		timer := time.NewTimer(endLimit)
		select {
		case <-s.exited:
			timer.Stop()
			s.process = nil
			return nil
		case <-timer.C:
		}
	}
	return fmt.Errorf("end PostgreSQL: process %d does not die", s.process.Process.Pid)
}

func (s *Server) data() string    { return filepath.Join(s.dir, "data") }
func (s *Server) logPath() string { return filepath.Join(s.dir, "log") }

// logSince is what the server has logged from the offset on.
func (s *Server) logSince(offset int64) string {
	content, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(content[min(offset, int64(len(content))):]))
}

// freePort finds one below those that systems hand out to clients: else, while the
// server is away, any client could be given its port, also who dials it, and it could
// not be started again.
func freePort(ctx context.Context) (int, error) {
	const first, ports, tries = 12_000, 8_000, 100
	var config net.ListenConfig
	var err error
	for range tries {
		port := first + mathrand.IntN(ports) //nolint:gosec // no secret
		var listener net.Listener
		if listener, err = config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
