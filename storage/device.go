package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

const deviceColumns = `d.id, d.public_id, d.person, d.grant_id, d.platform, d.sandbox, d.preview, d.created_at, d.set_at, d.used_at,
	d.client, d.app, d.token, d.locale, d.timezone, d.version, d.p256dh, d.auth, d.payload_key`

// deviceRow is where the columns of a device go.
type deviceRow struct {
	social.Device
	token              string
	created, set, used int64
}

func (d *deviceRow) dest() []any {
	return []any{
		&d.Key,
		idColumn{&d.ID},
		&d.Person, &d.Grant, &d.Platform, &d.Sandbox, &d.Preview, &d.created, &d.set, &d.used,
		&d.Client, &d.App, &d.token, &d.Locale, &d.Timezone, &d.Version, &d.P256dh, &d.Auth, &d.PayloadKey,
	}
}

func (d *deviceRow) device() social.Device {
	d.Token = social.Secret(d.token)
	d.Created, d.Set, d.Used = moment(d.created), moment(d.set), moment(d.used)
	return d.Device
}

// devices reads what a SELECT of deviceColumns finds.
func devices(ctx context.Context, c conn, text string, args ...any) ([]social.Device, error) {
	var out []social.Device
	err := each(ctx, c, func(rs rows) error {
		var d deviceRow
		err := rs.Scan(d.dest()...)
		out = append(out, d.device())
		return err
	}, text, args...)
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	return out, nil
}

// PutDevice is [social.DeviceStore]'s.
func (db *DB) PutDevice(ctx context.Context, d social.Device, most int) (kept social.Device, known bool, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		kept, known = d, false
		kept.Key = 0 // the store gives it
		// One registration of a person at a time, so that most is the most.
		var is int
		err := one(ctx, t, into(&is), `SELECT 1 FROM people WHERE id = $1 AND NOT removed`+t.forUpdate, int64(d.Person))
		if err != nil {
			return orNotFound(err, "person")
		}
		// The lock keeps the grant from ending before this is committed.
		err = one(ctx, t, into(&is), `SELECT 1 FROM grants WHERE id = $1 AND person = $2 AND ended_at = 0`+t.forShare,
			int64(d.Grant), int64(d.Person))
		if errors.Is(err, errNoRow) {
			return social.Errorf(social.KindUnauthenticated, "The login has ended; sign in again.")
		}
		if err != nil {
			return err
		}
		if known, err = replaceDevices(ctx, t, &kept); err != nil {
			return err
		}
		if kept.Key == 0 {
			err = insertDevice(ctx, t, &kept)
		} else {
			err = updateDevice(ctx, t, &kept)
		}
		if err != nil {
			return err
		}
		return evictDevices(ctx, t, &kept, most)
	})
	if err != nil {
		return social.Device{}, false, failure(fmt.Errorf("keep a device: %w", err))
	}
	return kept, known, nil
}

// replaceDevices removes whatever d comes in place of, but for one of the same
// person, whose place it takes: Key, ID, Created and Used.
func replaceDevices(ctx context.Context, t *tx, d *social.Device) (known bool, err error) {
	hash := d.Hash()
	// By devices_hash_key and devices_person, locked in the order of their keys.
	former, err := devices(ctx, t, `SELECT `+deviceColumns+` FROM devices d WHERE d.hash = $1
			OR (d.person = $2 AND d.client <> '' AND d.client = $3 AND d.platform = $4 AND d.app = $5)
		ORDER BY d.id`+t.forUpdate,
		hash[:], int64(d.Person), d.Client, int64(d.Platform), d.App)
	if err != nil {
		return false, err
	}
	// The one with the token comes first.
	slices.SortStableFunc(former, func(a, b social.Device) int { return int(truth(b.Hash() == hash) - truth(a.Hash() == hash)) })
	var over []social.DeviceKey
	for i := range former {
		f := &former[i]
		known = known || f.Hash() == hash
		if f.Person == d.Person && d.Key == 0 {
			d.Key, d.ID, d.Created = f.Key, f.ID, f.Created
			if f.Hash() == hash {
				d.Used = f.Used // of another token, nobody accepted anything yet
			}
			continue
		}
		over = append(over, f.Key)
	}
	return known, dropDevices(ctx, t, over)
}

