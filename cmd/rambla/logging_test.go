package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rambla/social"
)

func TestNoSecretGetsIntoALineOfTheLog(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"a token":              "rbl_AbCdEfGhIjKlMnOpQrStUv0123456789",
		"a refresh token":      "rbr_AbCdEfGhIjKlMnOpQrStUv0123456789",
		"a header":             "Authorization: Bearer abcdefghijklmnop.qrstuv",
		"a basic login":        "Basic cm9ib3Q6cm9ib3QtcGFzc3dvcmQ=",
		"a media token":        "GET /v1/attachments/1?size=200&t=AbCdEfGh0123456789",
		"a link's signature":   "https://chat.example.org/f/1?e=1&s=AbCdEfGh0123456789",
		"a database's address": "dial postgres://rambla:AbCdEfGh0123456789@db/rambla: refused",
		// As the providers make them, with what may stand around them.
		"a token of APNs":              "device 740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad is gone",
		"a token of APNs in capitals":  `Post "https://api.push.apple.com/3/device/740F4707BEBCF74F9B7C25D48E3358945F6AA01DA5DDB387462C7EAF61BB78AD": EOF`,
		"a longer token of APNs":       "80" + strings.Repeat("740f4707bebcf74f", 9) + ": refused",
		"a short token at a simulator": "Post http://127.0.0.1:7001/3/device/740f4707bebcf74f: connection refused",
		"an id of FCM":                 "registration cVtQ3kYDT1-AbCdEfGh_x9:APA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8OvPVGJ-hQMRKRrZuJAEcl7B338qju59zJMjw2DELjzEvxwYv7hH5Ynpc1ODQ0aT4U4OFEeco8ohsN5PjL1iC2dNtk2BAokeMCg2ZXKqpc8FXKmhX94kIxQ is not registered",
		"an id of FCM in an address":   "GET /v1/web/iid/cVtQ3kYDT1-AbCdEfGh_x9%3AAPA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8OvPVGJ: 404",
		"an endpoint of Chrome":        `Post "https://fcm.googleapis.com/fcm/send/cVtQ3kYDT1A:APA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8": context deadline exceeded`,
		"another of Chrome":            `Post "https://fcm.googleapis.com/wp/AbCdEfGh0123456789": EOF`,
		"an endpoint of Firefox":       "push to https://updates.push.services.mozilla.com/wpush/v2/gAAAAABnAbCdEfGh0123456789_x: 410",
		"an endpoint of Edge":          "push to https://wns2-par02p.notify.windows.com/w/?token=AbCdEfGh0123456789%3d%3d, 403",
		"an endpoint of Safari":        "https://web.push.apple.com/QAbCdEfGh0123456789 said 404",
		"an endpoint of one's own":     "https://ntfy.example.org/upAbCdEfGh0123?up=1 said 404",
		"what a browser registers":     `bad body: {"endpoint":"https://else.example.org/AbCdEfGh","keys":{"p256dh":"BN","auth":"AbCdEfGh01234567"}}`,
		"what a phone registers":       `bad body: "{\"platform\":\"fcm\",\"token\": \"AbCdEfGh01234567\"}"`,
	}
	for name, text := range secrets {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			in := &invocation{err: &out}
			log := in.watchedLogger(&Config{LogLevel: "debug", LogFormat: format, PushWebAllow: []string{"ntfy.example.org"}}, social.NewMishaps(time.Now))
			for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				log.With("with", text).Log(t.Context(), level, "something "+text, "err", fmt.Errorf("wrapped: %w", errors.New(text)), //nolint:sloglint // that is the point
					"plain", text, slog.Group("group", "inner", text), "any", []string{text})
			}
			for _, secret := range []string{"AbCdEfGh", "abcdefghijklmnop", "cm9ib3Q6", "740f4707", "740F4707", "APA91bHPRgkF", "cVtQ3kYDT1"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("%s, %s: %s", name, format, out.String())
				}
			}
			if n := strings.Count(out.String(), "\n"); n != 4 {
				t.Errorf("%d lines", n)
			}
		}
	}
	for _, harmless := range []string{
		"removing what is out of date did not work; trying again: 12:30, key=value, /v1/contexts?limit=20",
		"post 01a201a4-5bf0-7000-800b-64a6fc531c1a of https://rambla.example.org/v1/activities/01a201a4-5bf0-7000-800b-64a6fc531c1a",
		"epoch 0badcafe:42, https://fcm.googleapis.com does not answer",
		`{"title":"Not found","code":"not_found"}`,
	} {
		if got := newRedactor(&Config{}).text(harmless); got != harmless {
			t.Errorf("%q", got)
		}
	}
}

func TestTheSameMistakeIsNotedOnce(t *testing.T) {
	t.Parallel()
	ms := social.NewMishaps(time.Now)
	in := &invocation{err: &bytes.Buffer{}}
	log := in.watchedLogger(&Config{LogLevel: "error"}, ms)
	for i := range 3 {
		log.Error("request failed", "request", fmt.Sprint("r", i), "route", "/v1/x", "err", fmt.Errorf("row %d of \"t%d\" is broken: rbl_AbCdEfGhIjKlMnOpQrStUv", i, i))
		log.Warn("tried again", "err", errors.New("away"))
		log.Info("ready")
	}
	log.Error("request failed", "route", "/v1/y", "err", errors.New("row 1 of \"t1\" is broken"))
	list := ms.List()
	if len(list) != 3 || list[0].Route != "/v1/y" || list[0].Count != 1 {
		t.Fatalf("%+v", list)
	}
	for _, m := range list[1:] {
		if m.Count != 3 || m.Severe != (m.Message == "request failed") || m.Severe && m.Request != "r2" || strings.Contains(m.Detail, "AbCd") {
			t.Errorf("%+v", m)
		}
	}
	if severe, coped := ms.Counts(); severe != 4 || coped != 3 {
		t.Error(severe, coped)
	}
	for i := range 2 * social.MaxMishaps {
		log.Error(strings.Repeat("x", i+1)) //nolint:sloglint // they have to differ
	}
	if n := len(ms.List()); n != social.MaxMishaps {
		t.Errorf("%d are kept", n)
	}
}
