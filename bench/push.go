package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// What a server pushes to one device and one person without making them wait for
// more to come: so many at once, and one more after each of these times. A load
// that has more to tell somebody measures that they wait.
const (
	deviceBurst, deviceEvery = 10, time.Second
	personBurst, personEvery = 30, 3 * time.Second
)

// How long rows of a server that was killed may stay with it, and a bit.
const lingerAfterKill = 70 * time.Second

// Push has o.Subscribers people with a device each, of simulated providers in
// turn, and each a member of o.MemberOf contexts of o.Members people. It posts
// once to each context, so that o.Rate pushes a second become due, and measures
// how many are accepted and how long after the commit; that is the latency of the
// report, with the time that the server holds them in it. At the end every device
// has to have been told of the newest post of each context, and of none twice.
//
// With o.Kill the server is killed at random meanwhile and started anew; what
// is told twice then is counted, and no fault. With o.Outage the providers fail
// for so long, while contexts are posted to again and again; measured is how long
// it then takes until all are told, and how many pushes each gets of one context.
//
// Besides what all loads use it reads Subscribers, MemberOf, Members, Rate,
// Payload, Providers, ProvidersPID, Hold, Outage, Silent, Kill and Linger. A report
// comes with an error when a run was cut short.
func Push(ctx context.Context, o Options) (Report, error) {
	o, err := o.forPush()
	if err != nil {
		return Report{}, err
	}
	t, err := openTarget(ctx, o, o.Subscribers)
	if err != nil {
		return Report{}, err
	}
	report, err := pushFrom(ctx, o, t)
	return report, errors.Join(err, t.close(ctx))
}

// forPush works out how many contexts the runs need.
func (o Options) forPush() (Options, error) {
	if o.MemberOf == 0 {
		o.MemberOf = 10
	}
	if o.Rate == 0 {
		o.Rate = 1000
	}
	if o.Linger == 0 {
		o.Linger = 2 * time.Second
		if o.Kill {
			o.Linger = lingerAfterKill
		}
	}
	if o.Patience == 0 {
		o.Patience = lingerAfterKill
	}
	o = o.withDefaults(1, 2000, 1)
	o.Topic, o.Foreign = "", false
	each := max(o.MemberOf, o.Subscribers*o.MemberOf/o.Members)
	o.Contexts, o.MemberOf = each*o.Runs, o.MemberOf*o.Runs
	if err := o.validate(); err != nil {
		return o, err
	}
	o.MemberOf /= o.Runs
	within := time.Duration(float64(o.Subscribers*o.MemberOf) / o.Rate * float64(time.Second))
	most := min(deviceBurst+int(within/deviceEvery), personBurst+int(within/personEvery))
	switch {
	case o.Rate <= 0:
		return o, errors.New("rate has to be above 0")
	case o.Outage == 0 && o.MemberOf > most:
		return o, fmt.Errorf("each person would be told of %d contexts within %s, and a server makes them wait beyond %d: more people, or a lower rate", o.MemberOf, within, most)
	case o.Providers == "":
		return o, errors.New("the control address of simulated push providers is needed")
	case o.Kill && o.Restart == nil:
		return o, errors.New("this server cannot be killed; only one that was started for the load")
	case o.Kill && o.Outage > 0:
		return o, errors.New("kill and outage are two loads: choose one")
	}
	return o, nil
}

func pushFrom(ctx context.Context, o Options, t *target) (report Report, err error) {
	report = Report{
		Load: "push", Address: o.HTTP, MQTT: mqttName(o.Version), Connections: o.Subscribers,
		Shape: fmt.Sprintf("%d people with a device each, in %d of %d contexts of %d; %g pushes/s due, held for %s",
			o.Subscribers, o.MemberOf, o.Contexts/o.Runs, o.Subscribers*o.MemberOf*o.Runs/o.Contexts, o.Rate, o.Hold),
	}
	switch {
	case o.Kill:
		report.Shape += "; the server is killed at random"
	case o.Outage > 0 && o.Silent:
		report.Shape += fmt.Sprintf("; providers silent for %s", o.Outage)
	case o.Outage > 0:
		report.Shape += fmt.Sprintf("; providers down for %s", o.Outage)
	}
	p := &pushing{
		target: t, options: o,
		providers: providers{base: o.Providers, client: &http.Client{Timeout: restTime, Transport: &http.Transport{MaxIdleConnsPerHost: restAtOnce}}},
	}
	defer p.providers.client.CloseIdleConnections()
	base := t.site.base
	p.base.Store(&base)
	if err := p.register(ctx); err != nil {
		return report, err
	}
	err = t.measure(&report, func(i int) (Run, []string, error) {
		if i > 0 { // until all may be told of much again
			if err := rest(ctx, time.Duration(o.MemberOf)*personEvery, time.Second, func() {}); err != nil {
				return Run{}, nil, err
			}
		}
		return p.run(ctx, i)
	})
	return report, err
}

// register gives each of the people a device.
func (p *pushing) register(ctx context.Context) error {
	s := p.target.site
	var info struct {
		Key string `json:"vapidPublicKey"`
	}
	if err := s.callAs(ctx, s.Manager, http.MethodGet, "/v1/info", nil, &info); err != nil {
		return err
	}
	if info.Key == "" {
		return errors.New("the server has no Web Push")
	}
	p.tokens = make([]string, len(s.People))
	return s.each(ctx, "devices", len(s.People), func(ctx context.Context, i int) error {
		platform := providerNames[i%len(providerNames)]
		device := map[string]any{"platform": platform}
		var token string
		switch platform {
		case "apns":
			token = fmt.Sprintf("%s%056x", s.unique, i)
			device["token"] = token
		case "fcm":
			token = fmt.Sprintf("bench-%s-%d", s.unique, i)
			device["token"] = token
		default:
			sub, name, err := p.providers.subscribe(ctx, info.Key)
			if err != nil {
				return err
			}
			token, device["subscription"] = name, sub
		}
		p.tokens[i] = token
		return s.callAs(ctx, s.People[i], http.MethodPost, "/v1/me/devices", device, nil)
	})
}
