package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"rambla/bench"
)

// self is a server that a load was started for.
type self struct {
	path       string // of this program
	args       []string
	environ    []string
	cmd        *exec.Cmd // the one that runs; guarded by nobody, as a load restarts and stops it in turn
	mqtt, http string
	password   string
	dir        string
}

// startSelf starts this program as a server on free ports, on the database
// that the command was given or else an embedded store of its own. environ is for
// it beside the command's own.
func startSelf(in *invocation, admin string, environ []string) (*self, error) {
	if admin != "admin" {
		return nil, usagef("--self makes the person admin; leave --user out")
	}
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "rambla-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the store: %w", err)
	}
	s := &self{path: path, dir: dir, password: rand.Text()}
	for _, kv := range in.environ {
		if given, is := strings.CutPrefix(kv, "RAMBLA_ADMIN_PASSWORD="); is && given != "" {
			s.password = given // a database that was used before knows its admin
		}
	}
	s.args = []string{
		"serve", "--data", dir, "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0",
		"--log-format", "json", "--log-level", "info",
	}
	if url, given := in.flags["database"]; given {
		s.args = append(s.args, "--database", url)
	}
	s.environ = append(slices.Concat(in.environ, environ), "RAMBLA_ADMIN_PASSWORD="+s.password)
	if err := s.start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *self) start() error {
	s.cmd = exec.Command(s.path, s.args...) //nolint:noctx // it is asked to stop, not killed
	s.cmd.Env = s.environ
	logs, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err == nil {
		err = s.awaitReady(logs)
	}
	if err != nil {
		return fmt.Errorf("start a server: %w", err)
	}
	return nil
}

// restart ends the server and starts it anew on the same store, at other
// addresses: the kernel may have given the old ones to somebody's connection.
func (s *self) restart(_ context.Context, kill bool) (bench.Server, error) {
	if kill {
		err := s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed, and says so
		if err != nil {
			return bench.Server{}, fmt.Errorf("kill the server: %w", err)
		}
	} else if err := s.end(); err != nil {
		return bench.Server{}, err
	}
	if err := s.start(); err != nil {
		return bench.Server{}, err
	}
	return bench.Server{Address: s.mqtt, HTTP: s.http, PID: s.cmd.Process.Pid}, nil
}

// end asks the server to end, and waits until it has.
func (s *self) end() error {
	if s.cmd.Process == nil {
		return nil // it could not be started anew
	}
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if err == nil {
		err = s.cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("end the server: %w", err)
	}
	return nil
}

// awaitReady reads the server's log up to the line that says where it listens,
// and keeps reading so that it never waits for us.
func (s *self) awaitReady(logs io.Reader) error {
	lines := bufio.NewScanner(logs)
	var last string
	for lines.Scan() {
		var line struct{ Msg, MQTT, HTTP string }
		last = lines.Text()
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
			s.mqtt, s.http = line.MQTT, line.HTTP
			go func() { _, _ = io.Copy(io.Discard, logs) }() // ends with the process
			return nil
		}
	}
	return fmt.Errorf("it ended before it was ready: %s", last)
}

func (s *self) stop() error { return errors.Join(s.end(), os.RemoveAll(s.dir)) }
