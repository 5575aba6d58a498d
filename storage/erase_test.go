package storage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

var errKilled = errors.New("killed")

// dying is a store that fails at one of its steps, and at all that follow: as if the
// process had been killed there. What the step does is done where after is true.
type dying struct {
	*storage.DB
	left  atomic.Int64
	after bool
	died  func()
}

func (d *dying) step(f func() error) error {
	left := d.left.Add(-1)
	if left > 0 {
		return f()
	}
	if left == 0 && d.after {
		if err := f(); err != nil {
			return err
		}
	}
	d.died()
	return errKilled
}

func (d *dying) EraseParcel(ctx context.Context, id social.ID) (p social.EraseParcel, err error) {
	err = d.step(func() error { p, err = d.DB.EraseParcel(ctx, id); return err })
	return p, err
}

func (d *dying) Append(ctx context.Context, entries []social.Entry, now time.Time) (out []social.Appended, err error) {
	err = d.step(func() error { out, err = d.DB.Append(ctx, entries, now); return err })
	return out, err
}

func (d *dying) FinishParcel(ctx context.Context, id social.ID, claim int64, did social.ErasureCounts, now time.Time, lease time.Duration) error {
	return d.step(func() error { return d.DB.FinishParcel(ctx, id, claim, did, now, lease) })
}

func (d *dying) FinishErasure(ctx context.Context, id social.ID, claim int64, now time.Time) error {
	return d.step(func() error { return d.DB.FinishErasure(ctx, id, claim, now) })
}

// unheard is an audience of nobody.
type unheard struct{}

func (unheard) AnnouncePost(*social.Space, social.Channel, *social.Post) {}
func (unheard) AnnounceSample(social.Owner, *social.Sample)              {}

// process is a process that erases.
type process struct {
	committer *social.Committer
	erasures  *social.Erasures
	barred    *[]social.PersonKey // whose connections were told to end
}

func newProcess(t *testing.T, store *dying, now func() time.Time) process {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	dir := social.NewDirectory(store, log, now)
	announcer, ids := social.NewAnnouncer(store, dir, unheard{}), &social.IDs{}
	barred := &[]social.PersonKey{}
	dir.OnDelta(func(d social.Delta) { *barred = append(*barred, d.Barred...) })
	if err := dir.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	committer := social.NewCommitter(store, announcer, 1, log, now)
	posts := social.NewPosts(dir, store, committer, ids, now)
	activities := social.NewActivities(dir, posts, store, announcer, ids, now)
	return process{committer, social.NewErasures(social.NewPeople(dir, store, now), activities, store, ids, log, now), barred}
}

// serve works until ctx ends.
func (p process) serve(ctx context.Context) {
	var work sync.WaitGroup
	work.Go(func() { p.committer.Serve(ctx) })
	work.Go(func() { p.erasures.Serve(ctx) })
	work.Wait()
}

func TestAnErasureThatDiesIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for step := int64(1); ; step++ {
			for _, after := range []bool{false, true} {
				if died := eraseTwice(t, db, step, after); !died {
					if step < 6 {
						t.Errorf("it is over in %d steps", step)
					}
					return
				}
			}
		}
	})
}

// eraseTwice erases somebody by a process that dies at a step, and then by another
// one; died is false where there are not so many steps.
func eraseTwice(t *testing.T, db *storage.DB, step int64, after bool) (died bool) {
	t.Helper()
	name := fmt.Sprintf("p%d-%v", step, after)
	who, lobby := writer(t, db, name)
	killed, kill := context.WithCancel(t.Context())
	defer kill()
	first := &dying{DB: db, after: after, died: kill}
	first.left.Store(step)
	var ahead atomic.Int64
	p := newProcess(t, first, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	e, err := p.erasures.Begin(t.Context(), nil, name)
	ahead.Store(int64(time.Minute)) // so that nothing more of the person is waited for
	if err != nil || !slices.Contains(*p.barred, who) {
		t.Fatalf("connections of %v were ended, %v", *p.barred, err)
	}
	within, cancel := context.WithTimeout(killed, 30*time.Second)
	done := make(chan struct{})
	go func() { defer close(done); p.serve(within) }()
	if e, err = p.erasures.Await(within, e.ID); err != nil {
		t.Fatal(err)
	}
	died = killed.Err() != nil
	cancel()
	<-done
	second := &dying{DB: db, died: func() {}}
	second.left.Store(1 << 40)
	later := func() time.Time { return time.Now().Add(time.Hour) } // whoever died holds it no longer
	p = newProcess(t, second, later)
	within, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	done = make(chan struct{})
	go func() { defer close(done); p.serve(within) }()
	e, err = p.erasures.Await(within, e.ID)
	cancel()
	<-done
	if err != nil || e.Done.IsZero() || e.Counts.Posts != 3 {
		t.Errorf("dying at step %d (after it: %v) leaves %+v, %v", step, after, e, err)
	}
	page, err := db.Posts(t.Context(), social.PostQuery{Stream: lobby.Stream(social.ChannelMessages), Everything: true, Living: true, Limit: 100})
	for _, post := range page {
		if post.Author == who {
			t.Errorf("step %d: left is %q", step, post.Content)
		}
	}
	if err != nil {
		t.Error(err)
	}
	storagetest.Verify(t, db)
	return died
}

// writer makes somebody who has written three posts and likes one.
func writer(t *testing.T, db *storage.DB, name string) (social.PersonKey, social.Space) {
	t.Helper()
	w := &storagetest.World{T: t, DB: db}
	who := w.Person(name)
	lobby := w.Space("lobby-of-"+name, w.Person("owner-of-"+name))
	w.Lobby, w.Bob, w.Alice = *lobby, who, lobby.Owner
	if _, err := db.Join(t.Context(), lobby.Key, who, nil, storagetest.Epoch()); err != nil {
		t.Fatal(err)
	}
	others := w.Post(w.Alice, "another's")
	w.Append(storagetest.Epoch(), others, w.Post(who, "mine"), w.Post(who, "mine too"))
	w.Say(others)
	return who, *lobby
}
