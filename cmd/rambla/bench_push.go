package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rambla/bench"
	"rambla/pushgw/simulator"
)

type benchPushCommand struct {
	benchTarget `embed:""`
	People      int           `default:"2000" help:"People, each with a device."`
	MemberOf    int           `default:"10" help:"How many contexts each of them is a member of."`
	Members     int           `default:"200" help:"Members of each context."`
	Rate        float64       `default:"1000" help:"Pushes per second that become due."`
	Latency     time.Duration `default:"50ms" help:"How long the providers take to answer."`
	Kill        bool          `help:"Kill the server (-9) at random, and start it anew; with --self."`
	KillEvery   time.Duration `default:"5s" help:"Time between two kills, on average."`
	Outage      time.Duration `help:"The providers are down for so long while contexts are posted to."`
	Silent      bool          `help:"In the outage they do not answer at all, instead of refusing."`
	Linger      time.Duration `help:"How long to look for repeated pushes in the end (2s; 70s with --kill, as a new server takes over what another one had begun a minute later)."`
	Providers   string        `placeholder:"URL" help:"Control address of simulated providers that the server is told of; without --self."`
}

func (b *benchPushCommand) Run(in *invocation) (err error) {
	c, err := in.config()
	if err != nil {
		return err
	}
	control, pid := b.Providers, 0
	switch {
	case b.Self && control != "":
		return usagef("--self starts providers of its own; leave --providers out")
	case !b.Self && control == "":
		return usagef("--providers is needed, or --self")
	case b.Self:
		p, err := startProviders(in.environ, b.Latency)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		b.environ, err = p.settings()
		if err != nil {
			return err
		}
		control, pid = p.place.URLs["control"], p.cmd.Process.Pid
	}
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Subscribers, o.MemberOf, o.Members, o.Rate = b.People, b.MemberOf, b.Members, b.Rate
		o.Kill, o.KillEvery, o.Outage, o.Silent, o.Linger = b.Kill, b.KillEvery, b.Outage, b.Silent, b.Linger
		o.Providers, o.ProvidersPID, o.Hold = strings.TrimSuffix(control, "/"), pid, c.PushHold
		return bench.Push(ctx, o)
	})
}

// benchApp is the app of the load's devices at Apple's.
const benchApp = "org.example.chat"

// benchProviders are simulated push providers in a process of their own.
type benchProviders struct {
	cmd   *exec.Cmd
	in    io.Closer // they end with it
	place simulator.Place
}

func startProviders(environ []string, latency time.Duration) (*benchProviders, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	p := &benchProviders{cmd: exec.Command(path, "bench", "providers", "--latency", latency.String())} //nolint:noctx // its input tells it to end
	p.cmd.Env, p.cmd.Stderr = environ, os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start push providers: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start push providers: %w", err)
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&p.place); err != nil {
		return nil, errors.Join(fmt.Errorf("start push providers: %w", err), p.stop())
	}
	return p, nil
}

func (p *benchProviders) stop() error {
	err := errors.Join(p.in.Close(), p.cmd.Wait())
	if err != nil {
		return fmt.Errorf("end the push providers: %w", err)
	}
	return nil
}

// settings are those of a server that is to push to them, for its environment.
func (p *benchProviders) settings() ([]string, error) {
	browsers, err := url.Parse(p.place.URLs[simulator.WebPush])
	if err != nil {
		return nil, fmt.Errorf("read where the push providers are: %w", err)
	}
	file := func(name string) string { return filepath.Join(p.place.Dir, name) }
	var out []string
	for key, value := range map[string]string{
		"push.apns.apps":       strings.Join([]string{benchApp, p.place.Team, p.place.KeyID, file("apns.p8")}, ":"),
		"push.apns.url":        p.place.URLs[simulator.APNs],
		"push.fcm.apps":        "chat:" + file("fcm.json"),
		"push.fcm.url":         p.place.URLs[simulator.FCM],
		"push.webpush.allow":   browsers.Host,
		"push.webpush.subject": "mailto:bench@example.org",
		"push.ca_file":         file("ca.pem"),
	} {
		out = append(out, "RAMBLA_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))+"="+value)
	}
	return out, nil
}

type benchProvidersCommand struct {
	Latency time.Duration `default:"50ms" help:"How long they take to answer."`
}

// Run serves until its input ends. It prints where it is as one line of JSON.
func (b *benchProvidersCommand) Run(in *invocation) error {
	s, err := simulator.Start(simulator.Config{Latency: b.Latency, Topics: []string{benchApp}, Keep: -1, Journal: true})
	if err != nil {
		return fmt.Errorf("start push providers: %w", err)
	}
	err = json.NewEncoder(in.out).Encode(s.Place())
	if err == nil {
		_, err = io.Copy(io.Discard, in.in)
	}
	return errors.Join(err, s.Close())
}
