package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Comparison tells what one wildcard costs beside one subscription for each
// context that it covers.
type Comparison struct {
	Explicit Report `json:"explicit"`
	Wildcard Report `json:"wildcard"`
	// CostRatio is the server's CPU per delivery with the wildcard over that
	// with explicit subscriptions (0 without a pid), TimeRatio the same of the
	// time per delivery. 1 means that the wildcard costs nothing.
	CostRatio float64 `json:"cost_ratio,omitempty"`
	TimeRatio float64 `json:"time_ratio"`
}

// Memberships makes o.Subscribers people, each a member of o.MemberOf of
// o.Contexts contexts, and delivers posts of all contexts to them: once to
// subscriptions of each context by name, once to `/ctx/+/messages`, in turns,
// so that both meet the same machine. It needs a Rambla server, and time: each
// person's password is hashed twice, and each membership is a request. Besides what all loads use it reads
// Subscribers, Contexts, MemberOf, Window, Payload, JSON and Burst.
func Memberships(ctx context.Context, o Options) (Comparison, error) {
	o = o.withDefaults(1, 5000, 1000)
	o.Topic, o.Filter = "", ""
	if o.Foreign {
		return Comparison{}, errors.New("memberships are Rambla's own; there are none on a foreign broker")
	}
	if err := o.validate(); err != nil {
		return Comparison{}, err
	}
	if o.MemberOf > o.Contexts {
		return Comparison{}, fmt.Errorf("member-of is %d, which is more than the %d contexts", o.MemberOf, o.Contexts)
	}
	t, err := openTarget(ctx, o, o.Subscribers)
	if err != nil {
		return Comparison{}, err
	}
	c, err := compareMemberships(ctx, o, t)
	return c, errors.Join(err, t.close(ctx))
}

func compareMemberships(ctx context.Context, o Options, t *target) (Comparison, error) {
	c := Comparison{
		Explicit: newFanoutReport(o, "memberships, explicit", len(t.topics)),
		Wildcard: newFanoutReport(o, "memberships, wildcard", len(t.topics)),
	}
	c.Explicit.Filter, c.Wildcard.Filter = fmt.Sprintf("%d topics by name", o.MemberOf), "/ctx/+/messages"
	finish := func() {
		c.Explicit.finish()
		c.Wildcard.finish()
		if e := c.Explicit.Median.ServerCPU; e > 0 {
			c.CostRatio = c.Wildcard.Median.ServerCPU / e
		}
		if w := c.Wildcard.Median.PerSecond; w > 0 {
			c.TimeRatio = c.Explicit.Median.PerSecond / w
		}
	}
	for i := range o.Runs {
		order := []*Report{&c.Explicit, &c.Wildcard}
		if i%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		for _, report := range order {
			if err := membershipRun(ctx, o, t, report, report == &c.Wildcard); err != nil {
				finish()
				return c, err
			}
			t.report.line("run %d of %d, %s  %s", i+1, o.Runs, report.Filter, report.Runs[len(report.Runs)-1])
		}
	}
	finish()
	return c, nil
}

// membershipRun connects everybody anew, so that no run finds what another has
// left in their sessions.
func membershipRun(ctx context.Context, o Options, t *target, report *Report, wildcard bool) error {
	who := func(i int) Credential { return t.site.People[i] }
	f, joined, err := gather(ctx, o, t, who, func(i int) ([]string, []int) {
		invited := memberOf(i, o.Contexts, o.MemberOf)
		if wildcard {
			return []string{"/ctx/+/messages"}, invited
		}
		topics := make([]string, len(invited))
		for k, c := range invited {
			topics[k] = t.topics[c]
		}
		return topics, invited
	})
	if err != nil {
		return err
	}
	defer f.close()
	if len(report.Runs) == 0 {
		joined.tell(report)
		report.Window = f.publisher.window()
	}
	if err := f.warmUp(ctx); err != nil {
		return err
	}
	run, problems, err := f.run(ctx, o.Duration, o.Count)
	report.Problems = append(report.Problems, problems...)
	if err != nil {
		return err
	}
	report.Runs = append(report.Runs, run)
	return nil
}

// Print writes both reports and the ratios for a person.
func (c Comparison) Print(w io.Writer) error {
	if err := errors.Join(c.Explicit.Print(w), c.Wildcard.Print(w)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "the wildcard costs %.2f times the CPU and %.2f times the time per delivery\n", c.CostRatio, c.TimeRatio)
	return err
}

// Sound reports whether both are.
func (c Comparison) Sound() bool { return c.Explicit.Sound() && c.Wildcard.Sound() }
