// Package web holds the page that a server shows at /: sign in, read and write
// live. The page is built from the TypeScript beside this file; what the build
// makes is committed in dist, so that the Go tool alone gives a whole binary.
//
// It knows nothing of the rest of the server: the page talks to it like any
// other client, by REST and by MQTT over WebSocket. It starts no goroutines.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"time"
)

//go:embed dist
var dist embed.FS

// types are the content types of the files a build makes. They are written down
// because package mime asks the host's tables, which differ.
var types = map[string]string{
	"html":  "text/html; charset=utf-8",
	"js":    "text/javascript; charset=utf-8",
	"css":   "text/css; charset=utf-8",
	"svg":   "image/svg+xml",
	"woff2": "font/woff2",
	"txt":   "text/plain; charset=utf-8",
}

// file is one file of the page with the headers it goes out with.
type file struct {
	body        []byte
	contentType string
	etag        string
	cache       string
}

// Handler serves the page at /, its parts at /assets/ and its service worker, by GET and HEAD, and
// answers everything else with 404 or 405. It needs no login: the page asks for
// one itself.
func Handler() http.Handler {
	files, err := load(dist)
	if err != nil {
		// The files are a part of the binary: this is a mistake of the build,
		// not of the day.
		panic(err)
	}
	return handler{files: files}
}

// handler answers from files, whose keys are URL paths.
type handler struct {
	files map[string]file
}

func load(from fs.FS) (map[string]file, error) {
	files := make(map[string]file)
	err := fs.WalkDir(from, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		contentType, known := types[name[strings.LastIndexByte(name, '.')+1:]]
		if !known {
			return fmt.Errorf("page file %s: no content type is known for it", name)
		}
		sum := sha256.Sum256(body)
		f := file{
			body:        body,
			contentType: contentType,
			etag:        `"` + hex.EncodeToString(sum[:16]) + `"`,
			cache:       "no-cache",
		}
		path := strings.TrimPrefix(name, "dist")
		if strings.HasPrefix(path, "/assets/") {
			// Such a name changes with the content.
			f.cache = "public, max-age=31536000, immutable"
		}
		if path == "/index.html" {
			path = "/"
		}
		files[path] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	return files, nil
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	f, found := h.files[r.URL.Path]
	if !found {
		http.Error(w, "There is no such page.", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "This page can only be read.", http.StatusMethodNotAllowed)
		return
	}
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", f.cache)
	header.Set("ETag", f.etag)
	header.Set("Content-Security-Policy", policy(r.Host))
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY") // for browsers older than frame-ancestors
	// No modification time: the ETag decides, and a rebuilt binary with the same
	// page is still the same page.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}

// hostSource is what a Host header may be to stand in a policy: anything else
// could end the directive and begin another.
var hostSource = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// policy is the Content-Security-Policy of the page as served under host. The
// WebSocket addresses are named because in older browsers 'self' does not cover
// them.
func policy(host string) string {
	connect := "'self'"
	if hostSource.MatchString(host) {
		connect += " ws://" + host + " wss://" + host
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
		"connect-src " + connect + "; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types markup worker"
}
