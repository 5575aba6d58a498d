package social

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"
)

// DeviceKey is a device's internal number.
type DeviceKey int64

// Platform is who carries a push to a device.
type Platform uint8

const (
	PlatformAPNs Platform = iota + 1
	PlatformFCM
	PlatformWebPush
)

var platformWords = [...]string{PlatformAPNs: "apns", PlatformFCM: "fcm", PlatformWebPush: "webpush"}

// String is the word that clients use; empty for none.
func (p Platform) String() string {
	if int(p) < len(platformWords) {
		return platformWords[p]
	}
	return ""
}

// ParsePlatform reads the word. The error is KindInvalid.
func ParsePlatform(word string) (Platform, error) {
	for i, w := range platformWords {
		if w != "" && w == word {
			return Platform(i), nil //nolint:gosec // one of three
		}
	}
	return 0, Invalid("platform", "%q is no platform; there are apns, fcm and webpush", clip(word))
}

// Device is where a person may be reached while nothing of it is connected. It
// belongs to the grant that registered it and goes when that ends.
type Device struct {
	Key      DeviceKey
	ID       ID
	Person   PersonKey
	Grant    GrantKey
	Client   string // the MQTT client id of the same app, whose acknowledgements count for it; empty: not said
	Platform Platform
	App      string // whose credentials: an APNs topic, a name of the configuration for FCM; empty: the only one
	Sandbox  bool   // APNs has two worlds

	// Token is the provider's name for the device: whoever has it can reach the
	// device. Of Web Push it is the endpoint, with the keys of RFC 8291 beside it.
	Token  Secret
	P256dh []byte // a point of P-256, uncompressed
	Auth   []byte // 16 bytes

	// PayloadKey, if any, is what previews are encrypted for: a point of P-256,
	// uncompressed.
	PayloadKey []byte
	Preview    bool   // pushes show what was written
	Locale     string // empty: the person's
	Timezone   string // empty: the person's
	Version    string // of the app

	Created time.Time
	Set     time.Time // when Token was last registered; what a provider says of it from before is void
	Used    time.Time // when a provider last accepted a push for it; zero: never

	// Unconfigured: the server has no credentials for pushes to its app. It is told
	// by the use cases, and not kept: an operator may add them.
	Unconfigured bool
}

// Hint is what may be told of Token: enough to tell two devices of a person apart,
// and nothing that would reach one.
func (d *Device) Hint() string {
	hash := d.Hash()
	return hex.EncodeToString(hash[:4])
}

// Hash is the same for two devices exactly when a provider would reach one and
// the same by them. App is not in it: a provider gives no two apps one token, and
// an app that names itself otherwise must not be pushed to twice.
func (d *Device) Hash() [32]byte {
	return sha256.Sum256([]byte(d.Platform.String() + "\x00" + string(d.Token)))
}

// String names the device without its secrets, of which it has several.
func (d Device) String() string { return d.Platform.String() + " device " + d.ID.String() }

// GoString is String, for %#v.
func (d Device) GoString() string { return d.String() }

// LogValue is String, for slog.
func (d Device) LogValue() slog.Value { return slog.StringValue(d.String()) }