func insertDevice(ctx context.Context, t *tx, d *social.Device) error {
	hash := d.Hash()
	return one(ctx, t, into(&d.Key), `INSERT INTO devices (public_id, person, grant_id, platform, sandbox, preview, created_at, set_at, used_at,
			client, app, token, locale, timezone, version, hash, p256dh, auth, payload_key)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) RETURNING id`,
		d.ID[:], int64(d.Person), int64(d.Grant), int64(d.Platform), d.Sandbox, d.Preview, micros(d.Created), micros(d.Set), micros(d.Used),
		d.Client, d.App, string(d.Token), d.Locale, d.Timezone, d.Version, hash[:], bytesOrNull(d.P256dh), bytesOrNull(d.Auth), bytesOrNull(d.PayloadKey))
}

func updateDevice(ctx context.Context, t *tx, d *social.Device) error {
	hash := d.Hash()
	_, err := t.exec(ctx, `UPDATE devices SET grant_id = $2, sandbox = $3, preview = $4, set_at = $5, used_at = $6, client = $7, app = $8, token = $9,
			locale = $10, timezone = $11, version = $12, hash = $13, p256dh = $14, auth = $15, payload_key = $16 WHERE id = $1`,
		int64(d.Key), int64(d.Grant), d.Sandbox, d.Preview, micros(d.Set), micros(d.Used), d.Client, d.App, string(d.Token),
		d.Locale, d.Timezone, d.Version, hash[:], bytesOrNull(d.P256dh), bytesOrNull(d.Auth), bytesOrNull(d.PayloadKey))
	return err
}

// evictDevices removes what the person of d has beyond most, d itself never.
func evictDevices(ctx context.Context, t *tx, d *social.Device, most int) error {
	var over []social.DeviceKey
	// By devices_person.
	err := each(ctx, t, func(rs rows) error {
		var k social.DeviceKey
		err := rs.Scan(&k)
		over = append(over, k)
		return err
	}, `SELECT id FROM devices WHERE person = $1 AND id <> $2
		ORDER BY CASE WHEN used_at > set_at THEN used_at ELSE set_at END DESC, id DESC LIMIT 1000 OFFSET $3`,
		int64(d.Person), int64(d.Key), most-1)
	if err != nil {
		return fmt.Errorf("find devices that are too many: %w", err)
	}
	return dropDevices(ctx, t, over)
}

// endDevices removes those of a grant that ends.
func endDevices(ctx context.Context, t *tx, grant social.GrantKey) error {
	var over []social.DeviceKey
	// By devices_grant. Locked, or one that is registered anew under another grant
	// at this moment would be removed with the grant that it had.
	err := each(ctx, t, func(rs rows) error {
		var k social.DeviceKey
		err := rs.Scan(&k)
		over = append(over, k)
		return err
	}, `SELECT id FROM devices WHERE grant_id = $1 ORDER BY id`+t.forDelete, int64(grant))
	if err != nil {
		return fmt.Errorf("find devices: %w", err)
	}
	return dropDevices(ctx, t, over)
}

// dropDevices removes devices, and whatever is kept of them: everything that
// removes one comes through here.
func dropDevices(ctx context.Context, t *tx, keys []social.DeviceKey) error {
	if len(keys) == 0 {
		return nil
	}
	if _, err := t.exec(ctx, `DELETE FROM devices WHERE id = ANY($1)`, keyList(keys)); err != nil {
		return fmt.Errorf("remove devices: %w", err)
	}
	return nil
}

// Devices is [social.DeviceStore]'s.
func (db *DB) Devices(ctx context.Context, person social.PersonKey) ([]social.Device, error) {
	// By devices_person; PutDevice bounds how many there are.
	out, err := devices(ctx, db.eng.reader(), `SELECT `+deviceColumns+` FROM devices d WHERE d.person = $1 ORDER BY d.id DESC LIMIT 1000`, int64(person))
	return out, failure(err)
}

// EditDevice is [social.DeviceStore]'s.
func (db *DB) EditDevice(ctx context.Context, person social.PersonKey, id social.ID, edit func(*social.Device) error) (d social.Device, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		found, err := devices(ctx, t, `SELECT `+deviceColumns+` FROM devices d WHERE d.public_id = $1 AND d.person = $2`+t.forUpdate,
			id[:], int64(person))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return notFound("device")
		}
		d = found[0]
		if err := edit(&d); err != nil {
			return err
		}
		_, err = t.exec(ctx, `UPDATE devices SET preview = $2, client = $3, locale = $4, timezone = $5, version = $6, payload_key = $7 WHERE id = $1`,
			int64(d.Key), d.Preview, d.Client, d.Locale, d.Timezone, d.Version, bytesOrNull(d.PayloadKey))
		return err
	})
	if err != nil {
		return social.Device{}, failure(fmt.Errorf("change a device: %w", err))
	}
	return d, nil
}

