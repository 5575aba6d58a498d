package fcm

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"rambla/pushgw"
)

const (
	fcmDetail   = `{"error":{"code":1,"status":"STATUS","message":"MESSAGE","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"CODE"}]}}`
	fieldDetail = `{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"FIELD","description":"DESCRIPTION"}]}]}}`
	quotaDetail = `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"QUOTA_EXCEEDED"},{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"subject":"SUBJECT","description":"too many"}]}]}}`
	plain       = `{"error":{"code":1,"status":"STATUS","message":"MESSAGE"}}`
	page        = `<!DOCTYPE html><title>Error</title>`
)

func body(form string, with ...string) []byte {
	return []byte(strings.NewReplacer(with...).Replace(form))
}

func TestEveryAnswerOfFCMHasItsVerdict(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		status int
		after  string
		body   []byte
		want   pushgw.Answer
	}{
		"accepted":                      {200, "", []byte(`{"name":"projects/p/messages/1"}`), pushgw.Answer{Verdict: pushgw.Accepted, ID: "projects/p/messages/1"}},
		"unregistered":                  {404, "", body(fcmDetail, "STATUS", "NOT_FOUND", "CODE", "UNREGISTERED"), pushgw.Answer{Verdict: pushgw.Gone, Code: "UNREGISTERED"}},
		"a token that is none":          {400, "", body(fcmDetail, "STATUS", "INVALID_ARGUMENT", "CODE", "INVALID_ARGUMENT", "MESSAGE", "The registration token is not a valid FCM registration token"), pushgw.Answer{Verdict: pushgw.Gone, Code: "INVALID_ARGUMENT"}},
		"the field of the token":        {400, "", body(fieldDetail, "FIELD", "message.token"), pushgw.Answer{Verdict: pushgw.Gone, Code: "INVALID_ARGUMENT"}},
		"the field of the installation": {400, "", body(fieldDetail, "FIELD", "message.fid"), pushgw.Answer{Verdict: pushgw.Gone, Code: "INVALID_ARGUMENT"}},
		"another field":                 {400, "", body(fieldDetail, "FIELD", "message.android.ttl"), pushgw.Answer{Verdict: pushgw.Refused, Code: "INVALID_ARGUMENT"}},
		"a field that is too big":       {400, "", body(fieldDetail, "FIELD", "message.data", "DESCRIPTION", "Message is too big"), pushgw.Answer{Verdict: pushgw.TooLarge, Code: "INVALID_ARGUMENT"}},
		"a message that is too big":     {400, "", body(fcmDetail, "STATUS", "INVALID_ARGUMENT", "CODE", "INVALID_ARGUMENT", "MESSAGE", "Android message is too big"), pushgw.Answer{Verdict: pushgw.TooLarge, Code: "INVALID_ARGUMENT"}},
		"400 without details":           {400, "", body(plain, "STATUS", "INVALID_ARGUMENT"), pushgw.Answer{Verdict: pushgw.Refused, Code: "INVALID_ARGUMENT"}},
		"another sender":                {403, "", body(fcmDetail, "STATUS", "PERMISSION_DENIED", "CODE", "SENDER_ID_MISMATCH"), pushgw.Answer{Verdict: pushgw.Gone, Code: "SENDER_ID_MISMATCH"}},
		"no permission":                 {403, "", body(plain, "STATUS", "PERMISSION_DENIED"), pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "PERMISSION_DENIED"}},
		"no such project":               {404, "", body(plain, "STATUS", "NOT_FOUND"), pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "NOT_FOUND"}},
		"not signed in":                 {401, "", body(plain, "STATUS", "UNAUTHENTICATED"), pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "UNAUTHENTICATED"}},
		"Apple's key is missing":        {401, "", body(fcmDetail, "STATUS", "UNAUTHENTICATED", "CODE", "THIRD_PARTY_AUTH_ERROR"), pushgw.Answer{Verdict: pushgw.Throttled, Code: "THIRD_PARTY_AUTH_ERROR", After: appleWait}},
		"the quota of the project":      {429, "", body(quotaDetail, "SUBJECT", "project:1"), pushgw.Answer{Verdict: pushgw.Retry, Code: "QUOTA_EXCEEDED", After: time.Minute}},
		"the quota of the device":       {429, "", body(quotaDetail, "SUBJECT", "device:x"), pushgw.Answer{Verdict: pushgw.Throttled, Code: "QUOTA_EXCEEDED", After: time.Minute}},
		"a quota, and until when":       {429, "17", body(fcmDetail, "STATUS", "RESOURCE_EXHAUSTED", "CODE", "QUOTA_EXCEEDED"), pushgw.Answer{Verdict: pushgw.Retry, Code: "QUOTA_EXCEEDED", After: 17 * time.Second}},
		"a fault":                       {500, "", body(fcmDetail, "STATUS", "INTERNAL", "CODE", "INTERNAL"), pushgw.Answer{Verdict: pushgw.Retry, Code: "INTERNAL"}},
		"an overload, with a date":      {503, "Sat, 21 Nov 2026 12:00:30 GMT", body(fcmDetail, "STATUS", "UNAVAILABLE", "CODE", "UNAVAILABLE"), pushgw.Answer{Verdict: pushgw.Retry, Code: "UNAVAILABLE", After: 30 * time.Second}},
		"an overload for ever":          {503, "2000000000", body(plain, "STATUS", "UNAVAILABLE"), pushgw.Answer{Verdict: pushgw.Retry, Code: "UNAVAILABLE", After: maxWait}},
		"something unspecified":         {400, "", body(fcmDetail, "STATUS", "UNKNOWN", "CODE", "UNSPECIFIED_ERROR"), pushgw.Answer{Verdict: pushgw.Retry, Code: "UNSPECIFIED_ERROR"}},
		"a code of next year":           {418, "", body(fcmDetail, "STATUS", "NEW", "CODE", "NEW_CODE"), pushgw.Answer{Verdict: pushgw.Retry, Code: "NEW_CODE"}},
		"a page with 404":               {404, "", []byte(page), pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "http_404"}},
		"a page with 400":               {400, "", []byte(page), pushgw.Answer{Verdict: pushgw.Retry, Code: "http_400"}},
		"a page with 503":               {503, "5", []byte(page), pushgw.Answer{Verdict: pushgw.Retry, Code: "http_503", After: 5 * time.Second}},
		"too much for a proxy":          {413, "", []byte(page), pushgw.Answer{Verdict: pushgw.TooLarge, Code: "http_413"}},
		"a code that is a text":         {403, "", body(fcmDetail, "STATUS", "see token fcm-1", "CODE", "fcm-token:of-ann"), pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "http_403"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if row.after != "" {
				header.Set("Retry-After", row.after)
			}
			row.want.Status = row.status
			if got := read(row.status, header, row.body, now); got != row.want {
				t.Errorf("answer %+v, want %+v", got, row.want)
			}
		})
	}
}
