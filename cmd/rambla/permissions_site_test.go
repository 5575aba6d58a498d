package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// matrix is the site that the tables of docs/permissions.md are asked of.
type matrix struct {
	http, mqtt string
	client     *http.Client
	columns    map[string]map[string]column // by heading and name
	serial     atomic.Int64

	mu     sync.Mutex        // guards all below
	tokens map[string]string // of the people who sign in, by name
	idle   map[string][]*cell
	narrow map[string]string // tokens by person and scopes
}

// column is who asks.
type column struct {
	person string   // whose credential it is; empty: nobody's
	scopes []string // what the token is narrowed to; nil: a login. May name {ctx}
	actAs  string   // in whose name; may name {ctx}
	stands string   // what the person is where the row happens; see settle
}

// voices are those who sign in, with their roles.
var voices = map[string][]string{
	"manager": {"manager"}, "moderator": {"moderator"}, "auditor": {"auditor"},
	"owner": nil, "member": nil, "without": nil, "granted": nil, "visitor": nil, "public": nil, "outsider": nil,
	"banned": nil, "blocked": nil, "blocker": nil, "hidden": {"hidden"}, "suspended": nil,
	"author": nil, "other": nil, "guest": nil, "guard": nil,
}

func newMatrix(t *testing.T, flags []string) *matrix {
	t.Helper()
	path, err := faulty() // without the race detector, which the thousands of requests would take minutes with
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "rambla.yaml")
	writeFile(t, config, "contexts:\n  create: everyone\nhttp:\n  person_rate: 100000\n  address_rate: 100000\nauth:\n  address_failures: 100000\n  account_failures: 100000\nbroker:\n  open_topics: [open/]\n")
	st := start{path: path, mqtt: "127.0.0.1:0", http: "127.0.0.1:0", env: []string{"RAMBLA_ADMIN_PASSWORD=the password of admin"}}
	s, err := st.launch(append(slices.Clone(flags), "--config", config)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if code := s.stop(); code != 0 {
			t.Errorf("the server ended with %d\n%s", code, s.logged())
		}
		if out, err := exec.Command(path, append([]string{"doctor"}, flags...)...).CombinedOutput(); err != nil {
			t.Errorf("doctor: %v\n%s", err, out)
		}
	})
	m := &matrix{
		http: s.http, mqtt: s.mqtt, tokens: map[string]string{}, idle: map[string][]*cell{}, narrow: map[string]string{}, columns: columns(),
		client: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
	}
	t.Cleanup(m.client.CloseIdleConnections)
	m.tokens["admin"] = s.login(t, "admin", "the password of admin")
	for name, roles := range voices {
		if _, err := m.must(m.of("admin"), "POST", "/people", with{"name": name, "password": "password of " + name, "roles": append([]string{}, roles...)}); err != nil {
			t.Fatal(err)
		}
		m.tokens[name] = s.login(t, name, "password of "+name)
	}
	for _, step := range []struct{ by, method, path, body string }{
		{"admin", "PATCH", "/people/suspended", `{"suspended":true}`},
		{"guard", "PUT", "/people/blocked/block", ""},
		{"blocker", "PUT", "/people/guard/block", ""},
	} {
		if status, answer, err := m.rest(m.of(step.by), step.method, step.path, step.body); err != nil || status >= 300 {
			t.Fatalf("%s %s: %d, %v\n%s", step.method, step.path, status, err, answer)
		}
	}
	return m
}

func (m *matrix) of(name string) credential {
	m.mu.Lock()
	defer m.mu.Unlock()
	return credential{person: name, token: m.tokens[name]}
}

// login signs in whoever was made since the beginning.
func (m *matrix) login(name, password string) error {
	resp, err := m.client.PostForm(m.http+"/v1/oauth/token", url.Values{"grant_type": {"password"}, "username": {name}, "password": {password}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return err
	}
	if body.Token == "" {
		return fmt.Errorf("%s does not sign in: %s", name, resp.Status)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tokens[name] = body.Token
	return nil
}

// must does a request that has to succeed, and reads the answer.
func (m *matrix) must(who credential, method, path string, body any) (map[string]any, error) {
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	status, answer, err := m.rest(who, method, path, text)
	if err != nil {
		return nil, err
	}
	if status >= 300 {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, status, answer)
	}
	out := map[string]any{}
	if status != http.StatusNoContent {
		err = json.Unmarshal(answer, &out)
	}
	return out, err
}

// narrowed is a token of the person with these scopes.
func (m *matrix) narrowed(person string, scopes []string) (string, error) {
	key := fmt.Sprint(person, scopes)
	m.mu.Lock()
	token := m.narrow[key]
	m.mu.Unlock()
	if token != "" {
		return token, nil
	}
	answer, err := m.must(m.of(person), "POST", "/me/tokens", with{"name": "a cell", "scopes": scopes})
	if err != nil {
		return "", err
	}
	token, _ = answer["token"].(string)
	m.mu.Lock()
	m.narrow[key] = token
	m.mu.Unlock()
	return token, nil
}

// overMQTT connects with the token and gives what f finds, or the code of a
// CONNACK that refuses.
func (m *matrix) overMQTT(who credential, version byte, f func(*wire) (byte, error)) (string, error) {
	nc, err := net.DialTimeout("tcp", m.mqtt, patience)
	if err != nil {
		return "", err
	}
	defer nc.Close()
	w := &wire{version: version, nc: nc, limit: nc, in: bufio.NewReader(nc)}
	h := hello{id: fmt.Sprint("cell-", m.serial.Add(1)), password: who.token, anonymous: who.token == ""}
	if _, err := nc.Write(w.connectPacket(h)); err != nil {
		return "", err
	}
	ack, err := w.answer(kindConnack)
	code := ack.code
	if err == nil && code == 0 {
		code, err = f(w)
	}
	if err != nil {
		return "", err
	}
	_, _ = nc.Write([]byte{0xE0, 0}) // DISCONNECT; if it is lost the server notices by itself
	return fmt.Sprintf("0x%02x", code), nil
}

// lend gives out what a row needs for one who asks. What was refused has changed
// nothing, so most cells are asked of what others were asked of before; a cell
// with a post of the actor's own is made for such rows alone.
func (m *matrix) lend(r rule, name string) (*cell, error) {
	col, ok := m.columns[r.kind][name]
	if !ok {
		return nil, fmt.Errorf("there is no column %q of %q", name, r.kind)
	}
	own := regexp.MustCompile(`\{(own|said|answer|mine|password)\}`).FindString(r.request)
	key := fmt.Sprint(r.kind, name, r.needs, own)
	m.mu.Lock()
	defer m.mu.Unlock()
	if idle := m.idle[key]; len(idle) > 0 {
		m.idle[key] = idle[1:]
		return idle[0], nil
	}
	return &cell{m: m, key: key, column: col, needs: r.needs, made: map[string]string{}}, nil
}

// giveBack keeps the cell for others.
func (m *matrix) giveBack(c *cell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle[c.key] = append(m.idle[c.key], c)
}