// DropDevice is [social.DeviceStore]'s.
func (db *DB) DropDevice(ctx context.Context, person social.PersonKey, id social.ID) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		var key social.DeviceKey
		err := one(ctx, t, into(&key), `SELECT id FROM devices WHERE public_id = $1 AND person = $2`+t.forDelete, id[:], int64(person))
		if err != nil {
			return orNotFound(err, "device")
		}
		return dropDevices(ctx, t, []social.DeviceKey{key})
	})
	if err != nil {
		return failure(fmt.Errorf("remove a device: %w", err))
	}
	return nil
}

// DevicesOf is [social.DeviceRegister]'s.
func (db *DB) DevicesOf(ctx context.Context, people []social.PersonKey) ([]social.Device, error) {
	// By devices_person; PutDevice bounds how many each has.
	out, err := devices(ctx, db.eng.reader(), `SELECT `+deviceColumns+` FROM devices d JOIN people p ON p.id = d.person
		WHERE d.person = ANY($1) AND NOT p.suspended ORDER BY d.person, d.id`, keyList(people))
	return out, failure(err)
}

// dropDead removes a device that was last registered before since.
func dropDead(ctx context.Context, t *tx, device social.DeviceKey, since time.Time) (dropped bool, err error) {
	var key social.DeviceKey
	err = one(ctx, t, into(&key), `SELECT id FROM devices WHERE id = $1 AND set_at < $2`+t.forDelete, int64(device), micros(since))
	if errors.Is(err, errNoRow) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, dropDevices(ctx, t, []social.DeviceKey{key})
}

// markUsed says that providers accepted pushes for these devices, to the hour: most
// of the time nothing is written.
func markUsed(ctx context.Context, t *tx, keys []social.DeviceKey, at time.Time) error {
	// In the order of their keys, so that two batches do not wait for each other.
	_, err := t.exec(ctx, `UPDATE devices SET used_at = $2 WHERE id IN (
		SELECT id FROM devices WHERE id = ANY($1) AND used_at < $2 ORDER BY id`+t.forUpdate+`)`, keyList(keys), micros(at.Truncate(time.Hour)))
	if err != nil {
		return fmt.Errorf("mark devices used: %w", err)
	}
	return nil
}

// setSandbox corrects which of the two worlds a device is in, unless it was
// registered after since.
func setSandbox(ctx context.Context, t *tx, device social.DeviceKey, sandbox bool, since time.Time) error {
	_, err := t.exec(ctx, `UPDATE devices SET sandbox = $2 WHERE id = $1 AND set_at < $3`, int64(device), sandbox, micros(since))
	if err != nil {
		return fmt.Errorf("correct the world of a device: %w", err)
	}
	return nil
}

// DropDead is [social.DeviceRegister]'s.
func (db *DB) DropDead(ctx context.Context, device social.DeviceKey, since time.Time) (dropped bool, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) (err error) {
		dropped, err = dropDead(ctx, t, device, since)
		return err
	})
	return dropped, failure(err)
}

// MarkUsed is [social.DeviceRegister]'s.
func (db *DB) MarkUsed(ctx context.Context, keys []social.DeviceKey, at time.Time) error {
	return failure(db.eng.transact(ctx, func(ctx context.Context, t *tx) error { return markUsed(ctx, t, keys, at) }))
}

// SetSandbox is [social.DeviceRegister]'s.
func (db *DB) SetSandbox(ctx context.Context, device social.DeviceKey, sandbox bool, since time.Time) error {
	return failure(db.eng.transact(ctx, func(ctx context.Context, t *tx) error { return setSandbox(ctx, t, device, sandbox, since) }))
}

// deviceChecks are about devices.
func deviceChecks() []check {
	return []check{{
		rule: "a device is of a grant of its person that holds",
		mend: "delete the row from the table devices; the app registers it again",
		sql: `SELECT 'device ' || d.id || ' person ' || d.person || ' grant ' || d.grant_id FROM devices d
			LEFT JOIN grants g ON g.id = d.grant_id LEFT JOIN people p ON p.id = d.person
			WHERE g.id IS NULL OR g.person <> d.person OR g.ended_at <> 0 OR p.id IS NULL OR p.removed ORDER BY d.id LIMIT $1`,
	}}
}
