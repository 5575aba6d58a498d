// Command cmd runs the push providers' simulator as a process of its own. It
// prints where everything is as one line of JSON and runs until it is interrupted
// or its standard input ends.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"rambla/pushgw/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("simulator", flag.ContinueOnError)
	c := simulator.Config{Listen: map[string]string{}}
	control := flags.String("control", "127.0.0.1:0", "address of the control interface")
	flags.StringVar(&c.Dir, "dir", "", "directory for ca.pem and the credentials; empty: a temporary one")
	flags.DurationVar(&c.Latency, "latency", 50*time.Millisecond, "how long every answer takes")
	flags.IntVar(&c.Keep, "keep", 0, "pushes that are kept per token; 0: 32, below 0: none")
	topics := flags.String("topics", "", "apps of the APNs key, with commas between")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	if *topics != "" {
		c.Topics = strings.Split(*topics, ",")
	}
	c.Listen["control"] = *control
	s, err := simulator.Start(c) //nolint:contextcheck // it ends with Close
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(s.Place()); err != nil {
		return fmt.Errorf("tell where it is: %w", err)
	}
	over := make(chan struct{})
	go func() { // ends with the process, at the latest
		_, _ = io.Copy(io.Discard, in) // its end is all that counts
		close(over)
	}()
	select {
	case <-ctx.Done():
	case <-over:
	}
	return s.Close()
}
