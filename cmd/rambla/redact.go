package main

import (
	"regexp"
	"strings"

	"rambla/pushgw/webpush"
	"rambla/social"
)

// secretText finds what must never be in a log: our tokens, credentials in addresses,
// headers and JSON, media tokens, the signatures of links, and what devices are pushed
// to by: APNs has 32 bytes or more in hexadecimal behind /device/, FCM ids that end in
// a word that begins with APA91.
var secretText = regexp.MustCompile(`(?i)(rb[lr]_)[a-z0-9_-]{8,}` +
	`|(\b(?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}` +
	`|([?&](?:t|s|sig|signature|token|access_token|refresh_token|password|code)=)[^&\s"']+` +
	`|(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?:@)` +
	`|(\\?"(?:token|access_token|refresh_token|password|endpoint|auth|payloadkey)\\?"\s*:\s*\\?")[^"\\]+` +
	`|(/device/)[0-9a-f]{16,}` +
	`|\b[0-9a-f]{64,}\b` +
	`|[a-z0-9_-]*(?::|%3a)?APA91[a-z0-9_-]{10,}`)

// webAddress finds what may be an endpoint of Web Push, whose path is the secret.
var webAddress = regexp.MustCompile(`(?i)https://[^\s"'<>\\]+`)

// redactor takes secrets out of texts.
type redactor struct{ pushes *webpush.Allow }

// newRedactor knows the push services that browsers have, and those that the
// configuration adds, unless there is a mistake in it, which somebody else tells.
func newRedactor(c *Config) redactor {
	allow, err := webpush.NewAllow(c.PushWebAllow)
	if err != nil {
		allow, _ = webpush.NewAllow(nil) // the list of the browsers' own has none
	}
	return redactor{allow}
}

// text takes secrets out of s. That none gets here is the affair of whoever logs;
// errors of libraries quote what they were given.
func (r redactor) text(s string) string {
	if len(s) < 16 {
		return s // too short for any
	}
	if strings.Contains(s, "://") {
		s = webAddress.ReplaceAllStringFunc(s, func(address string) string {
			host, path, _ := strings.Cut(address[len("https://"):], "/")
			if path == "" || r.pushes.Check(social.Secret(address)) != nil {
				return address
			}
			return "https://" + host + "/***"
		})
	}
	return secretText.ReplaceAllStringFunc(s, func(m string) string {
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
