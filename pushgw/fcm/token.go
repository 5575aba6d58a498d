package fcm

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

	"rambla/pushgw"
)

const (
	// spare is how long before its end a token is renewed, so that it does not end
	// on the way; at most a tenth of its life.
	spare = time.Minute
	// refusalHolds is how long an answer without a token is kept: everybody who
	// waits for one gets it, instead of asking again one after the other.
	refusalHolds = 2 * time.Second
	// maxRefusal is for credentials that were refused: the operator replaces them,
	// or Google learns of the new key.
	maxRefusal = 30 * time.Second
)

// account signs grants.
type account struct {
	grant   *jwt.Config
	project string
}

func readAccount(text []byte) (*account, error) {
	grant, err := google.JWTConfigFromJSON(text, scope)
	if err != nil {
		return nil, errors.New("it is not JSON of that type") // theirs may quote it
	}
	var file struct {
		Project string `json:"project_id"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, errors.New("it is not JSON of that type")
	}
	block, _ := pem.Decode(grant.PrivateKey)
	if block == nil || grant.Email == "" {
		return nil, errors.New("it has no client_email or no private_key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if _, is := key.(*rsa.PrivateKey); err != nil || !is {
		return nil, errors.New("its private_key is no RSA key")
	}
	return &account{grant: grant, project: file.Project}, nil
}

// tokens is the OAuth token that all requests share. Whoever finds none fetches
// one while the others wait.
type tokens struct {
	grant *jwt.Config
	rt    http.RoundTripper
	now   func() time.Time

	// turn is held by whoever reads or changes what follows; a channel, because
	// those who wait for it give up when their context ends.
	turn    chan struct{}
	token   string
	renew   time.Time // when the token is not used any more
	refusal pushgw.Answer
	refused time.Time // until when the refusal stands
}

func newTokens(grant *jwt.Config, rt http.RoundTripper, now func() time.Time) *tokens {
	return &tokens{grant: grant, rt: rt, now: now, turn: make(chan struct{}, 1)}
}

// get is the token, or what to answer in place of a push.
func (t *tokens) get(ctx context.Context) (string, *pushgw.Answer) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		answer := unanswered(ctx, ctx.Err())
		return "", &answer
	}
	defer func() { <-t.turn }()
	now := t.now()
	if t.token != "" && now.Before(t.renew) {
		return t.token, nil
	}
	if now.Before(t.refused) {
		refusal := t.refusal
		return "", &refusal
	}
	token, answer := t.fetch(ctx)
	now = t.now()
	switch {
	case answer == nil:
		life := token.Expiry.Sub(now)
		t.token, t.renew = token.AccessToken, token.Expiry.Add(-min(spare, life/10))
		return t.token, nil
	case ctx.Err() != nil: // the next in line may have more time
	default:
		hold := refusalHolds
		if answer.Verdict == pushgw.Misconfigured {
			hold = maxRefusal
		}
		t.refusal, t.refused = *answer, now.Add(hold)
	}
	return "", answer
}

// drop forgets a token that was not taken, unless it has been replaced meanwhile.
func (t *tokens) drop(ctx context.Context, token string) {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done(): // the next whom it is refused drops it
		return
	}
	defer func() { <-t.turn }()
	if t.token == token {
		t.token = ""
	}
}

func (t *tokens) fetch(ctx context.Context) (*oauth2.Token, *pushgw.Answer) {
	asked := &grantRequest{next: t.rt, ctx: ctx}
	source := t.grant.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: asked}))
	token, err := source.Token()
	switch {
	case asked.err != nil:
		answer := unanswered(ctx, asked.err)
		return nil, &answer
	case asked.status == http.StatusOK && err == nil && token.AccessToken != "":
		if token.Expiry.IsZero() {
			token.Expiry = t.now().Add(time.Hour)
		}
		return token, nil
	default:
		return nil, readRefusal(asked, t.now())
	}
}

// grantRequest keeps the answer to a grant, of which the library tells the status
// only, and lets it end with the context, which the library does not. It belongs
// to one exchange.
type grantRequest struct {
	next http.RoundTripper
	ctx  context.Context //nolint:containedctx // the library makes a request without one

	status int
	header http.Header
	body   []byte
	err    error
}

func (g *grantRequest) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.status != 0 { // a redirect: the grant is for nobody else
		return nil, errors.New("redirected")
	}
	g.status, g.header, g.body, g.err = exchange(g.next, r.WithContext(g.ctx))
	if g.err != nil {
		return nil, g.err
	}
	return &http.Response{
		StatusCode: g.status, Header: g.header, Request: r, Body: io.NopCloser(bytes.NewReader(g.body)),
	}, nil
}

// readRefusal is for any answer that held no token.
func readRefusal(g *grantRequest, now time.Time) *pushgw.Answer {
	var said struct {
		Error string `json:"error"`
	}
	answer := &pushgw.Answer{Verdict: pushgw.Retry, Status: g.status, Code: "oauth_http_" + strconv.Itoa(g.status), After: after(g.header, nil, now)}
	if json.Unmarshal(g.body, &said) == nil && word.MatchString(said.Error) {
		answer.Code = said.Error
		// RFC 6749 5.2: all of its errors are of what was sent, which is the same
		// next time. Google says with them that a key was deleted or a clock is wrong.
		if g.status == http.StatusBadRequest || g.status == http.StatusUnauthorized || g.status == http.StatusForbidden {
			answer.Verdict = pushgw.Misconfigured
		}
	}
	return answer
}
