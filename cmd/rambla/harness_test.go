package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rambla/storage/pgtest"
)

// binary is the program under test, built once with the race detector, as the
// Makefile does with the tests, and with hashes of passwords that cost nothing.
var binary = sync.OnceValues(func() (string, error) {
	return build("-race", "-gcflags=modernc.org/...=-race=false", "-tags=quickhash")
})

// build builds the program and returns where it is: alone in a directory.
func build(flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "rambla-binary-")
	if err != nil {
		return "", err
	}
	built.Store(dir, true)
	path := filepath.Join(dir, "rambla")
	out, err := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// built are the directories of binaries, to be removed at the end.
var built sync.Map

func TestMain(m *testing.M) {
	code := m.Run()
	built.Range(func(dir, _ any) bool { return os.RemoveAll(dir.(string)) == nil })
	os.Exit(code)
}

// rambla runs a command to its end and returns what it printed.
func rambla(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // Run returns it bare
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// patience is how long is waited for what must come: longer than a busy machine takes,
// as it costs time only where something is wrong.
const patience = 30 * time.Second

// instance is a running server.
type instance struct {
	cmd   *exec.Cmd
	mqtt  string // host:port
	http  string // http://host:port
	admin string // host:port
	exit  chan struct{}

	mu     sync.Mutex // guards all below
	log    strings.Builder
	tokens map[string]string // by person
}

// serve starts a server on free ports and waits until it is ready. It is
// stopped, and must end well, when the test does.
func serve(t *testing.T, args ...string) *instance {
	t.Helper()
	s, err := launch(args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.running() {
			if code := s.stop(); code != 0 {
				t.Errorf("the server ended with %d\n%s", code, s.logged())
			}
		}
		if strings.Contains(s.logged(), "WARNING: DATA RACE") {
			t.Errorf("data race in the server\n%s", s.logged())
		}
	})
	return s
}

func launch(args ...string) (*instance, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	return start{path: path, mqtt: "127.0.0.1:0", http: "127.0.0.1:0"}.launch(args...)
}

// start is a server to be started: which program, where it listens, and what its
// environment has beside ours.
type start struct {
	path       string
	mqtt, http string
	env        []string
}

func (st start) launch(args ...string) (*instance, error) {
	s := &instance{exit: make(chan struct{})}
	s.cmd = exec.Command(st.path, append([]string{
		"serve", "--mqtt", st.mqtt, "--http", st.http, "--admin", "127.0.0.1:0", "--log-format", "json",
	}, args...)...)
	s.cmd.Env = append(os.Environ(), st.env...)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { _, _ = io.Copy(io.Discard, stdout) }) // so that it never waits for us
	readers.Go(func() { s.collect(stderr, ready) })
	go func() {
		readers.Wait()
		_ = s.cmd.Wait() // the exit code is looked at by stop
		close(s.exit)
	}()
	select {
	case <-ready:
		return s, nil
	case <-s.exit:
		return nil, fmt.Errorf("the server ended before it was ready:\n%s", s.logged())
	case <-time.After(2 * patience):
		_ = s.cmd.Process.Kill()
		return nil, fmt.Errorf("the server was not ready within a minute:\n%s", s.logged())
	}
}

// collect keeps what the server logs, and closes ready at the line that says
// where it listens.
func (s *instance) collect(r io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s.mu.Lock()
		s.log.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		var line struct{ Msg, MQTT, HTTP, Admin string }
		if ready != nil && json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
			s.mqtt, s.http, s.admin = line.MQTT, line.HTTP, line.Admin
			close(ready)
			ready = nil
		}
	}
}

func (s *instance) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *instance) running() bool {
	select {
	case <-s.exit:
		return false
	default:
		return true
	}
}

// stop asks the server to end and returns its exit code.
func (s *instance) stop() int {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exit:
	case <-time.After(40 * time.Second):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines tell why
		<-s.exit
	}
	return s.cmd.ProcessState.ExitCode()
}

// kill ends the server as a power cut would.
func (s *instance) kill() {
	_ = s.cmd.Process.Kill()
	<-s.exit
}

// eachStore runs a test on both stores; flags name the store to the binary.
func eachStore(t *testing.T, f func(t *testing.T, flags []string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		flags := []string{"--data", t.TempDir()}
		t.Cleanup(func() { verify(t, flags) })
		f(t, flags)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		flags := []string{"--data", t.TempDir(), "--database", pgtest.Database(t)}
		t.Cleanup(func() { verify(t, flags) })
		f(t, flags)
	})
}

// verify has the doctor look at the store that a test leaves behind.
func verify(t *testing.T, flags []string) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, path, append([]string{"doctor"}, flags...)...).CombinedOutput(); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// login gets an access token with the person's password.
func (s *instance) login(t *testing.T, name, password string) string {
	t.Helper()
	resp, err := http.PostForm(s.http+"/v1/oauth/token", url.Values{
		"grant_type": {"password"}, "username": {name}, "password": {password},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("login of %s: %s, %v", name, resp.Status, err)
	}
	return body.AccessToken
}

// call does one request and decodes a JSON answer into out, where that is not nil.
func (s *instance) call(t *testing.T, token, method, path string, body any, out any) int {
	t.Helper()
	var payload io.Reader
	if body != nil {
		payload = jsonBody(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.http+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			t.Fatalf("%s %s: %s: %v\n%s", method, path, resp.Status, err, raw)
		}
	}
	return resp.StatusCode
}

// jsonBody encodes what always can be.
func jsonBody(v any) io.Reader {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(b)
}

// storeFlags are those of flags that commands beside serve take as well.
func storeFlags(flags []string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(f string) bool { return f == "--demo" })
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
