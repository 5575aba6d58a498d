package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// params are argon2id's costs.
type params struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// What a stored hash may cost us at most: it may have been made elsewhere, and
// must not be able to take the machine.
const (
	maxMemory = 256 * 1024 // KiB
	maxPasses = 32
	maxLanes  = 16
	saltBytes = 16
	keyBytes  = 32
)

func (p params) check() error {
	switch {
	case p.passes < 1 || p.passes > maxPasses:
		return fmt.Errorf("%d passes are not between 1 and %d", p.passes, maxPasses)
	case p.lanes < 1 || p.lanes > maxLanes:
		return fmt.Errorf("%d lanes are not between 1 and %d", p.lanes, maxLanes)
	case p.memory < 8*uint32(p.lanes) || p.memory > maxMemory: // RFC 9106 section 3.1
		return fmt.Errorf("%d KiB are not between %d and %d", p.memory, 8*uint32(p.lanes), maxMemory)
	}
	return nil
}

// phc is a hash as it is stored: $argon2id$v=19$m=19456,t=2,p=1$salt$key
// (the PHC string format, base64 without padding).
type phc struct {
	params
	salt, key []byte
}

func (h phc) String() string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.memory, h.passes, h.lanes, enc.EncodeToString(h.salt), enc.EncodeToString(h.key))
}

var errNotPHC = errors.New("it is no argon2id hash in PHC format")

// parsePHC reads the canonical form only, so that one hash has one text.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errNotPHC
	}
	var h phc
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return phc{}, errNotPHC
	}
	for i, field := range []struct {
		name string
		bits int
		set  func(uint64)
	}{
		{"m=", 32, func(v uint64) { h.memory = uint32(v) }},
		{"t=", 32, func(v uint64) { h.passes = uint32(v) }},
		{"p=", 8, func(v uint64) { h.lanes = uint8(v) }},
	} {
		digits, ok := strings.CutPrefix(costs[i], field.name)
		v, err := strconv.ParseUint(digits, 10, field.bits)
		if !ok || err != nil || digits[0] == '0' {
			return phc{}, errNotPHC
		}
		field.set(v)
	}
	if err := h.check(); err != nil {
		return phc{}, err
	}
	var err1, err2 error
	enc := base64.RawStdEncoding.Strict()
	h.salt, err1 = enc.DecodeString(parts[4])
	h.key, err2 = enc.DecodeString(parts[5])
	if err1 != nil || err2 != nil || strings.ContainsAny(s, "\r\n") ||
		len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return phc{}, errNotPHC
	}
	return h, nil
}

// CheckHash finds what is wrong with the hash of a password that was made
// elsewhere: it is to be argon2id in the canonical PHC format, at a cost that this
// server pays.
func CheckHash(hash string) error {
	_, err := parsePHC(hash)
	return err
}
