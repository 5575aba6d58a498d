package api

import (
	"context"
	"net/http"
	"time"

	"rambla/social"
)

// Device is where I am pushed to. Nothing that would reach it is told.
type Device struct {
	ID          string `json:"id"`
	Platform    string `json:"platform" enum:"apns,fcm,webpush"`
	App         string `json:"app,omitempty" example:"org.example.chat"`
	Environment string `json:"environment,omitempty" enum:"production,sandbox" doc:"Of APNs"`
	Hint        string `json:"hint" doc:"Of the token, to tell two devices apart: the first 8 hexadecimal digits of the SHA-256 of the platform's word, a NUL and the token (of webpush the endpoint)" example:"5f2a90c1"`
	Mode        string `json:"mode" enum:"fetch,preview"`
	Encrypted   bool   `json:"encrypted" doc:"Whether previews are encrypted for a payloadKey"`
	Client      string `json:"mqttClientId,omitempty"`
	Locale      string `json:"locale,omitempty" example:"ca"`
	Timezone    string `json:"timezone,omitempty" example:"Europe/Madrid"`
	Version     string `json:"appVersion,omitempty"`
	Unready     bool   `json:"unconfigured,omitempty" doc:"Whether the server lacks credentials for pushes to its platform and app: then none come until an operator adds them"`
	Created     string `json:"created" format:"date-time"`
	Registered  string `json:"registered" format:"date-time" doc:"When its token was last registered"`
	Used        string `json:"used,omitempty" format:"date-time" doc:"When a provider last accepted a push for it, to the hour; absent: never"`
}

func newDevice(d *social.Device) Device {
	return Device{
		ID: d.ID.String(), Platform: d.Platform.String(), App: d.App, Environment: d.Environment(), Hint: d.Hint(), Mode: d.Mode(),
		Encrypted: d.PayloadKey != nil, Client: d.Client, Locale: d.Locale, Timezone: d.Timezone, Version: d.Version,
		Unready: d.Unconfigured, Created: stamp(d.Created), Registered: stamp(d.Set), Used: stamp(d.Used),
	}
}

// DeviceSetting is what may be said of a device again later.
type DeviceSetting struct {
	Mode       *string `json:"mode,omitempty" enum:"fetch,preview" doc:"What a push shows: fetch (the default) a line of how many and where, preview what was written"`
	Client     *string `json:"mqttClientId,omitempty" doc:"The MQTT client id of the same app: what that session acknowledges is not pushed"`
	Locale     *string `json:"locale,omitempty" doc:"A language tag; empty: that of my preferences" example:"ca"`
	Timezone   *string `json:"timezone,omitempty" doc:"A name of the IANA database; empty: that of my preferences" example:"Europe/Madrid"`
	Version    *string `json:"appVersion,omitempty" example:"4.2.1"`
	PayloadKey *string `json:"payloadKey,omitempty" doc:"What previews are encrypted for: a point of P-256, uncompressed, in base64url; empty: they are not"`
}

func (b *DeviceSetting) setting() social.DeviceSetting {
	return social.DeviceSetting{
		Mode: b.Mode, Client: b.Client, Locale: b.Locale, Timezone: b.Timezone, Version: b.Version, PayloadKey: b.PayloadKey,
	}
}

// Registration is what an app says of the device that it runs on.
type Registration struct {
	Platform     string            `json:"platform" enum:"apns,fcm,webpush"`
	Token        string            `json:"token,omitempty" doc:"Of apns and fcm"`
	App          string            `json:"app,omitempty" doc:"Of apns the bundle id, of fcm the name of the app in the server's configuration; absent: the only one" example:"org.example.chat"`
	Environment  string            `json:"environment,omitempty" enum:"production,sandbox" doc:"Of apns; absent: production"`
	Subscription *PushSubscription `json:"subscription,omitempty" doc:"Of webpush: a PushSubscription as a browser prints it"`
	DeviceSetting
}

// PushSubscription is a browser's PushSubscription, as its toJSON makes it.
type PushSubscription struct {
	Endpoint string           `json:"endpoint,omitempty" example:"https://fcm.googleapis.com/fcm/send/…"`
	Expires  *float64         `json:"expirationTime,omitempty" nullable:"true" doc:"Milliseconds since 1970; null: it does not expire"`
	Keys     SubscriptionKeys `json:"keys,omitempty"`
}

// SubscriptionKeys are for what is sent to it (RFC 8291).
type SubscriptionKeys struct {
	P256dh string `json:"p256dh,omitempty"`
	Auth   string `json:"auth,omitempty"`
}

func (s *PushSubscription) subscribed() *social.Subscribed {
	if s == nil {
		return nil
	}
	out := &social.Subscribed{Endpoint: social.Secret(s.Endpoint), P256dh: s.Keys.P256dh, Auth: social.Secret(s.Keys.Auth)}
	const endOfTime = 253402300799000 // of the year 9999, which is no end
	if s.Expires != nil {
		out.Expires = time.UnixMilli(int64(max(0, min(*s.Expires, endOfTime))))
	}
	return out
}

type registerIn struct{ Body Registration }

type deviceOut struct {
	Status   int
	Location string `header:"Location"`
	Body     Device
}

// registerDevice answers 200 where the token was known.
func (s *Server) registerDevice(ctx context.Context, a social.Actor, in *registerIn) (*deviceOut, error) {
	b := &in.Body
	d, known, err := s.devices.Register(ctx, a, social.Registration{
		Platform: b.Platform, App: b.App, Token: social.Secret(b.Token), Environment: b.Environment,
		Subscription: b.Subscription.subscribed(), Settings: b.setting(),
	})
	if err != nil {
		return nil, err
	}
	out := &deviceOut{Status: http.StatusCreated, Location: devicesPath + "/" + d.ID.String(), Body: newDevice(&d)}
	if known {
		out.Status = http.StatusOK
	}
	return out, nil
}

const devicesPath = "/v1/me/devices"

func (s *Server) listDevices(ctx context.Context, a social.Actor, in *PageCursor) (*listOut[Device], error) {
	after, err := in.after("devices")
	if err != nil {
		return nil, err
	}
	all, err := s.devices.List(ctx, a)
	if err != nil {
		return nil, err
	}
	items, next := deviceItems(all, after, in.Limit)
	return newList("devices", devicesPath, *in, nil, items, next), nil
}

// deviceItems are those of a page, newest first, behind the device called after.
func deviceItems(all []social.Device, after string, limit int) (items []Device, next string) {
	for i := range all {
		id := all[i].ID.String() // in the order of time
		if after != "" && id >= after {
			continue
		}
		if len(items) == limit {
			return items, items[len(items)-1].ID
		}
		items = append(items, newDevice(&all[i]))
	}
	return items, ""
}

type patchDeviceIn struct {
	PathID
	Body DeviceSetting
}

type deviceBody struct{ Body Device }

func (s *Server) patchDevice(ctx context.Context, a social.Actor, in *patchDeviceIn) (*deviceBody, error) {
	d, err := s.devices.Edit(ctx, a, in.ID, in.Body.setting())
	if err != nil {
		return nil, err
	}
	return &deviceBody{newDevice(&d)}, nil
}

func (s *Server) deleteDevice(ctx context.Context, a social.Actor, in *PathID) (*struct{}, error) {
	return nil, s.devices.Drop(ctx, a, in.ID)
}
