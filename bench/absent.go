package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// fewAway is what a load without and one with very many absent sessions are
// compared with.
const fewAway = 10

// Absence tells what sessions cost whose clients are away.
type Absence struct {
	Stages []AbsentStage `json:"stages"` // none away, a few, and very many
	// RateRatio is the rate of acknowledged publishes of the last stage over that
	// of the first, BytesRatio the same of the bytes written for each (0 where
	// they are not known). 1 means that absent sessions cost nothing.
	RateRatio  float64 `json:"rate_ratio"`
	BytesRatio float64 `json:"bytes_ratio,omitempty"`
	// Memory is what the last stage has resident more than the first, in bytes.
	Memory int64 `json:"memory_bytes,omitempty"`
}

// AbsentStage is the load with so many sessions away.
type AbsentStage struct {
	Absent int `json:"absent"`
	// Made is how long it took to make those that the stage before had not, in
	// seconds, and MadePerSecond how many a second.
	Made          float64 `json:"made_seconds,omitempty"`
	MadePerSecond float64 `json:"made_per_second,omitempty"`
	// Resident is what the server has in memory before anybody publishes, in
	// bytes: the median of so many fresh starts as there are runs, where it can be
	// started anew.
	Resident int64  `json:"resident_bytes,omitempty"`
	Publish  Report `json:"publish"`
}

// Absent publishes to a context while nobody, a few and o.Away sessions are
// subscribed to it whose clients are away, and measures acknowledged publishes,
// the bytes that the store writes for each (o.Written or o.PID), and the
// server's memory (o.PID). What making the sessions has left in a process says
// nothing of what keeping them costs, so where o.Restart allows it the server is
// started anew before each look. Besides what all loads use it reads Away,
// PerPerson, Connections, Window, Payload, Contexts, Topic, Filter and
// Settle. A report comes with an error when a run was cut short.
func Absent(ctx context.Context, o Options) (Absence, error) {
	o = o.withDefaults(8, 1, 1)
	if err := o.validate(); err != nil {
		return Absence{}, err
	}
	if o.Connections > maxPublishers {
		return Absence{}, fmt.Errorf("connections is %d; at most %d can publish", o.Connections, maxPublishers)
	}
	o.MemberOf, o.JSON = o.Contexts, false // each stage would use the keys of the one before
	t, err := openRegulars(ctx, o, o.Away)
	if err != nil {
		return Absence{}, err
	}
	if t.options.Written == nil && o.PID > 0 {
		t.options.Written = func(context.Context) (int64, error) { return writtenBy(t.options.PID) }
	}
	r := &regulars{target: t, role: "a"}
	absence, err := leaveAway(ctx, r)
	return absence, errors.Join(err, r.remove(ctx), t.close(ctx))
}

func leaveAway(ctx context.Context, r *regulars) (a Absence, err error) {
	for _, n := range slices.Compact([]int{0, min(fewAway, r.target.options.Away), r.target.options.Away}) {
		stage, err := leaveSoMany(ctx, r, n)
		a.Stages = append(a.Stages, stage)
		if err != nil {
			return a, err
		}
		r.target.report.line("%d away  %s", n, stage.Publish.Median)
	}
	first, last := a.Stages[0], a.Stages[len(a.Stages)-1]
	before, after := first.Publish.Median, last.Publish.Median
	if before.PerSecond > 0 {
		a.RateRatio = after.PerSecond / before.PerSecond
	}
	if before.BytesPerPost > 0 {
		a.BytesRatio = after.BytesPerPost / before.BytesPerPost
	}
	a.Memory = last.Resident - first.Resident
	return a, nil
}

func leaveSoMany(ctx context.Context, r *regulars, n int) (s AbsentStage, err error) {
	t := r.target
	s.Absent = n
	if n > r.n {
		made, err := r.add(ctx, n)
		if err != nil {
			return s, err
		}
		s.Made, s.MadePerSecond = made.elapsed.Seconds(), made.perSecond()
	}
	if s.Resident, err = t.residentAnew(ctx); err != nil {
		return s, err
	}
	s.Publish, err = publishTo(ctx, t.options, t)
	s.Publish.Load = "absent"
	s.Publish.Shape += fmt.Sprintf(", %d sessions away", n)
	return s, err
}

// residentAnew starts the server anew, where it may, as often as there are runs,
// and gives the median of what it has in memory some time after that.
func (t *target) residentAnew(ctx context.Context) (int64, error) {
	starts := 1
	if t.options.Restart != nil {
		starts = t.options.Runs
	}
	resident := make([]int64, starts)
	for i := range resident {
		if err := t.anew(ctx, false); err != nil {
			return 0, err
		}
		if err := rest(ctx, t.options.Settle, keepAlive*time.Second/2, func() {}); err != nil {
			return 0, err
		}
		u, err := usageOf(t.options.PID)
		if err != nil {
			return 0, err
		}
		resident[i] = u.resident
	}
	return median(resident), nil
}

// Print writes the stages and what they say for a person.
func (a Absence) Print(w io.Writer) error {
	for _, s := range a.Stages {
		if s.Made > 0 {
			fmt.Fprintf(w, "sessions made in %.1f s, %.0f/s\n", s.Made, s.MadePerSecond)
		}
		if err := s.Publish.Print(w); err != nil {
			return err
		}
		if s.Resident > 0 {
			fmt.Fprintf(w, "resident %.1f MiB before the first publish\n", float64(s.Resident)/(1<<20))
		}
	}
	text := fmt.Sprintf("with all away: %.2f times the rate", a.RateRatio)
	if a.BytesRatio > 0 {
		text += fmt.Sprintf(", %.2f times the bytes", a.BytesRatio)
	}
	if cmp.Or(a.Memory, a.Stages[0].Resident) != 0 {
		text += fmt.Sprintf(", %.1f MiB more in memory", float64(a.Memory)/(1<<20))
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// Sound reports whether all stages are.
func (a Absence) Sound() bool {
	return !slices.ContainsFunc(a.Stages, func(s AbsentStage) bool { return !s.Publish.Sound() })
}
