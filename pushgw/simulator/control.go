package simulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Place is what a server under test has to know, as the control address tells it.
type Place struct {
	URLs   map[string]string `json:"urls"`
	Dir    string            `json:"dir"` // ca.pem, apns.p8 …
	Team   string            `json:"team"`
	KeyID  string            `json:"key_id"`
	Topics []string          `json:"topics"`
	// Project is of fcm.json, which FCM's URL belongs to; the token endpoint is at
	// the URL of "oauth", with /token behind it.
	Project string `json:"project"`
}

// Place tells where everything is.
func (s *Simulator) Place() Place {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Place{URLs: map[string]string{}, Dir: s.config.Dir, Team: Team, KeyID: KeyID, Topics: s.config.Topics, Project: Project}
	for provider, url := range s.urls {
		p.URLs[provider] = url
	}
	return p
}

// serveControl is plain HTTP with JSON: whoever runs a server under test in
// another process uses it. It is for the loopback, and checks nobody.
func (s *Simulator) serveControl() error {
	ln, err := s.listen("control", "http")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { tell(w, s.Place()) })
	mux.HandleFunc("PUT /script", func(w http.ResponseWriter, r *http.Request) {
		var script Script
		if hear(w, r, &script) {
			s.Script(script)
		}
	})
	mux.HandleFunc("DELETE /script", func(http.ResponseWriter, *http.Request) { s.Forget() })
	mux.HandleFunc("PUT /latency", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			MS int64 `json:"ms"`
		}
		if hear(w, r, &in) {
			s.SetLatency(time.Duration(in.MS) * time.Millisecond)
		}
	})
	mux.HandleFunc("GET /counts", func(w http.ResponseWriter, _ *http.Request) {
		out := map[string]Counts{}
		for _, provider := range []string{APNs, APNsSandbox, FCM, WebPush} {
			out[provider] = s.Counts(provider)
		}
		tell(w, out)
	})
	mux.HandleFunc("GET /pushes", func(w http.ResponseWriter, r *http.Request) {
		pushes := s.Pushes(r.FormValue("provider"), r.FormValue("token"))
		tell(w, append([]Push{}, pushes...))
	})
	mux.HandleFunc("GET /taken", func(w http.ResponseWriter, r *http.Request) { tell(w, s.Taken(r.FormValue("provider"))) })
	mux.HandleFunc("GET /journal", func(w http.ResponseWriter, r *http.Request) {
		without, err := strconv.Atoi(cmp.Or(r.FormValue("without"), "0"))
		if err != nil {
			http.Error(w, "without is how many of the first are left out", http.StatusBadRequest)
			return
		}
		tell(w, append([]Taking{}, s.Journal(without)...))
	})
	mux.HandleFunc("POST /reset", func(http.ResponseWriter, *http.Request) { s.Reset() })
	mux.HandleFunc("POST /cut", func(_ http.ResponseWriter, r *http.Request) { s.Cut(r.FormValue("provider")) })
	mux.HandleFunc("POST /goaway", func(_ http.ResponseWriter, r *http.Request) { s.GoAway(r.FormValue("provider")) })
	mux.HandleFunc("POST /freeze", func(_ http.ResponseWriter, r *http.Request) { s.Freeze(r.FormValue("provider")) })
	mux.HandleFunc("POST /subscriptions", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			ServerKey string `json:"applicationServerKey"`
		}
		if !hear(w, r, &in) {
			return
		}
		sub, err := s.Subscribe(in.ServerKey)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		tell(w, sub)
	})
	mux.HandleFunc("DELETE /subscriptions/{id}", func(_ http.ResponseWriter, r *http.Request) { s.Unsubscribe(r.PathValue("id")) })
	mux.HandleFunc("POST /revoke", func(http.ResponseWriter, *http.Request) { s.RevokeTokens() })
	mux.HandleFunc("PUT /token-life", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			MS int64 `json:"ms"`
		}
		if hear(w, r, &in) {
			s.SetTokenLife(time.Duration(in.MS) * time.Millisecond)
		}
	})
	// Not run's ConnState: Cut is for the providers.
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet()}
	s.running.Go(func() { _ = server.Serve(ln) }) // it says that it was closed
	s.running.Go(func() {
		<-s.ctx.Done()
		_ = server.Close() // it is over, whatever that says
	})
	return nil
}

func hear(w http.ResponseWriter, r *http.Request, into any) bool {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		http.Error(w, fmt.Sprintf("%v", err), http.StatusBadRequest)
		return false
	}
	return true
}

func tell(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone
}
