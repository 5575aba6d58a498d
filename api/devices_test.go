package api_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"rambla/api"
	"rambla/social"
)

const pathOfDevices = "/v1/me/devices"

// point is a point of P-256 as clients write it.
func point(t *testing.T) string {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())
}

// subscription is a browser's, with a new key.
func subscription(t *testing.T, endpoint string) string {
	t.Helper()
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":"AAECAwQFBgcICQoLDA0ODw"}}`, endpoint, point(t))
}

func TestADeviceIsRegisteredOnceHoweverOftenItSaysSo(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		const body = `{"platform":"apns","token":"%s","app":"org.example.chat","environment":"sandbox","locale":"ca","timezone":"Europe/Madrid","mode":"preview","mqttClientId":"bob-phone","appVersion":"4.2"}`
		first := s.as("bob", "POST", pathOfDevices, fmt.Sprintf(body, strings.Repeat("aB", 32))).wants(201)
		id := first.text("id")
		for name, want := range map[string]string{
			"platform": "apns", "app": "org.example.chat", "environment": "sandbox", "locale": "ca", "timezone": "Europe/Madrid",
			"mode": "preview", "mqttClientId": "bob-phone", "appVersion": "4.2",
		} {
			if first.text(name) != want {
				t.Errorf("%s is %q in %s", name, first.text(name), first.body)
			}
		}
		if first.header.Get("Location") != pathOfDevices+"/"+id || len(first.text("hint")) != 8 || first.json()["encrypted"] != false {
			t.Errorf("at %q: %s", first.header.Get("Location"), first.body)
		}
		again := s.as("bob", "POST", pathOfDevices, fmt.Sprintf(body, strings.Repeat("ab", 32))).wants(200)
		if again.text("id") != id || again.text("hint") != first.text("hint") {
			t.Errorf("again %s", again.body)
		}
		if list := s.as("bob", "GET", pathOfDevices).wants(200); len(list.list("items")) != 1 || list.list("items")[0]["id"] != id {
			t.Errorf("bob has %s", list.body)
		}
		// A new token of the same app: the device is the same, the token is not known.
		if next := s.as("bob", "POST", pathOfDevices, fmt.Sprintf(body, strings.Repeat("cd", 32))).wants(201); next.text("id") != id {
			t.Errorf("with a new token %s", next.body)
		}
		// Carol signs in on the same phone.
		hers := s.as("carol", "POST", pathOfDevices, fmt.Sprintf(body, strings.Repeat("cd", 32))).wants(200)
		if hers.text("id") == id {
			t.Error("a device of another person kept its id")
		}
		if list := s.as("bob", "GET", pathOfDevices).wants(200); len(list.list("items")) != 0 {
			t.Errorf("bob still has %s", list.body)
		}
		s.as("bob", "DELETE", pathOfDevices+"/"+hers.text("id")).refused(404, "not_found")
		s.as("bob", "PATCH", pathOfDevices+"/"+hers.text("id"), `{"mode":"fetch"}`).refused(404, "not_found")
		s.as("carol", "DELETE", pathOfDevices+"/"+hers.text("id")).wants(204)
		s.as("carol", "DELETE", pathOfDevices+"/"+hers.text("id")).refused(404, "not_found")
		s.as("carol", "DELETE", pathOfDevices+"/none").refused(404, "not_found")
		s.as("carol", "PATCH", pathOfDevices+"/none", `{}`).refused(404, "not_found")
	})
}

