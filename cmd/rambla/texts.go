package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"rambla/pushgw/phrase"
)

// maxTexts bounds the file of push.texts, in bytes: dozens of languages fit.
const maxTexts = 1 << 20

// pushTexts are the lines that devices show, with what the operator changed in them.
func (c *Config) pushTexts() (*phrase.Book, error) {
	var changes phrase.Texts
	if c.PushTexts != "" {
		f, err := os.Open(filepath.Clean(c.PushTexts))
		if err != nil {
			return nil, usagef("push.texts: %w", err)
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxTexts+1))
		if err != nil {
			return nil, usagef("push.texts: %w", err)
		}
		if len(b) > maxTexts {
			return nil, usagef("push.texts: %s is longer than %d bytes", c.PushTexts, maxTexts)
		}
		if err := yaml.Unmarshal(b, &changes); err != nil {
			return nil, usagef("push.texts: %s", yaml.FormatError(err, false, true))
		}
	}
	if _, err := phrase.New(changes, ""); err != nil {
		return nil, usagef("push.texts: %w", err)
	}
	book, err := phrase.New(changes, c.PushLocale)
	if err != nil {
		return nil, usagef("push.locale: %w", err)
	}
	return book, nil
}
