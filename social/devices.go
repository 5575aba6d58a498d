package social

import (
	"context"
	"time"
)

// MaxDevices bounds the devices of one person; one more, and the one that was
// unused for the longest time goes.
const MaxDevices = 20

// DeviceStore keeps devices. Those of a grant that ends go in the same transaction.
type DeviceStore interface {
	// PutDevice keeps a device under its hash, for which it may be whose it likes:
	// known says that the token was there. Where it was the same person's, or the
	// person has one of the same platform, app and MQTT client id, that device is
	// replaced and keeps its Key, ID and Created; what is beyond most goes, the
	// longest unused first. KindUnauthenticated where the grant has ended.
	PutDevice(ctx context.Context, d Device, most int) (kept Device, known bool, err error)
	// Devices lists those of a person, the newest first.
	Devices(ctx context.Context, person PersonKey) ([]Device, error)
	// EditDevice lets edit change a device of the person, in one transaction; only
	// what a DeviceSetting says is kept of it. KindNotFound where it has none with
	// that id.
	EditDevice(ctx context.Context, person PersonKey, id ID, edit func(*Device) error) (Device, error)
	// DropDevice is KindNotFound where the person has none with that id.
	DropDevice(ctx context.Context, person PersonKey, id ID) error
}

// DeviceRegister is what whoever pushes asks of the devices.
type DeviceRegister interface {
	// DevicesOf reads the devices of these people, of each the oldest first, but
	// not of those who are suspended.
	DevicesOf(ctx context.Context, people []PersonKey) ([]Device, error)
	// DropDead removes a device that was last registered before since, and says
	// whether it did: one that was registered again is alive.
	DropDead(ctx context.Context, device DeviceKey, since time.Time) (bool, error)
	// MarkUsed says that providers accepted pushes for these devices; it is kept to
	// the hour, so most of the time nothing is written.
	MarkUsed(ctx context.Context, devices []DeviceKey, at time.Time) error
	// SetSandbox corrects which of the two worlds a device is in, unless it was
	// registered again since.
	SetSandbox(ctx context.Context, device DeviceKey, sandbox bool, since time.Time) error
}

// Devices are the use cases on devices: everybody's own.
type Devices struct {
	store    DeviceStore
	endpoint func(Secret) error
	ids      *IDs
	now      func() time.Time
	carries  func(Platform, string) bool
}

// NewDevices makes the use cases. endpoint refuses what Web Push is not sent to:
// KindInvalid, with subscription.endpoint as its field.
func NewDevices(store DeviceStore, endpoint func(Secret) error, ids *IDs, now func() time.Time) *Devices {
	return &Devices{store: store, endpoint: endpoint, ids: ids, now: now, carries: func(Platform, string) bool { return true }}
}

// ServePush tells for which apps there are credentials, before anything else is
// called; without it for all.
func (ds *Devices) ServePush(carries func(p Platform, app string) bool) { ds.carries = carries }

// told adds what is not stored.
func (ds *Devices) told(d Device) Device {
	d.Unconfigured = !ds.carries(d.Platform, d.App)
	return d
}

// Register keeps a device of the actor. known says that its token was there
// before, as somebody's. It belongs to the grant of the actor, whichever kind it
// is, and goes with it: KindForbidden where there is none, or the grant may not
// read what the device would be told.
func (ds *Devices) Register(ctx context.Context, a Actor, r Registration) (d Device, known bool, err error) {
	if err := ds.mayChange(a); err != nil {
		return d, false, err
	}
	if a.Grant == 0 {
		return d, false, Errorf(KindForbidden, "A device belongs to a login or a named token; sign in for one.")
	}
	now := ds.now()
	if d, err = r.device(ds.endpoint, now); err != nil {
		return Device{}, false, err
	}
	d.ID, d.Person, d.Grant, d.Created, d.Set = ds.ids.New(now), a.Person, a.Grant, now, now
	d, known, err = ds.store.PutDevice(ctx, d, MaxDevices)
	return ds.told(d), known, err
}

// List lists the actor's devices, the newest first.
func (ds *Devices) List(ctx context.Context, a Actor) ([]Device, error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, err
	}
	all, err := ds.store.Devices(ctx, a.Person)
	for i := range all {
		all[i] = ds.told(all[i])
	}
	return all, err
}

// Edit changes what may be said again of a device of the actor. KindNotFound.
func (ds *Devices) Edit(ctx context.Context, a Actor, id string, s DeviceSetting) (Device, error) {
	if err := ds.mayChange(a); err != nil {
		return Device{}, err
	}
	key, ok := ParseID(id)
	if !ok {
		return Device{}, noDevice()
	}
	d, err := ds.store.EditDevice(ctx, a.Person, key, s.apply)
	return ds.told(d), err
}

// Drop removes a device of the actor. KindNotFound.
func (ds *Devices) Drop(ctx context.Context, a Actor, id string) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	key, ok := ParseID(id)
	if !ok {
		return noDevice()
	}
	return ds.store.DropDevice(ctx, a.Person, key)
}

// mayChange: a device is told what its person reads, so a credential that only
// writes cannot register one to learn of it.
func (ds *Devices) mayChange(a Actor) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	return a.RequireSelf(false)
}

func noDevice() *Error { return Errorf(KindNotFound, "There is no such device.") }