func TestWhatOneSaysOfADeviceCanBeSaidAnew(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	id := s.as("bob", "POST", pathOfDevices, `{"platform":"fcm","token":"token-of-bob","locale":"es"}`).wants(201).text("id")
	at := pathOfDevices + "/" + id
	changed := s.as("bob", "PATCH", at, fmt.Sprintf(`{"mode":"preview","timezone":"Europe/Madrid","payloadKey":%q}`, point(t))).wants(200)
	if changed.text("mode") != "preview" || changed.text("timezone") != "Europe/Madrid" || changed.text("locale") != "es" || changed.json()["encrypted"] != true {
		t.Errorf("changed to %s", changed.body)
	}
	back := s.as("bob", "PATCH", at, `{"mode":"fetch","timezone":"","locale":"","payloadKey":"","mqttClientId":"x","appVersion":"9"}`).wants(200)
	if back.text("mode") != "fetch" || back.json()["timezone"] != nil || back.json()["locale"] != nil || back.json()["encrypted"] != false ||
		back.text("mqttClientId") != "x" || back.text("appVersion") != "9" {
		t.Errorf("changed back to %s", back.body)
	}
	if list := s.as("bob", "GET", pathOfDevices).wants(200).list("items"); len(list) != 1 || list[0]["appVersion"] != "9" {
		t.Errorf("listed %v", list)
	}
	for field, body := range map[string]string{
		"mode": `{"mode":"loud"}`, "locale": `{"locale":"not a tag"}`, "timezone": `{"timezone":"Madrid"}`, "payloadKey": `{"payloadKey":"AAAA"}`,
		"token": `{"token":"another-token"}`, "app": `{"app":"other"}`, "mqttClientId": `{"mqttClientId":"` + strings.Repeat("x", 1025) + `"}`,
		"appVersion": `{"appVersion":"` + strings.Repeat("x", 65) + `"}`,
	} {
		s.as("bob", "PATCH", at, body).refused(422, "invalid", field)
	}
}

func TestABrowserRegistersItsSubscriptionAsItPrintsIt(t *testing.T) {
	s := sqlite(t, api.Config{}, func(d *api.Deps) { d.VAPID = "BKey" })
	if key := s.as("", "GET", "/v1/info").wants(200).text("vapidPublicKey"); key != "BKey" {
		t.Errorf("the key is %q", key)
	}
	sub := subscription(t, "https://push.example.net/a/secret-of-bob")
	d := s.as("bob", "POST", pathOfDevices, `{"platform":"webpush","subscription":`+sub+`}`).wants(201)
	if d.text("platform") != "webpush" || d.json()["environment"] != nil {
		t.Errorf("registered %s", d.body)
	}
	s.as("bob", "POST", pathOfDevices, `{"platform":"webpush","subscription":`+sub+`}`).wants(200)
	later := strings.Replace(sub, "null", fmt.Sprint(time.Now().Add(time.Hour).UnixMilli()), 1)
	s.as("bob", "POST", pathOfDevices, `{"platform":"webpush","subscription":`+later+`}`).wants(200)
	if list := s.as("bob", "GET", pathOfDevices).wants(200); len(list.list("items")) != 1 || strings.Contains(string(list.body), "secret-of-bob") {
		t.Errorf("listed %s", list.body)
	}
}

