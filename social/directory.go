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
	audit   *Audit              // nil: nobody keeps one
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
	ignores  map[PersonKey][]Block               // by who ignores
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
		open: map[string]StreamKey{}, blocks: map[PersonKey][]Block{}, ignores: map[PersonKey][]Block{}, children: map[SpaceKey]map[SpaceKey]struct{}{},
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
	if err := d.store.Affiliations(ctx, nil, d.putAffiliationLocked); err != nil {
		return fmt.Errorf("load members: %w", err)
	}
	if err := d.store.Blocks(ctx, nil, d.putBlockLocked); err != nil {
		return fmt.Errorf("load blocks: %w", err)
	}
	open, err := d.store.OpenStreams(ctx, append([]string{sitePrefix}, d.topics.Prefixes()...))
	if err != nil {
		return fmt.Errorf("load open topics: %w", err)
	}
	for _, s := range open {
		d.putOpenLocked(s)
	}
	d.version = version
	d.checked.Store(asked.UnixNano())
	return nil
}

func (d *Directory) putPersonLocked(p Person) {
	if old := d.people[p.Key]; old != nil && !old.Erased {
		delete(d.names, old.Name)
		for _, alias := range old.Aliases {
			delete(d.names, alias)
		}
	}
	d.nameOrder.Store(nil)
	d.people[p.Key] = &p
	if p.Erased { // so nobody is called that
		return
	}
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
