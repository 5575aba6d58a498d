package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is who may import whom; a new edge needs a decision record in
// docs/adr. Tests are free.
var mayImport = map[string][]string{
	"social":  {},
	"auth":    {"social"},
	"storage": {"social"},
	"broker":  {"social"},
	"pushgw":  {"social", "pushgw/phrase"},
	// One per provider.
	"pushgw/apns":    {"pushgw", "social"},
	"pushgw/fcm":     {"pushgw", "social"},
	"pushgw/webpush": {"pushgw", "social"},
	// What is shown, in words.
	"pushgw/phrase": {},
	// The providers as they are from outside, and what holds for every sender.
	"pushgw/simulator":     {},
	"pushgw/simulator/cmd": {"pushgw/simulator"},
	"pushgw/pushtest":      {"pushgw", "pushgw/simulator", "social"},
	"cluster":              {"social"},
	// An archive, whatever is in it.
	"backup": {},
	// Words as the index has them, and pictures as they are shown.
	"lexis":   {"social"},
	"picture": {"social"},
	"hooks":   {"social", "auth", "broker"},
	// Blobs beside the store.
	"files":  {"social"},
	"api":    {"social", "auth"},
	"web":    {},
	"markup": {},
	// Clients that meet the server from outside.
	"mqttwire": {},
	"bench":    {"mqttwire"},
	"check":    {"mqttwire"},
	"deploy":   {},
	// The wiring knows every room; and the providers' simulator, which a load of
	// pushes runs as a process of its own: whoever measures a server has no other
	// binary, and must not push to anybody real.
	"cmd/rambla": {"social", "auth", "storage", "files", "broker", "pushgw", "pushgw/apns", "pushgw/fcm", "pushgw/webpush", "pushgw/phrase", "pushgw/simulator", "cluster", "hooks", "api", "web", "markup", "lexis", "picture", "bench", "check", "backup"},
	// A real PostgreSQL for tests, and the store opened and verified in tests.
	"storage/pgtest":      {},
	"storage/pgtest/cmd":  {"storage/pgtest"},
	"storage/storagetest": {"social", "storage", "storage/pgtest"},
}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "rambla/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "rambla/")
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s is not in the table: say whom it may import", name)
			continue
		}
		seen++
		for _, path := range p.Imports {
			ours, is := strings.CutPrefix(path, "rambla/")
			if is && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the table does not allow", name, ours)
			}
			if !is && name == "social" && strings.Contains(path, ".") {
				t.Errorf("social imports %s; it may use the standard library only", path)
			}
			if strings.HasPrefix(path, "github.com/mochi-mqtt/") && name != "broker" {
				t.Errorf("%s imports the MQTT engine; only the broker may", name)
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d packages were looked at", seen)
	}
}
