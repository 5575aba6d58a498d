package pushgw

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// open is what an app does, written from docs/push.md and RFC 8291 with nothing of
// Seal's.
func open(t *testing.T, key *ecdh.PrivateKey, sealed []byte, auth []byte) []byte {
	t.Helper()
	mac := func(key []byte, parts ...string) []byte {
		h := hmac.New(sha256.New, key)
		for _, p := range parts {
			h.Write([]byte(p))
		}
		return h.Sum(nil)
	}
	salt, point := sealed[:16], sealed[21:86]
	if !bytes.Equal(sealed[16:21], []byte{0, 0, 16, 0, 65}) {
		t.Fatalf("the header is %x", sealed[:21])
	}
	writer, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := key.ECDH(writer)
	if err != nil {
		t.Fatal(err)
	}
	input := mac(mac(auth, string(shared)), "WebPush: info\x00", string(key.PublicKey().Bytes()), string(point), "\x01")
	secret := mac(salt, string(input))
	block, err := aes.NewCipher(mac(secret, "Content-Encoding: aes128gcm\x00\x01")[:16])
	if err != nil {
		t.Fatal(err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	text, err := box.Open(nil, mac(secret, "Content-Encoding: nonce\x00\x01")[:12], sealed[86:], nil)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	text = bytes.TrimRight(text, "\x00")
	if text[len(text)-1] != 2 {
		t.Fatalf("the record ends in %x", text)
	}
	return text[:len(text)-1]
}

// The decryption of the test is that of the RFC: it opens the RFC's own example.
func TestTheExampleOfTheRFCIsOpened(t *testing.T) {
	t.Parallel()
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	key, err := ecdh.P256().NewPrivateKey(decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	body := decode("DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	if got := open(t, key, body, decode("BTBZMqHH6r4Tts7J_aSIgg")); string(got) != "When I grow up, I want to be a watermelon" {
		t.Errorf("it says %q", got)
	}
}

func TestOnlyTheDeviceReadsASealedPreview(t *testing.T) {
	t.Parallel()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[int]bool{}
	for _, body := range []string{"", "Ann: hi", "a \"quote\" and \x00", strings.Repeat("👍", 128)} {
		sealed, err := Seal(key.PublicKey().Bytes(), "Lobby", body)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, []byte("Lobby")) {
			t.Error("the title can be read")
		}
		var got map[string]string
		if err := json.Unmarshal(open(t, key, sealed, make([]byte, 16)), &got); err != nil || len(got) != 2 || got["title"] != "Lobby" || got["body"] != body {
			t.Errorf("%q became %q, %v", body, got, err)
		}
		sizes[len(sealed)] = true
		again, err := Seal(key.PublicKey().Bytes(), "Lobby", body)
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("the same twice, %v", err)
		}
	}
	if len(sizes) != 2 {
		t.Errorf("lengths tell how much was written: %v", sizes)
	}
	for _, bad := range [][]byte{nil, {4}, make([]byte, 65), bytes.Repeat([]byte{4}, 65)} {
		if _, err := Seal(bad, "a", "b"); err == nil {
			t.Errorf("%x is a key", bad)
		}
	}
}
