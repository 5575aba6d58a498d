package webpush

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"rambla/pushgw"
)

func TestEveryAnswerOfAPushServiceHasItsVerdict(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	endpoint, err := url.Parse("https://push.example.org/wpush/v2/gAAAAsecret")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   pushgw.Answer
	}{
		"created":                       {201, map[string]string{"Location": "https://push.example.org/m/0:17%25e6"}, "", pushgw.Answer{Verdict: pushgw.Accepted, ID: "0:17%e6"}},
		"created at the secret":         {201, map[string]string{"Location": "https://push.example.org/m/gAAAAsecret"}, "", pushgw.Answer{Verdict: pushgw.Accepted}},
		"created below the secret":      {201, map[string]string{"Location": "https://push.example.org/m/gAAAAsecret:1"}, "", pushgw.Answer{Verdict: pushgw.Accepted}},
		"taken":                         {200, nil, "", pushgw.Answer{Verdict: pushgw.Accepted}},
		"taken for later":               {202, nil, "", pushgw.Answer{Verdict: pushgw.Accepted}},
		"a bad topic (Apple)":           {400, nil, `{"reason":"BadWebPushTopic"}`, pushgw.Answer{Verdict: pushgw.Refused, Code: "BadWebPushTopic"}},
		"a bad request (Mozilla)":       {400, nil, `{"code":400,"errno":110,"message":"for gAAAAsecret"}`, pushgw.Answer{Verdict: pushgw.Refused, Code: "errno 110"}},
		"another key (Google, old)":     {400, nil, "UnauthorizedRegistration", pushgw.Answer{Verdict: pushgw.Gone, Code: "VapidKeyMismatch"}},
		"another key (Google)":          {403, nil, "the VAPID credentials in the authorization header do not correspond to the credentials used to create the subscriptions.\n", pushgw.Answer{Verdict: pushgw.Gone, Code: "VapidKeyMismatch"}},
		"another key (Mozilla)":         {401, nil, `{"code":401,"errno":109,"error":"Unauthorized","message":"VAPID public key mismatch"}`, pushgw.Answer{Verdict: pushgw.Gone, Code: "VapidKeyMismatch"}},
		"another key (Apple)":           {403, nil, `{"reason":"VapidPkHashMismatch"}`, pushgw.Answer{Verdict: pushgw.Gone, Code: "VapidKeyMismatch"}},
		"a token that is none (Apple)":  {403, nil, `{"reason":"BadJwtToken"}`, pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "BadJwtToken"}},
		"a token that is none (others)": {401, nil, `{"code":401,"errno":109,"message":"Auth expired"}`, pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "errno 109"}},
		"forbidden":                     {403, nil, "<html>", pushgw.Answer{Verdict: pushgw.Misconfigured, Code: "http_403"}},
		"not found":                     {404, nil, "", pushgw.Answer{Verdict: pushgw.Gone, Code: "http_404"}},
		"gone":                          {410, nil, `{"code":410,"errno":106}`, pushgw.Answer{Verdict: pushgw.Gone, Code: "errno 106"}},
		"too many (Windows)":            {406, nil, "", pushgw.Answer{Verdict: pushgw.Throttled, Code: "http_406", After: time.Minute}},
		"too large":                     {413, nil, "", pushgw.Answer{Verdict: pushgw.TooLarge, Code: "http_413"}},
		"too many":                      {429, map[string]string{"Retry-After": "90"}, "", pushgw.Answer{Verdict: pushgw.Throttled, Code: "http_429", After: 90 * time.Second}},
		"too many, until a time":        {429, map[string]string{"Retry-After": "Sat, 21 Nov 2026 12:05:00 GMT"}, "", pushgw.Answer{Verdict: pushgw.Throttled, Code: "http_429", After: 5 * time.Minute}},
		"too many, until the past":      {429, map[string]string{"Retry-After": "Sat, 21 Nov 2020 12:05:00 GMT"}, "", pushgw.Answer{Verdict: pushgw.Throttled, Code: "http_429", After: time.Minute}},
		"too many, and nonsense":        {429, map[string]string{"Retry-After": "soon"}, "", pushgw.Answer{Verdict: pushgw.Throttled, Code: "http_429", After: time.Minute}},
		"moved":                         {301, map[string]string{"Location": "https://evil.test/"}, "", pushgw.Answer{Verdict: pushgw.Retry, Code: "http_301"}},
		"moved for now":                 {307, map[string]string{"Location": "https://evil.test/"}, "", pushgw.Answer{Verdict: pushgw.Retry, Code: "http_307"}},
		"a fault":                       {500, nil, `{"errno":999}`, pushgw.Answer{Verdict: pushgw.Retry, Code: "errno 999"}},
		"a bad gateway":                 {502, nil, "<html>", pushgw.Answer{Verdict: pushgw.Retry, Code: "http_502"}},
		"an overload":                   {503, map[string]string{"Retry-After": "86400"}, "", pushgw.Answer{Verdict: pushgw.Retry, Code: "http_503", After: maxWait}},
		"a slow gateway":                {504, nil, "", pushgw.Answer{Verdict: pushgw.Retry, Code: "http_504"}},
		"a method that is none":         {405, nil, "", pushgw.Answer{Verdict: pushgw.Refused, Code: "http_405"}},
		"a reason that is a sentence":   {400, nil, `{"reason":"for gAAAAsecret"}`, pushgw.Answer{Verdict: pushgw.Refused, Code: "http_400"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			for k, v := range row.header {
				header.Set(k, v)
			}
			row.want.Status = row.status
			if got := read(row.status, header, []byte(row.body), endpoint, false, now); got != row.want {
				t.Errorf("answer %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestOneEndpointThatLetsNobodyInStopsNoOther(t *testing.T) {
	t.Parallel()
	endpoint, err := url.Parse("https://push.example.org/some/other/service")
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]pushgw.Verdict{
		"": pushgw.Refused,
		`{"error":{"code":401,"status":"UNAUTHENTICATED","message":"Request had invalid authentication credentials."}}`: pushgw.Refused,
		`{"reason":"BadJwtToken"}`:                                       pushgw.Misconfigured,
		`{"code":401,"errno":109,"message":"Unauthorized"}`:              pushgw.Misconfigured,
		"permission denied: invalid JWT provided\n":                      pushgw.Misconfigured,
		"exp claim MUST NOT be more than 24 hours from the time":         pushgw.Misconfigured,
		`{"code":401,"errno":109,"message":"VAPID public key mismatch"}`: pushgw.Gone,
	} {
		for _, status := range []int{401, 403} {
			if got := read(status, http.Header{}, []byte(body), endpoint, true, time.Now()); got.Verdict != want {
				t.Errorf("%d %s: %+v", status, body, got)
			}
		}
	}
}
