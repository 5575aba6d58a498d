package main

import (
	"regexp"
	"strings"
)

// secretText finds what must never be in a log: our tokens, credentials in addresses
// and headers, media tokens and the signatures of links.
var secretText = regexp.MustCompile(`(?i)(rb[lr]_)[a-z0-9_-]{8,}` +
	`|(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}` +
	`|([?&](?:t|s|sig|signature|token|access_token|refresh_token|password|code)=)[^&\s"']+` +
	`|(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?:@)`)

// redact takes secrets out of a text. That none gets here is the affair of whoever
// logs; errors of libraries quote what they were given.
func redact(text string) string {
	if !strings.ContainsAny(text, "_=:@ ") {
		return text
	}
	return secretText.ReplaceAllStringFunc(text, func(m string) string {
		for _, part := range secretText.FindStringSubmatch(m)[1:] {
			if part == "" {
				continue
			}
			if strings.HasSuffix(part, ":") && strings.HasSuffix(m, "@") {
				return part + "***@"
			}
			return part + "***"
		}
		return "***"
	})
}
