package webpush

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rambla/pushgw"
)

const (
	// quotaWait is what to wait after 429 where the service does not say.
	quotaWait = time.Minute
	maxWait   = time.Hour // whatever is said
	maxID     = 128       // bytes
)

// verdicts is what statuses mean; of 401, 403 and 400 see the body, and whatever
// is not here may pass.
var verdicts = map[int]pushgw.Verdict{
	http.StatusOK:       pushgw.Accepted,
	http.StatusCreated:  pushgw.Accepted,
	http.StatusAccepted: pushgw.Accepted, // RFC 8030 5.1, and WNS

	http.StatusBadRequest:            pushgw.Refused,
	http.StatusUnauthorized:          pushgw.Misconfigured,
	http.StatusForbidden:             pushgw.Misconfigured,
	http.StatusNotFound:              pushgw.Gone,
	http.StatusMethodNotAllowed:      pushgw.Refused,
	http.StatusNotAcceptable:         pushgw.Throttled, // how WNS says it
	http.StatusGone:                  pushgw.Gone,
	http.StatusLengthRequired:        pushgw.Refused,
	http.StatusRequestEntityTooLarge: pushgw.TooLarge,
	http.StatusUnsupportedMediaType:  pushgw.Refused,
	http.StatusTooManyRequests:       pushgw.Throttled,
}

// otherKey is how services say that a browser subscribed for another VAPID key
// than the one that signs: the subscription is worth nothing any more, while
// others may be. Apple has a word for it and Google and Mozilla sentences.
var otherKey = []string{
	"vapidpkhashmismatch", "unauthorizedregistration", "public key mismatch",
	"do not correspond to the credentials used", "does not correspond to the sender id",
}

// aboutToken is what services say of a VAPID token that is wrong for every device:
// a clock, a contact or a key.
var aboutToken = []string{"jwt", "bearer token", "vapid token", " claim", "auth expired", `"errno":109`, `"errno": 109`}

var word = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{0,63}$`)

func accepted(status int) bool { return verdicts[status] == pushgw.Accepted }

// read is the table from a push service's answers to what becomes of the push.
// proven: the service has taken tokens of ours lately.
func read(status int, header http.Header, body []byte, endpoint *url.URL, proven bool, now time.Time) pushgw.Answer {
	answer := pushgw.Answer{Verdict: cmp.Or(verdicts[status], pushgw.Retry), Status: status}
	if answer.Verdict == pushgw.Accepted {
		answer.ID = messageID(header.Get("Location"), endpoint)
		return answer
	}
	answer.Code = cmp.Or(code(body), "http_"+strconv.Itoa(status))
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		switch {
		case mentions(body, otherKey):
			answer.Verdict, answer.Code = pushgw.Gone, "VapidKeyMismatch"
		case answer.Verdict == pushgw.Misconfigured && proven && !mentions(body, aboutToken):
			// What an endpoint leads to is its owner's to choose, within the host: one
			// that lets nobody in says nothing of the others, and must not stop them.
			answer.Verdict = pushgw.Refused
		}
	}
	if answer.Verdict == pushgw.Retry || answer.Verdict == pushgw.Throttled {
		answer.After = after(header, now)
		if answer.After == 0 && answer.Verdict == pushgw.Throttled {
			answer.After = quotaWait
		}
	}
	return answer
}

func mentions(body []byte, phrases []string) bool {
	text := strings.ToLower(string(body))
	return slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(text, phrase) })
}

// code is the service's word, where it has one: Apple's reason, or the number of
// Mozilla's autopush. Sentences may quote the endpoint.
func code(body []byte) string {
	var said struct {
		Reason string `json:"reason"`
		Errno  int    `json:"errno"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	switch {
	case word.MatchString(said.Reason):
		return said.Reason
	case said.Errno > 0:
		return "errno " + strconv.Itoa(said.Errno)
	}
	return ""
}

// messageID is the last part of the message's address. The endpoint's own is a
// secret, and stands in the address at some services.
func messageID(location string, endpoint *url.URL) string {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return ""
	}
	id := path.Base(u.Path)
	if id == "/" || id == "." || len(id) > maxID || strings.Contains(endpoint.String(), id) || strings.Contains(id, path.Base(endpoint.Path)) {
		return ""
	}
	return id
}

// after is Retry-After, in seconds or as a date; 0 where there is none.
func after(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second //nolint:gosec // 31 bits
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}
