package deploy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// serverAnswers starts a site and asks it what probes and operators ask.
func serverAnswers(t *testing.T, binary string) {
	public, private := "127.0.0.1:"+freePort(t), "127.0.0.1:"+freePort(t)
	server := command(t, binary, "serve", "--data", t.TempDir(),
		"--mqtt", "127.0.0.1:"+freePort(t), "--http", public, "--admin", private)
	// What is counted of a push provider exists where the site uses it.
	server.Env = append(server.Environ(), "RAMBLA_PUSH_APNS_APPS=org.example.chat:TEAM123456:KEY1234567:"+signingKey(t))
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { // not Cleanup: by then the test's context has killed it
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := server.Wait(); err != nil {
			t.Errorf("SIGTERM ends the server with %v:\n%s", err, log.String())
		}
	}()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for status, _ := get(ctx, public, "/readyz"); status != http.StatusOK; status, _ = get(ctx, public, "/readyz") {
		select {
		case <-ctx.Done():
			t.Fatal("the server does not become ready")
		case <-retry.C:
		}
	}
	if status, _ := get(ctx, public, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d", status)
	}
	if status, _ := get(ctx, public, "/metrics"); status == http.StatusOK {
		t.Error("the public listener shows the metrics")
	}
	_, metrics := get(ctx, private, "/metrics")
	for _, name := range regexp.MustCompile("`(rambla_[a-z_]+)`").FindAllStringSubmatch(read(t, "../docs/operations.md"), -1) {
		// What a part counts exists where that part is configured.
		if strings.HasPrefix(name[1], "rambla_push_fcm_") || strings.HasPrefix(name[1], "rambla_tls_") {
			continue
		}
		if !strings.Contains(metrics, name[1]) {
			t.Errorf("the manual explains %s, which the server does not have", name[1])
		}
	}
}

// signingKey makes a key as Apple hands out, and gives its file.
func signingKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "AuthKey.p8")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// get is 0 where nobody answers.
func get(ctx context.Context, address, path string) (status int, body string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}
