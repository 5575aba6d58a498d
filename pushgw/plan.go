package pushgw

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rambla/social"
)

// planBatch works out what is to be sent for claims, and hands it on. On an error
// the claims are given back.
func (g *Gateway) planBatch(ctx context.Context, claims []social.PushClaim) error {
	b := &batch{Gateway: g, now: g.Now()}
	for _, c := range claims {
		b.rows = append(b.rows, &row{claim: c})
	}
	if err := b.look(ctx); err != nil {
		g.giveBack(ctx, claims)
		return fmt.Errorf("plan pushes: %w", err)
	}
	for _, r := range b.rows {
		b.judge(r)
	}
	err := b.lookShown(ctx)
	if err == nil {
		err = b.count(ctx)
	}
	if err != nil {
		g.giveBack(ctx, claims)
		return fmt.Errorf("plan pushes: %w", err)
	}
	for _, r := range b.rows {
		g.dispatch(r)
	}
	return nil
}

// batch is claims that are planned together, each question to the store once.
type batch struct {
	*Gateway
	now  time.Time
	rows []*row
}

// look asks all that decides.
func (b *batch) look(ctx context.Context) error {
	for _, r := range b.rows {
		space, channel, ok := b.Directory.PushStream(r.claim.Stream)
		if !ok {
			continue
		}
		r.space, r.channel, r.topic = space, channel, b.Directory.TopicOf(space, channel)
		r.sight, r.reads = b.Directory.PushSight(r.claim.Person, space.Key)
	}
	if err := b.lookPeople(ctx); err != nil {
		return err
	}
	if err := b.lookSessions(ctx); err != nil {
		return err
	}
	if err := b.lookContents(ctx); err != nil {
		return err
	}
	return b.lookPosts(ctx, func(f func(*row, *content)) {
		for _, r := range b.rows {
			f(r, &r.content)
			for _, t := range r.targets {
				f(r, &t.content)
			}
		}
	})
}

