package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rambla/bench"
)

// benchSessions says how many sessions that outlive their connections one
// person of a load gets.
type benchSessions struct {
	PerPerson int `default:"50" help:"Sessions of one person; as broker.sessions_per_person of the server allows."`
}

type benchConnectCommand struct {
	benchTarget   `embed:""`
	benchSessions `embed:""`
	Connections   int  `default:"5000" help:"Connections."`
	Durable       bool `help:"Connect to sessions that are there already, instead of clean ones."`
}

func (b *benchConnectCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Connections, o.Durable, o.PerPerson = b.Connections, b.Durable, b.PerPerson
		return bench.Connect(ctx, o)
	})
}

type benchCatchupCommand struct {
	benchTarget    `embed:""`
	benchSessions  `embed:""`
	Sessions       int           `default:"1000" help:"Sessions that come back."`
	Filter         string        `help:"What they subscribe to (the topic published to)."`
	ReceiveMaximum int           `help:"Deliveries that each lets be unacknowledged (65,535)."`
	Settle         time.Duration `default:"5s" help:"Time between the last post and the return."`
}

func (b *benchCatchupCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Subscribers, o.Filter, o.ReceiveMaximum, o.Settle, o.PerPerson = b.Sessions, b.Filter, b.ReceiveMaximum, b.Settle, b.PerPerson
		return bench.Catchup(ctx, o)
	})
}

type benchSlowCommand struct {
	benchTarget    `embed:""`
	Subscribers    int           `default:"5000" help:"Subscribers."`
	Slow           int           `help:"How many of them stop reading (one in a hundred)."`
	Stall          time.Duration `default:"30s" help:"For how long."`
	Rate           float64       `default:"20" help:"Posts per second."`
	Filter         string        `help:"What they subscribe to (the topic published to)."`
	ReceiveMaximum int           `default:"64" help:"Deliveries that each lets be unacknowledged; 0: 65,535."`
}

func (b *benchSlowCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Subscribers, o.Slow, o.Stall, o.Rate = b.Subscribers, b.Slow, b.Stall, b.Rate
		o.Filter, o.ReceiveMaximum = b.Filter, b.ReceiveMaximum
		return bench.Slow(ctx, o)
	})
}

type benchAbsentCommand struct {
	benchTarget   `embed:""`
	benchSessions `embed:""`
	Sessions      int           `default:"100000" help:"Sessions that stay away."`
	Connections   int           `default:"8" help:"Connections that publish."`
	Window        int           `default:"64" help:"Unacknowledged publishes of each."`
	Settle        time.Duration `default:"5s" help:"Time to leave the server alone before looking at its memory."`
}

func (b *benchAbsentCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Away, o.Connections, o.Window, o.Settle, o.PerPerson = b.Sessions, b.Connections, b.Window, b.Settle, b.PerPerson
		c, err := in.config()
		if err != nil {
			return nil, err
		}
		if c.DatabaseURL != "" {
			o.Written = walOf(string(c.DatabaseURL))
		}
		return bench.Absent(ctx, o)
	})
}

// walOf gives the length of the write-ahead log of a PostgreSQL server, which is
// what its disks have to take at least. Nobody else should be using it.
func walOf(url string) func(context.Context) (int64, error) {
	return func(ctx context.Context) (n int64, err error) {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return 0, fmt.Errorf("ask the database what it has written: %w", err)
		}
		defer func() { err = errors.Join(err, conn.Close(ctx)) }()
		if err := conn.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::BIGINT").Scan(&n); err != nil {
			return 0, fmt.Errorf("ask the database what it has written: %w", err)
		}
		return n, nil
	}
}

type benchStormCommand struct {
	benchTarget   `embed:""`
	benchSessions `embed:""`
	Sessions      int           `default:"5000" help:"Sessions that come back."`
	Within        time.Duration `default:"10s" help:"Time within which they do."`
	Kill          bool          `help:"Kill the server (-9) instead of asking it to end; with --self."`
	Rate          float64       `default:"200" help:"Posts per second."`
	Contexts      int           `default:"100" help:"Contexts published to."`
	MemberOf      int           `default:"5" help:"How many of them each session subscribes to."`
	Filter        string        `help:"Subscribe to this instead, such as /ctx/+/messages."`
}

func (b *benchStormCommand) Run(in *invocation) error {
	return b.run(in, func(ctx context.Context, o bench.Options) (reporter, error) {
		o.Subscribers, o.Spread, o.Kill, o.Rate, o.PerPerson = b.Sessions, b.Within, b.Kill, b.Rate, b.PerPerson
		o.Contexts, o.MemberOf, o.Filter = b.Contexts, b.MemberOf, b.Filter
		return bench.Storm(ctx, o)
	})
}
