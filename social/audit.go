package social

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// AuditStore keeps the audit log.
type AuditStore interface {
	// AppendActs writes acts, all or none.
	AppendActs(ctx context.Context, acts []Act) error
	// Acts lists them, the newest first.
	Acts(ctx context.Context, q ActQuery) ([]Act, error)
}

// ActQuery picks acts; what is zero does not count.
type ActQuery struct {
	Actor    PersonKey
	Operator bool // only those of nobody: the command line and the server itself
	Verb     Verb
	Person   PersonKey // done to this person
	Space    SpaceKey  // done in this context
	From     time.Time // not before
	To       time.Time // before
	// Before is the place of the last act of the page before.
	BeforeAt time.Time
	BeforeID int64
	Limit    int
}

// Audit writes down what is administered, and lists it. The nil Audit writes
// nothing down.
//
// What is done in a transaction that changes rights is written by that
// transaction: one is never there without the other. What goes another way
// (removals of posts, writes in others' names, whole files) is written
// right after; a crash between the two loses the line, and the log has an
// error where the store did not take it.
type Audit struct {
	dir   *Directory
	store AuditStore
	log   *slog.Logger
	now   func() time.Time
	here  string // the Client of acts that no request asked for

	turn     sync.Mutex // held by whoever writes; taken before mu
	mu       sync.Mutex // guards below
	waiting  *actBatch  // the batch that the next one to have the turn writes
	told     atomic.Uint64
	failures atomic.Uint64
}

// actBatch are acts that one transaction writes.
type actBatch struct {
	acts []Act
	done bool // guarded by the turn
	err  error
}

// NewAudit makes the log. here names what acts without an actor, such as
// "command line (root)".
func NewAudit(dir *Directory, store AuditStore, here string, log *slog.Logger, now func() time.Time) *Audit {
	return &Audit{dir: dir, store: store, here: here, log: log, now: now}
}

// SetAudit says where use cases write down what is administered. Only before Load.
func (d *Directory) SetAudit(au *Audit) { d.audit = au }

// Audit is where use cases write down what is administered; nil, on which all
// methods work, where nobody has said so.
func (d *Directory) Audit() *Audit { return d.audit }

// AuditStats are counted since the start.
type AuditStats struct {
	Told     uint64 // acts written
	Failures uint64 // acts that could not be
}

// Stats are the figures of the log.
func (au *Audit) Stats() AuditStats {
	if au == nil {
		return AuditStats{}
	}
	return AuditStats{Told: au.told.Load(), Failures: au.failures.Load()}
}

// Do runs f, which does acts, and sees to it that they are written down: in f's
// own transaction if that changes rights, else after it. Without acts it only
// runs f. What f refuses is no act, unless it clashed with something or broke:
// then the result is the code of the error. The error is f's.
func (au *Audit) Do(ctx context.Context, f func(context.Context) error, acts ...Act) error {
	if au == nil || len(acts) == 0 {
		return f(ctx)
	}
	outer := ActingIn(ctx)
	under := &Acting{acts: make([]Act, len(acts))}
	for i, act := range acts {
		under.acts[i] = au.begun(act)
	}
	err := f(context.WithValue(ctx, actingKey{}, under))
	told, moot := under.outcome()
	switch {
	case told:
		au.told.Add(uint64(len(acts)))
	case err == nil && !moot:
		au.append(ctx, under.acts)
	}
	if err == nil {
		outer.Told() // what was done in it stands there with more detail
		return nil
	}
	if kind := KindOf(err); kind == KindConflict || kind == KindUnavailable || kind == KindInternal {
		for i := range under.acts {
			under.acts[i].Result = kind.String()
		}
		au.append(ctx, under.acts)
	}
	return err
}

// Tell writes down what was done. It waits for the store; where that takes
// nothing the log tells of it, as nothing can be undone any more.
func (au *Audit) Tell(ctx context.Context, acts ...Act) {
	if au == nil || len(acts) == 0 {
		return
	}
	for i, act := range acts {
		acts[i] = au.begun(act)
	}
	au.append(ctx, acts)
}

