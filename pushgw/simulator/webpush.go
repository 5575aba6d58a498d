package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What push services take.
const (
	maxWebPush   = 4096 // bytes, encrypted
	maxVAPIDLife = 24 * time.Hour
)

var topicForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

func (s *Simulator) serveWebPush() error {
	s.browsers = newBrowsers()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /push/{id}", s.takeWebPush)
	return s.serveHTTP(WebPush, mux)
}

func (s *Simulator) takeWebPush(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxWebPush+1))
	if err != nil {
		return // the client is gone
	}
	id := r.PathValue("id")
	push := Push{Provider: WebPush, Token: id, Header: map[string]string{"size": strconv.Itoa(len(body))}}
	for _, name := range []string{"TTL", "Urgency", "Topic", "Content-Encoding"} {
		push.Header[name] = r.Header.Get(name)
	}
	s.ledger.signed(WebPush, r.Header.Get("Authorization"))
	browser, known := s.browsers.find(id)
	var undecrypted error
	if known && browser != nil {
		var plain []byte
		if plain, undecrypted = browser.decrypt(body); undecrypted == nil && json.Valid(plain) {
			push.Body = plain
			var data map[string]string
			_ = json.Unmarshal(plain, &data) // other forms have no id
			push.ID = strings.Join([]string{id, data["kind"], data["stream"], data["seq"], data["n"], data["silent"]}, "|")
		}
	}
	header := r.Header
	s.answer(w, r, push, func(now time.Time) judgement {
		switch {
		case !known:
			return judgement{status: http.StatusNotFound, reason: "NoSubscription"}
		case browser == nil:
			return judgement{status: http.StatusGone, reason: "Unsubscribed"}
		case len(body) > maxWebPush:
			return judgement{status: http.StatusRequestEntityTooLarge, reason: "PayloadTooLarge"}
		}
		j := s.judgeWebPush(header, browser, now)
		if j.taken() && undecrypted != nil {
			// No push service can know; a test wants to.
			return judgement{status: http.StatusBadRequest, reason: "NotDecryptable"}
		}
		return j
	}, webPushRefusal)
}

func webPushRefusal(_ int, reason string) []byte {
	body, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return nil
	}
	return body
}

func (s *Simulator) judgeWebPush(h http.Header, b *browser, now time.Time) judgement {
	ttl, err := strconv.ParseUint(h.Get("TTL"), 10, 31)
	urgency := h.Get("Urgency")
	switch {
	case err != nil:
		return judgement{status: http.StatusBadRequest, reason: "BadTtl"} // RFC 8030 5.2
	case h.Get("Topic") != "" && !topicForm.MatchString(h.Get("Topic")):
		return judgement{status: http.StatusBadRequest, reason: "BadWebPushTopic"} // RFC 8030 5.4
	case !slices.Contains([]string{"", "very-low", "low", "normal", "high"}, urgency):
		return judgement{status: http.StatusBadRequest, reason: "BadUrgency"}
	case h.Get("Content-Encoding") != "aes128gcm":
		return judgement{status: http.StatusBadRequest, reason: "BadContentEncoding"}
	}
	key, ok := s.vapid(h.Get("Authorization"), now)
	switch {
	case !ok:
		return judgement{status: http.StatusForbidden, reason: "BadJwtToken"}
	case b.server != "" && key != b.server:
		return judgement{status: http.StatusForbidden, reason: "VapidPkHashMismatch"}
	}
	return judgement{status: http.StatusCreated, header: map[string]string{
		"Location": s.URL(WebPush) + "/message/" + newUUID(), "TTL": strconv.FormatUint(ttl, 10),
	}}
}

// vapid verifies an Authorization of RFC 8292 and returns the key that signed it.
func (s *Simulator) vapid(authorization string, now time.Time) (string, bool) {
	list, ok := strings.CutPrefix(authorization, "vapid ")
	if !ok {
		return "", false
	}
	var token, key string
	for _, part := range strings.Split(list, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = value
		}
	}
	parts := strings.Split(token, ".")
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(parts) != 3 {
		return "", false
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	signature, bad := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || bad != nil || len(signature) != 64 {
		return "", false
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return "", false
	}
	return key, s.goodClaims(parts, now)
}

func (s *Simulator) goodClaims(parts []string, now time.Time) bool {
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Aud string `json:"aud"`
		Exp int64  `json:"exp"`
		Sub string `json:"sub"`
	}
	if !decodePart(parts[0], &head) || !decodePart(parts[1], &claims) || head.Alg != "ES256" {
		return false
	}
	ends := time.Unix(claims.Exp, 0)
	contact := strings.HasPrefix(claims.Sub, "https://") || strings.HasPrefix(claims.Sub, "mailto:") && strings.Count(claims.Sub, ":") == 1
	return claims.Aud == s.URL(WebPush) && ends.After(now) && !ends.After(now.Add(maxVAPIDLife)) &&
		contact && !strings.HasSuffix(claims.Sub, "localhost")
}
