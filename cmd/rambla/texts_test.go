package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rambla/pushgw/phrase"
)

func TestAnOperatorsTextsAreReadAndWhatIsWrongInThemIsNamed(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "texts.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := Config{PushLocale: "oc", PushTexts: file("oc:\n  message.one: \"Messatge nòu: {where}\"\nes: {title: Avisos}\n")}
	book, err := c.pushTexts()
	if err != nil {
		t.Fatal(err)
	}
	if _, body := book.Line(phrase.Occasion{Where: "X"}); body != "Messatge nòu: X" {
		t.Errorf("%q", body)
	}
	if title, _ := book.Line(phrase.Occasion{Where: "X"}, "es"); title != "Avisos" {
		t.Errorf("%q", title)
	}
	for want, c := range map[string]Config{
		"push.locale":                {PushLocale: "tlh"},
		"push.texts":                 {PushTexts: "/nowhere/texts.yaml"},
		"push.texts: oc: message.on": {PushTexts: file("oc: {message.one: \"{x}\"}")},
		"push.texts: [1:":            {PushTexts: file("oc: [1, 2]")},
		"is longer than 1048576":     {PushTexts: file(strings.Repeat("# x\n", 300_000))},
	} {
		if _, err := c.pushTexts(); err == nil || !strings.Contains(err.Error(), want) || report(&strings.Builder{}, err) != exitUsage {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