func TestWhatIsWrongInARegistrationIsNamedAndNoTokenIsTold(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	hex := strings.Repeat("0123456789abcdef", 4)
	sub := subscription(t, "https://push.example.net/secret-token")
	offCurve := base64.RawURLEncoding.EncodeToString(append([]byte{4}, make([]byte, 64)...))
	web := func(from, to string) string {
		changed := strings.Replace(sub, from, to, 1)
		if changed == sub {
			t.Errorf("nothing of %s is %s", sub, from)
		}
		return `{"platform":"webpush","subscription":` + changed + `}`
	}
	for _, c := range []struct{ field, body string }{
		{"platform", `{"platform":"pigeon","token":"secret-token"}`},
		{"platform", `{"token":"secret-token"}`},
		{"token", `{"platform":"fcm"}`},
		{"token", `{"platform":"fcm","token":"short"}`},
		{"token", `{"platform":"fcm","token":"secret-token with spaces"}`},
		{"token", `{"platform":"fcm","token":"secret-token\u0000"}`},
		{"token", `{"platform":"fcm","token":"secret-token-ñ"}`},
		{"token", `{"platform":"fcm","token":"` + strings.Repeat("secret-token", 400) + `"}`},
		{"token", `{"platform":"apns","token":"secret-token"}`},
		{"token", `{"platform":"apns","token":"abc"}`},
		{"token", `{"platform":"apns","token":"` + hex + `a"}`},
		{"token", `{"platform":"apns","token":"` + strings.Repeat(hex, 7) + `"}`},
		{"token", `{"platform":"webpush","token":"secret-token","subscription":` + sub + `}`},
		{"subscription", `{"platform":"webpush"}`},
		{"subscription", `{"platform":"fcm","token":"secret-token","subscription":` + sub + `}`},
		{"subscription.endpoint", web("https://push.example.net/secret-token", "")},
		{"subscription.endpoint", web("https://push.example.net", "https://elsewhere.example.net")},
		{"subscription.endpoint", web("secret-token", "secret-token"+strings.Repeat("x", 2048))},
		{"subscription.keys.p256dh", web(`"p256dh":"`, `"p256dh":"AA`)},
		{"subscription.keys.p256dh", `{"platform":"webpush","subscription":{"endpoint":"https://push.example.net/secret-token","keys":{"p256dh":"` + offCurve + `","auth":"AAECAwQFBgcICQoLDA0ODw"}}}`},
		{"subscription.keys.auth", web("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0O")},
		{"subscription.keys.auth", web("AAECAwQFBgcICQoLDA0ODw", "not base64 at all!")},
		{"subscription.expirationTime", web("null", "1000")},
		{"subscription.expirationTime", web("null", "-1e300")},
		{"subscription.extra", web(`"keys"`, `"extra":1,"keys"`)},
		{"app", `{"platform":"fcm","token":"secret-token","app":"not an app"}`},
		{"app", `{"platform":"fcm","token":"secret-token","app":"` + strings.Repeat("x", 156) + `"}`},
		{"environment", `{"platform":"apns","token":"` + hex + `","environment":"staging"}`},
		{"mode", `{"platform":"fcm","token":"secret-token","mode":"loud"}`},
		{"locale", `{"platform":"fcm","token":"secret-token","locale":"català"}`},
		{"timezone", `{"platform":"fcm","token":"secret-token","timezone":"Local"}`},
		{"payloadKey", `{"platform":"fcm","token":"secret-token","payloadKey":"` + offCurve + `"}`},
		{"grant", `{"platform":"fcm","token":"secret-token","grant":"x"}`},
	} {
		a := s.as("bob", "POST", pathOfDevices, c.body).refused(422, "invalid", c.field)
		if strings.Contains(string(a.body), "secret-token") {
			t.Errorf("%s: the answer tells the token: %s", c.field, a.body)
		}
	}
	if list := s.as("bob", "GET", pathOfDevices).wants(200).list("items"); len(list) != 0 {
		t.Errorf("something was registered: %v", list)
	}
	if strings.Contains(s.log.String(), "secret-token") {
		t.Error("the log tells a token")
	}
}

func TestADeviceGoesWithItsLogin(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		register := func(token string) {
			s.tokens["bob"] = token
			s.as("bob", "POST", pathOfDevices, fmt.Sprintf(`{"platform":"fcm","token":"device-%s"}`, token[len(token)-8:])).wants(201)
		}
		mine := s.tokens["bob"]
		phone, tablet := s.login("bob", "bob-password"), s.login("bob", "bob-password")
		named := s.as("bob", "POST", "/v1/me/tokens", `{"name":"kiosk","scopes":["read","write"]}`).wants(201)
		register(phone)
		register(tablet)
		register(named.text("token"))
		want := func(n int) {
			t.Helper()
			s.tokens["bob"] = mine
			if got := s.as("bob", "GET", pathOfDevices).wants(200).list("items"); len(got) != n {
				t.Errorf("%d devices, want %d: %v", len(got), n, got)
			}
		}
		want(3)
		if a := s.form("/v1/oauth/revoke", url.Values{"token": {phone}}); a.status != 200 {
			t.Fatalf("log out: %d %s", a.status, a.body)
		}
		want(2)
		s.as("bob", "DELETE", "/v1/me/tokens/"+named.text("id")).wants(204)
		want(1)
		s.tokens["bob"] = phone
		s.as("bob", "POST", pathOfDevices, `{"platform":"fcm","token":"too-late-now"}`).refused(401, "unauthenticated")
		want(1)
	})
}

func TestATokenThatOnlyWritesLearnsNothingByADevice(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for _, scopes := range []string{`["write"]`, `["read"]`, `["read","write","ctx:lobby"]`} {
		made := s.as("bob", "POST", "/v1/me/tokens", `{"name":"x","scopes":`+scopes+`}`).wants(201)
		s.tokens["narrow"] = made.text("token")
		s.as("narrow", "POST", pathOfDevices, `{"platform":"fcm","token":"token-of-bob"}`).refused(403, "forbidden")
	}
}

