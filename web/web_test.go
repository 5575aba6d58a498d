package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// ask sends one request with the given header lines ("Name: value").
func ask(t *testing.T, method, path, host string, lines ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	answer := w.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

func TestThePageNamesOnlyPartsThatAreServed(t *testing.T) {
	t.Parallel()
	answer, page := ask(t, http.MethodGet, "/", "rambla.example")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("the page: %s, %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	parts := reference.FindAllStringSubmatch(page, -1)
	kinds := make(map[string]bool)
	for _, part := range parts {
		answer, body := ask(t, http.MethodGet, part[1], "rambla.example")
		if answer.StatusCode != http.StatusOK || body == "" {
			t.Errorf("%s: %s", part[1], answer.Status)
		}
		if got := answer.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", part[1], got)
		}
		kinds[answer.Header.Get("Content-Type")] = true
	}
	for _, kind := range []string{"text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml"} {
		if !kinds[kind] {
			t.Errorf("the page names no %s", kind)
		}
	}
}

func TestTheWorkerStandsAloneAtTheRoot(t *testing.T) {
	t.Parallel()
	answer, script := ask(t, http.MethodGet, "/worker.js", "rambla.example")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Fatalf("the worker: %s, %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	if got := answer.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("Cache-Control %q: a kept worker is an old one", got)
	}
	if regexp.MustCompile(`\b(import|export)\b`).MatchString(script) {
		t.Error("the worker asks for another script, which a browser loads for modules only")
	}
	if !strings.Contains(script, "pushsubscriptionchange") {
		t.Error("the worker does not hear of pushes")
	}
}

func TestThePageHoldsNothingThatItsPolicyRefuses(t *testing.T) {
	t.Parallel()
	_, page := ask(t, http.MethodGet, "/", "rambla.example")
	for _, inline := range []string{"<style", " style=", " onload=", " onclick=", "javascript:", "data:", "//cdn"} {
		if strings.Contains(page, inline) {
			t.Errorf("the page holds %q", inline)
		}
	}
	for _, script := range regexp.MustCompile(`(?s)<script([^>]*)>(.*?)</script>`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(script[1], "src=") || strings.TrimSpace(script[2]) != "" {
			t.Errorf("an inline script: %q", script[0])
		}
	}
}

func TestEveryAnswerForbidsWhatThePageDoesNotNeed(t *testing.T) {
	t.Parallel()
	_, page := ask(t, http.MethodGet, "/", "rambla.example:8443")
	paths := []string{"/", "/licences.txt", "/worker.js"}
	for _, part := range reference.FindAllStringSubmatch(page, -1) {
		paths = append(paths, part[1])
	}
	for _, path := range paths {
		answer, _ := ask(t, http.MethodGet, path, "rambla.example:8443")
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"X-Frame-Options":              "DENY",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := answer.Header.Get("Content-Security-Policy")
		for _, directive := range []string{
			"default-src 'none'",
			"script-src 'self'",
			"style-src 'self'",
			"connect-src 'self' ws://rambla.example:8443 wss://rambla.example:8443",
			"base-uri 'none'",
			"frame-ancestors 'none'",
			"require-trusted-types-for 'script'",
			"trusted-types markup worker",
		} {
			if !strings.Contains(policy+";", directive+";") {
				t.Errorf("%s: the policy %q lacks %q", path, policy, directive)
			}
		}
	}
}

func TestTheHostHeaderCannotWriteThePolicy(t *testing.T) {
	t.Parallel()
	for host, isNamed := range map[string]bool{
		"rambla.example":              true,
		"127.0.0.1:8080":              true,
		"[::1]:8080":                  true,
		"":                            false,
		"a; script-src *":             false,
		"a 'unsafe-inline'":           false,
		"a,b":                         false,
		"*":                           false,
		"a:8080\r\nSet-Cookie: x=y":   false,
		"rambla.example:port":         false,
		"user@rambla.example":         false,
		"rambla.example/path":         false,
		"[::1]; frame-ancestors *":    false,
		"https://rambla.example:8080": false,
	} {
		got := policy(host)
		want := "connect-src 'self';"
		if isNamed {
			want = "connect-src 'self' ws://" + host + " wss://" + host + ";"
		}
		if !strings.Contains(got, want) {
			t.Errorf("host %q: the policy is %q, want %q in it", host, got, want)
		}
	}
}

func TestAPageThatIsUnchangedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	first, _ := ask(t, http.MethodGet, "/", "rambla.example")
	etag := first.Header.Get("ETag")
	if len(etag) < 10 || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", etag, first.Header.Get("Cache-Control"))
	}
	second, body := ask(t, http.MethodGet, "/", "rambla.example", "If-None-Match: "+etag)
	if second.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("with the same ETag: %s and %d bytes", second.Status, len(body))
	}
	third, body := ask(t, http.MethodGet, "/", "rambla.example", `If-None-Match: "of another build"`)
	if third.StatusCode != http.StatusOK || body == "" {
		t.Errorf("with another ETag: %s and %d bytes", third.Status, len(body))
	}
}

func TestHeadTellsTheLengthWithoutTheBody(t *testing.T) {
	t.Parallel()
	got, page := ask(t, http.MethodGet, "/", "rambla.example")
	head, body := ask(t, http.MethodHead, "/", "rambla.example")
	if head.StatusCode != http.StatusOK || body != "" || head.ContentLength != int64(len(page)) || head.Header.Get("ETag") != got.Header.Get("ETag") {
		t.Errorf("%s, %d bytes, Content-Length %d of %d", head.Status, len(body), head.ContentLength, len(page))
	}
}

func TestWhatIsNoPartOfThePageIsNotFound(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/index.html", "/dist/index.html", "/assets/", "/assets", "/assets/nothing.js", "/nothing",
		"/web.go", "/assets/../web.go", "//", "/v1/contexts", "/package.json",
	} {
		answer, body := ask(t, http.MethodGet, path, "rambla.example")
		if answer.StatusCode != http.StatusNotFound || strings.Contains(body, "<") {
			t.Errorf("%s: %s, %q", path, answer.Status, body)
		}
		if answer.Header.Get("Cache-Control") != "" || answer.Header.Get("ETag") != "" {
			t.Errorf("%s: the 404 may be kept", path)
		}
	}
}

func TestThePageCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		answer, _ := ask(t, method, "/", "rambla.example")
		if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s, Allow %q", method, answer.Status, answer.Header.Get("Allow"))
		}
	}
}

func TestABuildWithAnUnknownKindOfFileIsRefused(t *testing.T) {
	t.Parallel()
	_, err := load(fstest.MapFS{"dist/assets/a.wasm": {Data: []byte("x")}})
	if err == nil || !strings.Contains(err.Error(), "a.wasm") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
