package social

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Directory is the memory's picture of people, spaces and who may do what: what
// every publish and delivery asks, so that none of them asks the store. It
// follows the journal of changes and holds what the store held at its version.
//
// Memory: about 100 bytes per affiliation, a few hundred per person and space.
type Directory struct {
	store DirectoryStore
	log   *slog.Logger
	now   func() time.Time

	refresh sync.Mutex // one Refresh at a time; taken before mu
	onDelta []func(Delta)
	onSpace []func(*Space)
	onOpen  []func(OpenStream)
	topics  OpenTopics
	markup  func(string) string // HTML of Markdown; nil: posts have none
	checked atomic.Int64        // when the reading began that last reached the journal's end, Unix ns

	mu       sync.RWMutex // guards all below; nothing blocks under it
	version  int64
	people   map[PersonKey]*Person // values are replaced, never changed
	names    map[string]PersonKey  // present names and aliases, of removed people too
	spaces   map[SpaceKey]*place
	ids      map[string]SpaceKey    // of contexts
	convs    map[string]SpaceKey    // of conversations
	walls    map[PersonKey]SpaceKey // of those who have one
	pairs    map[[2]PersonKey]SpaceKey
	mine     map[PersonKey]map[SpaceKey]struct{} // memberships of living spaces
	blocks   map[PersonKey][]Block               // by who blocks
	children map[SpaceKey]map[SpaceKey]struct{}  // by parent
	streams  map[StreamKey]StreamID
	open     map[string]StreamKey // by prefix
	expiries expiries
	// The keys of names and ids in order; nil after a change.
	nameOrder, idOrder atomic.Pointer[[]string]
	addresses          atomic.Pointer[[]address] // of contexts, in order; likewise
}

// place is a space and who is what in it.
type place struct {
	space   *Space // replaced, never changed
	people  residents
	members int // how many of people are
}

type resident struct {
	Standing
	heads *Heads // at the join; nil for those who are no members or came with empty streams
}

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
	Blocks    []PersonKey // who blocks others than before
}

// Member names one person in one space.
type Member struct {
	Space  SpaceKey
	Person PersonKey
}

// NewDirectory makes an empty directory; Load fills it.
func NewDirectory(store DirectoryStore, log *slog.Logger, now func() time.Time) *Directory {
	return &Directory{
		store: store, log: log, now: now,
		people: map[PersonKey]*Person{}, names: map[string]PersonKey{},
		spaces: map[SpaceKey]*place{}, ids: map[string]SpaceKey{}, convs: map[string]SpaceKey{},
		walls: map[PersonKey]SpaceKey{}, pairs: map[[2]PersonKey]SpaceKey{},
		mine: map[PersonKey]map[SpaceKey]struct{}{}, streams: map[StreamKey]StreamID{},
		open: map[string]StreamKey{}, blocks: map[PersonKey][]Block{}, children: map[SpaceKey]map[SpaceKey]struct{}{},
	}
}

// SetMarkup says what makes HTML of the Markdown in posts. It is called for each
// rendering, by many goroutines at once, and must not wait. Only before Load.
func (d *Directory) SetMarkup(html func(markdown string) string) { d.markup = html }

// OnDelta adds a listener, called after the directory itself has changed, by
// the goroutine that refreshed; a refresh is over when all have returned.
// Only before Load.
func (d *Directory) OnDelta(f func(Delta)) { d.onDelta = append(d.onDelta, f) }

// OnSpace adds a listener that is called for each space read from the store,
// before anything else can see it. Only before Load.
func (d *Directory) OnSpace(f func(*Space)) { d.onSpace = append(d.onSpace, f) }

