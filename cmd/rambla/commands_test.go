package main

import (
	"context"
	"net"
	"strings"
	"testing"
)

// here runs a command in this process.
func here(environ []string, args ...string) (stdout, stderr string, code int) {
	var out, errOut strings.Builder
	code = run(context.Background(), args, environ, strings.NewReader(""), &out, &errOut)
	return out.String(), errOut.String(), code
}

func TestExitCodesTellMistakesFromFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir+"/pw", "correct horse\n")
	writeFile(t, dir+"/short", "abc\n")
	writeFile(t, dir+"/people.csv", "name,displayName\nida,Ida\nmax,\n")
	writeFile(t, dir+"/broken.csv", "name\nme\nzoe\n")
	writeFile(t, dir+"/people.ndjson", `{"type":"person","name":"ida","title":"Tutor"}`+"\n"+`{"type":"context","id":"c","owner":"ida"}`)
	writeFile(t, dir+"/unknown.yaml", "broker: {max_pakcet: 1}\n")
	writeFile(t, dir+"/origin.yaml", "http: {origins: [app.example]}\n")
	writeFile(t, dir+"/proxy.yaml", "http: {trusted_proxies: [proxy]}\n")
	writeFile(t, dir+"/tls.yaml", "tls: {cert: none.pem, key: none.pem}\n")
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	taken := busy.Addr().String()
	for _, step := range []struct {
		args string // {d} is the directory
		want int
		says string // on standard error where it fails, else on standard output
	}{
		{"", exitUsage, "expected one of"},
		{"--help", exitOK, "serve"},
		{"help", exitOK, "serve"},
		{"help user add", exitOK, "--password-file"},
		{"version", exitOK, "rambla "},
		{"dance", exitUsage, "dance"},
		{"version --loud", exitUsage, "--loud"},
		{"version twice", exitUsage, "twice"},
		{"user add ann --data {d}/data --password-file {d}/pw", exitOK, "added ann"},
		{"user add Ann --data {d}/data --password-file {d}/pw", exitFailure, "taken"},
		{"user add", exitUsage, "name"},
		{"user add me --data {d}/data --password-file {d}/pw", exitUsage, "me"},
		{"user add ben --data {d}/data --password-file {d}/none", exitUsage, "none"},
		{"user add ben --data {d}/data --password-file {d}/short", exitFailure, "password"},
		{"user dance", exitUsage, "dance"},
		{"user list --data {d}/data", exitOK, "ann"},
		{"user passwd nobody --data {d}/data --password-file {d}/pw", exitFailure, "nobody"},
		{"user passwd ann --data {d}/data --password-file {d}/pw", exitOK, "ann"},
		{"user suspend nobody --data {d}/data", exitFailure, "nobody"},
		{"user suspend ann --data {d}/data", exitOK, "suspended"},
		{"user suspend ann --undo --data {d}/data", exitOK, "again"},
		{"user rename ann --data {d}/data", exitUsage, "to"},
		{"user rename ann me --data {d}/data", exitUsage, "TO"},
		{"user rename nobody ben --data {d}/data", exitFailure, "nobody"},
		{"user role ann king --data {d}/data", exitUsage, "king"},
		{"user role ann +king --data {d}/data", exitUsage, "king"},
		{"user role ann +auditor -hidden --data {d}/data", exitOK, "ann: auditor"},
		{"user import {d}/none.csv --data {d}/data", exitUsage, "none.csv"},
		{"user import {d}/people.csv --dry-run --data {d}/data", exitOK, "people to import: 2 added"},
		{"user import {d}/people.csv --data {d}/data", exitOK, "people imported: 2 added"},
		{"user import {d}/broken.csv --data {d}/data", exitFailure, "line 2"},
		{"user import {d}/people.ndjson --data {d}/data", exitOK, "contexts imported: 1 added"},
		{"user remove nobody --data {d}/data", exitFailure, "nobody"},
		{"user remove nobody --erase --data {d}/data", exitFailure, "nobody"},
		{"user remove ida --erase --data {d}/data", exitFailure, "hand it over"},
		{"user remove max --erase --data {d}/data", exitOK, `"done":`},
		{"user remove max --erase --data {d}/data", exitFailure, "max"},
		{"token create --data {d}/data", exitUsage, "--user"},
		{"token create --user nobody --data {d}/data", exitFailure, "nobody"},
		{"token create --user ann --ttl tomorrow --data {d}/data", exitUsage, "ttl"},
		{"token create --user ann --scope king --data {d}/data", exitUsage, "king"},
		{"token create --user ann --data {d}/data", exitOK, "rbl_"},
		{"migrate", exitUsage, "status"},
		{"migrate status --data {d}/data", exitOK, "up to date"},
		{"migrate up --data {d}/fresh", exitOK, "up to date"},
		{"migrate status --database postgres://127.0.0.1:1/none", exitFailure, "refused"},
		{"doctor --data {d}/data", exitOK, "holds"},
		{"doctor --config {d}/unknown.yaml", exitUsage, "max_pakcet"},
		{"config", exitUsage, "print"},
		{"config check", exitOK, "fine"},
		{"config check --config {d}/none.yaml", exitUsage, "none.yaml"},
		{"config print --config {d}/unknown.yaml", exitUsage, "max_pakcet"},
		{"bench", exitUsage, "publish"},
		{"bench import --people 20 --contexts 3 --memberships 30", exitOK, "a second"},
		{"bench import --people 2 --contexts 2 --memberships 5", exitUsage, "--memberships"},
		{"bench publish --self --fast", exitUsage, "--fast"},
		{"serve --prot 1", exitUsage, "--prot"},
		{"serve --log-level loud", exitUsage, "loud"},
		{"serve --log-format xml", exitUsage, "xml"},
		{"serve --database mysql://db", exitUsage, "postgres://"},
		{"serve --config {d}/unknown.yaml", exitUsage, "max_pakcet"},
		{"serve --tls-cert x", exitUsage, "tls.key"},
		{"serve --mqtt tls://127.0.0.1:0", exitUsage, "tls.cert"},
		{"serve --data {d}/data --tls-cert {d}/pw --tls-key {d}/pw", exitUsage, "tls.cert"},
		{"serve --mqtt nowhere", exitUsage, "nowhere"},
		{"serve --http 127.0.0.1:99999", exitUsage, "http.listen"},
		{"serve --admin 9464", exitUsage, "admin.listen"},
		{"serve --data {d}/data --mqtt 127.0.0.1:0 --http " + taken, exitFailure, taken},
		{"config check --config {d}/origin.yaml", exitUsage, "http.origins"},
		{"config check --config {d}/proxy.yaml", exitUsage, "http.trusted_proxies"},
		{"config check --config {d}/tls.yaml", exitUsage, "tls.cert"},
		{"doctor --data {d}/data --config {d}/tls.yaml", exitUsage, "tls.cert"},
		{"serve --data {d}/pw", exitFailure, "pw"},
	} {
		stdout, stderr, code := here(nil, strings.Fields(strings.ReplaceAll(step.args, "{d}", dir))...)
		said := stderr
		if step.want == exitOK {
			said = stdout
		}
		if code != step.want || !strings.Contains(said, step.says) {
			t.Errorf("rambla %s: %d, want %d and %q\n%s%s", step.args, code, step.want, step.says, stdout, stderr)
		}
	}
	// The process itself ends so.
	if _, stderr, code := rambla(t, "dance"); code != exitUsage || !strings.Contains(stderr, "dance") {
		t.Errorf("the process: %d\n%s", code, stderr)
	}
	if _, stderr, code := rambla(t, "serve", "--data", dir+"/data", "--mqtt", taken); code != exitFailure || strings.Contains(stderr, "goroutine ") {
		t.Errorf("the process: %d\n%s", code, stderr)
	}
}

