package simulator

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sideshow/apns2/token"
	"go.uber.org/goleak"
	"golang.org/x/net/http2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, c Config) *Simulator {
	t.Helper()
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func client(t *testing.T, s *Simulator) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CA()) {
		t.Fatal("the CA is no PEM")
	}
	transport := &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}} //nolint:staticcheck // as push clients do
	t.Cleanup(transport.CloseIdleConnections)                                   //nolint:staticcheck // likewise
	return &http.Client{Transport: transport}
}

func signed(t *testing.T, s *Simulator) string {
	t.Helper()
	key, err := token.AuthKeyFromFile(s.File("apns.p8"))
	if err != nil {
		t.Fatal(err)
	}
	return (&token.Token{AuthKey: key, KeyID: KeyID, TeamID: Team}).GenerateIfExpired()
}

const device = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"

func TestAPNsRefusesWhatAppleDoes(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	good := map[string]string{
		"authorization": "bearer " + signed(t, s), "apns-topic": "org.example.chat", "apns-push-type": "alert",
		"apns-priority": "10", "apns-id": "123e4567-e89b-12d3-a456-426655440000",
	}
	with := func(key, value string) map[string]string {
		out := map[string]string{}
		for k, v := range good {
			out[k] = v
		}
		out[key] = value
		return out
	}
	background := with("apns-push-type", "background")
	for name, row := range map[string]struct {
		token, body string
		header      map[string]string
		reason      string
	}{
		"a good push":                    {device, `{"aps":{"badge":1}}`, good, ""},
		"a background push with 10":      {device, `{"aps":{"content-available":1}}`, background, "BadPriority"},
		"more than 4096 bytes":           {device, `{"aps":{"badge":1},"x":"` + strings.Repeat("x", 4096) + `"}`, good, "PayloadTooLarge"},
		"a topic that the key is not of": {device, `{"aps":{"badge":1}}`, with("apns-topic", "org.other"), "TopicDisallowed"},
		"a long collapse id":             {device, `{"aps":{"badge":1}}`, with("apns-collapse-id", strings.Repeat("x", 65)), "BadCollapseId"},
		"an id that is no UUID":          {device, `{"aps":{"badge":1}}`, with("apns-id", "7"), "BadMessageId"},
		"no token of the provider":       {device, `{"aps":{"badge":1}}`, with("authorization", ""), "MissingProviderToken"},
		"another's signature":            {device, `{"aps":{"badge":1}}`, with("authorization", "bearer a.b.c"), "InvalidProviderToken"},
		"letters that are no hex":        {"zz", `{"aps":{"badge":1}}`, good, "BadDeviceToken"},
		"nothing at all":                 {device, "", good, "PayloadEmpty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(APNs)+"/3/device/"+row.token, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range row.header {
				req.Header.Set(k, v)
			}
			res, err := client(t, s).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			var answer struct{ Reason string }
			_ = json.NewDecoder(res.Body).Decode(&answer) // empty where it was taken
			if answer.Reason != row.reason || (res.StatusCode == http.StatusOK) != (row.reason == "") {
				t.Errorf("%d %q, want %q", res.StatusCode, answer.Reason, row.reason)
			}
		})
	}
}

func TestAScriptArrivesOverTheControlAddress(t *testing.T) {
	t.Parallel()
	s := start(t, Config{})
	put := func(path, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL("control")+path, bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", path, res.StatusCode)
		}
	}
	put("/latency", `{"ms":1}`)
	put("/script", `{"provider":"apns","token":"`+device+`","replies":[{"status":410,"reason":"Unregistered","since":1700000000000,"times":1}]}`)
	for _, want := range []int{http.StatusGone, http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(APNs)+"/3/device/"+device, strings.NewReader(`{"aps":{"badge":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("authorization", "bearer "+signed(t, s))
		req.Header.Set("apns-topic", "org.example.chat")
		req.Header.Set("apns-push-type", "alert")
		req.Header.Set("apns-id", "123e4567-e89b-12d3-a456-426655440000")
		res, err := client(t, s).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%d, want %d", res.StatusCode, want)
		}
	}
	if c := s.Counts(APNs); c.Accepted != 1 || c.Rejected["Unregistered"] != 1 || c.Connections != 2 {
		t.Errorf("counted %+v", c)
	}
}

func TestAColdConnectionThatIsGivenManyPushesIsClosed(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Latency: 20 * time.Millisecond})
	web, bearer := client(t, s), "bearer "+signed(t, s)
	push := func(n int) error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(APNs)+"/3/device/"+device, strings.NewReader(`{"aps":{"badge":1}}`))
		if err != nil {
			return err
		}
		for k, v := range map[string]string{
			"authorization": bearer, "apns-topic": "org.example.chat", "apns-push-type": "alert",
			"apns-id": fmt.Sprintf("123e4567-e89b-12d3-a456-%012x", n),
		} {
			req.Header.Set(k, v)
		}
		res, err := web.Do(req)
		if err != nil {
			return err
		}
		return res.Body.Close()
	}
	var work sync.WaitGroup
	for n := range 30 {
		work.Go(func() {
			_ = push(n) // most are refused, which is the point
		})
	}
	work.Wait()
	if c := s.Counts(APNs); c.GoAways == 0 || c.Refused == 0 || c.Duplicates != 0 {
		t.Errorf("30 at once over a cold connection: %+v", c)
	}
}

func TestTheJournalSaysWhatEachPushThatWasTakenTold(t *testing.T) {
	t.Parallel()
	l := newLedger(0, true)
	for _, p := range []Push{
		{Provider: APNs, Token: "a", Taken: true, Body: json.RawMessage(`{"aps":{},"kind":"message","stream":"/ctx/lobby/messages","seq":"7"}`)},
		{Provider: FCM, Token: "b", Taken: true, Body: json.RawMessage(`{"message":{"token":"b","data":{"kind":"clear","stream":"/ctx/lobby/messages","seq":"8"}}}`)},
		{Provider: APNs, Token: "a", Reason: "Unregistered", Body: json.RawMessage(`{"stream":"/ctx/lobby/messages","seq":"9"}`)},
		{Provider: WebPush, Token: "c", Taken: true},
	} {
		l.note(p)
	}
	s := &Simulator{ledger: l}
	got := s.Journal(0)
	for i, want := range []Taking{
		{Token: "a", Kind: "message", Stream: "/ctx/lobby/messages", Seq: 7},
		{Token: "b", Kind: "clear", Stream: "/ctx/lobby/messages", Seq: 8},
		{Token: "c"},
	} {
		if len(got) != 3 || got[i].At.IsZero() {
			t.Fatalf("%+v", got)
		}
		if got[i].At = (time.Time{}); got[i] != want {
			t.Errorf("%d is %+v, want %+v", i, got[i], want)
		}
	}
	if rest := s.Journal(2); len(rest) != 1 || rest[0].Token != "c" || len(s.Journal(9)) != 0 {
		t.Errorf("without the first two %+v", rest)
	}
	if s.Reset(); len(s.Journal(0)) != 0 {
		t.Error("it remembers what was forgotten")
	}
}
