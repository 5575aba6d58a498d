package check

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Report says what a run did and what it found.
type Report struct {
	For     string `json:"for"`
	Seed    uint64 `json:"seed"`
	Clients int    `json:"clients"`
	// Connections that were let in; Refusals that were not, the server being away;
	// Resumed those that found their session.
	Connections  int `json:"connections"`
	Resumed      int `json:"resumed"`
	Refusals     int `json:"refusals"`
	Publishes    int `json:"publishes"`
	Acknowledged int `json:"acknowledged"`
	Unknown      int `json:"unknown"` // publishes that were never answered
	Refused      int `json:"refused"`
	Deliveries   int `json:"deliveries"`
	Repeats      int `json:"repeats"` // of them with DUP
	Entries      int `json:"entries"` // of all logs
	Changes      int `json:"changes"` // of rights
	Probes       int `json:"probes"`
	// Broken counts the offences by rule; Offences are the first of each rule, in
	// the order of time.
	Broken   map[string]int `json:"broken"`
	Offences []Offence      `json:"offences"`
}

// offencesEach bounds what a report carries of each rule: more tell no more.
const offencesEach = 3

func newReport(o Options, h *History, offences []Offence) *Report {
	r := &Report{
		For: o.For.Round(time.Millisecond).String(), Seed: o.Seed, Clients: o.Clients, Publishes: len(h.Publishes),
		Changes: len(h.Changes), Probes: len(h.Probes), Broken: map[string]int{}, Offences: []Offence{},
	}
	for _, c := range h.Clients {
		for i := range c.Events {
			r.count(&c.Events[i])
		}
	}
	for _, p := range h.Publishes {
		switch p.Outcome {
		case Stored:
			r.Acknowledged++
		case Denied:
			r.Refused++
		case Unknown:
			r.Unknown++
		}
	}
	for _, entries := range h.Logs {
		r.Entries += len(entries)
	}
	for _, o := range offences {
		if r.Broken[o.Rule]++; r.Broken[o.Rule] <= offencesEach {
			r.Offences = append(r.Offences, o)
		}
	}
	return r
}

func (r *Report) count(e *Event) {
	switch e.Kind {
	case GotConnack:
		if e.Code == 0 {
			r.Connections++
		}
		if e.Present {
			r.Resumed++
		}
	case Refused:
		r.Refusals++
	case GotPublish:
		r.Deliveries++
		if e.Dup {
			r.Repeats++
		}
	}
}

// Sound tells whether the server kept all that it promises.
func (r *Report) Sound() bool { return len(r.Offences) == 0 }

// Print tells it to a person: what was done, and the first offence explained.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d clients for %s (seed %d): %d connections, %d of them resumed; not let in %d times\n",
		r.Clients, r.For, r.Seed, r.Connections, r.Resumed, r.Refusals)
	fmt.Fprintf(&b, "%d publishes: %d acknowledged, %d refused, %d never answered; %d entries in the logs\n",
		r.Publishes, r.Acknowledged, r.Refused, r.Unknown, r.Entries)
	fmt.Fprintf(&b, "%d deliveries, %d of them repeats; %d changes of rights; %d looks into the log\n",
		r.Deliveries, r.Repeats, r.Changes, r.Probes)
	if r.Sound() {
		b.WriteString("every promise was kept\n")
	}
	for _, rule := range rules() {
		if n := r.Broken[rule.name]; n > 0 {
			fmt.Fprintf(&b, "BROKEN  %-26s %d times\n", rule.name, n)
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil || r.Sound() {
		return err
	}
	if _, err := io.WriteString(w, "\nThe first offence:\n\n"); err != nil {
		return err
	}
	return r.Offences[0].Print(w)
}
