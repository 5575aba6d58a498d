package social

import (
	"crypto/ecdh"
	"encoding/base64"
	"regexp"
	"strings"
	"time"
)

// Registration is what an app says of the device that it runs on, as text.
type Registration struct {
	Platform     string
	App          string
	Token        Secret        // of APNs and FCM
	Environment  string        // of APNs: production or sandbox; empty: production
	Subscription *Subscribed   // of Web Push
	Settings     DeviceSetting // all of it
}

// Subscribed is a browser's PushSubscription.
type Subscribed struct {
	Endpoint Secret
	P256dh   string
	Auth     Secret
	Expires  time.Time // zero: it did not say
}

// DeviceSetting is what may be said of a device again later; nil leaves it as it
// is, and empty is what it is for who never said.
type DeviceSetting struct {
	Mode       *string // fetch or preview
	Client     *string // the MQTT client id
	Locale     *string
	Timezone   *string
	Version    *string
	PayloadKey *string // base64url
}

// The words of a device's environment and mode.
const (
	wordProduction = "production"
	wordSandbox    = "sandbox"
	wordFetch      = "fetch"
	wordPreview    = "preview"
)

// Bounds of what a device is, in bytes. Providers promise no length of their
// tokens; these are several times what they give today.
const (
	maxAPNsToken = 400
	maxFCMToken  = 4096
	maxEndpoint  = 2048
	maxClient    = 1024
	maxVersion   = 64

	pointSize = 65 // of P-256, uncompressed
	authSize  = 16
)

var (
	apnsToken = regexp.MustCompile(`^([0-9a-f]{2}){8,}$`)
	fcmToken  = regexp.MustCompile(`^[A-Za-z0-9_:.=%~+/-]{8,}$`)
	appName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,154}$`)
)

// device checks a registration and makes a device of it. endpoint refuses what
// Web Push is not sent to. The error is KindInvalid and names the field, and never
// repeats a token.
func (r *Registration) device(endpoint func(Secret) error, now time.Time) (Device, error) {
	var d Device
	var err error
	if d.Platform, err = ParsePlatform(r.Platform); err != nil {
		return d, err
	}
	if r.App != "" && !appName.MatchString(r.App) {
		return d, Invalid("app", "is 1 to 155 of letters, digits, '.', '_' and '-', and begins with a letter or digit")
	}
	d.App = r.App
	switch r.Environment {
	case "", wordProduction:
	case wordSandbox:
		d.Sandbox = d.Platform == PlatformAPNs // the others have one world
	default:
		return d, Invalid("environment", "%q is neither production nor sandbox", clip(r.Environment))
	}
	if d.Platform == PlatformWebPush {
		err = r.webPush(&d, endpoint, now)
	} else {
		err = r.mobile(&d)
	}
	if err != nil {
		return d, err
	}
	return d, r.Settings.apply(&d)
}

func (r *Registration) mobile(d *Device) error {
	if r.Subscription != nil {
		return Invalid("subscription", "belongs to webpush; %s has a token", d.Platform)
	}
	token := string(r.Token)
	switch {
	case token == "":
		return Invalid("token", "is missing")
	case d.Platform == PlatformAPNs:
		token = strings.ToLower(token) // the same device, however it is written
		if len(token) > maxAPNsToken || !apnsToken.MatchString(token) {
			return Invalid("token", "a token of APNs is 8 bytes or more in hexadecimal, at most %d digits", maxAPNsToken)
		}
	case len(token) > maxFCMToken || !fcmToken.MatchString(token):
		return Invalid("token", "a token of FCM is 8 to %d letters, digits and signs without a space", maxFCMToken)
	}
	d.Token = Secret(token)
	return nil
}

func (r *Registration) webPush(d *Device, endpoint func(Secret) error, now time.Time) error {
	s := r.Subscription
	switch {
	case r.Token != "":
		return Invalid("token", "belongs to apns and fcm; webpush has a subscription")
	case s == nil:
		return Invalid("subscription", "is missing")
	case !s.Expires.IsZero() && !s.Expires.After(now):
		return Invalid("subscription.expirationTime", "has passed; subscribe anew")
	case s.Endpoint == "":
		return Invalid("subscription.endpoint", "is missing")
	case CheckText("", string(s.Endpoint), maxEndpoint) != nil:
		return Invalid("subscription.endpoint", "is no address of at most %d bytes", maxEndpoint)
	}
	if err := endpoint(s.Endpoint); err != nil {
		return err
	}
	d.Token = s.Endpoint
	var err error
	if d.P256dh, err = parsePoint("subscription.keys.p256dh", s.P256dh); err != nil {
		return err
	}
	d.Auth, err = decodeKey(string(s.Auth))
	if err != nil || len(d.Auth) != authSize {
		return Invalid("subscription.keys.auth", "is not %d bytes in base64url", authSize)
	}
	return nil
}

// parsePoint reads a point of P-256 that lies on the curve.
func parsePoint(field, text string) ([]byte, error) {
	b, err := decodeKey(text)
	if err == nil && len(b) == pointSize {
		if _, err = ecdh.P256().NewPublicKey(b); err == nil {
			return b, nil
		}
	}
	return nil, Invalid(field, "is no point of P-256, uncompressed, in base64url")
}

// decodeKey reads base64url, and base64 too: libraries differ.
func decodeKey(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// apply checks the settings and puts them into d.
func (s *DeviceSetting) apply(d *Device) error {
	if s.Mode != nil {
		switch *s.Mode {
		case "", wordFetch:
			d.Preview = false
		case wordPreview:
			d.Preview = true
		default:
			return Invalid("mode", "%q is neither fetch nor preview", clip(*s.Mode))
		}
	}
	if s.Locale != nil {
		if err := checkLocale("locale", *s.Locale); err != nil {
			return err
		}
	}
	if s.Timezone != nil {
		if err := checkZone("timezone", *s.Timezone); err != nil {
			return err
		}
	}
	if s.Client != nil {
		if err := CheckText("mqttClientId", *s.Client, maxClient); err != nil {
			return err
		}
	}
	if s.Version != nil {
		if err := CheckText("appVersion", *s.Version, maxVersion); err != nil {
			return err
		}
	}
	if s.PayloadKey != nil {
		d.PayloadKey = nil
		if *s.PayloadKey != "" {
			key, err := parsePoint("payloadKey", *s.PayloadKey)
			if err != nil {
				return err
			}
			d.PayloadKey = key
		}
	}
	set(&d.Client, s.Client)
	set(&d.Locale, s.Locale)
	set(&d.Timezone, s.Timezone)
	set(&d.Version, s.Version)
	return nil
}

// Mode is the word for Preview.
func (d *Device) Mode() string {
	if d.Preview {
		return wordPreview
	}
	return wordFetch
}

// Environment is the word for Sandbox; empty where there is only one world.
func (d *Device) Environment() string {
	switch {
	case d.Platform != PlatformAPNs:
		return ""
	case d.Sandbox:
		return wordSandbox
	}
	return wordProduction
}
