package social

import (
	"context"
	"log/slog"
	"time"
)

// Erasure is that somebody is removed and forgotten: what it wrote becomes
// tombstones, what it had is deleted, and its name is nobody's any more.
type Erasure struct {
	ID     ID
	Person PersonKey
	By     PersonKey // 0: the operator
	Asked  time.Time
	Done   time.Time // zero: it is on its way
	Counts ErasureCounts
}

// ErasureCounts is what an erasure did.
type ErasureCounts struct {
	Posts   int `json:"posts"`   // posts, comments and messages that are tombstones now
	Likes   int `json:"likes"`   // taken back
	Samples int `json:"samples"` // messages of data without their payload now
	Files   int `json:"files"`
	Logins  int `json:"logins"` // logins and tokens
	Names   int `json:"names"`  // that nobody reads any more
}

// ErasedName is what stands where the name of an erased person did. It is nobody's.
const ErasedName = "~erased"

// EraseParcel is a part of the log: what the person left in it, and what it likes there.
type EraseParcel struct {
	Posts []Post // living ones, in streams that take a Delete
	Likes []ID   // posts, likewise
	Last  bool   // the log ends here
}

// EraseStore erases, a part at a time. What is done stays done, so that whoever comes
// after a crash goes on where it ended.
type EraseStore interface {
	// BeginErasure removes the person, if it is not yet, takes its name from it and keeps
	// e, with the files, logins and names that went; where it was begun before it is
	// that one, and nothing else happens.
	BeginErasure(ctx context.Context, e Erasure, now time.Time) (Erasure, error)
	// Erasure is KindNotFound where there is none.
	Erasure(ctx context.Context, id ID) (Erasure, error)
	// ClaimErasure takes one that is not done and that nobody works on until the lease
	// ends; ok is false where there is none.
	ClaimErasure(ctx context.Context, claim int64, now time.Time, lease time.Duration) (e Erasure, ok bool, err error)
	// EraseParcel reads the next part; the same again until it is finished.
	EraseParcel(ctx context.Context, id ID) (EraseParcel, error)
	// FinishParcel deletes what else the part holds, counts the posts in it that were
	// removed, and goes on to the next one, under a new lease. KindConflict where somebody else works on it now.
	FinishParcel(ctx context.Context, id ID, claim int64, did ErasureCounts, now time.Time, lease time.Duration) error
	// FinishErasure deletes what is no part of the log, and overwrites what was deleted.
	FinishErasure(ctx context.Context, id ID, claim int64, now time.Time) error
}

const (
	eraseLease = 30 * time.Second
	eraseEvery = 500 * time.Millisecond
	// eraseAfter is how long the log is left alone after an erasure was asked for. What
	// the person was publishing is in it by then, also by another server, which
	// hears of it within a quarter of a second: a part of the log is not read twice.
	eraseAfter = time.Second
)

// Erasures are the use cases on erasing people.
type Erasures struct {
	people     *People
	activities *Activities
	store      EraseStore
	ids        *IDs
	logger     *slog.Logger
	now        func() time.Time
	wake       chan struct{} // capacity 1
	also       []func(context.Context, Person) error
}

// NewErasures makes the use cases; Serve does the work.
func NewErasures(people *People, activities *Activities, store EraseStore, ids *IDs, logger *slog.Logger, now func() time.Time) *Erasures {
	return &Erasures{people: people, activities: activities, store: store, ids: ids, logger: logger, now: now, wake: make(chan struct{}, 1)}
}

// Also adds to what is done before an erasure is: what the store's log does not hold.
// f gets the person as it was removed; it may take some seconds, and where it could not
// finish, its error has it called again. Before Serve.
func (es *Erasures) Also(f func(ctx context.Context, p Person) error) {
	es.also = append(es.also, f)
}

// Begin erases a person, also one that was removed before: it is gone when Begin
// returns, with its connections, and what it wrote goes soon after. Only a manager
// may; a nil actor is the operator's command line.
func (es *Erasures) Begin(ctx context.Context, a *Actor, name string) (Erasure, error) {
	if a != nil {
		if err := es.people.require(*a); err != nil {
			return Erasure{}, err
		}
	}
	p, ok := es.people.dir.someName(name)
	switch {
	case !ok:
		return Erasure{}, noPerson(name)
	case a != nil && p.Key == a.Person:
		return Erasure{}, managesItself()
	}
	return es.begin(ctx, a, p)
}

// BeginOwn erases the actor itself, which it confirmed in a way that no stolen token can.
func (es *Erasures) BeginOwn(ctx context.Context, a Actor) (Erasure, error) {
	if err := a.RequireSelf(true); err != nil {
		return Erasure{}, err
	}
	p, ok := es.people.dir.PersonByKey(a.Person)
	switch {
	case !ok:
		return Erasure{}, noPerson("me")
	case p.Roles.Has(RoleManager):
		return Erasure{}, managesItself()
	}
	return es.begin(ctx, &a, p)
}

// managesItself is so that a site keeps a manager.
func managesItself() *Error {
	return Errorf(KindConflict, "A manager cannot erase itself; another manager can.")
}

func (es *Erasures) begin(ctx context.Context, a *Actor, p Person) (Erasure, error) {
	e := Erasure{ID: es.ids.New(es.now()), Asked: es.now()}
	if a != nil {
		e.By = a.Person
	}
	if owned := es.people.dir.ownedBy(p.Key); owned != "" {
		return Erasure{}, Errorf(KindConflict, "%q owns the context %q; hand it over or delete it first.", p.Name, owned)
	}
	e.Person = p.Key
	err := es.people.dir.audit.Do(ctx, func(ctx context.Context) (err error) {
		e, err = es.store.BeginErasure(ctx, e, es.now())
		return err
	}, actOf(a, VerbPersonErase).On(p.Key))
	if err != nil {
		return Erasure{}, err
	}
	select {
	case es.wake <- struct{}{}:
	default:
	}
	return e, es.people.refresh(ctx)
}