func TestNobodyHasMoreThanTwentyDevices(t *testing.T) {
	s := sqlite(t, api.Config{}, nil)
	for i := range 23 {
		s.as("bob", "POST", pathOfDevices, fmt.Sprintf(`{"platform":"fcm","token":"token-%04d"}`, i)).wants(201)
	}
	page := s.as("bob", "GET", pathOfDevices+"?limit=15").wants(200)
	rest := s.as("bob", "GET", pathOfDevices+"?limit=15&cursor="+page.text("next")).wants(200)
	if len(page.list("items")) != 15 || len(rest.list("items")) != 5 || rest.json()["next"] != nil {
		t.Errorf("%d and %d are listed, and then %v", len(page.list("items")), len(rest.list("items")), rest.json()["next"])
	}
	s.as("bob", "POST", pathOfDevices, `{"platform":"fcm","token":"token-0000"}`).wants(201) // it was the longest unused
	s.as("bob", "POST", pathOfDevices, `{"platform":"fcm","token":"token-0022"}`).wants(200)
}

func TestAManagerAsksWhyThereWasNoPush(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		id := s.as("bob", "POST", pathOfDevices, `{"platform":"fcm","token":"secret-token"}`).wants(201).text("id")
		s.context("den", "open")
		post := s.post("alice", "den", "hello")
		trace := s.as("admin", "GET", "/v1/admin/push?person=bob").wants(200)
		if devices := trace.list("devices"); trace.text("person") != "bob" || len(devices) != 1 || devices[0]["id"] != id || len(trace.list("items")) != 0 {
			t.Errorf("told %s", trace.body)
		}
		s.as("admin", "GET", "/v1/admin/push?person=bob&post="+post).wants(200)
		s.as("admin", "GET", "/v1/admin/push?person=nobody").refused(404, "not_found")
		s.as("admin", "GET", "/v1/admin/push?person=bob&post=x").refused(404, "not_found")
		s.as("admin", "GET", "/v1/admin/push").refused(422, "invalid", "person")
		s.as("bob", "GET", "/v1/admin/push?person=bob").refused(403, "forbidden")

		key, ok := social.ParseID(post)
		if !ok {
			t.Fatal(post)
		}
		stored, err := s.db.PostByID(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		news := social.PushNews{
			PushPlace: social.PushPlace{Person: s.key("bob"), Stream: stored.Stream}, First: stored.Seq, Last: stored.Seq, Posted: now, Due: now.Add(time.Minute),
		}
		if err := s.db.PutPushes(t.Context(), social.PushDerived{News: []social.PushNews{news}}, now); err != nil {
			t.Fatal(err)
		}
		items := s.as("admin", "GET", "/v1/admin/push?person=bob&post="+post).wants(200).list("items")
		if len(items) != 1 || items[0]["what"] != "waiting" || items[0]["stream"] != "/ctx/den/messages" || items[0]["seq"] != float64(stored.Seq) || items[0]["until"] == nil {
			t.Errorf("what waits is told as %v", items)
		}
	})
}

func TestADeviceThatNothingCanBePushedToSaysSo(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		const body = `{"platform":"fcm","token":"token-of-%s","app":"org.example.%s"}`
		other := s.as("bob", "POST", pathOfDevices, fmt.Sprintf(body, "other", "other")).wants(201)
		mine := s.as("bob", "POST", pathOfDevices, fmt.Sprintf(body, "chat", "chat")).wants(201)
		edited := s.as("bob", "PATCH", pathOfDevices+"/"+other.text("id"), `{"locale":"ca"}`).wants(200)
		list := s.as("bob", "GET", pathOfDevices).wants(200).list("items")
		if other.json()["unconfigured"] != true || edited.json()["unconfigured"] != true || mine.json()["unconfigured"] != nil {
			t.Errorf("answered %s, %s and %s", other.body, edited.body, mine.body)
		}
		if len(list) != 2 || list[0]["unconfigured"] != nil || list[1]["unconfigured"] != true {
			t.Errorf("listed %v", list)
		}
	})
}
