package pushgw

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"rambla/pushgw/phrase"
	"rambla/social"
)

// judge decides what becomes of each device of a row.
func (b *batch) judge(r *row) {
	fresh := r.claim.Last > r.claim.Done && r.wait.IsZero()
	why := b.nothing(r)
	if fresh && why != "" {
		r.decide(0, b.now, social.PushSuppressed, why, nil)
		b.figures.suppressed(why)
	}
	if fresh && why == "" && r.content.newest <= r.claim.Done { // what is new is not for this person
		why := r.passed()
		r.decide(0, b.now, social.PushSuppressed, why, nil)
		b.figures.suppressed(why)
	}
	ring := false
	for _, t := range r.targets {
		b.judgeTarget(r, t, fresh && why == "")
		ring = ring || t.push != nil && t.push.what == actAlert
	}
	if !ring {
		return
	}
	if until := b.people.take(r.claim.Person, b.now); !until.IsZero() {
		for _, t := range r.targets {
			if t.push != nil && t.push.what == actAlert {
				b.devices.back(t.device.Key)
				b.postpone(r, t, until)
			}
		}
	}
}

// nothing is why there is nothing to tell the person of any more; empty where there
// is. What is left of the content then is nobody's to be told of.
func (b *batch) nothing(r *row) string {
	why := ""
	switch {
	case r.space == nil || !r.reads:
		why = "right"
	case b.Directory.PushBlocked(r.space):
		why = "blocked"
	case r.content.post != nil:
		if len(r.targets) == 0 {
			return "no_device"
		}
		return ""
	case r.content.read >= r.claim.Last:
		why = "read"
	default:
		why = r.passed()
	}
	r.content.post = nil
	for _, t := range r.targets {
		t.content.post = nil
	}
	return why
}

// passed is why of what is new nothing is for this person.
func (r *row) passed() string {
	switch {
	case r.wish.Why != "":
		return r.wish.Why
	case r.content.ignored:
		return "ignored"
	default:
		return "removed"
	}
}

// judgeTarget decides what is sent to a device; fresh tells that there may be
// something new.
func (b *batch) judgeTarget(r *row, t *target, fresh bool) {
	c := t.left(r)
	waits := t.told.Wait.After(b.now)
	if fresh && (c.post == nil || c.newest <= t.told.Seq) {
		if t.own {
			r.decide(t.device.Key, b.now, social.PushSuppressed, "acknowledged", nil)
			b.figures.suppressed("acknowledged")
		}
	} else if fresh && c.newest > r.claim.Done {
		b.judgeNew(r, t, c, waits)
	}
	if r.claim.Perhaps && r.wait.IsZero() && r.content.post == nil && !t.told.Shown {
		// Whoever told the device did not live to say so.
		t.told.Seq, t.told.Shown, t.changed = max(t.told.Seq, r.claim.Last), true, true
	}
	if t.push != nil || !t.told.Shown || waits {
		if t.told.Shown && waits {
			t.again = earliest(t.again, t.told.Wait)
		}
		return
	}
	b.judgeShown(r, t, &r.content, c)
}

// judgeShown decides about what a device shows: all is what is left of it for the
// person, and c what of that is for the device.
func (b *batch) judgeShown(r *row, t *target, all, c *content) {
	switch {
	case all.post == nil && t.device.Platform == social.PlatformWebPush:
		// A browser has to show something for every push.
		t.told.Shown, t.changed = false, true
	case all.post == nil:
		b.prepare(r, t, all, actClear)
	case c.post != nil && c.newest <= t.told.Seq && c.markFor(t.device) != t.told.Mark:
		b.prepare(r, t, c, actReplace)
	}
}

// judgeNew decides about something that the device was not told of.
func (b *batch) judgeNew(r *row, t *target, c *content, waits bool) {
	quiet := r.prefs.QuietUntil(b.now, t.device.Timezone)
	if !quiet.IsZero() && r.prefs.Quiet.Spares(r.kindOf(c) == KindMention, r.space.Single()) {
		quiet = time.Time{}
	}
	suppress := func(what social.PushWhat, why string) {
		r.decide(t.device.Key, b.now, what, why, nil)
		b.figures.suppressed(why)
	}
	switch {
	case c.post.Published.Before(t.device.Created):
		suppress(social.PushSuppressed, "registered_later")
	case b.now.Sub(r.claim.Posted) >= social.PushLife:
		suppress(social.PushFailed, "expired")
	case !quiet.IsZero():
		t.pending, t.again = true, quiet
		r.decide(t.device.Key, b.now, social.PushWaits, "quiet", nil).Until = quiet
		b.figures.suppressed("quiet")
	case waits:
		t.pending, t.again = true, t.told.Wait
	default:
		if until := b.devices.take(t.device.Key, b.now); !until.IsZero() {
			b.postpone(r, t, until)
			return
		}
		b.prepare(r, t, c, actAlert)
	}
}

// postpone has a device wait for its turn; what comes until then is merged.
func (b *batch) postpone(r *row, t *target, until time.Time) {
	t.push, t.pending, t.again = nil, true, until
	r.decide(t.device.Key, b.now, social.PushWaits, "limited", nil).Until = until
	b.figures.suppressed("limited")
}

