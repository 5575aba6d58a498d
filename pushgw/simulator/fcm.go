package simulator

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What FCM allows.
const (
	maxFCMMessage = 4096 // bytes of data and texts
	maxFCMTTL     = 28 * 24 * time.Hour
)

var registrationForm = regexp.MustCompile(`^[A-Za-z0-9:_-]{8,512}$`)

// fcmMessage is what an Android app may be sent; of what is for others, nothing
// is expected here.
type fcmMessage struct {
	Token   string            `json:"token"`
	FID     string            `json:"fid"`
	Data    map[string]string `json:"data"`
	Android struct {
		Priority     string          `json:"priority"`
		TTL          string          `json:"ttl"`
		CollapseKey  string          `json:"collapse_key"`
		DirectBootOK bool            `json:"direct_boot_ok"`
		Notification json.RawMessage `json:"notification"`
	} `json:"android"`
	Notification json.RawMessage `json:"notification"`
}

func (s *Simulator) serveFCM() error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/projects/{project}/{method}", s.takeFCM)
	return s.serveHTTP(FCM, mux)
}

func (s *Simulator) takeFCM(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	var request struct {
		Message      *fcmMessage `json:"message"`
		ValidateOnly bool        `json:"validate_only"`
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	err = in.Decode(&request)
	if err == nil && request.Message == nil {
		err = errors.New("no message")
	}
	m := request.Message
	if m == nil {
		m = &fcmMessage{}
	}
	push := Push{Provider: FCM, Token: m.Token + m.FID, Body: body}
	// FCM knows no ids of senders: the same news to the same device is the same push.
	push.ID = strings.Join([]string{push.Token, m.Data["kind"], m.Data["stream"], m.Data["seq"], m.Data["n"], m.Data["silent"]}, "|")
	authorization := r.Header.Get("Authorization")
	project := r.PathValue("project")
	if r.PathValue("method") != "messages:send" {
		project = ""
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	s.answer(w, r, push, func(now time.Time) judgement { return s.judgeFCM(authorization, project, m, err, now) }, fcmRefusal)
}

func (s *Simulator) judgeFCM(authorization, project string, m *fcmMessage, malformed error, now time.Time) judgement {
	invalid := judgement{status: http.StatusBadRequest, reason: "BAD_FIELD"}
	if status, reason := s.oauth.reason(authorization, now); status != 0 {
		return judgement{status: status, reason: reason}
	}
	if project != Project {
		return judgement{status: http.StatusNotFound, reason: "NOT_FOUND"}
	}
	size := 0
	for k, v := range m.Data {
		size += len(k) + len(v)
		if k == "from" || k == "message_type" || strings.HasPrefix(k, "google.") || strings.HasPrefix(k, "gcm.") {
			return invalid
		}
	}
	switch {
	case malformed != nil, (m.Token == "") == (m.FID == ""),
		!slices.Contains([]string{"", "HIGH", "NORMAL", "high", "normal"}, m.Android.Priority), !fcmTTL(m.Android.TTL):
		return invalid
	case !registrationForm.MatchString(m.Token + m.FID):
		return judgement{status: http.StatusBadRequest, reason: "INVALID_ARGUMENT"}
	case size+len(m.Notification)+len(m.Android.Notification) > maxFCMMessage:
		return judgement{status: http.StatusBadRequest, reason: "TOO_BIG"}
	}
	name := make([]byte, 12)
	_, _ = rand.Read(name) // never fails since Go 1.24
	body, err := json.Marshal(map[string]string{"name": "projects/" + Project + "/messages/" + hex.EncodeToString(name)})
	if err != nil {
		return judgement{status: http.StatusInternalServerError, reason: "INTERNAL"}
	}
	return judgement{status: http.StatusOK, body: body}
}

// fcmTTL reads the JSON form of a Duration.
func fcmTTL(text string) bool {
	if text == "" {
		return true
	}
	number, ok := strings.CutSuffix(text, "s")
	seconds, err := strconv.ParseFloat(number, 64)
	return ok && err == nil && seconds >= 0 && seconds <= maxFCMTTL.Seconds()
}

// fcmCodes are the reasons that FCM tells by a detail of its own; the others are
// Google's for any service.
var fcmCodes = []string{
	"UNREGISTERED", "INVALID_ARGUMENT", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL",
	"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR", "UNSPECIFIED_ERROR",
}

var googleStatus = map[int]string{
	http.StatusBadRequest: "INVALID_ARGUMENT", http.StatusUnauthorized: "UNAUTHENTICATED",
	http.StatusForbidden: "PERMISSION_DENIED", http.StatusNotFound: "NOT_FOUND",
	http.StatusTooManyRequests: "RESOURCE_EXHAUSTED", http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable: "UNAVAILABLE",
}

// fcmRefusal is a google.rpc.Status as JSON.
func fcmRefusal(status int, reason string) []byte {
	const (
		ofFCM  = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
		fields = "type.googleapis.com/google.rpc.BadRequest"
	)
	details := []any{}
	text := "Refused."
	switch {
	case reason == "TOO_BIG":
		text = "Message is too big."
		details = append(details, map[string]string{"@type": ofFCM, "errorCode": "INVALID_ARGUMENT"})
	case reason == "BAD_FIELD":
		details = append(details, map[string]any{"@type": fields, "fieldViolations": []any{
			map[string]string{"field": "message.android", "description": "Invalid value."},
		}})
	case slices.Contains(fcmCodes, reason):
		details = append(details, map[string]string{"@type": ofFCM, "errorCode": reason})
	}
	body, err := json.Marshal(map[string]any{"error": map[string]any{
		"code": status, "message": text, "status": googleStatus[status], "details": details,
	}})
	if err != nil {
		return nil
	}
	return body
}
