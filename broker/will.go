package broker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"rambla/social"
)

// will is a will message, MQTT 5.0 section 3.1.2.5, as CONNECT brought it. It
// waits in its session's row, so that it is sent also when this process dies;
// who sends it has only the row.
type will struct {
	topic      string
	payload    []byte
	qos        byte
	retain     bool
	properties *social.Properties // nil where there were none
	delay      time.Duration      // after the end of the connection
}

// The stored form of a will, so that a later one can read both: its version,
// an identifier, and a PUBLISH of MQTT 5.0.
const (
	willVersion = 1
	willIDSize  = 8 // bytes
)

// encode is the stored form. The delay is not in it: the session has it beside.
// Each is another, as its identifier is never used again.
func (w *will) encode() []byte {
	props, _ := appendMessageProperties(nil, w.properties)
	body := appendString(make([]byte, 0, 16+len(w.topic)+len(props)+len(w.payload)), w.topic)
	if w.qos > 0 {
		body = append(body, 0, 1) // any identifier: a PUBLISH must have one
	}
	body = append(appendVarint(body, len(props)), props...)
	body = append(body, w.payload...)
	b := make([]byte, 1+willIDSize, 1+willIDSize+5+len(body))
	b[0] = willVersion
	_, _ = rand.Read(b[1:]) // never fails since Go 1.24
	b = append(b, typePublish<<4|w.qos<<1|byte(index(w.retain)))
	return append(appendVarint(b, len(body)), body...)
}

var errWillCorrupt = errors.New("the stored will is corrupt")

// decodeWill reads what encode wrote; id names it. It keeps no memory of b.
func decodeWill(b []byte) (w will, id string, err error) {
	if len(b) < 1+willIDSize+2 || b[0] != willVersion {
		return w, "", errWillCorrupt
	}
	id = hex.EncodeToString(b[1 : 1+willIDSize])
	b = b[1+willIDSize:]
	size, n, ok := readVarint(b[1:])
	if !ok || b[0]>>4 != typePublish || 1+n+size != len(b) {
		return w, "", errWillCorrupt
	}
	p, bad := decodePublish(version5, b[0], append([]byte(nil), b[1+n:]...))
	if bad != nil || p.hasAlias {
		return w, "", errWillCorrupt
	}
	return will{topic: p.topic, payload: p.payload, qos: p.qos, retain: p.retain, properties: p.properties}, id, nil
}

// restartGrace is how long the clients of a server that was shut down have to
// come back before wills without a delay are sent (section 3.1.2.5 allows to
// wait for a restart).
const restartGrace = time.Minute

// willDue is when the will of a session is to be sent, unless the session is
// resumed before, now that its connection has ended: when the delay is over or
// the session, whichever comes first [MQTT-3.1.2-8], [MQTT-3.1.3-9]. ok is false
// where it is not to be sent at all. expiry is that of the session at the end.
func willDue(c cause, delay, expiry time.Duration, now time.Time) (due time.Time, ok bool) {
	wait := min(delay, expiry)
	switch c {
	case causeDisconnect: // [MQTT-3.1.2-10], [MQTT-3.14.4-3]
		return time.Time{}, false
	case causeShutdown:
		wait = max(wait, restartGrace)
	}
	return now.Add(wait), true
}

// willAtClaim tells whether the will of a session as it was has to be sent now
// that a connection claims it; else it is void, if there was one.
func willAtClaim(before *social.Session, clean bool, now time.Time) bool {
	ends := clean || before.Expiry == 0
	switch {
	case before.Will == nil:
		return false
	case before.WillDue.IsZero(): // taken over while connected
		return ends || before.WillDelay == 0
	case !now.Before(before.WillDue):
		return true
	}
	// Ending the session sends it at once [MQTT-3.1.2-8], but for one that waits
	// for no more than its client to come back after a restart.
	natural := before.Left.Add(min(before.WillDelay, before.Expiry))
	return clean && !before.WillDue.After(natural)
}

// publishWill sends the will of a session as it is stored, for the person and
// by the credential of its last connection, whose rights are asked now. done is
// called exactly once, from any goroutine: nil means that it is dealt with, also where
// it could not be allowed or read; an error that it has to be tried again, which
// stores nothing twice. It blocks for the store until ctx ends.
func (b *Broker) publishWill(ctx context.Context, s social.Session, done func(error)) {
	w, id, err := decodeWill(s.Will)
	if err != nil {
		done(b.willOutcome(s.ID, err))
		return
	}
	finish := func(_ Receipt, err error) { done(b.willOutcome(s.ID, err)) }
	p, err := b.gate.Revive(ctx, s.Person, s.Grant)
	if err != nil {
		finish(Receipt{}, err)
		return
	}
	b.gate.Publish(p, &Publication{
		Topic: w.topic, Payload: w.payload, QoS: w.qos, Retain: w.retain, Session: s.ID,
		Version: s.Version, Properties: w.properties, Key: "will:" + id,
	}, finish)
}

// willOutcome says whether a will has to be tried again.
func (b *Broker) willOutcome(session social.SessionID, err error) error {
	if err == nil {
		b.metrics.wills[willSent].Inc()
		return nil
	}
	switch social.KindOf(err) {
	case social.KindUnavailable:
		b.metrics.wills[willDelayed].Inc()
		return err
	case social.KindInternal: // trying again would fail again
		b.metrics.wills[willFailed].Inc()
		b.log.Error("a will was dropped", "session", uint64(session), "err", err)
	default:
		b.metrics.wills[willRefused].Inc()
		b.log.Debug("a will was refused", "session", uint64(session), "err", err)
	}
	return nil
}

// willResult is what became of a will; the label of rambla_broker_wills_total.
type willResult byte

const (
	willSent    willResult = iota
	willRefused            // the right or the credential was gone
	willFailed             // it was corrupt, or by a fault of ours
	willDelayed            // the store is away; to be tried again
	willResultCount
)

var willResultNames = [willResultCount]string{"sent", "refused", "failed", "delayed"}

// settleWill sends the will of the session as it was, if now is its time.
func (b *Broker) settleWill(ctx context.Context, claimed *social.SessionClaimed, clean bool) {
	if before := claimed.Before; before != nil && willAtClaim(before, clean, b.now()) {
		b.publishWill(ctx, *before, func(err error) {
			if err != nil {
				b.owe(*before)
			}
		})
	}
}

// mostOwed bounds the wills that wait in memory.
const mostOwed = 1000

// owe keeps a will that could not be sent for the next turn of tidying: the row
// that held it is another connection's now. What if full: it is lost, and logged.
func (b *Broker) owe(s social.Session) {
	b.mu.Lock()
	full := len(b.owed) >= mostOwed
	if !full {
		b.owed = append(b.owed, s)
	}
	b.mu.Unlock()
	if full {
		b.log.Error("a will was dropped", "session", uint64(s.ID), "err", "too many wait for the store")
	}
}

// sendOwed tries the wills again that could not be sent.
func (b *Broker) sendOwed(ctx context.Context) {
	b.mu.Lock()
	owed := b.owed
	b.owed = nil
	b.mu.Unlock()
	for _, s := range owed {
		b.publishWill(ctx, s, func(err error) {
			if err != nil {
				b.owe(s)
			}
		})
	}
}
