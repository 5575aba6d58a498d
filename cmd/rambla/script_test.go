package main

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestStories runs the sessions of testdata/script against the real binary.
func TestStories(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(path)+":"+env.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("HTTP", freeAddress(env.T())) // for the servers of the story, one after the other
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"ready": ready},
	})
}

// ready waits until the server at $HTTP takes requests.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	client := http.Client{Timeout: time.Second}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for began := time.Now(); time.Since(began) < time.Minute; <-again.C {
		resp, err := client.Get("http://" + ts.Getenv("HTTP") + "/readyz")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("no server at $HTTP after a minute")
}
