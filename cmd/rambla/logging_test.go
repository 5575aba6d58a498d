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
	}
	for name, text := range secrets {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			in := &invocation{err: &out}
			log := in.watchedLogger(&Config{LogLevel: "debug", LogFormat: format}, social.NewMishaps(time.Now))
			for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				log.With("with", text).Log(t.Context(), level, "something "+text, "err", fmt.Errorf("wrapped: %w", errors.New(text)), //nolint:sloglint // that is the point
					"plain", text, slog.Group("group", "inner", text), "any", []string{text})
			}
			for _, secret := range []string{"AbCdEfGh", "abcdefghijklmnop", "cm9ib3Q6"} {
				if strings.Contains(out.String(), secret) {
					t.Errorf("%s, %s: %s", name, format, out.String())
				}
			}
			if n := strings.Count(out.String(), "\n"); n != 4 {
				t.Errorf("%d lines", n)
			}
		}
	}
	const harmless = "removing what is out of date did not work; trying again: 12:30, key=value, /v1/contexts?limit=20"
	if redact(harmless) != harmless {
		t.Errorf("%q", redact(harmless))
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
