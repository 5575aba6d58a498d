package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What APNs allows.
const (
	maxAPNsPayload  = 4096 // bytes
	maxAPNsCollapse = 64   // bytes
)

var (
	uuidForm   = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	deviceForm = regexp.MustCompile(`^([0-9a-fA-F]{2}){8,100}$`)
)

// apnsPush is one request, read whole.
type apnsPush struct {
	method, path string
	header       map[string]string
	body         []byte
	tooLarge     bool
}

// apnsAnswer is what is said about it.
type apnsAnswer struct {
	status int
	reason string
	since  int64
}

// judgeAPNs says what APNs would, in the order in which it looks.
func (s *Simulator) judgeAPNs(p *apnsPush, now time.Time) apnsAnswer {
	no := func(status int, reason string) apnsAnswer { return apnsAnswer{status: status, reason: reason} }
	h := p.header
	if p.method != http.MethodPost {
		return no(http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
	token, ok := strings.CutPrefix(p.path, "/3/device/")
	if !ok {
		return no(http.StatusNotFound, "BadPath")
	}
	if reason := s.keys.check(h["authorization"], now); reason != "" {
		return no(http.StatusForbidden, reason)
	}
	kind := h["apns-push-type"]
	switch {
	case token == "":
		return no(http.StatusBadRequest, "MissingDeviceToken")
	case !deviceForm.MatchString(token):
		return no(http.StatusBadRequest, "BadDeviceToken")
	case h["apns-topic"] == "":
		return no(http.StatusBadRequest, "MissingTopic")
	case !slices.Contains(s.config.Topics, h["apns-topic"]):
		return no(http.StatusBadRequest, "TopicDisallowed")
	case h["apns-id"] != "" && !uuidForm.MatchString(h["apns-id"]):
		return no(http.StatusBadRequest, "BadMessageId")
	case len(h["apns-collapse-id"]) > maxAPNsCollapse:
		return no(http.StatusBadRequest, "BadCollapseId")
	case kind != "alert" && kind != "background":
		return no(http.StatusBadRequest, "InvalidPushType")
	case !slices.Contains([]string{"", "1", "5", "10"}, h["apns-priority"]),
		kind == "background" && h["apns-priority"] != "5" && h["apns-priority"] != "1":
		return no(http.StatusBadRequest, "BadPriority")
	case p.tooLarge || len(p.body) > maxAPNsPayload:
		return no(http.StatusRequestEntityTooLarge, "PayloadTooLarge")
	case len(p.body) == 0:
		return no(http.StatusBadRequest, "PayloadEmpty")
	}
	if v := h["apns-expiration"]; v != "" {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil {
			return no(http.StatusBadRequest, "BadExpirationDate")
		}
	}
	var payload struct {
		APS map[string]json.RawMessage `json:"aps"`
	}
	if err := json.Unmarshal(p.body, &payload); err != nil || len(payload.APS) == 0 {
		return no(http.StatusBadRequest, "PayloadEmpty")
	}
	return apnsAnswer{status: http.StatusOK}
}

// answerAPNs is what becomes of a push on a connection: what was scripted, or
// else what the protocol says.
func (c *apnsConn) answerAPNs(p *apnsPush) (a apnsAnswer, r Reply, delay time.Duration) {
	token := strings.TrimPrefix(p.path, "/3/device/")
	r, delay = c.sim.scripts.next(c.provider, token)
	c.sim.ledger.signed(c.provider, p.header["authorization"])
	if reason := c.changedToken(p.header["authorization"], time.Now()); reason != "" {
		return apnsAnswer{status: http.StatusTooManyRequests, reason: reason}, Reply{}, delay
	}
	if r.Status != 0 && r.Status != http.StatusOK {
		return apnsAnswer{status: r.Status, reason: r.Reason, since: r.Since}, r, delay
	}
	return c.sim.judgeAPNs(p, time.Now()), r, delay
}

// noteAPNs writes the push into the ledger; its id is the apns-id.
func (c *apnsConn) noteAPNs(p *apnsPush, a apnsAnswer, answered bool) {
	taken := a.status == http.StatusOK
	push := Push{
		Provider: c.provider, Token: strings.TrimPrefix(p.path, "/3/device/"), ID: p.header["apns-id"],
		Status: a.status, Reason: a.reason, Taken: taken,
	}
	if !answered {
		push.Status = 0
	}
	if !taken && a.reason == "" {
		push.Reason = strconv.Itoa(a.status)
	}
	if c.sim.config.Keep > 0 || c.sim.config.Journal {
		push.Header = map[string]string{}
		for k, v := range p.header {
			if strings.HasPrefix(k, "apns-") {
				push.Header[k] = v
			}
		}
		if json.Valid(p.body) {
			push.Body = p.body
		}
	}
	c.sim.ledger.note(push)
}

// body is the JSON of a refusal.
func (a apnsAnswer) body() []byte {
	if a.status == http.StatusOK {
		return nil
	}
	if a.since != 0 {
		return fmt.Appendf(nil, `{"reason":%q,"timestamp":%d}`, a.reason, a.since)
	}
	return fmt.Appendf(nil, `{"reason":%q}`, a.reason)
}

// newUUID is for a push that came without an apns-id.
func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