func TestAFlagBeatsTheEnvironmentAndThatTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := dir + "/rambla.yaml"
	writeFile(t, file, "data: from-file\nmqtt: {listen: [\"127.0.0.1:1\", \"127.0.0.1:2\"]}\nhttp: {listen: 127.0.0.1:3}\nbroker: {max_packet: 4096}\n")
	writeFile(t, dir+"/url", "postgres://u:from-a-file@db/x\n")
	for _, c := range []struct {
		environ, args []string
		shows, not    string
	}{
		{nil, nil, "data: ./rambla-data", "x"},
		{nil, nil, "127.0.0.1:1883", "x"},
		{nil, nil, "127.0.0.1:8080", "x"},
		{nil, nil, "127.0.0.1:9464", "x"},
		{nil, []string{"--config", file}, "data: from-file", "rambla-data"},
		{[]string{"RAMBLA_CONFIG=" + file}, nil, "data: from-file", "rambla-data"},
		{[]string{"RAMBLA_DATA=from-env"}, []string{"--config", file}, "data: from-env", "from-file"},
		{[]string{"RAMBLA_DATA=from-env"}, []string{"--config", file, "--data", "from-flag"}, "data: from-flag", "from-env"},
		{nil, []string{"--config", file}, "127.0.0.1:2", "1883"},
		{[]string{"RAMBLA_MQTT_LISTEN=127.0.0.1:5,127.0.0.1:6"}, []string{"--config", file}, "127.0.0.1:6", "127.0.0.1:2"},
		{[]string{"RAMBLA_MQTT=127.0.0.1:7"}, []string{"--config", file}, "127.0.0.1:7", "127.0.0.1:2"},
		{[]string{"RAMBLA_HTTP=127.0.0.1:8"}, []string{"--config", file}, "127.0.0.1:8", "127.0.0.1:3"},
		{[]string{"RAMBLA_ADMIN=127.0.0.1:9"}, nil, "127.0.0.1:9", "9464"},
		{[]string{"RAMBLA_BROKER_MAX_PACKET=8192"}, []string{"--config", file}, "8192", "4096"},
		{[]string{"RAMBLA_LOG_LEVEL=debug"}, nil, "debug", "x"},
		{[]string{"RAMBLA_DATABASE=postgres://u:in-a-variable@db/x"}, nil, "redacted", "in-a-variable"},
		{[]string{"RAMBLA_DATABASE_URL=postgres://u:in-a-variable@db/x"}, nil, "redacted", "in-a-variable"},
		{[]string{"RAMBLA_DATABASE_FILE=" + dir + "/url"}, nil, "redacted", "from-a-file"},
		{[]string{"RAMBLA_DATABASE_URL_FILE=" + dir + "/url"}, nil, "redacted", "from-a-file"},
		{[]string{"RAMBLA_ADMIN_PASSWORD=open-sesame"}, nil, "redacted", "open-sesame"},
	} {
		got, stderr, code := here(c.environ, append([]string{"config", "print"}, c.args...)...)
		if code != exitOK {
			t.Errorf("%v %v: %d %s", c.environ, c.args, code, stderr)
		}
		if !strings.Contains(got, c.shows) || strings.Contains(strings.ReplaceAll(got, "max_packet", ""), c.not) && c.not != "x" {
			t.Errorf("%v %v: want %q and not %q\n%s", c.environ, c.args, c.shows, c.not, got)
		}
	}
}

