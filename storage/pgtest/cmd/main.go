//go:build unix

// Command cmd runs something against a throw-away PostgreSQL.
//
//	go run ./storage/pgtest/cmd go test ./...
//
// starts a server, runs the command with RAMBLA_TEST_DATABASE set to its URL,
// removes the server and ends with the command's exit code. Where
// RAMBLA_TEST_DATABASE is set already, that server is used. Without a command it
// prints the URL and keeps the server until it is interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"rambla/storage/pgtest"
)

func main() {
	// Caught for all of this program's life, so that an interrupt, which a
	// terminal sends to the command too, ends the server properly.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code, err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// run returns the exit code: that of the command, or 1 with the reason.
func run(ctx context.Context, command []string, out io.Writer) (code int, err error) {
	url := os.Getenv(pgtest.EnvDatabase)
	if url == "" {
		server, err := pgtest.Start(ctx)
		if err != nil {
			return 1, err
		}
		defer func() {
			if stopErr := server.Stop(); stopErr != nil {
				code, err = max(code, 1), errors.Join(err, stopErr)
			}
		}()
		url = server.URL()
	}
	if len(command) == 0 {
		fmt.Fprintf(out, "%s\n\nexport %s='%s'\nrambla serve --database '%s'\n\nInterrupt (Ctrl-C) removes it.\n",
			url, pgtest.EnvDatabase, url, url)
		<-ctx.Done()
		return 0, nil
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), pgtest.EnvDatabase+"="+url)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, fmt.Errorf("run %s: %w", command[0], err)
	}
	return 0, nil
}