// Await returns the erasure when it is done, or as it is when ctx ends.
func (es *Erasures) Await(ctx context.Context, id ID) (Erasure, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		e, err := es.store.Erasure(context.WithoutCancel(ctx), id)
		if err != nil || !e.Done.IsZero() {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, nil
		case <-tick.C:
		}
	}
}

// Get is the receipt of an erasure, for managers.
func (es *Erasures) Get(ctx context.Context, a Actor, id ID) (Erasure, error) {
	if err := es.people.require(a); err != nil {
		return Erasure{}, err
	}
	return es.store.Erasure(ctx, id)
}

// someName finds a person by a name, also a removed one.
func (d *Directory) someName(name string) (Person, bool) {
	if p, ok := d.PersonByName(name); ok {
		return p, true
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.people[d.names[name]]
	if p == nil {
		return Person{}, false
	}
	return *p, true
}

// Serve does what was begun, here or by another process that ended before it was done.
// It returns when ctx ends.
func (es *Erasures) Serve(ctx context.Context) {
	claim := int64(es.ids.New(es.now()).hash() >> 1) //nolint:gosec // 63 bits
	tick := time.NewTicker(eraseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-es.wake:
		case <-tick.C:
		}
		e, ok, err := es.store.ClaimErasure(ctx, claim, es.now(), eraseLease)
		if err == nil && ok {
			err = es.work(ctx, e, claim)
		}
		if err != nil && ctx.Err() == nil {
			es.logger.WarnContext(ctx, "an erasure is interrupted; it goes on soon", "err", err)
		}
	}
}

func (es *Erasures) work(ctx context.Context, e Erasure, claim int64) error {
	if err := es.people.refresh(ctx); err != nil { // it may have been begun elsewhere
		return err
	}
	if err := es.settle(ctx, e.Asked); err != nil {
		return err
	}
	for {
		parcel, err := es.store.EraseParcel(ctx, e.ID)
		if err != nil {
			return err
		}
		if parcel.Last {
			p := es.people.dir.AnyPerson(e.Person)
			for _, f := range es.also {
				if err := f(ctx, p); err != nil {
					return err
				}
			}
			return es.store.FinishErasure(ctx, e.ID, claim, es.now())
		}
		did, err := es.tombstone(ctx, e.Person, parcel)
		if err != nil {
			return err
		}
		if err := es.store.FinishParcel(ctx, e.ID, claim, did, es.now(), eraseLease); err != nil {
			return err
		}
	}
}

// settle waits until nothing of a person comes any more that was to be erased at that
// moment, by whoever's clock.
func (es *Erasures) settle(ctx context.Context, asked time.Time) error {
	wait := time.NewTimer(min(eraseAfter, asked.Add(eraseAfter).Sub(es.now())))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// tombstone removes posts and takes likes back, as their author would: subscribers
// are told of it, and the streams keep their numbers.
func (es *Erasures) tombstone(ctx context.Context, person PersonKey, parcel EraseParcel) (did ErasureCounts, err error) {
	ps := es.activities.posts
	a := Actor{Person: person, Generator: "server"}
	answers := make(chan error, len(parcel.Posts))
	sent := 0
	for i := range parcel.Posts {
		f, err := ps.foundAny(&parcel.Posts[i])
		if err != nil {
			return did, err
		}
		e, err := ps.removal(ctx, a, f)
		if err != nil {
			return did, err
		}
		sent++
		ps.committer.Submit(e, func(done Appended, err error) {
			if err == nil {
				err = done.Err
			}
			answers <- err
		})
	}
	for range sent {
		if failed := <-answers; failed != nil && KindOf(failed) != KindNotFound { // removed meanwhile
			err = failed
		}
	}
	for _, id := range parcel.Likes {
		p, found := ps.log.PostByID(ctx, id)
		if KindOrNil(found) == KindNotFound {
			continue
		}
		if found != nil {
			return did, found
		}
		f, found := ps.foundAny(&p)
		if found != nil {
			return did, found
		}
		took, react := es.activities.react(ctx, a, f, TypeUndo, undoing(TypeLike))
		if react != nil && KindOf(react) != KindNotFound {
			return did, react
		}
		if took {
			did.Likes++
		}
	}
	return did, err
}

// foundAny is where a post stands, whoever may see it.
func (ps *Posts) foundAny(p *Post) (Found, error) {
	key, _, ok := ps.dir.spaceOfStream(p.Stream)
	if !ok {
		return Found{}, noPost()
	}
	return Found{Post: *p, Space: ps.dir.SpaceByKey(key)}, nil
}

// removal is the entry that removes a post.
func (ps *Posts) removal(ctx context.Context, a Actor, f Found) (Entry, error) {
	root, err := ps.rootOf(ctx, f)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Post: ps.about(a, f, TypeDelete)}
	if root.Space != nil {
		e.About = root.Stream
		if f.shares() {
			e.Echo = ps.unshared(a, root)
		}
	}
	return e, nil
}

// hash is a number made of the random part of the id.
func (id ID) hash() (n uint64) {
	for _, b := range id[8:] {
		n = n<<8 | uint64(b)
	}
	return n
}
