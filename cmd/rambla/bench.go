package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"rambla/bench"
)

type benchCommand struct {
	Publish     benchPublishCommand     `cmd:"" help:"Acknowledged publishes per second."`
	Fanout      benchFanoutCommand      `cmd:"" help:"Deliveries per second to many subscribers of one context."`
	Idle        benchIdleCommand        `cmd:"" help:"Memory of idle subscribed connections."`
	Memberships benchMembershipsCommand `cmd:"" help:"A wildcard over one's contexts against naming them."`
	Connect     benchConnectCommand     `cmd:"" help:"Connections let in per second."`
	Catchup     benchCatchupCommand     `cmd:"" help:"Deliveries per second to sessions that come back for what they have missed."`
	Slow        benchSlowCommand        `cmd:"" help:"What subscribers that stop reading do to the others."`
	Absent      benchAbsentCommand      `cmd:"" help:"What sessions cost whose clients are away."`
	Read        benchReadCommand        `cmd:"" help:"Requests for lists, at a steady rate."`
	Storm       benchStormCommand       `cmd:"" help:"All sessions come back after a restart while others publish."`
	Push        benchPushCommand        `cmd:"" help:"Pushes per second to people whose devices are away."`
	Import      benchImportCommand      `cmd:"" help:"How long people, contexts and memberships take to come in, without a server."`
	Providers   benchProvidersCommand   `cmd:"" hidden:"" help:"Simulated push providers, for push."`
}

// benchTarget is the server that a load is put on.
type benchTarget struct {
	Self     bool          `help:"Start a server of its own, with an empty store, and stop it afterwards."`
	MQTT     string        `name:"mqtt" placeholder:"ADDR" help:"Address of the broker (127.0.0.1:1883)."`
	HTTP     string        `name:"http" placeholder:"URL" help:"Address of REST (http://127.0.0.1:8080)."`
	User     string        `default:"admin" help:"A manager."`
	Foreign  bool          `help:"The broker is another product: anonymous, on a topic of any kind."`
	Topic    string        `help:"Publish to this topic instead of contexts made for the run."`
	PID      int           `name:"pid" help:"Process of the server, to read its CPU and memory."`
	V3       bool          `name:"v3" help:"MQTT 3.1.1 instead of 5.0."`
	Payload  int           `default:"256" help:"Bytes of one message."`
	Runs     int           `default:"5" help:"How often to measure; medians are reported."`
	Duration time.Duration `default:"5s" help:"Time of one run."`
	Count    int           `help:"Publishes of one run, instead of a time."`
	JSON     bool          `name:"json" help:"Print the report as JSON."`

	passwordSource `embed:""`

	environ []string // more for the server of Self
}

func (b *benchTarget) options(in *invocation) (bench.Options, func() error, error) {
	o := bench.Options{
		Address: b.MQTT, HTTP: b.HTTP, User: b.User, Foreign: b.Foreign, Topic: b.Topic, PID: b.PID,
		Payload: b.Payload, Runs: b.Runs, Duration: b.Duration, Count: b.Count,
	}
	if b.V3 {
		o.Version = 4
	}
	if f, ok := in.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.Progress = f
	}
	nothing := func() error { return nil }
	switch {
	case b.Self:
		self, err := startSelf(in, b.User, b.environ)
		if err != nil {
			return o, nothing, err
		}
		o.Address, o.HTTP, o.PID, o.Password = self.mqtt, self.http, self.cmd.Process.Pid, self.password
		o.Restart = self.restart
		return o, self.stop, nil
	case b.Foreign:
		o.User = ""
		return o, nothing, nil
	}
	var err error
	o.Password, err = b.read(in)
	return o, nothing, err
}

// run prepares the target, loads it and prints what came of it.
func (b *benchTarget) run(in *invocation, load func(context.Context, bench.Options) (reporter, error)) error {
	o, stop, err := b.options(in)
	if err != nil {
		return err
	}
	report, err := load(in.ctx, o)
	err = errors.Join(err, stop())
	if err != nil {
		return err
	}
	if b.JSON {
		enc := json.NewEncoder(in.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.Print(in.out)
	}
	if err == nil && !report.Sound() {
		err = errors.New("the server did not keep what it promises; see the report")
	}
	return err
}

// reporter is what every load returns. Sound tells whether nothing was lost,
// refused or out of order.
type reporter interface {
	Print(w io.Writer) error
	Sound() bool
}

type benchPublishCommand struct {
	benchTarget `embed:""`
	Connections int  `default:"8" help:"Connections that publish."`
	Window      int  `default:"64" help:"Unacknowledged publishes of each."`
	Contexts    int  `default:"1" help:"Contexts to spread the load over."`
	Keys        bool `help:"Publish JSON with a key of its own each."`
}

func (b *benchPublishCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Connections, o.Window, o.Contexts, o.JSON = b.Connections, b.Window, b.Contexts, b.Keys
		return bench.Publish(ctx, o)
	})
}

type benchFanoutCommand struct {
	benchTarget `embed:""`
	Subscribers int     `default:"1000" help:"Subscribers."`
	Filter      string  `help:"What they subscribe to (the topic published to)."`
	Burst       int     `default:"100" help:"Posts published at once."`
	Rate        float64 `help:"Posts per second, instead of bursts."`
}

func (b *benchFanoutCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Subscribers, o.Filter, o.Burst, o.Rate = b.Subscribers, b.Filter, b.Burst, b.Rate
		return bench.Fanout(ctx, o)
	})
}

type benchIdleCommand struct {
	benchTarget `embed:""`
	Connections int           `default:"10000" help:"Connections."`
	Settle      time.Duration `default:"5s" help:"Time to leave them alone before looking."`
}

func (b *benchIdleCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Connections, o.Settle = b.Connections, b.Settle
		return bench.Idle(ctx, o)
	})
}

type benchMembershipsCommand struct {
	benchTarget `embed:""`
	Subscribers int `default:"5000" help:"People."`
	Contexts    int `default:"1000" help:"Contexts."`
	MemberOf    int `default:"20" help:"How many of them each person is a member of."`
}

func (b *benchMembershipsCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Subscribers, o.Contexts, o.MemberOf = b.Subscribers, b.Contexts, b.MemberOf
		return bench.Memberships(ctx, o)
	})
}

type benchReadCommand struct {
	benchTarget `embed:""`
	List        string  `default:"activities" enum:"activities,contexts,timeline,search,nothing" help:"What is asked for: ${enum}."`
	Fill        int     `default:"100000" help:"Posts published before."`
	Rate        float64 `default:"1000" help:"Requests per second."`
	Connections int     `default:"16" help:"Connections, each of a person of its own."`
	Contexts    int     `default:"1" help:"Contexts."`
	MemberOf    int     `default:"1" help:"How many of them each person is a member of."`

	Warmup time.Duration `default:"2s" help:"Time of a run that is not reported, after publishing; a database goes on working for a while after many posts."`
}

func (b *benchReadCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.List, o.Fill, o.Rate, o.Connections = b.List, b.Fill, b.Rate, b.Connections
		o.Contexts, o.MemberOf, o.Warmup = b.Contexts, b.MemberOf, b.Warmup
		return bench.Read(ctx, o)
	})
}