func (au *Audit) begun(act Act) Act {
	if act.At.IsZero() {
		act.At = au.now()
	}
	if act.Client == "" {
		act.Client = au.here
	}
	return act.trimmed()
}

// append writes acts together with those of others who wait for the store too.
func (au *Audit) append(ctx context.Context, acts []Act) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendWithin)
	defer cancel()
	au.mu.Lock()
	if au.waiting == nil {
		au.waiting = &actBatch{}
	}
	batch := au.waiting
	batch.acts = append(batch.acts, acts...)
	au.mu.Unlock()

	au.turn.Lock()
	if !batch.done {
		au.mu.Lock()
		au.waiting = nil // a new one begins
		au.mu.Unlock()
		batch.err = au.store.AppendActs(within, batch.acts)
		batch.done = true
	}
	err := batch.err
	au.turn.Unlock()
	if err == nil {
		au.told.Add(uint64(len(acts)))
		return
	}
	au.failures.Add(uint64(len(acts)))
	for i := range acts {
		au.log.ErrorContext(ctx, "an administrative act is not in the audit log", "verb", string(acts[i].Verb), "person", int64(acts[i].Actor),
			"target", int64(acts[i].Person), "context", int64(acts[i].Space), "err", err)
	}
}

// ActFilter picks acts for a list, by the words of a manager.
type ActFilter struct {
	Actor    string // a name; "-" for acts of nobody, such as the command line's
	Verb     string
	Target   string // a person's name, or ctx:ID
	From, To time.Time
}

// ActPlace is where a page of a list ended; the zero value is the beginning.
type ActPlace struct {
	At time.Time
	ID int64
}

// List lists acts, the newest first, for managers. next is the zero value at the end.
func (au *Audit) List(ctx context.Context, a Actor, f ActFilter, after ActPlace, limit int) (list []Act, next ActPlace, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, ActPlace{}, err
	}
	if err := au.dir.RequireManager(a); err != nil {
		return nil, ActPlace{}, err
	}
	q := ActQuery{Verb: Verb(f.Verb), From: f.From, To: f.To, BeforeAt: after.At, BeforeID: after.ID, Limit: limit + 1}
	if err := au.resolve(&q, f); err != nil {
		return nil, ActPlace{}, err
	}
	if list, err = au.store.Acts(ctx, q); err != nil {
		return nil, ActPlace{}, err
	}
	if len(list) > limit {
		list = list[:limit]
		next = ActPlace{list[limit-1].At, list[limit-1].ID}
	}
	return list, next, nil
}

// resolve finds the keys of the names in a filter, of people and contexts that
// are no more, too.
func (au *Audit) resolve(q *ActQuery, f ActFilter) error {
	var ok bool
	switch f.Actor {
	case "":
	case "-":
		q.Operator = true
	default:
		if q.Actor, ok = au.dir.anybody(f.Actor); !ok {
			return Invalid("actor", "there is no person %q; - stands for the command line", clip(f.Actor))
		}
	}
	id, isContext := cutContextName(f.Target)
	switch {
	case f.Target == "":
	case isContext:
		if q.Space, ok = au.dir.anyContext(id); !ok {
			return Invalid("target", "there is no context %q", clip(id))
		}
	default:
		if q.Person, ok = au.dir.anybody(f.Target); !ok {
			return Invalid("target", "there is no person %q; of a context write ctx: and its id", clip(f.Target))
		}
	}
	if f.Verb != "" && !slices.Contains(Verbs(), Verb(f.Verb)) {
		return Invalid("verb", "%q is none of the verbs of the audit log", clip(f.Verb))
	}
	return nil
}

// anybody finds a person by a name, also one that was removed.
func (d *Directory) anybody(name string) (PersonKey, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	key, ok := d.names[strings.ToLower(name)]
	return key, ok
}

// anyContext finds a context by its id, also one that was deleted.
func (d *Directory) anyContext(id string) (SpaceKey, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	key, ok := d.ids[id]
	return key, ok
}

// Text is Before or After as managers read it: with the name of a person.
func (au *Audit) Text(value string) string {
	if key, ok := personInAct(value); ok {
		return au.dir.AnyPerson(key).Name
	}
	return value
}
