package api

import (
	"context"

	"rambla/social"
)

// Preferences are how a person wants things.
type Preferences struct {
	Presence      *bool       `json:"presence,omitempty" doc:"Whether others are told that I am there; absent: they are" example:"true"`
	Receipts      *bool       `json:"receipts,omitempty" doc:"Whether others are told how far I have read; my own devices are. Absent: they are" example:"true"`
	Locale        string      `json:"locale,omitempty" doc:"A language tag; absent: not said" example:"ca"`
	Timezone      string      `json:"timezone,omitempty" doc:"A name of the IANA database; absent: not said" example:"Europe/Madrid"`
	Notifications string      `json:"notifications,omitempty" enum:"all,mentions,nothing" doc:"Of what I want to be notified where a context or conversation of mine says nothing else; absent: all"`
	Quiet         *QuietHours `json:"quiet,omitempty" doc:"When nothing is to ring; absent: never"`
}

// QuietHours are each day from one time until another, which is on the next day
// where it is not later.
type QuietHours struct {
	From string `json:"from" example:"22:00"`
	To   string `json:"to" example:"07:00"`
	Zone string `json:"zone,omitempty" doc:"Absent: my time zone, or else that of the device, or else UTC" example:"Europe/Madrid"`

	Days   []string `json:"days,omitempty" nullable:"false" maxItems:"7" doc:"On which they begin: sun, mon, tue, wed, thu, fri, sat; absent: every day"`
	Except []string `json:"except,omitempty" nullable:"false" maxItems:"2" doc:"What rings all the same: mentions (what names me), direct (conversations of two)"`
}

type preferencesBody struct{ Body Preferences }

func (s *Server) getPreferences(ctx context.Context, a social.Actor, _ *struct{}) (*preferencesBody, error) {
	p, err := s.preferences.Get(ctx, a)
	if err != nil {
		return nil, err
	}
	return showPreferences(p), nil
}

func (s *Server) putPreferences(ctx context.Context, a social.Actor, in *preferencesBody) (*preferencesBody, error) {
	b := in.Body
	p := social.Preferences{Discreet: b.Presence != nil && !*b.Presence, Reserved: b.Receipts != nil && !*b.Receipts, Locale: b.Locale, Timezone: b.Timezone, Notify: b.Notifications}
	if b.Quiet != nil {
		q := social.Quiet(*b.Quiet)
		p.Quiet = &q
	}
	if err := s.preferences.Put(ctx, a, p); err != nil {
		return nil, err
	}
	return showPreferences(p), nil
}

func showPreferences(p social.Preferences) *preferencesBody {
	shown, reading := !p.Discreet, !p.Reserved
	out := Preferences{Presence: &shown, Receipts: &reading, Locale: p.Locale, Timezone: p.Timezone, Notifications: p.Notify}
	if out.Notifications == "" {
		out.Notifications = "all"
	}
	if p.Quiet != nil {
		q := QuietHours(*p.Quiet)
		out.Quiet = &q
	}
	return &preferencesBody{out}
}
