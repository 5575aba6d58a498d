package social

import (
	"context"
	"fmt"
	"time"
)

// Delta is what one refresh found changed; the listeners of a Directory make
// their own memory follow.
type Delta struct {
	People    []PersonKey // changed in any way
	Barred    []PersonKey // suspended or removed: whatever they hold open ends
	Passwords []PersonKey // whose password changed
	Grants    []GrantKey  // ended
	Watched   []PersonKey // whom others see otherwise than before, or not at all
	Spaces    []SpaceKey  // whose policies, owner or existence changed
	Members   []Member    // whose rights in one space changed
	Blocks    []PersonKey // who blocks or ignores others than before
}

// Watch refreshes for ever: what other processes commit holds here within the
// interval, and grants that expire take effect. It returns when ctx ends.
func (d *Directory) Watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := d.Refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			d.log.WarnContext(ctx, "rights cannot be read from the store; retrying", "err", err)
		}
		if err == nil && failing {
			d.log.InfoContext(ctx, "rights are read from the store again")
		}
		failing = err != nil
	}
}

// StaleFor is how long ago the journal was last read to its end.
func (d *Directory) StaleFor() time.Duration {
	return d.now().Sub(time.Unix(0, d.checked.Load()))
}

const changesPerRead = 1000

// Refresh brings the directory to the newest version and returns when every
// listener has followed. Whoever commits a change of rights calls it before it
// answers, so that the answer means "it holds".
func (d *Directory) Refresh(ctx context.Context) error {
	d.refresh.Lock()
	defer d.refresh.Unlock()
	d.tellExpired()
	for {
		asked := d.now() // what commits later may be missing from the answer
		changes, err := d.store.ChangesAfter(ctx, d.version, changesPerRead)
		if err != nil {
			return fmt.Errorf("read changes of rights: %w", err)
		}
		if len(changes) > 0 {
			if err := d.apply(ctx, changes); err != nil {
				return err
			}
		}
		if len(changes) < changesPerRead {
			d.checked.Store(asked.UnixNano())
			return nil
		}
	}
}

// settle is Refresh for whoever has committed a change: it outlives the request,
// for what was committed must hold.
func (d *Directory) settle(ctx context.Context) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendWithin)
	defer cancel()
	if err := d.Refresh(within); err != nil {
		return Unavailable(err)
	}
	return nil
}

// apply reads what the changes touch and swaps it in. On an error nothing has
// changed, and the same changes come again.
func (d *Directory) apply(ctx context.Context, changes []Change) error {
	delta := sortChanges(changes)
	var (
		people   []Person
		spaces   []Space
		affected []Affiliation
		blocks   []Block
	)
	if len(delta.People) > 0 {
		if err := d.store.People(ctx, delta.People, func(p Person) { people = append(people, p) }); err != nil {
			return fmt.Errorf("reload people: %w", err)
		}
	}
	if len(delta.Spaces) > 0 {
		if err := d.store.Spaces(ctx, delta.Spaces, func(s Space) { spaces = append(spaces, s) }); err != nil {
			return fmt.Errorf("reload contexts: %w", err)
		}
	}
	if len(delta.Members) > 0 {
		if err := d.store.Affiliations(ctx, delta.Members, func(a Affiliation) { affected = append(affected, a) }); err != nil {
			return fmt.Errorf("reload members: %w", err)
		}
	}
	if len(delta.Blocks) > 0 {
		if err := d.store.Blocks(ctx, delta.Blocks, func(b Block) { blocks = append(blocks, b) }); err != nil {
			return fmt.Errorf("reload blocks: %w", err)
		}
	}
	d.mu.Lock()
	for _, p := range people {
		if was := d.people[p.Key]; was != nil && ((was.Roles^p.Roles)&RoleHidden != 0 || was.Discreet != p.Discreet) || p.Removed {
			delta.Watched = append(delta.Watched, p.Key)
		}
		d.putPersonLocked(p)
		if p.Suspended || p.Removed {
			delta.Barred = append(delta.Barred, p.Key)
		}
	}
	for _, s := range spaces {
		d.putSpaceLocked(s)
	}
	for _, m := range delta.Members {
		d.dropAffiliationLocked(m.Space, m.Person)
	}
	for _, a := range affected {
		d.putAffiliationLocked(a)
	}
	for _, person := range delta.Blocks {
		delete(d.blocks, person)
		delete(d.ignores, person)
	}
	for _, b := range blocks {
		d.putBlockLocked(b)
	}
	d.version = changes[len(changes)-1].Version
	d.mu.Unlock()
	d.tell(delta)
	return nil
}

// sortChanges gathers what changes touch, each thing once.
func sortChanges(changes []Change) Delta {
	var delta Delta
	seen := map[Change]bool{}
	for _, c := range changes {
		c.Version = 0
		if seen[c] {
			continue
		}
		seen[c] = true
		switch c.Kind {
		case ChangePerson:
			delta.People = append(delta.People, c.Person)
		case ChangePassword:
			delta.Passwords = append(delta.Passwords, c.Person)
		case ChangeSpace:
			delta.Spaces = append(delta.Spaces, c.Space)
		case ChangeMember:
			delta.Members = append(delta.Members, Member{c.Space, c.Person})
		case ChangeGrant:
			delta.Grants = append(delta.Grants, c.Grant)
		case ChangeBlock:
			delta.Blocks = append(delta.Blocks, c.Person)
		}
	}
	return delta
}

// tellExpired tells the listeners whose overrides have ended since last time.
func (d *Directory) tellExpired() {
	now := d.now()
	d.mu.Lock()
	members := d.expiries.popUntil(now)
	for _, m := range members {
		if pl := d.spaces[m.Space]; pl != nil {
			d.expiries.arm(pl.people.at(m.Person).NextExpiry(now), m)
		}
	}
	d.mu.Unlock()
	if len(members) > 0 {
		d.tell(Delta{Members: members})
	}
}

func (d *Directory) tell(delta Delta) {
	for _, f := range d.onDelta {
		f(delta)
	}
}
