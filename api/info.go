package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"rambla/social"
)

// Info tells clients how to reach the server and what fits in.
type Info struct {
	Name      string    `json:"name" example:"rambla"`
	Version   string    `json:"version"`
	Endpoints Endpoints `json:"endpoints"`
	Limits    Limits    `json:"limits"`
	VAPID     string    `json:"vapidPublicKey,omitempty" doc:"The applicationServerKey that browsers subscribe to pushes with; absent: this site has no Web Push"`
}

// Endpoints are addresses as clients reach them.
type Endpoints struct {
	REST      string   `json:"rest" example:"https://chat.example.org/v1"`
	Token     string   `json:"token" example:"https://chat.example.org/v1/oauth/token"`
	WebSocket string   `json:"websocket" example:"wss://chat.example.org/mqtt" doc:"MQTT over WebSocket"`
	MQTT      []string `json:"mqtt" nullable:"false" doc:"MQTT over TCP or TLS"`
	OpenAPI   string   `json:"openapi"`
	Docs      string   `json:"docs"`
}

// Limits are in bytes, but for readers (people), files (of a post) and page (entries).
type Limits struct {
	Body    int64 `json:"body" doc:"Bytes of a request's body"`
	Content int   `json:"content" doc:"Bytes of a post's text"`
	Data    int   `json:"data" doc:"Bytes of the data an application adds to a post"`
	Readers int   `json:"readers" doc:"People a private post is for"`
	File    int64 `json:"file" doc:"Bytes of an uploaded file"`
	Files   int   `json:"files" doc:"Files of one post"`
	Page    int   `json:"page" doc:"Entries of a list's page"`
}

func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	public := s.publicURL(r)
	s.writeJSON(w, http.StatusOK, Info{
		Name: "rambla", Version: s.version,
		Endpoints: Endpoints{
			REST: public + "/v1", Token: public + "/v1/oauth/token",
			WebSocket: "ws" + strings.TrimPrefix(public, "http") + "/mqtt", MQTT: append([]string{}, s.mqtt...),
			OpenAPI: public + openAPIPath + ".json", Docs: public + docsPath,
		},
		VAPID:  s.vapid,
		Limits: Limits{Body: s.cfg.MaxBody, Content: social.MaxContent, Data: social.MaxData, Readers: social.MaxReaders, File: s.attachments.Limits().Size, Files: social.MaxAttachments, Page: maxPage},
	})
}

const (
	pingWithin = 2 * time.Second
	// staleAfter is how old the picture of rights may be: what another process
	// took away a while ago must not be given here.
	staleAfter = 10 * time.Second
)

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether requests should come here.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingWithin)
	defer cancel()
	refuse := func(reason string, err error) {
		s.fail(w, r, &social.Error{Kind: social.KindUnavailable, Safe: reason, Err: err})
	}
	if s.draining.Load() {
		refuse("The server is shutting down.", nil)
		return
	}
	if err := s.ping(ctx); err != nil {
		refuse("The store does not answer.", err)
		return
	}
	if s.directory.StaleFor() > staleAfter {
		refuse("Rights were last read too long ago.", nil)
		return
	}
	s.writeJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
