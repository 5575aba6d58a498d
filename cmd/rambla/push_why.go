package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/api"
	"rambla/pushgw"
	"rambla/social"
)

type pushCommand struct {
	Why  pushWhyCommand  `cmd:"" help:"Tell what was decided of the pushes to a person."`
	Test pushTestCommand `cmd:"" help:"Send a push to a person's devices now."`
}

type pushWhyCommand struct {
	Person string `arg:"" help:"Whose pushes."`
	Post   string `arg:"" optional:"" help:"Only of the post with this id."`
	JSON   bool   `name:"json" help:"Print JSON, as GET /v1/admin/push does."`
}

func (p pushWhyCommand) Run(in *invocation) error {
	return in.administer(func(ctx context.Context, s *site) error {
		t, err := s.traces.Explain(ctx, p.Person, p.Post)
		if err != nil {
			return err
		}
		if p.JSON {
			return printJSON(in.out, api.NewPushTrace(&t))
		}
		return writeTrace(in.out, &t)
	})
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// writeTrace tells it to a person.
func writeTrace(w io.Writer, t *social.PushTrace) error {
	var b strings.Builder
	switch {
	case len(t.Devices) == 0:
		fmt.Fprintf(&b, "%s has no device, so nothing is pushed\n", t.Person.Name)
	case t.Person.Suspended:
		fmt.Fprintf(&b, "%s is suspended, so nothing is pushed\n", t.Person.Name)
	}
	for i := range t.Devices {
		d := &t.Devices[i]
		fmt.Fprintf(&b, "device %s  %s", d.ID, deviceText(d))
		fmt.Fprintf(&b, "  registered %s", d.Set.Format(time.RFC3339))
		if d.Used.IsZero() {
			b.WriteString("  no push accepted yet\n")
		} else {
			fmt.Fprintf(&b, "  push accepted %s\n", d.Used.Format(time.RFC3339))
		}
	}
	if len(t.Decisions) == 0 {
		b.WriteString("nothing was decided: nothing was posted for this person, or it was removed at once, or posted before pushing began or too long ago\n")
	}
	for i := range t.Decisions {
		d := &t.Decisions[i]
		fmt.Fprintf(&b, "%s  %s", d.At.Format(time.RFC3339), cmp.Or(d.Topic, "a stream that is gone"))
		if d.Seq == d.Since+1 {
			fmt.Fprintf(&b, " seq %d", d.Seq)
		} else {
			fmt.Fprintf(&b, " seq %d to %d", d.Since+1, d.Seq)
		}
		fmt.Fprintf(&b, "  %s", d.What)
		if d.Reason != "" {
			fmt.Fprintf(&b, ": %s", d.Reason)
		}
		if !d.Until.IsZero() {
			fmt.Fprintf(&b, " until %s", d.Until.Format(time.RFC3339))
		}
		if d.Status != 0 || d.Code != "" {
			fmt.Fprintf(&b, "  answer %d %s", d.Status, d.Code)
		}
		switch {
		case d.PushDecision.Device == 0:
			b.WriteString("  all devices\n")
		case d.Device == nil:
			b.WriteString("  a device that is gone\n")
		default:
			fmt.Fprintf(&b, "  device %s\n", d.Device.ID)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// deviceText names a device to a person, by what is no secret.
func deviceText(d *social.Device) string {
	text := d.Platform.String()
	for _, part := range []string{d.App, d.Environment(), d.Mode(), "hint " + d.Hint()} {
		if part != "" {
			text += " " + part
		}
	}
	return text
}

type pushTestCommand struct {
	Person string `arg:"" help:"To whom."`
	Device string `arg:"" optional:"" help:"Only to the device with this id (all)."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// tested is what a provider answered to a push of rambla push test.
type tested struct {
	Device   string `json:"device"`
	Platform string `json:"platform"`
	Accepted bool   `json:"accepted"`
	Verdict  string `json:"verdict"`
	Status   int    `json:"status,omitempty"`
	Code     string `json:"code,omitempty"`
	Answer   string `json:"answer,omitempty"`
	Error    string `json:"error,omitempty"`
}

func (p pushTestCommand) Run(in *invocation) error {
	c, err := in.config()
	if err != nil {
		return err
	}
	return in.administer(func(ctx context.Context, s *site) error {
		t, err := s.traces.Explain(ctx, p.Person, "")
		if err != nil {
			return err
		}
		devices := t.Devices
		if p.Device != "" {
			devices = nil
			for _, d := range t.Devices {
				if d.ID.String() == p.Device {
					devices = []social.Device{d}
				}
			}
		}
		if len(devices) == 0 {
			return social.Errorf(social.KindNotFound, "%s has no such device; rambla push why %s lists them", t.Person.Name, t.Person.Name)
		}
		results, err := s.testPushes(ctx, &c, &t.Person, devices)
		if err != nil {
			return err
		}
		if p.JSON {
			err = printJSON(in.out, results)
		} else {
			err = writeTested(in.out, results)
		}
		for _, r := range results {
			if err == nil && !r.Accepted {
				err = social.Errorf(social.KindUnavailable, "not every push was accepted")
			}
		}
		return err
	})
}

// testPushes sends one push to each device, past all that the gateway would ask.
func (s *site) testPushes(ctx context.Context, c *Config, to *social.Person, devices []social.Device) ([]tested, error) {
	key, err := s.vapidKey(ctx, c)
	if err != nil {
		return nil, err
	}
	senders, err := newPushSenders(c, key, s.logger, prometheus.NewRegistry(), time.Now) //nolint:contextcheck // what is made lives longer than a call
	if err != nil {
		return nil, err
	}
	defer senders.close()
	book, err := c.pushTexts()
	if err != nil {
		return nil, err
	}
	var (
		ids social.IDs
		out []tested
	)
	for i := range devices {
		d := &devices[i]
		now := time.Now()
		title, body := book.Test(d.Locale)
		a := senders.Send(ctx, &pushgw.Message{
			ID: ids.New(now), Device: d, Kind: pushgw.KindNotification, Stream: "/user/" + to.Name + "/notifications", Count: 1,
			Collapse: "rambla-push-test", Title: title, Body: body, Expires: now.Add(time.Hour),
		})
		r := tested{
			Device: d.ID.String(), Platform: d.Platform.String(), Accepted: a.Verdict == pushgw.Accepted, Verdict: a.Verdict.String(),
			Status: a.Status, Code: a.Code, Answer: a.ID,
		}
		if a.Err != nil {
			r.Error = a.Err.Error()
		}
		out = append(out, r)
	}
	return out, nil
}

func writeTested(w io.Writer, results []tested) error {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "device %s  %s  %s", r.Device, r.Platform, r.Verdict)
		if r.Status != 0 || r.Code != "" {
			fmt.Fprintf(&b, "  answer %d %s", r.Status, r.Code)
		}
		if r.Error != "" {
			fmt.Fprintf(&b, "  (%s)", r.Error)
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
