package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"rambla/pushgw/simulator"
)

// gadget is a device as its provider and its app know it.
type gadget struct {
	site     *pushSite
	person   string
	id       string
	provider string
	token    string // in the simulator's books
	key      *ecdh.PrivateKey
	seen     int // notices that were waited for
}

// gadget registers a device with one's login, or with the token given.
func (p *pushSite) gadget(t *testing.T, name, provider string, more with, login ...string) *gadget {
	t.Helper()
	g := &gadget{site: p, person: name, provider: provider}
	body := with{"platform": provider}
	switch provider {
	case simulator.APNs:
		raw := make([]byte, 32)
		_, _ = rand.Read(raw) // never fails
		g.token = hex.EncodeToString(raw)
		body["token"], body["app"] = g.token, "org.example.chat"
	case simulator.FCM:
		g.token = rand.Text()
		body["token"], body["app"] = g.token, "android"
	case simulator.WebPush:
		sub, err := p.sim.Subscribe(p.vapid)
		if err != nil {
			t.Fatal(err)
		}
		g.token = sub.ID()
		body["subscription"] = sub
	}
	for k, v := range more {
		body[k] = v
	}
	if body["payloadKey"] == "new" {
		var err error
		if g.key, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
			t.Fatal(err)
		}
		body["payloadKey"] = base64.RawURLEncoding.EncodeToString(g.key.PublicKey().Bytes())
	}
	token := ""
	if len(login) > 0 {
		token = login[0]
	} else {
		token = p.token(t, name)
	}
	var made struct{ ID string }
	if code := p.call(t, token, http.MethodPost, "/v1/me/devices", body, &made); code != http.StatusCreated {
		t.Fatalf("%s registers %s: %d", name, provider, code)
	}
	g.id = made.ID
	p.mu.Lock()
	p.gadgets = append(p.gadgets, g)
	p.mu.Unlock()
	return g
}

// all registers one of each provider.
func (p *pushSite) all(t *testing.T, name string, more with) []*gadget {
	t.Helper()
	return []*gadget{
		p.gadget(t, name, simulator.APNs, more), p.gadget(t, name, simulator.FCM, more), p.gadget(t, name, simulator.WebPush, more),
	}
}

// notice is a push as an app reads it, whoever brought it.
type notice struct {
	V, Kind, Stream, Seq, ID, N, Badge, Title, Body, Sealed, AlertTitle, AlertBody, Silent string

	APS struct {
		Alert struct{ Title, Body string }
		Badge *int
		Sound string
		Level string `json:"interruption-level"`
		Start int    `json:"content-available"`
	}
	collapse string
	at       time.Time
}

func (g *gadget) read(t *testing.T, p *simulator.Push) notice {
	t.Helper()
	body := []byte(p.Body)
	var n notice
	if g.provider == simulator.FCM {
		var request struct {
			Message struct{ Data json.RawMessage }
		}
		if err := json.Unmarshal(body, &request); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		body = request.Message.Data
	}
	if err := json.Unmarshal(body, &n); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	n.collapse, n.at = p.Header["apns-collapse-id"]+p.Header["Topic"], p.At
	if g.provider == simulator.APNs && n.Kind != "clear" {
		n.AlertTitle, n.AlertBody = n.APS.Alert.Title, n.APS.Alert.Body
		if n.APS.Level == "passive" && n.APS.Sound == "" {
			n.Silent = "1"
		}
		if n.APS.Badge == nil || fmt.Sprint(*n.APS.Badge) != n.Badge {
			t.Errorf("the badge of aps is not that of the data: %s", body)
		}
	}
	return n
}

// taken are the pushes that the provider took, oldest first.
func (g *gadget) taken() (out []simulator.Push) {
	for _, p := range g.site.sim.Pushes(g.provider, g.token) {
		if p.Taken {
			out = append(out, p)
		}
	}
	return out
}

// next waits for the next notice.
func (g *gadget) next(t *testing.T, what string) notice {
	t.Helper()
	return g.nextWithin(t, what, patience)
}

func (g *gadget) nextWithin(t *testing.T, what string, limit time.Duration) notice {
	t.Helper()
	var pushes []simulator.Push
	p := g.site
	if !within(limit, func() bool { pushes = g.taken(); return len(pushes) > g.seen }) {
		t.Fatalf("missed on %s: %s; it has got %d\n%s", g.provider, what, len(pushes), p.tail())
	}
	g.seen++
	return g.read(t, &pushes[g.seen-1])
}

// tail is the end of the server's log.
func (p *pushSite) tail() string {
	text := p.logged()
	return text[max(0, len(text)-4000):]
}

// told waits for a notice that tells of a post.
func (g *gadget) told(t *testing.T, kind string, post published, count, badge int) notice {
	t.Helper()
	what := fmt.Sprintf("%s of %q", kind, post.Object.Content)
	n := g.next(t, what)
	if n.V != "1" || n.Kind != kind || n.ID != post.ID || n.Seq != fmt.Sprint(post.Seq) || n.N != fmt.Sprint(count) || n.Badge != fmt.Sprint(badge) || n.Silent != "" {
		t.Errorf("%s was told %+v; want %s, seq %d, n %d, badge %d", g.provider, n, what, post.Seq, count, badge)
	}
	return n
}

// cleared waits for the notice that takes away what is shown; browsers get none.
func (g *gadget) cleared(t *testing.T, post published, badge int) {
	t.Helper()
	if g.provider == simulator.WebPush {
		return
	}
	n := g.next(t, "clear")
	if n.Kind != "clear" || n.Seq != fmt.Sprint(post.Seq) || n.Badge != fmt.Sprint(badge) || n.Title+n.AlertTitle+n.Body != "" {
		t.Errorf("%s was told %+v; want clear up to %d, badge %d", g.provider, n, post.Seq, badge)
	}
	if g.provider == simulator.APNs && (n.APS.Start != 1 || n.APS.Sound != "") {
		t.Errorf("a clear that is heard: %+v", n.APS)
	}
}

// nothing checks that no more has come than was waited for.
func (g *gadget) nothing(t *testing.T) {
	t.Helper()
	if pushes := g.taken(); len(pushes) > g.seen {
		t.Errorf("needless on %s: %s", g.provider, pushes[g.seen].Body)
	}
}

// opens reads a sealed preview as docs/push.md tells apps to.
func (g *gadget) opens(t *testing.T, n notice) (title, body string) {
	t.Helper()
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed := must(base64.RawURLEncoding.DecodeString(n.Sealed))
	if len(sealed) < 16+4+1+65 || sealed[20] != 65 {
		t.Fatalf("%s was sent %q", g.provider, n.Sealed)
	}
	salt, point, text := sealed[:16], sealed[21:86], sealed[86:]
	sender, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	shared := must(g.key.ECDH(sender))
	info := "WebPush: info\x00" + string(g.key.PublicKey().Bytes()) + string(point)
	ikm := must(hkdf.Key(sha256.New, shared, make([]byte, 16), info, 32))
	block, err := aes.NewCipher(must(hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain := must(box.Open(nil, must(hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)), text, nil))
	plain = bytes.TrimRight(plain, "\x00")
	var preview struct{ Title, Body string }
	if err := json.Unmarshal(bytes.TrimSuffix(plain, []byte{2}), &preview); err != nil {
		t.Fatalf("%v: %q", err, plain)
	}
	return preview.Title, preview.Body
}