// prepare makes the message.
func (b *batch) prepare(r *row, t *target, c *content, what action) {
	d := t.device
	p := &push{row: r, target: t, what: what}
	p.m = Message{
		Device: d, Kind: KindClear, Stream: r.topic, Seq: t.told.Seq,
		Collapse: collapse(r.place()), Silent: what == actReplace, Expires: b.now.Add(social.PushLife),
	}
	t.push = p
	if what == actClear {
		p.m.ID = p.id()
		return
	}
	p.mark = c.markFor(d)
	p.m.Kind, p.m.Seq, p.m.Post, p.m.Count = r.kindOf(c), c.newest, c.post.ID.String(), c.count
	p.m.Expires = c.post.Published.Add(social.PushLife)
	p.languages = []string{d.Locale, r.prefs.Locale}
	p.occasion = b.occasion(r, c, p.m.Kind)
	p.m.ID = p.id()
	p.m.Title, p.m.Body = b.Words.Line(p.occasion, p.languages...)
	if !d.Preview {
		return
	}
	title, body := b.Words.Preview(p.occasion, p.languages...)
	if len(d.PayloadKey) == 0 {
		p.m.Title, p.m.Body = title, body
		return
	}
	sealed, err := Seal(d.PayloadKey, title, body)
	if err != nil { // its key is no point of the curve: it gets the line
		b.Logger.Debug("a preview cannot be sealed", "device", d.ID, "err", err)
		return
	}
	p.m.Sealed = sealed
}

// occasion is what the content is, for who puts it into words.
func (b *batch) occasion(r *row, c *content, kind Kind) phrase.Occasion {
	who := b.Directory.AnyPerson(c.post.Author)
	o := phrase.Occasion{
		Direct: r.space.Single(), Count: c.count, Who: cmp.Or(who.DisplayName, who.Name),
		Where: r.space.DisplayName, Text: c.post.Content,
	}
	switch {
	case o.Direct:
		other := b.Directory.AnyPerson(r.space.Pair[0])
		if other.Key == r.claim.Person {
			other = b.Directory.AnyPerson(r.space.Pair[1])
		}
		o.Where = cmp.Or(other.DisplayName, other.Name)
	case r.space.Kind == social.KindContext:
		o.Where = cmp.Or(o.Where, r.space.ID)
	case r.space.Kind == social.KindWall:
		owner := b.Directory.AnyPerson(r.space.Owner)
		o.Where = cmp.Or(owner.DisplayName, owner.Name)
	}
	switch kind {
	case KindMention:
		o.About = phrase.Mention
	case KindNotification:
		o.About = phrase.Added
	case KindComment:
		o.About = phrase.Comment
		if slices.ContainsFunc(c.named, func(n social.PushNamed) bool { return n.Why == social.PushedAnswer }) {
			o.About = phrase.Answer
		}
	}
	if c.post.Markdown {
		o.Text = b.Text(c.post.Content)
	}
	return o
}

// kindOf is the word for what the content is about.
func (r *row) kindOf(c *content) Kind {
	var newest social.PushReason
	for _, n := range c.named {
		if n.Seq > r.claim.Done || n.Seq == c.newest {
			newest = max(newest, n.Why)
			if n.Why == social.PushedMention {
				return KindMention
			}
		}
	}
	switch {
	case newest == social.PushedAddition || r.channel == social.ChannelEvents:
		return KindNotification
	case r.channel == social.ChannelComments:
		return KindComment
	}
	return KindMessage
}

// markFor is a digest of what a device shows of the content: of how much and up to
// where, and of a preview also what it says.
func (c *content) markFor(d *social.Device) uint64 {
	var b [26]byte
	binary.BigEndian.PutUint64(b[0:], uint64(c.count)) //nolint:gosec // a number of posts
	binary.BigEndian.PutUint64(b[8:], c.newest)
	if d.Preview {
		b[16] = 1
		binary.BigEndian.PutUint64(b[17:], c.post.Edited)
	}
	sum := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(sum[:])
}

// collapse is the same for all pushes of a person and stream.
func collapse(p social.PushPlace) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[0:], uint64(p.Person)) //nolint:gosec // a key
	binary.BigEndian.PutUint64(b[8:], uint64(p.Stream)) //nolint:gosec // likewise
	sum := sha256.Sum256(b[:])
	return base64.RawURLEncoding.EncodeToString(sum[:])[:22]
}

// id is the same whenever the push is tried again: a UUID of version 8.
func (p *push) id() social.ID {
	var b [33]byte
	b[0] = byte(p.what)
	binary.BigEndian.PutUint64(b[1:], uint64(p.target.device.Key)) //nolint:gosec // a key
	binary.BigEndian.PutUint64(b[9:], uint64(p.row.claim.Stream))  //nolint:gosec // likewise
	binary.BigEndian.PutUint64(b[17:], p.m.Seq)
	binary.BigEndian.PutUint64(b[25:], p.mark)
	sum := sha256.Sum256(b[:])
	id := social.ID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

// earliest is the earlier of two times that are not zero.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
