package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

// The parameters of a signed link.
const (
	linkCustomer  = "customer"
	linkExpires   = "expires"
	linkKey       = "key"
	linkSignature = "signature"
)

// Link lets whoever has it do one thing until it expires: what Method does at Path.
// It names whom it was made for, so that a link that got about tells from whom.
type Link struct {
	Method   string // GET stands for HEAD too
	Path     string // as it is sent, escaped, without a query
	Customer string
	Expires  time.Time // in whole seconds
	Key      string    // which one signed
}

// ErrExpired is in the error of Verify for a link that was good once.
var ErrExpired = errors.New("the link has expired")

// LinkKey signs links. Its id tells which one did.
type LinkKey struct {
	ID     string
	Secret []byte
}

var linkKeyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

// leastLinkKey is how long a key has to be, in bytes.
const leastLinkKey = 16

// ParseLinkKeys reads keys as a configuration has them: id:secret, several between
// commas, each secret in base64url of at least 16 bytes. The error is KindInvalid,
// names field and repeats no secret.
func ParseLinkKeys(field string, text social.Secret) ([]LinkKey, error) {
	var out []LinkKey
	for part := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return r == ',' || r == '\n' || r == ' ' }) {
		id, secret, _ := strings.Cut(part, ":")
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(secret, "="))
		switch {
		case !linkKeyID.MatchString(id):
			return nil, social.Invalid(field, "a key is id:secret, and its id of letters, digits, dots and dashes")
		case err != nil || len(raw) < leastLinkKey:
			return nil, social.Invalid(field, "the secret of %s is no base64url of at least %d bytes", id, leastLinkKey)
		case slices.ContainsFunc(out, func(k LinkKey) bool { return k.ID == id }):
			return nil, social.Invalid(field, "there are two keys %s", id)
		}
		out = append(out, LinkKey{id, raw})
	}
	return out, nil
}

// Links signs and checks links. It is safe for concurrent use.
type Links struct {
	keys []LinkKey // the first signs
	now  func() time.Time
}

// NewLinks takes the keys: the first signs, all are good for checking, so that a new
// one is put in front and an old one taken away when its last link has expired.
func NewLinks(keys []LinkKey, now func() time.Time) *Links { return &Links{keys, now} }

// Sign makes the query of a link; Key of it is not looked at.
func (l *Links) Sign(link Link) string {
	k := l.keys[0]
	expires := strconv.FormatInt(link.Expires.Unix(), 10)
	sum := k.sum(link.Method, link.Path, link.Customer, expires)
	return url.Values{
		linkCustomer: {link.Customer}, linkExpires: {expires}, linkKey: {k.ID},
		linkSignature: {tokenEncoding.EncodeToString(sum)},
	}.Encode()
}

// sum is HMAC-SHA256 over the fields and the key's id, each behind its length in four
// bytes, the highest first: so no field can take over the end of another.
func (k LinkKey) sum(method, path, customer, expires string) []byte {
	h := hmac.New(sha256.New, k.Secret)
	for _, field := range []string{method, path, customer, expires, k.ID} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field)))) //nolint:gosec // of a URL
		h.Write([]byte(field))
	}
	return h.Sum(nil)
}

// IsLink tells whether a query says that it is one of a signed link.
func IsLink(q url.Values) bool { return q.Has(linkSignature) }

// Verify checks the link that a request came by. KindForbidden, with ErrExpired where
// nothing else is wrong.
func (l *Links) Verify(method, path string, q url.Values) (Link, error) {
	for _, name := range []string{linkCustomer, linkExpires, linkKey, linkSignature} {
		if len(q[name]) != 1 {
			return Link{}, badLink()
		}
	}
	id := q.Get(linkKey)
	i := slices.IndexFunc(l.keys, func(k LinkKey) bool { return k.ID == id })
	given, err := tokenEncoding.DecodeString(q.Get(linkSignature))
	if i < 0 || err != nil {
		return Link{}, badLink()
	}
	want := l.keys[i].sum(method, path, q.Get(linkCustomer), q.Get(linkExpires))
	if !hmac.Equal(given, want) {
		return Link{}, badLink()
	}
	seconds, err := strconv.ParseInt(q.Get(linkExpires), 10, 64)
	if err != nil {
		return Link{}, badLink() // signed by us, and yet no time
	}
	out := Link{Method: method, Path: path, Customer: q.Get(linkCustomer), Expires: time.Unix(seconds, 0).UTC(), Key: id}
	if !l.now().Before(out.Expires) {
		return out, &social.Error{Kind: social.KindForbidden, Safe: "The link has expired; ask for another one.", Err: ErrExpired}
	}
	return out, nil
}

func badLink() *social.Error {
	return social.Errorf(social.KindForbidden, "The link is not one that this site has made.")
}
