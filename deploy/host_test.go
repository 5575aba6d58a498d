package deploy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// here is the unit with a program that this machine has.
func here(t *testing.T, oldnew ...string) string {
	t.Helper()
	return with(t, "rambla.service", read(t, "systemd/rambla.service"),
		append([]string{"/usr/local/bin/rambla", "/bin/true"}, oldnew...)...)
}

func TestSystemdAcceptsTheUnit(t *testing.T) {
	t.Parallel()
	analyze := program(t, "systemd-analyze", "systemd")
	accepts(t, command(t, analyze, "verify", here(t)))
	// systemd only warns of a key that it does not know, and a warning is a
	// setting that is not in force.
	for _, unit := range []struct {
		path string
		warn bool
	}{{here(t), false}, {here(t, "TimeoutStopSec", "TimeoutStopSecs"), true}} {
		out, err := command(t, analyze, "verify", unit.path).CombinedOutput()
		if unit.warn != strings.Contains(string(out), "Unknown") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestTheUnitKeepsTheServerAwayFromTheMachine(t *testing.T) {
	t.Parallel()
	analyze := program(t, "systemd-analyze", "systemd")
	// In tenths; a service without any of this has 96.
	accepts(t, command(t, analyze, "security", "--offline=true", "--threshold=15", here(t)))
	refuses(t, command(t, analyze, "security", "--offline=true", "--threshold=15", here(t, "CapabilityBoundingSet=\n", "")), "exposure")
}

func TestSystemdLeavesTimeToDrain(t *testing.T) {
	t.Parallel()
	text := read(t, "systemd/rambla.service")
	match := regexp.MustCompile(`(?m)^TimeoutStopSec=(\S+)$`).FindStringSubmatch(text)
	if match == nil {
		t.Fatal("TimeoutStopSec is not set")
	}
	if d, err := time.ParseDuration(match[1]); err != nil || d < 30*time.Second {
		t.Errorf("killed after %s, %v", match[1], err)
	}
	// A configuration that does not work ends with 2.
	if !strings.Contains(text, "\nRestartPreventExitStatus=2\n") {
		t.Error("a server with a wrong configuration is restarted for ever")
	}
}

func TestNginxAcceptsTheSite(t *testing.T) {
	t.Parallel()
	nginx := program(t, "nginx", "nginx-light")
	site := func(oldnew ...string) string {
		cert, key := certificate(t)
		// nginx -t binds what it will listen on, so ports that are free here.
		http, https := freePort(t), freePort(t)
		return with(t, "site.conf", read(t, "nginx/rambla.conf"), append([]string{
			"/etc/letsencrypt/live/rambla.example.org/fullchain.pem", cert,
			"/etc/letsencrypt/live/rambla.example.org/privkey.pem", key,
			"listen 80;", "listen 127.0.0.1:" + http + ";",
			"listen [::]:80;", "",
			"listen 443 ssl http2;", "listen 127.0.0.1:" + https + " ssl http2;",
			"listen [::]:443 ssl http2;", "",
		}, oldnew...)...)
	}
	test := func(site string) []string {
		prefix := t.TempDir()
		config := filepath.Join(prefix, "nginx.conf")
		text := fmt.Sprintf(`pid %[1]s/pid; error_log stderr; events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	include %[2]s;
}
`, prefix, site)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"-t", "-q", "-p", prefix, "-c", config, "-e", "stderr"}
	}
	accepts(t, command(t, nginx, test(site())...))
	refuses(t, command(t, nginx, test(site("proxy_read_timeout", "proxy_raed_timeout"))...), "proxy_raed_timeout")
}

func TestCaddyAcceptsTheSite(t *testing.T) {
	t.Parallel()
	caddy := program(t, "caddy", "caddy")
	validate := func(file string) (cmd []string, env []string) {
		home := t.TempDir()
		return []string{"validate", "--adapter", "caddyfile", "--config", file},
			append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	}
	args, env := validate("caddy/Caddyfile")
	good := command(t, caddy, args...)
	good.Env = env
	accepts(t, good)

	args, env = validate(with(t, "Caddyfile", read(t, "caddy/Caddyfile"), "health_uri", "helth_uri"))
	bad := command(t, caddy, args...)
	bad.Env = env
	refuses(t, bad, "helth_uri")
}

// Each proxy must say who the client is, or all clients share one address's limits.
func TestTheProxiesPassWebSocketsAndTheClientsAddress(t *testing.T) {
	t.Parallel()
	nginx := read(t, "nginx/rambla.conf")
	for _, line := range []string{
		"proxy_set_header X-Forwarded-For $remote_addr;",
		"proxy_set_header Upgrade $http_upgrade;",
		"location = /mqtt {",
		"proxy_read_timeout 1h;",
	} {
		if !strings.Contains(nginx, line) {
			t.Errorf("nginx: %q is missing", line)
		}
	}
}

// freePort is one that nobody listens on, below those that the system hands out to
// the clients of whatever is tested beside.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + mathrand.IntN(2_000)) //nolint:gosec // no secret
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// certificate writes a self-signed one for the name that the examples use.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"rambla.example.org"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert},
		keyFile:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
