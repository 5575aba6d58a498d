package apns

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rambla/pushgw"
)

// rule is what an answer of Apple's leads to.
type rule struct {
	verdict pushgw.Verdict
	after   time.Duration // where it does not say itself
	spoils  bool          // the connection must not be used again
	again   bool          // nothing was processed: at once, once
}

// rules are Apple's reasons ("Handling notification responses from APNs", and the
// reasons of keys that are limited to a topic or a world).
var rules = map[string]rule{
	"BadDeviceToken":         {verdict: pushgw.Gone},
	"DeviceTokenNotForTopic": {verdict: pushgw.Gone},
	"Unregistered":           {verdict: pushgw.Gone},
	"ExpiredToken":           {verdict: pushgw.Gone},

	"TopicDisallowed":            {verdict: pushgw.Misconfigured},
	"BadTopic":                   {verdict: pushgw.Misconfigured},
	"MissingTopic":               {verdict: pushgw.Misconfigured},
	"ExpiredProviderToken":       {verdict: pushgw.Misconfigured, again: true}, // see Sender.push
	"InvalidProviderToken":       {verdict: pushgw.Misconfigured},
	"MissingProviderToken":       {verdict: pushgw.Misconfigured},
	"UnrelatedKeyIdInToken":      {verdict: pushgw.Misconfigured},
	"BadEnvironmentKeyIdInToken": {verdict: pushgw.Misconfigured},
	"BadCertificate":             {verdict: pushgw.Misconfigured},
	"BadCertificateEnvironment":  {verdict: pushgw.Misconfigured},
	"Forbidden":                  {verdict: pushgw.Misconfigured},

	"BadCollapseId":      {verdict: pushgw.Refused},
	"BadExpirationDate":  {verdict: pushgw.Refused},
	"BadMessageId":       {verdict: pushgw.Refused},
	"BadPriority":        {verdict: pushgw.Refused},
	"DuplicateHeaders":   {verdict: pushgw.Refused},
	"InvalidPushType":    {verdict: pushgw.Refused},
	"MissingDeviceToken": {verdict: pushgw.Refused},
	"PayloadEmpty":       {verdict: pushgw.Refused},
	"BadPath":            {verdict: pushgw.Refused},
	"MethodNotAllowed":   {verdict: pushgw.Refused},

	"PayloadTooLarge": {verdict: pushgw.TooLarge},
	"TooManyRequests": {verdict: pushgw.Throttled, after: 30 * time.Second},

	"IdleTimeout":         {verdict: pushgw.Retry, spoils: true, again: true},
	"ServiceUnavailable":  {verdict: pushgw.Retry},
	"Shutdown":            {verdict: pushgw.Retry, spoils: true},
	"InternalServerError": {verdict: pushgw.Retry, after: 5 * time.Second, spoils: true}, // it says so for ever on the same connection
	// The token stays as it is; another connection takes it.
	"TooManyProviderTokenUpdates": {verdict: pushgw.Retry, after: 10 * time.Second, spoils: true},
}

func spoils(status int, reason string) bool {
	if r, ok := rules[reason]; ok {
		return r.spoils
	}
	return status >= http.StatusInternalServerError
}

// answer is what an answered flight means. Apple's own words decide; without
// them somebody in between has spoken, of whom nothing is believed but that it is
// to be tried again.
func (f *flight) answer(now time.Time) pushgw.Answer {
	a := pushgw.Answer{Status: f.status, Code: f.reason, ID: f.id, After: retryAfter(f.retryAfter, now), Since: f.since}
	r, known := rules[f.reason]
	switch {
	case f.status == http.StatusOK && f.json && f.reason == "":
		a.Verdict = pushgw.Accepted
		return a
	case known && f.status >= http.StatusBadRequest:
		a.Verdict = r.verdict
		a.After = max(a.After, r.after)
	case f.status == http.StatusRequestEntityTooLarge:
		a.Verdict = pushgw.TooLarge
	case f.status == http.StatusTooManyRequests:
		a.Verdict, a.After = pushgw.Retry, max(a.After, 30*time.Second)
	case f.json && f.reason != "" && f.status >= http.StatusBadRequest && f.status < http.StatusInternalServerError:
		a.Verdict = pushgw.Refused // a reason that came after this was written
	default:
		a.Verdict = pushgw.Retry
	}
	if !known {
		a.Code = "http_" + strconv.Itoa(f.status)
		if word := plain(f.reason); word != "" {
			a.Code = word
		}
	}
	if a.Verdict != pushgw.Gone {
		a.Since = time.Time{}
	}
	a.ID = ""
	return a
}

// plain is a word that may be written down; empty for anything that is not one.
func plain(reason string) string {
	if len(reason) > 48 || strings.Trim(reason, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return reason
}

// retryAfter reads the header's two forms (RFC 9110 section 10.2.3); more than a
// day is not believed.
func retryAfter(header string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseInt(header, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}

// unanswered is for a push of which nothing is known. The error is freed of the
// request's address, as that has the device's token in it.
func unanswered(ctx context.Context, err error) pushgw.Answer {
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err
	}
	a := pushgw.Answer{Verdict: pushgw.Retry, Code: "connection", Err: err}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted || errors.Is(err, errNotHTTP2):
		a.Verdict, a.Code = pushgw.Misconfigured, "certificate"
		if !untrusted {
			a.Code = "not_http2"
		}
	case errors.Is(ctx.Err(), context.Canceled):
		a.Code, a.Err = "canceled", fmt.Errorf("push to APNs: %w", context.Cause(ctx))
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded):
		a.Code = "timeout"
	}
	return a
}