// lookPeople asks for devices, what they were told, and what their people want.
func (b *batch) lookPeople(ctx context.Context) error {
	var people []social.PersonKey
	var members []social.Member
	var places []social.PushPlace
	for _, r := range b.rows {
		people = append(people, r.claim.Person)
		places = append(places, r.place())
		if r.space != nil {
			members = append(members, social.Member{Space: r.space.Key, Person: r.claim.Person})
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	devices, err := b.Devices.DevicesOf(ctx, people)
	if err != nil {
		return err
	}
	prefs, err := b.Store.PushPreferences(ctx, people)
	if err != nil {
		return err
	}
	interests, err := b.Store.PushInterests(ctx, members, b.now)
	if err != nil {
		return err
	}
	tolds, err := b.Store.PushTolds(ctx, places)
	if err != nil {
		return err
	}
	told := map[social.PushPlace][]social.PushTold{}
	for _, t := range tolds {
		told[t.PushPlace] = append(told[t.PushPlace], t)
	}
	of := map[social.PersonKey][]*social.Device{}
	for i := range devices {
		of[devices[i].Person] = append(of[devices[i].Person], &devices[i])
	}
	for _, r := range b.rows {
		r.prefs = social.ParsePreferences(prefs[r.claim.Person])
		if r.space != nil {
			r.wish = social.PushWishOf(r.space, r.channel, interests[social.Member{Space: r.space.Key, Person: r.claim.Person}], &r.prefs)
		}
		for _, d := range of[r.claim.Person] {
			t := &target{device: d, told: social.PushTold{PushPlace: r.place(), Device: d.Key}}
			for _, x := range told[r.place()] {
				if x.Device == d.Key {
					t.told = x
				}
			}
			r.targets = append(r.targets, t)
		}
	}
	return nil
}

// lookSessions asks how far the devices' own sessions got: those that are here, and
// of the others what is stored.
func (b *batch) lookSessions(ctx context.Context) error {
	var away []social.PushClient
	waiting := map[social.PushClient][]*target{}
	for _, r := range b.rows {
		if r.space == nil {
			continue
		}
		for _, t := range r.targets {
			if t.device.Client == "" {
				continue
			}
			seq, live := b.Sessions.Acknowledged(r.claim.Person, t.device.Client, r.space.Scope(), r.channel)
			if live {
				t.acked = seq
				continue
			}
			c := social.PushClient{Person: r.claim.Person, Client: t.device.Client}
			if waiting[c] == nil {
				away = append(away, c)
			}
			waiting[c] = append(waiting[c], t)
		}
	}
	if len(away) == 0 {
		return nil
	}
	sessions, err := b.Store.PushSessions(ctx, away)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		for _, t := range waiting[social.PushClient{Person: s.Person, Client: s.Client}] {
			t.acked = s.Cursors[t.told.Stream]
		}
	}
	return nil
}

// lookContents asks what there is to tell of: for the row, and for devices that have
// acknowledged some of it. While a flood pauses it is about what was told before.
func (b *batch) lookContents(ctx context.Context) error {
	var ask []social.PushRange
	var to []*content
	add := func(q social.PushRange, c *content) {
		ask, to = append(ask, q), append(to, c)
	}
	for _, r := range b.rows {
		if !r.reads {
			continue
		}
		q := b.Directory.PushRange(r.sight, r.channel, &r.claim)
		if hold := r.claim.Posted.Add(b.hold(r.space)); r.claim.Last > r.claim.Done && hold.After(b.now) {
			r.wait, q.Last = hold, r.told() // woken before its time
		}
		add(q, &r.content)
		for _, t := range r.targets {
			if t.own = t.acked >= q.From; t.own && t.acked < q.Last {
				of := q
				of.From = t.acked + 1
				add(of, &t.content)
			}
		}
	}
	if err := b.contents(ctx, ask, to); err != nil {
		return err
	}
	// Whoever wants a flood's next push early has to be named in it.
	ask, to = nil, nil
	for _, r := range b.rows {
		if !r.reads || !r.wait.IsZero() {
			continue
		}
		r.urgent = slices.ContainsFunc(r.content.named, func(n social.PushNamed) bool { return n.Seq > r.claim.Done })
		if r.claim.Last > r.claim.Done && r.claim.Next.After(b.now) && !r.urgent {
			r.wait = r.claim.Next
			q := b.Directory.PushRange(r.sight, r.channel, &r.claim)
			q.Last = r.told()
			add(q, &r.content)
		}
	}
	return b.contents(ctx, ask, to)
}

func (b *batch) contents(ctx context.Context, ask []social.PushRange, to []*content) error {
	if len(ask) == 0 {
		return nil
	}
	found, err := b.Store.PushContents(ctx, ask)
	if err != nil {
		return err
	}
	for i, f := range found {
		*to[i] = content{count: f.Count, newest: f.Newest, named: f.Named, read: f.Read, ignored: f.Ignored}
	}
	return nil
}

// lookShown looks again at devices that show something while what is newer has to
// wait, such as for the end of quiet hours: what is shown is changed or taken away.
func (b *batch) lookShown(ctx context.Context) error {
	var ask []social.PushRange
	var to []*content
	each := func(f func(r *row, t *target)) {
		for _, r := range b.rows {
			for _, t := range r.targets {
				if t.pending && t.push == nil && t.told.Shown && !t.told.Wait.After(b.now) {
					f(r, t)
				}
			}
		}
	}
	each(func(r *row, t *target) {
		q := b.Directory.PushRange(r.sight, r.channel, &r.claim)
		if t.own {
			q.From = max(q.From, t.acked+1)
		}
		q.Last = min(t.told.Seq, r.claim.Last)
		ask, to = append(ask, q), append(to, &t.shown)
	})
	if err := b.contents(ctx, ask, to); err != nil {
		return err
	}
	err := b.lookPosts(ctx, func(f func(*row, *content)) {
		each(func(r *row, t *target) { f(r, &t.shown) })
	})
	each(func(r *row, t *target) { b.judgeShown(r, t, &t.shown, &t.shown) })
	return err
}

// lookPosts reads the newest posts and those that name somebody, and leaves of each
// content what the person still wants to know and may.
func (b *batch) lookPosts(ctx context.Context, each func(func(*row, *content))) error {
	wanted := map[social.PostRef]*social.Post{}
	each(func(r *row, c *content) {
		if c.newest > 0 {
			wanted[social.PostRef{Stream: r.claim.Stream, Seq: c.newest}] = nil
		}
		for _, n := range c.named {
			wanted[social.PostRef{Stream: r.claim.Stream, Seq: n.Seq}] = nil
		}
	})
	var streams []social.StreamKey
	var seqs []uint64
	for ref := range wanted {
		streams, seqs = append(streams, ref.Stream), append(seqs, ref.Seq)
	}
	if len(streams) > 0 {
		posts, err := b.Store.PostsAt(ctx, streams, seqs)
		if err != nil {
			return err
		}
		for i := range posts {
			wanted[posts[i].Ref()] = &posts[i]
		}
	}
	each(func(r *row, c *content) {
		all := r.wish.All && r.sight.Member
		c.named = slices.DeleteFunc(c.named, func(n social.PushNamed) bool {
			p := wanted[social.PostRef{Stream: r.claim.Stream, Seq: n.Seq}]
			return p == nil || !r.wish.Named || !b.Directory.PushConcerns(r.claim.Person, n.Why, p)
		})
		if !all {
			c.count, c.newest = len(c.named), 0
			if c.count > 0 {
				c.newest = c.named[c.count-1].Seq
			}
		}
		c.post = wanted[social.PostRef{Stream: r.claim.Stream, Seq: c.newest}]
		if c.post == nil {
			c.count, c.newest = 0, 0
		}
	})
	return nil
}

// count adds the badges, of all people who are sent something.
func (b *batch) count(ctx context.Context) error {
	var ask []social.ProgressQuery
	asked := map[social.PersonKey]bool{}
	each := func(f func(r *row, p *push)) {
		for _, r := range b.rows {
			for _, t := range r.targets {
				if t.push != nil {
					f(r, t.push)
				}
			}
		}
	}
	each(func(r *row, _ *push) {
		if !asked[r.claim.Person] {
			asked[r.claim.Person] = true
			ask = append(ask, b.Directory.UnreadOf(r.claim.Person)...)
		}
	})
	if len(ask) == 0 {
		return nil
	}
	unread, err := b.Store.Unread(ctx, ask)
	if err != nil {
		return err
	}
	each(func(r *row, p *push) { p.m.Badge = int(unread[r.claim.Person]) }) //nolint:gosec // posts
	return nil
}