// Load reads everything once, before anybody else uses the directory. It
// blocks for about a second per million affiliations.
func (d *Directory) Load(ctx context.Context) error {
	d.refresh.Lock()
	defer d.refresh.Unlock()
	// The version comes first: what commits meanwhile is read twice, never missed.
	asked := d.now()
	version, err := d.store.Version(ctx)
	if err != nil {
		return fmt.Errorf("read the version of rights: %w", err)
	}
	d.mu.Lock() // for all the reading: nobody else is there yet
	defer d.mu.Unlock()
	if err := d.store.People(ctx, nil, d.putPersonLocked); err != nil {
		return fmt.Errorf("load people: %w", err)
	}
	if err := d.store.Spaces(ctx, nil, d.putSpaceLocked); err != nil {
		return fmt.Errorf("load contexts: %w", err)
	}
	if err := d.store.Affiliations(ctx, 0, nil, d.putAffiliationLocked); err != nil {
		return fmt.Errorf("load members: %w", err)
	}
	if err := d.store.Blocks(ctx, nil, d.putBlockLocked); err != nil {
		return fmt.Errorf("load blocks: %w", err)
	}
	if len(d.topics.Prefixes()) > 0 {
		open, err := d.store.OpenStreams(ctx, d.topics.Prefixes())
		if err != nil {
			return fmt.Errorf("load open topics: %w", err)
		}
		for _, s := range open {
			d.putOpenLocked(s)
		}
	}
	d.version = version
	d.checked.Store(asked.UnixNano())
	return nil
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
			d.log.Warn("rights cannot be read from the store; retrying", "err", err)
		}
		if err == nil && failing {
			d.log.Info("rights are read from the store again")
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
	delta, stale := sortChanges(changes)
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
	for space, who := range stale {
		if err := d.store.Affiliations(ctx, space, who, func(a Affiliation) { affected = append(affected, a) }); err != nil {
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
	for space, who := range stale {
		for _, person := range who {
			d.dropAffiliationLocked(space, person)
		}
	}
	for _, a := range affected {
		d.putAffiliationLocked(a)
	}
	for _, person := range delta.Blocks {
		delete(d.blocks, person)
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
func sortChanges(changes []Change) (Delta, map[SpaceKey][]PersonKey) {
	var delta Delta
	stale := map[SpaceKey][]PersonKey{}
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
			stale[c.Space] = append(stale[c.Space], c.Person)
		case ChangeGrant:
			delta.Grants = append(delta.Grants, c.Grant)
		case ChangeBlock:
			delta.Blocks = append(delta.Blocks, c.Person)
		}
	}
	return delta, stale
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

func (d *Directory) putPersonLocked(p Person) {
	if old := d.people[p.Key]; old != nil {
		delete(d.names, old.Name)
		for _, alias := range old.Aliases {
			delete(d.names, alias)
		}
	}
	d.nameOrder.Store(nil)
	d.people[p.Key] = &p
	d.names[p.Name] = p.Key
	for _, alias := range p.Aliases {
		d.names[alias] = p.Key
	}
}

func (d *Directory) putSpaceLocked(s Space) {
	for _, f := range d.onSpace {
		f(&s)
	}
	pl := d.spaces[s.Key]
	if pl == nil {
		pl = &place{}
		d.spaces[s.Key] = pl
		switch s.Kind {
		case KindConversation:
			d.convs[s.ID] = s.Key
			if s.Single() {
				d.pairs[s.Pair] = s.Key
			}
		case KindWall:
			d.walls[s.Owner] = s.Key
		default:
			d.ids[s.ID] = s.Key
			d.idOrder.Store(nil)
		}
		for c, key := range s.Streams {
			if key != 0 {
				d.streams[key] = StreamID{Space: s.Key, Channel: Channel(c)}
			}
		}
	}
	if s.Deleted {
		for person := range pl.people.all() {
			d.dropAffiliationLocked(s.Key, person)
		}
	}
	if s.Kind == KindContext {
		d.hangLocked(pl.space, &s)
		d.addresses.Store(nil)
	}
	pl.space = &s
}

func (d *Directory) putAffiliationLocked(a Affiliation) {
	pl := d.spaces[a.Space]
	if pl == nil || pl.space.Deleted {
		return
	}
	r := resident{Standing: Standing{Member: a.Member, Banned: a.Banned, Until: a.Until, Overrides: a.Overrides}}
	if a.Heads != (Heads{}) {
		r.heads = &a.Heads
	}
	if a.Member && !pl.people.at(a.Person).Member {
		pl.members++
	}
	pl.people.put(a.Person, r)
	if a.Member {
		mine := d.mine[a.Person]
		if mine == nil {
			mine = map[SpaceKey]struct{}{}
			d.mine[a.Person] = mine
		}
		mine[a.Space] = struct{}{}
	}
	d.expiries.arm(r.NextExpiry(d.now()), Member{a.Space, a.Person})
}

func (d *Directory) dropAffiliationLocked(space SpaceKey, person PersonKey) {
	if pl := d.spaces[space]; pl != nil {
		if pl.people.at(person).Member {
			pl.members--
		}
		pl.people.drop(person)
	}
	delete(d.mine[person], space)
	if len(d.mine[person]) == 0 {
		delete(d.mine, person)
	}
}
