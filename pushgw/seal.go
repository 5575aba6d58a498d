package pushgw

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// What a sealed preview is made of, in bytes; docs/push.md tells it to clients.
const (
	sealSalt   = 16
	sealRecord = 4096 // one record holds it all
	sealPoint  = 65   // of P-256, uncompressed
	sealStep   = 256  // lengths tell no more than this
)

// preview is what is sealed.
type preview struct {
	Title string `json:"title"`
	Body  string `json:"body"`
}

// Seal encrypts a title and a body for a device's PayloadKey as RFC 8291 does for
// a browser, with sixteen zero bytes as the authentication secret: what providers
// carry, only the app reads. The result is some hundred bytes longer than both.
// The error says that the key is none.
func Seal(payloadKey []byte, title, body string) ([]byte, error) {
	reader, err := ecdh.P256().NewPublicKey(payloadKey)
	if err != nil {
		return nil, fmt.Errorf("read the payload key: %w", err)
	}
	writer, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	shared, err := writer.ECDH(reader)
	if err != nil {
		return nil, fmt.Errorf("agree on a secret: %w", err)
	}
	text, err := json.Marshal(preview{title, body})
	if err != nil {
		return nil, fmt.Errorf("encode a preview: %w", err)
	}
	salt := make([]byte, sealSalt)
	_, _ = rand.Read(salt) // never fails
	point := writer.PublicKey().Bytes()
	box, nonce, err := sealKeys(shared, payloadKey, point, salt)
	if err != nil {
		return nil, err
	}
	// RFC 8188 section 2: the last record ends in 2 and zeros.
	padded := make([]byte, (len(text)/sealStep+1)*sealStep)
	padded[copy(padded, text)] = 2
	out := append(salt, 0, 0, 0, 0, byte(len(point)))
	binary.BigEndian.PutUint32(out[sealSalt:], sealRecord)
	return box.Seal(append(out, point...), nonce, padded, nil), nil
}

// sealKeys derives the key and the nonce (RFC 8291 section 3.4).
func sealKeys(shared, reader, writer, salt []byte) (cipher.AEAD, []byte, error) {
	none := make([]byte, 16) // the authentication secret
	input, err := hkdf.Key(sha256.New, shared, none, "WebPush: info\x00"+string(reader)+string(writer), sha256.Size)
	if err != nil {
		return nil, nil, fmt.Errorf("derive a key: %w", err)
	}
	key, err := hkdf.Key(sha256.New, input, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, nil, fmt.Errorf("derive a key: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, input, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, nil, fmt.Errorf("derive a nonce: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, fmt.Errorf("make a cipher: %w", err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, fmt.Errorf("make a cipher: %w", err)
	}
	return box, nonce, nil
}
