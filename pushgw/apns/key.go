package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sideshow/apns2/token"

	"rambla/pushgw"
)

// keyName tells keys apart. Tokens of two teams may not share a connection.
type keyName struct{ team, id string }

// resignEvery is how seldom a token is given up before its time: Apple refuses
// those who change it more often, connection by connection.
const resignEvery = 20 * time.Minute

// key signs for all apps of it, and has the connections that its tokens go over.
type key struct {
	name   keyName
	now    func() time.Time
	logger *slog.Logger
	open   func(*token.Token) [2]*world // production, sandbox

	mu       sync.Mutex // guards the rest
	token    *token.Token
	worlds   [2]*world
	file     pushgw.KeyFile
	loads    uint64    // how often the file was read and was good
	resigned time.Time // before its time; zero: never
}

// readKey reads a .p8 file. The error says nothing of what is in it.
func readKey(file string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	k, err := token.AuthKeyFromBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%s is no .p8 key: PEM with a PKCS #8 key on P-256 is needed", file)
	}
	if k.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s is a key on %s; Apple's are on P-256", file, k.Params().Name)
	}
	return k, nil
}

// load reads the file for the first time.
func (k *key) load() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.file.Noted()
	private, err := readKey(k.file.Path)
	if err != nil {
		return err
	}
	return k.useLocked(private)
}

// useLocked signs a first token, as nobody would tell later that it cannot be
// done, and opens a pool of connections: two keys may not share one.
func (k *key) useLocked(private *ecdsa.PrivateKey) error {
	t := &token.Token{AuthKey: private, KeyID: k.name.id, TeamID: k.name.team}
	if _, err := t.Generate(); err != nil {
		return fmt.Errorf("sign with %s: %w", k.file.Path, err)
	}
	for _, w := range k.worlds {
		if w != nil {
			w.conns.drain()
		}
	}
	k.token, k.worlds, k.resigned = t, k.open(t), time.Time{}
	k.loads++
	return nil
}

// look reads the file again if it has changed. Where that does not work the old
// key stays, as half-written files are usual while they are replaced.
func (k *key) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.file.Changed() {
		return
	}
	private, err := readKey(k.file.Path)
	switch {
	case err != nil:
	case private.Equal(k.token.AuthKey):
		k.loads++ // whoever touched it wants another try
		return
	default:
		err = k.useLocked(private)
	}
	if err != nil {
		k.logger.Error("the changed key for APNs cannot be used; the old one stays", "team", k.name.team, "key_id", k.name.id, "err", err)
		return
	}
	k.logger.Info("the key for APNs was read again", "team", k.name.team, "key_id", k.name.id)
}

// world is where to push to with the key that is valid now.
func (k *key) world(sandbox bool) *world {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	if sandbox {
		return k.worlds[1]
	}
	return k.worlds[0]
}

// version counts how often the file was read.
func (k *key) version() uint64 {
	k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.loads
}

// errTooOften is why a token is not signed anew.
var errTooOften = errors.New("it was signed anew less than 20 minutes ago; is the clock right?")

// resign gives up a token that Apple calls expired, unless another one has taken
// its place already.
func (k *key) resign(bearer string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token.Lock()
	defer k.token.Unlock()
	if k.token.Bearer != bearer {
		return nil
	}
	if now := k.now(); k.resigned.IsZero() || now.Sub(k.resigned) >= resignEvery {
		k.resigned = now
		_, err := k.token.Generate()
		return err
	}
	return errTooOften
}

// age is how old the token is.
func (k *key) age() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.token.Lock()
	defer k.token.Unlock()
	return k.now().Sub(time.Unix(k.token.IssuedAt, 0))
}

func (k *key) connections(sandbox int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.worlds[sandbox].conns.live()
}

func (k *key) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, w := range k.worlds {
		if w != nil {
			w.conns.close()
		}
	}
}