func TestSeveralAddressesServeMQTTAndTheDemoIsMadeOnce(t *testing.T) {
	t.Parallel()
	flags := []string{"--data", t.TempDir()}
	s := serve(t, append(flags, "--demo", "--mqtt", "127.0.0.1:0")...)
	addresses := strings.Split(s.mqtt, ",")
	if len(addresses) != 2 {
		t.Fatalf("it serves %q", s.mqtt)
	}
	for _, address := range addresses {
		(&instance{mqtt: address}).as(t, 5, "alice", "here").quiet()
	}
	s.mqtt = addresses[0]
	if ack := s.as(t, 5, "alice", "writer").publish(1, "/ctx/staff/messages", "stays"); ack.user["seq"] != "1" {
		t.Fatalf("%+v", ack)
	}
	alice := s.login(t, "alice", "alice")
	s.do(t, 204, alice, "DELETE", "/v1/contexts/staff/members/bob", nil)
	if code := s.stop(); code != exitOK {
		t.Fatalf("it ended with %d", code)
	}
	// What people changed since the demo was made is theirs.
	again := serve(t, append(flags, "--demo")...)
	again.do(t, 404, again.login(t, "bob", "bob"), "GET", "/v1/contexts/staff", nil)
	if ack := again.as(t, 5, "alice", "writer").publish(1, "/ctx/staff/messages", "goes on"); ack.user["seq"] != "2" {
		t.Errorf("%+v", ack)
	}
}
