package fcm

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rambla/pushgw"
)

const (
	// quotaWait is what to wait after 429 where Google does not say.
	quotaWait = time.Minute
	maxWait   = time.Hour // whatever is said
	// appleWait is for a device of Apple's that is registered with FCM, in a project
	// without a key for Apple. The operator can mend it, but it must not stop those of
	// Android meanwhile, so only the device waits.
	appleWait = 15 * time.Minute
)

// word is what may stand as a code in records: never text that quotes a request.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z_]{0,63}$`)

// said is the body of an answer that is no 200: google.rpc.Status, with
// FcmError, BadRequest, QuotaFailure and RetryInfo among its details.
type said struct {
	Error struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Details []detail `json:"details"`
	} `json:"error"`
}

type detail struct {
	Type      string `json:"@type"`
	ErrorCode string `json:"errorCode"`
	Fields    []struct {
		Field       string `json:"field"`
		Description string `json:"description"`
	} `json:"fieldViolations"`
	Quotas []struct {
		Subject     string `json:"subject"`
		Description string `json:"description"`
	} `json:"violations"`
	RetryDelay string `json:"retryDelay"`
}

// fcmVerdicts is what the codes of FcmError mean; of the rest see byStatus.
var fcmVerdicts = map[string]pushgw.Verdict{
	"UNREGISTERED":           pushgw.Gone,
	"SENDER_ID_MISMATCH":     pushgw.Gone,      // of one; where it is of many, the breaker before removals sees it
	"THIRD_PARTY_AUTH_ERROR": pushgw.Throttled, // see appleWait
	"APNS_AUTH_ERROR":        pushgw.Throttled,
	"QUOTA_EXCEEDED":         pushgw.Retry,
	"INTERNAL":               pushgw.Retry,
	"UNAVAILABLE":            pushgw.Retry,
	"UNSPECIFIED_ERROR":      pushgw.Retry,
}

// byStatus is for answers that say nothing more, also from somebody in between.
var byStatus = map[int]pushgw.Verdict{
	http.StatusUnauthorized:          pushgw.Misconfigured,
	http.StatusForbidden:             pushgw.Misconfigured, // the API is off, or the account may not send
	http.StatusNotFound:              pushgw.Misconfigured, // no such project, or not FCM at all
	http.StatusMethodNotAllowed:      pushgw.Misconfigured,
	http.StatusRequestEntityTooLarge: pushgw.TooLarge,
}

// read is the table from Google's answers to what becomes of the push.
func read(status int, header http.Header, body []byte, now time.Time) pushgw.Answer {
	answer := pushgw.Answer{Status: status}
	if status == http.StatusOK {
		var accepted struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(body, &accepted) != nil || accepted.Name == "" {
			answer.Verdict, answer.Code = pushgw.Retry, "NotFCM" // a page of somebody in between
			return answer
		}
		answer.Verdict, answer.ID = pushgw.Accepted, accepted.Name
		return answer
	}
	var s said
	readable := json.Unmarshal(body, &s) == nil && s.Error.Status != ""
	answer.Code = cmp.Or(s.code(), "http_"+strconv.Itoa(status))
	answer.Verdict = s.verdict(status, readable)
	if answer.Verdict == pushgw.Retry || answer.Verdict == pushgw.Throttled {
		answer.After = after(header, &s, now)
		switch {
		case answer.After != 0:
		case status == http.StatusTooManyRequests:
			answer.After = quotaWait
		case status == http.StatusUnauthorized:
			answer.After = appleWait
		}
	}
	return answer
}

func (s *said) verdict(status int, readable bool) pushgw.Verdict {
	code, known := fcmVerdicts[s.fcmCode()]
	switch {
	case s.tooBig():
		return pushgw.TooLarge
	case s.throttlesDevice(status):
		return pushgw.Throttled
	case known:
		return code
	case status == http.StatusBadRequest && readable:
		return s.badRequest()
	}
	return cmp.Or(byStatus[status], pushgw.Retry)
}

// badRequest tells a token that is none from a message that is wrong: both are
// INVALID_ARGUMENT. What is said of fields decides; without it, FCM's own detail
// stands for the token.
func (s *said) badRequest() pushgw.Verdict {
	fields, ofToken := 0, 0
	for _, d := range s.Error.Details {
		for _, f := range d.Fields {
			fields++
			if f.Field == "message.token" || f.Field == "message.fid" {
				ofToken++
			}
		}
	}
	if fields > 0 && ofToken == fields || fields == 0 && s.fcmCode() == "INVALID_ARGUMENT" {
		return pushgw.Gone
	}
	return pushgw.Refused
}

// tooBig: the size of a message has no code of its own.
func (s *said) tooBig() bool {
	if s.Error.Status != "INVALID_ARGUMENT" {
		return false
	}
	big := strings.Contains(strings.ToLower(s.Error.Message), "too big")
	for _, d := range s.Error.Details {
		for _, f := range d.Fields {
			big = big || strings.Contains(strings.ToLower(f.Description), "too big")
		}
	}
	return big
}

// throttlesDevice tells the quota of a device from the project's, which everybody
// has to wait for.
func (s *said) throttlesDevice(status int) bool {
	if status != http.StatusTooManyRequests {
		return false
	}
	for _, d := range s.Error.Details {
		for _, q := range d.Quotas {
			text := strings.ToLower(q.Subject + " " + q.Description)
			if strings.Contains(text, "device") || strings.Contains(text, "registration") {
				return true
			}
		}
	}
	return false
}

func (s *said) fcmCode() string {
	for _, d := range s.Error.Details {
		if strings.HasSuffix(d.Type, "google.firebase.fcm.v1.FcmError") {
			return d.ErrorCode
		}
	}
	return ""
}

func (s *said) code() string {
	for _, c := range []string{s.fcmCode(), s.Error.Status} {
		if word.MatchString(c) {
			return c
		}
	}
	return ""
}

// after is how long Google asks to wait: seconds or a date in Retry-After, or a
// RetryInfo. 0 where it does not.
func after(header http.Header, s *said, now time.Time) time.Duration {
	var wait time.Duration
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second //nolint:gosec // 31 bits
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	if s != nil && wait == 0 {
		for _, d := range s.Error.Details {
			if said, err := time.ParseDuration(d.RetryDelay); err == nil {
				wait = said
			}
		}
	}
	return min(max(wait, 0), maxWait)
}
