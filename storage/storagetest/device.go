package storagetest

import (
	"crypto/ecdh"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

func deviceClaims() []claim {
	return []claim{
		{"a device is kept as it was registered", deviceRoundTrip},
		{"a token that is known is the same device", deviceAgain},
		{"a token goes with the person who registers it", deviceMoves},
		{"a new token of the same app instance takes the place of the former", deviceNewToken},
		{"of too many devices the longest unused goes", deviceTooMany},
		{"a device goes with its grant and with its person", deviceEnds},
		{"an ended grant registers nothing", deviceOfEndedGrant},
		{"only what may be said again of a device changes", deviceEdit},
		{"a dead device goes unless it was registered again", deviceDead},
		{"devices of suspended people are kept and not pushed to", deviceSuspended},
		{"a device knows to the hour when it was used", deviceUsed},
		{"a token that many register at once is one device", deviceRace},
	}
}

// device makes one of the person, not stored.
func (w *World) device(person social.PersonKey, grant social.GrantKey, token string) social.Device {
	return social.Device{
		ID: w.IDs.New(Epoch()), Person: person, Grant: grant, Platform: social.PlatformFCM, Token: social.Secret(token), Created: Epoch(), Set: Epoch(),
	}
}

// put stores one.
func (w *World) put(d social.Device) (social.Device, bool) {
	w.Helper()
	kept, known, err := w.DB.PutDevice(w.Context(), d, social.MaxDevices)
	if err != nil {
		w.Fatalf("put %s: %v", d, err)
	}
	return kept, known
}

func (w *World) devices(person social.PersonKey) []social.Device {
	w.Helper()
	out, err := w.DB.Devices(w.Context(), person)
	if err != nil {
		w.Fatal(err)
	}
	return out
}

// tokens are those of a person's devices, the newest first.
func (w *World) tokens(person social.PersonKey) string {
	w.Helper()
	text := ""
	for _, d := range w.devices(person) {
		text += string(d.Token) + " "
	}
	return text
}

func (w *World) wantTokens(person social.PersonKey, want string) {
	w.Helper()
	if got := w.tokens(person); got != want {
		w.Errorf("the tokens are %q, want %q", got, want)
	}
}

func deviceRoundTrip(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	key, err := ecdh.P256().NewPrivateKey(append(make([]byte, 31), 7))
	if err != nil {
		w.Fatal(err)
	}
	want := w.device(w.Bob, grant, "https://push.example.net/a/b")
	want.Platform, want.App, want.Sandbox, want.Preview = social.PlatformWebPush, "web", true, true
	want.P256dh, want.Auth, want.PayloadKey = key.PublicKey().Bytes(), slices.Repeat([]byte{9}, 16), key.PublicKey().Bytes()
	want.Client, want.Locale, want.Timezone, want.Version = "bob-laptop", "ca", "Europe/Madrid", "1.2"
	before := w.Version()
	kept, known := w.put(want)
	if want.Key = kept.Key; known || kept.Key == 0 || !reflect.DeepEqual(kept, want) {
		w.Errorf("known %v, kept\n%#v, want\n%#v", known, fields(kept), fields(want))
	}
	plain, _ := w.put(w.device(w.Bob, grant, "plain token"))
	if got := w.devices(w.Bob); len(got) != 2 || !reflect.DeepEqual(got[1], want) || !reflect.DeepEqual(got[0], plain) {
		w.Errorf("read\n%#v", got)
	}
	if of, err := w.DB.DevicesOf(w.Context(), []social.PersonKey{w.Alice, w.Bob, 4711}); err != nil || len(of) != 2 || !reflect.DeepEqual(of[0], want) {
		w.Errorf("%v, %v", of, err)
	}
	if w.Version() != before {
		w.Error("a device is no right of anybody")
	}
}

// fields shows all of a device, whose own text does not.
func fields(d social.Device) string {
	return fmt.Sprint(d.Key, d.ID, d.Person, d.Grant, d.Client, d.Platform, d.App, d.Sandbox, string(d.Token), d.P256dh, d.Auth, d.PayloadKey,
		d.Preview, d.Locale, d.Timezone, d.Version, d.Created, d.Set, d.Used)
}

func deviceAgain(w *World) {
	first, _ := w.login(w.Bob, social.GrantPassword)
	second, _ := w.login(w.Bob, social.GrantPassword)
	was, _ := w.put(w.device(w.Bob, first, "token"))
	if err := w.DB.MarkUsed(w.Context(), []social.DeviceKey{was.Key}, Epoch().Add(time.Hour)); err != nil {
		w.Fatal(err)
	}
	again := w.device(w.Bob, second, "token")
	again.Locale, again.App, again.Set, again.Created = "es", "other", Epoch().Add(2*time.Hour), Epoch().Add(2*time.Hour)
	kept, known := w.put(again)
	if !known || kept.Key != was.Key || kept.ID != was.ID || !kept.Created.Equal(Epoch()) || !kept.Set.Equal(again.Set) ||
		kept.Grant != second || kept.Locale != "es" || kept.App != "other" || !kept.Used.Equal(Epoch().Add(time.Hour).Truncate(time.Hour)) {
		w.Errorf("known %v, kept %s", known, fields(kept))
	}
	if got := w.devices(w.Bob); len(got) != 1 || !reflect.DeepEqual(got[0], kept) {
		w.Errorf("read %#v", got)
	}
	// The former login takes nothing with it.
	if err := w.DB.EndGrant(w.Context(), first, Epoch()); err != nil {
		w.Fatal(err)
	}
	w.wantTokens(w.Bob, "token ")
}

func deviceMoves(w *World) {
	bob, _ := w.login(w.Bob, social.GrantPassword)
	carol, _ := w.login(w.Carol, social.GrantPassword)
	was, _ := w.put(w.device(w.Bob, bob, "shared tablet"))
	kept, known := w.put(w.device(w.Carol, carol, "shared tablet"))
	if !known || kept.Key == was.Key || kept.ID == was.ID {
		w.Errorf("known %v, kept %s, was %s", known, fields(kept), fields(was))
	}
	w.wantTokens(w.Bob, "")
	w.wantTokens(w.Carol, "shared tablet ")
	// Another platform's token of the same letters is another one.
	apns := w.device(w.Bob, bob, "shared tablet")
	apns.Platform = social.PlatformAPNs
	if _, known := w.put(apns); known {
		w.Error("a token of FCM was taken for one of APNs")
	}
	w.wantTokens(w.Carol, "shared tablet ")
}

func deviceNewToken(w *World) {
	first, _ := w.login(w.Bob, social.GrantPassword)
	second, _ := w.login(w.Bob, social.GrantPassword)
	carol, _ := w.login(w.Carol, social.GrantPassword)
	phone := func(person social.PersonKey, grant social.GrantKey, token, client string) social.Device {
		d := w.device(person, grant, token)
		d.Client = client
		return d
	}
	was, _ := w.put(phone(w.Bob, first, "old", "phone"))
	w.put(phone(w.Bob, first, "tablet", "tablet"))
	w.put(phone(w.Bob, first, "anonymous one", ""))
	w.put(phone(w.Bob, first, "anonymous two", ""))
	w.put(phone(w.Carol, carol, "hers", "phone"))
	if err := w.DB.MarkUsed(w.Context(), []social.DeviceKey{was.Key}, Epoch().Add(time.Hour)); err != nil {
		w.Fatal(err)
	}
	kept, known := w.put(phone(w.Bob, second, "new", "phone"))
	if known || kept.Key != was.Key || kept.ID != was.ID || !kept.Used.IsZero() || kept.Grant != second {
		w.Errorf("known %v, kept %s", known, fields(kept))
	}
	w.wantTokens(w.Bob, "anonymous two anonymous one tablet new ")
	w.wantTokens(w.Carol, "hers ")
	// The tablet is restored onto the phone: one device is left of the two.
	if kept, known := w.put(phone(w.Bob, second, "tablet", "phone")); !known || kept.ID == was.ID {
		w.Errorf("known %v, kept %s", known, fields(kept))
	}
	w.wantTokens(w.Bob, "anonymous two anonymous one tablet ")
}

func deviceTooMany(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	const most = 3
	put := func(token string, at time.Duration) social.Device {
		d := w.device(w.Bob, grant, token)
		d.Set = Epoch().Add(at)
		kept, _, err := w.DB.PutDevice(w.Context(), d, most)
		if err != nil {
			w.Fatal(err)
		}
		return kept
	}
	a := put("a", 0)
	put("b", time.Minute)
	put("c", 2*time.Minute)
	if err := w.DB.MarkUsed(w.Context(), []social.DeviceKey{a.Key}, Epoch().Add(48*time.Hour)); err != nil {
		w.Fatal(err)
	}
	put("d", 3*time.Minute)
	w.wantTokens(w.Bob, "d c a ")
	put("c", 4*time.Minute)
	put("e", -time.Hour) // however slow its clock is, what comes last stays
	w.wantTokens(w.Bob, "e c a ")
}

func deviceEnds(w *World) {
	zoe := w.Person("zoe")
	login, tokens := w.login(w.Bob, social.GrantPassword)
	named, _ := w.login(w.Bob, social.GrantNamed)
	other, _ := w.login(w.Bob, social.GrantPassword)
	hers, _ := w.login(zoe, social.GrantPassword)
	for token, grant := range map[string]social.GrantKey{"login": login, "named": named, "other": other} {
		w.put(w.device(w.Bob, grant, token))
	}
	w.put(w.device(zoe, hers, "zoe"))
	if err := w.DB.EndGrant(w.Context(), other, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.devices(w.Bob); len(got) != 2 {
		w.Errorf("after the logout: %v", got)
	}
	// A refresh token that comes twice ends its grant.
	for range 2 {
		if _, err := w.DB.Rotate(w.Context(), tokens[1].Hash, nil, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	w.wantTokens(w.Bob, "named ")
	if err := w.DB.SetPasswordHash(w.Context(), w.Bob, "new", Epoch()); err != nil {
		w.Fatal(err)
	}
	w.wantTokens(w.Bob, "named ")
	if err := w.DB.RemovePerson(w.Context(), zoe, Epoch()); err != nil {
		w.Fatal(err)
	}
	w.wantTokens(zoe, "")
	// One that expires is ended by the purge.
	for range 3 {
		if _, err := w.DB.Purge(w.Context(), Epoch().Add(40*24*time.Hour)); err != nil {
			w.Fatal(err)
		}
	}
	w.wantTokens(w.Bob, "")
}

func deviceOfEndedGrant(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	d := w.device(w.Bob, grant, "token")
	if err := w.DB.EndGrant(w.Context(), grant, Epoch()); err != nil {
		w.Fatal(err)
	}
	_, _, err := w.DB.PutDevice(w.Context(), d, 3)
	Wants(w, err, social.KindUnauthenticated)
	others, _ := w.login(w.Carol, social.GrantPassword)
	_, _, err = w.DB.PutDevice(w.Context(), w.device(w.Bob, others, "token"), 3)
	Wants(w, err, social.KindUnauthenticated)
	_, _, err = w.DB.PutDevice(w.Context(), w.device(4711, grant, "token"), 3)
	Wants(w, err, social.KindNotFound)
	w.wantTokens(w.Bob, "")
}

func deviceEdit(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	d, _ := w.put(w.device(w.Bob, grant, "token"))
	want := d
	want.Preview, want.Client, want.Locale, want.Timezone, want.Version = true, "phone", "en", "UTC", "2"
	got, err := w.DB.EditDevice(w.Context(), w.Bob, d.ID, func(d *social.Device) error { *d = want; return nil })
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(w.devices(w.Bob), []social.Device{want}) {
		w.Errorf("%s, %v", fields(got), err)
	}
	_, err = w.DB.EditDevice(w.Context(), w.Bob, d.ID, func(*social.Device) error { return social.Invalid("mode", "is wrong") })
	Wants(w, err, social.KindInvalid)
	for _, err := range []error{
		func() error {
			_, err := w.DB.EditDevice(w.Context(), w.Carol, d.ID, func(*social.Device) error { return nil })
			return err
		}(),
		w.DB.DropDevice(w.Context(), w.Carol, d.ID), w.DB.DropDevice(w.Context(), w.Bob, w.IDs.New(Epoch())),
	} {
		Wants(w, err, social.KindNotFound)
	}
	w.wantTokens(w.Bob, "token ")
	if err := w.DB.DropDevice(w.Context(), w.Bob, d.ID); err != nil {
		w.Fatal(err)
	}
	w.wantTokens(w.Bob, "")
}

func deviceDead(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	d, _ := w.put(w.device(w.Bob, grant, "token"))
	drop := func(key social.DeviceKey, since time.Time, want bool) {
		w.Helper()
		if got, err := w.DB.DropDead(w.Context(), key, since); err != nil || got != want {
			w.Errorf("dropped %v, %v", got, err)
		}
	}
	drop(4711, Epoch().Add(time.Hour), false)
	drop(d.Key, Epoch(), false)
	d.Set = Epoch().Add(time.Hour)
	w.put(d)
	drop(d.Key, Epoch().Add(time.Minute), false)
	w.wantTokens(w.Bob, "token ")

	// What is learnt of its world is void too.
	for since, want := range map[time.Duration]bool{time.Hour: false, 2 * time.Hour: true} {
		if err := w.DB.SetSandbox(w.Context(), d.Key, true, Epoch().Add(since)); err != nil {
			w.Fatal(err)
		}
		if got := w.devices(w.Bob); got[0].Sandbox != want {
			w.Errorf("told at %s, it is %v", since, got[0].Sandbox)
		}
		if err := w.DB.SetSandbox(w.Context(), d.Key, false, Epoch().Add(3*time.Hour)); err != nil {
			w.Fatal(err)
		}
	}
	drop(d.Key, Epoch().Add(2*time.Hour), true)
	w.wantTokens(w.Bob, "")
}

func deviceSuspended(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	w.put(w.device(w.Bob, grant, "token"))
	for _, suspended := range []bool{true, false} {
		if err := w.DB.PatchPerson(w.Context(), w.Bob, social.PersonPatch{Suspended: &suspended}, Epoch()); err != nil {
			w.Fatal(err)
		}
		want := 1
		if suspended {
			want = 0
		}
		of, err := w.DB.DevicesOf(w.Context(), []social.PersonKey{w.Bob})
		if err != nil || len(of) != want || len(w.devices(w.Bob)) != 1 {
			w.Errorf("suspended %v: %v, %v", suspended, of, err)
		}
	}
}

func deviceUsed(w *World) {
	grant, _ := w.login(w.Bob, social.GrantPassword)
	a, _ := w.put(w.device(w.Bob, grant, "a"))
	w.put(w.device(w.Bob, grant, "b"))
	at := Epoch().Add(100 * time.Hour)
	for _, when := range []time.Time{at, at.Add(time.Minute), Epoch()} {
		if err := w.DB.MarkUsed(w.Context(), []social.DeviceKey{a.Key, 4711}, when); err != nil {
			w.Fatal(err)
		}
	}
	if err := w.DB.MarkUsed(w.Context(), nil, at); err != nil {
		w.Fatal(err)
	}
	if got := w.devices(w.Bob); !got[1].Used.Equal(at.Truncate(time.Hour)) || !got[0].Used.IsZero() {
		w.Errorf("used %v and %v", got[1].Used, got[0].Used)
	}
}

func deviceRace(w *World) {
	people := []social.PersonKey{w.Alice, w.Bob, w.Carol}
	var wg sync.WaitGroup
	for i := range 12 {
		p := people[i%len(people)]
		grant, _ := w.login(p, social.GrantPassword)
		d := w.device(p, grant, "token")
		wg.Go(func() {
			if _, _, err := w.DB.PutDevice(w.Context(), d, 2); err != nil {
				w.Errorf("put: %v", err)
			}
		})
	}
	wg.Wait()
	if of, err := w.DB.DevicesOf(w.Context(), people); err != nil || len(of) != 1 {
		w.Errorf("%v, %v", of, err)
	}
}
