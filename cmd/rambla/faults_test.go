package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rambla/check"
)

// seeded is a mistake that a build with the tag faults can be told to make.
type seeded struct {
	name  string
	rules []string // any of them finds it
}

// faults are the mistakes that can be seeded, each with the rules that find it: the
// first that comes to see its traces. The
// hooks stand where the mistake would be made; see the package fault.
var faults = []seeded{
	{"acknowledge-before-commit:5", []string{"not committed yet", "acknowledged but absent"}},
	{"announce-before-commit:5", []string{"not committed yet", "announced but absent"}},
	{"lose-acknowledged:20", []string{"acknowledged but absent"}},
	{"tell-former-seq:20", []string{"acknowledged but absent"}},
	{"skip-seq:20", []string{"gap"}},
	{"forget-key", []string{"stored twice"}},
	{"lose-announcement:20", []string{"hole"}},
	{"keep-rights", []string{"stale right"}},
	{"sleep-on", []string{"stale right"}},
	{"private-to-all", []string{"private"}},
	{"deliver-twice:20", []string{"duplicate"}},
	{"overtake:5", []string{"order"}},
	{"drop-on-overflow", []string{"hole"}},
	{"live-too-early", []string{"hole"}},
	{"skip-after-page", []string{"hole"}},
	{"forget-cursor", []string{"loss"}},
	{"save-ahead", []string{"loss"}},
	{"drop-resend", []string{"resend"}},
	{"resend-out-of-order", []string{"resend"}},
	{"no-dup", []string{"resend"}},
	{"forget-inbound", []string{"stored twice"}},
	{"confuse-acknowledgements", []string{"order of acknowledgements"}},
	{"deny-session:5", []string{"session present"}},
	{"reuse-packet-id:20", []string{"packet identifiers"}},
	{"exceed-receive-maximum", []string{"packet identifiers"}},
}

// faultsAtOnce is how many are tried side by side: they wait most of the time.
const faultsAtOnce = 6

// faultTime is how long each is looked for. Some need a coincidence, which a busy
// machine may not bring about in time: they are looked for again, and longer. All
// is over within 90 s on two busy cores.
const (
	faultTime  = 3 * time.Second
	faultTries = 3
)

func TestTheCheckerFindsEverySeededFault(t *testing.T) {
	t.Parallel()
	path, err := faulty()
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		report *check.Report
		err    error
	}
	outcomes := make([]outcome, len(faults)+1)
	gate := make(chan struct{}, faultsAtOnce)
	var wg sync.WaitGroup
	for i := range outcomes {
		// The last: the same without a fault, where nothing is lost and waiting costs nothing.
		name, rules, quiet := "", []string(nil), patience
		if i < len(faults) {
			name, rules, quiet = faults[i].name, faults[i].rules, 2*time.Second
		}
		st := start{path: path, mqtt: freeAddress(t), http: freeAddress(t), env: append(forCheck(), "RAMBLA_FAULT="+name)}
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			for try := range faultTries {
				report, err := checkFault(t.Context(), st, t.TempDir(), faultTime*time.Duration(1+try), quiet)
				outcomes[i] = outcome{report, err}
				if err != nil || rules == nil || finds(report, rules) {
					return
				}
			}
		})
	}
	wg.Wait()
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			if err := outcomes[i].err; err != nil {
				t.Fatal(err)
			}
			report := outcomes[i].report
			if !finds(report, f.rules) {
				t.Errorf("%q does not find it: %v", f.rules, report.Broken)
				tell(t, report)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		last := outcomes[len(faults)]
		if last.err != nil {
			t.Fatal(last.err)
		}
		if !last.report.Sound() {
			t.Errorf("the same run finds something where nothing is seeded: %v", last.report.Broken)
			tell(t, last.report)
		}
	})
}

// finds tells whether one of the rules was broken.
func finds(report *check.Report, rules []string) bool {
	return slices.ContainsFunc(rules, func(rule string) bool { return report.Broken[rule] > 0 })
}

// checkFault starts a server with a mistake in it and checks it; what has not come when
// nothing does for the time of quiet is lost.
func checkFault(ctx context.Context, st start, dir string, howLong, quiet time.Duration) (*check.Report, error) {
	s, err := st.launch("--data", dir)
	if err != nil {
		return nil, err
	}
	report, err := check.Run(ctx, check.Options{
		Address: s.mqtt, HTTP: "http://" + st.http, User: "admin", Password: "correct horse",
		For: howLong, Clients: 28, Disturb: true, Patience: quiet,
	})
	if code := s.stop(); code != 0 {
		err = errors.Join(err, fmt.Errorf("the server ended with %d\n%s", code, s.logged()))
	}
	return report, err
}

// forCheck is the environment of a server that is to be checked: its queues are so
// short that sessions fall behind and catch up all the time.
func forCheck() []string {
	return []string{"RAMBLA_ADMIN_PASSWORD=correct horse", "RAMBLA_BROKER_MAX_QUEUED=16"}
}

// faulty is a binary that mistakes can be seeded into, built once. It is none of
// the race detector's business.
var faulty = sync.OnceValues(func() (string, error) { return build("-tags=faults,quickhash") })

// The files of the program that its users get, and of the one that is tested.
func TestWhatIsForTestsAloneIsNotBuiltForUsers(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`(?m)^BUILD_TAGS := (.+)$`).FindSubmatch(makefile)
	if tags == nil {
		t.Fatal("the Makefile does not say what it builds with")
	}
	for with, want := range map[string]bool{string(tags[1]): false, "faults,quickhash": true} {
		files, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags="+with,
			"-f", "{{range .GoFiles}}{{$.ImportPath}}/{{.}}\n{{end}}", ".").Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"rambla/cmd/rambla/hashcost_quick.go", "rambla/storage/faults_on.go", "rambla/fault/fault.go"} {
			if bytes.Contains(files, []byte(file+"\n")) != want {
				t.Errorf("built with %s: %s is there: %v", with, file, !want)
			}
		}
	}
}

func TestANormalBuildHasNoTraceOfFaults(t *testing.T) {
	t.Parallel()
	normal, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	seeded, err := faulty()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{normal: false, seeded: true} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range []string{"RAMBLA_FAULT", "acknowledge-before-commit", "rambla/fault."} {
			if bytes.Contains(b, []byte(trace)) != want {
				t.Errorf("%s: %q is there: %v", filepath.Base(path), trace, !want)
			}
		}
	}
}

func TestEveryHookOfAFaultIsTried(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	hook := regexp.MustCompile(`fault\("([a-z0-9-]+)"\)`)
	hooks := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range hook.FindAllSubmatch(text, -1) {
			hooks[string(found[1])] = true
		}
	}
	for name := range hooks {
		if !slices.ContainsFunc(faults, func(f seeded) bool {
			mistake, _, _ := strings.Cut(f.name, ":")
			return mistake == name
		}) {
			t.Errorf("%s can be seeded and is not tried", name)
		}
	}
	if len(hooks) < 12 {
		t.Errorf("%d mistakes can be seeded; there should be a dozen at least", len(hooks))
	}
}
