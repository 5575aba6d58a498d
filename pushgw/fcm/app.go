package fcm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"

	"rambla/pushgw"
)

// app is a project with the credentials that are valid now.
type app struct {
	App
	open   func(App) (*project, error)
	logger *slog.Logger

	mu      sync.Mutex // guards the rest
	project *project
	file    pushgw.KeyFile
	loads   uint64 // how often the file was read and was good
}

// load reads the file for the first time.
func (a *app) load() (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.file.Noted()
	a.project, err = a.open(a.App)
	a.loads++
	return err
}

// current reads the file again if it has changed. Where that does not work the
// old credentials stay, as half-written files are usual while they are replaced.
func (a *app) current() *project {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.file.Changed() {
		return a.project
	}
	next, err := a.open(a.App)
	if err != nil {
		a.logger.Error("the changed credentials for FCM cannot be used; the old ones stay", "app", a.Name, "err", err)
		return a.project
	}
	a.project = next
	a.loads++ // also where it is the same: whoever touched it wants another try
	a.logger.Info("the credentials for FCM were read again", "app", a.Name)
	return a.project
}

func (a *app) version() uint64 {
	a.current()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.loads
}

// project is one service account's way to FCM.
type project struct {
	client *messaging.Client
	tokens *tokens
}

// openProject reads the credentials; it asks nobody. The error names nothing of them.
func openProject(a App, c *Config, wire *wire, now func() time.Time) (*project, error) {
	text, err := os.ReadFile(filepath.Clean(a.File))
	if err != nil {
		return nil, err
	}
	account, err := readAccount(text)
	if err != nil {
		return nil, fmt.Errorf("%s is not the key file of a service account as Firebase makes it: %w", a.File, err)
	}
	if a.Project == "" {
		a.Project = account.project
	}
	if a.Project == "" {
		return nil, errors.New("the project is neither configured nor in the credentials")
	}
	grant := account.grant
	if grant.TokenURL, err = endpoint("push.fcm.token_url", c.TokenURL, grant.TokenURL); err != nil {
		return nil, err
	}
	base, err := endpoint("push.fcm.url", c.URL, defaultURL)
	if err != nil {
		return nil, err
	}
	sdk, err := firebase.NewApp(context.Background(), &firebase.Config{ProjectID: a.Project},
		option.WithHTTPClient(&http.Client{
			Transport: once{wire},
			// A redirect is an answer like another.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
		option.WithEndpoint(strings.TrimSuffix(base, "/v1")+"/v1"), option.WithTelemetryDisabled())
	if err != nil {
		return nil, fmt.Errorf("set up Firebase: %w", err)
	}
	client, err := sdk.Messaging(context.Background())
	if err != nil {
		return nil, fmt.Errorf("set up Firebase messaging: %w", err)
	}
	return &project{client: client, tokens: newTokens(grant, wire.h1, now)}, nil
}
