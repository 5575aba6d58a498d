package main

import (
	"encoding/json"
	"errors"
	"os"
	"time"

	"golang.org/x/term"

	"rambla/check"
)

type checkCommand struct {
	Self               bool          `help:"Start a server of its own, with an empty store, and stop it afterwards."`
	Server             string        `default:"127.0.0.1:1883" placeholder:"ADDR" help:"Address of MQTT; tls://… for TLS (127.0.0.1:1883)."`
	HTTP               string        `name:"http" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Address of REST (http://127.0.0.1:8080)."`
	User               string        `default:"admin" help:"A manager."`
	For                time.Duration `default:"60s" help:"How long clients publish (at most 45m)."`
	Clients            int           `default:"50" help:"How many there are."`
	Seed               uint64        `help:"Decides what is left to chance; without it the clock does."`
	DisturbConnections bool          `help:"Cut connections, leave them half open, take them over."`
	Patience           time.Duration `default:"20s" help:"How long nothing at all may come at the end before what is missing counts as lost."`
	JSON               bool          `name:"json" help:"Print the report as JSON."`

	passwordSource `embed:""`
}

var errUnsound = errors.New("the server did not keep what it promises; see the report")

func (c *checkCommand) Run(in *invocation) (err error) {
	o := check.Options{
		Address: c.Server, HTTP: c.HTTP, User: c.User, For: c.For, Clients: c.Clients, Seed: c.Seed,
		Disturb: c.DisturbConnections, Patience: c.Patience,
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	if f, ok := in.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.Progress = f
	}
	if c.Self {
		server, e := startSelf(in, c.User, nil)
		if e != nil {
			return e
		}
		defer func() { err = errors.Join(err, server.stop()) }()
		o.Address, o.HTTP, o.Password = server.mqtt, server.http, server.password
	} else if o.Password, err = c.read(in); err != nil {
		return err
	}
	report, err := check.Run(in.ctx, o)
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(in.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(report)
	} else {
		err = report.Print(in.out)
	}
	if err == nil && !report.Sound() {
		err = errUnsound
	}
	return err
}
