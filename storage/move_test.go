package storage_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// filled makes a store with something in every table, and closes it.
func filled(t *testing.T, cfg storage.Config) *storagetest.World {
	t.Helper()
	db, err := storage.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := storagetest.Fill(t, db)
	if empty, err := db.EmptyTables(t.Context()); err != nil || len(empty) > 0 {
		t.Errorf("nothing is in the tables %v: %v", empty, err)
	}
	storagetest.Verify(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// described is all rows of a store as text.
func described(t *testing.T, cfg storage.Config) map[string]string {
	t.Helper()
	db := storagetest.OpenAt(t, cfg)
	out, err := db.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAMoveKeepsEveryRowThereAndBack(t *testing.T) {
	t.Parallel()
	from, there, back := storagetest.Config(t, storagetest.SQLite), storagetest.Config(t, storagetest.Postgres), storagetest.Config(t, storagetest.SQLite)
	filled(t, from)
	told := map[string]int64{}
	to := storage.MoveTarget{Config: there, Told: func(table string, rows int64) { told[table] = rows }}
	if err := storage.Move(t.Context(), from, to); err != nil {
		t.Fatal(err)
	}
	if told["posts"] < 5 || told["sessions"] != 1 || told["samples"] != 2 {
		t.Errorf("it told of %v", told)
	}
	if err := storage.Move(t.Context(), there, storage.MoveTarget{Config: back}); err != nil {
		t.Fatal(err)
	}
	want, onPostgres, again := described(t, from), described(t, there), described(t, back)
	for table, rows := range want {
		if onPostgres[table] != rows {
			t.Errorf("%s was\n%s\nand is on PostgreSQL\n%s", table, rows, onPostgres[table])
		}
		if again[table] != rows {
			t.Errorf("%s was\n%s\nand came back as\n%s", table, rows, again[table])
		}
	}
	for _, cfg := range []storage.Config{from, there, back} {
		// Keys go on where they were, also of what is gone.
		db := storagetest.OpenAt(t, cfg)
		key, err := db.CreatePerson(t.Context(), social.NewPerson{Name: "dora"}, storagetest.Epoch())
		if err != nil || key != 6 {
			t.Errorf("the next person has the key %d, %v", key, err)
		}
		// Nor does anybody get the name of who was erased, which no store has.
		if _, err := db.CreatePerson(t.Context(), social.NewPerson{Name: "erin"}, storagetest.Epoch()); social.KindOf(err) != social.KindConflict {
			t.Errorf("the name of who was erased: %v", err)
		}
		space, err := db.CreateSpace(t.Context(), social.Space{ID: "next", Owner: key}, storagetest.Epoch())
		if err != nil || space != 6 {
			t.Errorf("the next context has the key %d, %v", space, err)
		}
	}
}

func TestAMoveTouchesNoStoreThatIsInUse(t *testing.T) {
	t.Parallel()
	from, to := storagetest.Config(t, storagetest.SQLite), storagetest.Config(t, storagetest.SQLite)
	filled(t, from)
	inUse := storagetest.Config(t, storagetest.SQLite)
	storagetest.NewWorld(t, storagetest.OpenAt(t, inUse))
	if err := storage.Move(t.Context(), from, storage.MoveTarget{Config: inUse, Again: true}); !errors.Is(err, storage.ErrNotEmpty) {
		t.Errorf("into a site: %v", err)
	}
	served := storagetest.Config(t, storagetest.Postgres)
	if err := storagetest.OpenAt(t, served).Ping(t.Context()); err != nil { // a server asks all the time
		t.Fatal(err)
	}
	if err := storage.Move(t.Context(), from, storage.MoveTarget{Config: served}); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("into a database that a server has open: %v", err)
	}
	if err := storage.Move(t.Context(), served, storage.MoveTarget{Config: to}); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("from a database that a server has open: %v", err)
	}
	if _, err := storage.BeginEpoch(t.Context(), served, storagetest.Epoch(), social.Act{}); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("a new epoch under a server: %v", err)
	}
}

func TestAMoveThatWasInterruptedIsRefusedUntilItIsRepeated(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		from, to := storagetest.Config(t, storagetest.SQLite), storagetest.Config(t, engine)
		filled(t, from)
		ctx, cancel := context.WithCancel(t.Context())
		cut := storage.MoveTarget{Config: to, Told: func(table string, _ int64) {
			if table == "streams" {
				cancel()
			}
		}}
		if err := storage.Move(ctx, from, cut); !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted: %v", err)
		}
		refused := func(err error) {
			t.Helper()
			if !errors.Is(err, storage.ErrSchema) || !strings.Contains(social.Safe(err), "migrate --to") {
				t.Errorf("%v", err)
			}
		}
		for _, cfg := range []storage.Config{to, {URL: to.URL, Dir: to.Dir}, {URL: to.URL, Dir: to.Dir, ReadOnly: true}} {
			_, err := storage.Open(t.Context(), cfg)
			refused(err)
		}
		refused(storage.Move(t.Context(), from, storage.MoveTarget{Config: to}))
		if err := storage.Move(t.Context(), from, storage.MoveTarget{Config: to, Again: true}); err != nil {
			t.Fatal(err)
		}
		want, got := described(t, from), described(t, to)
		for table, rows := range want {
			if got[table] != rows {
				t.Errorf("%s was\n%s\nand is\n%s", table, rows, got[table])
			}
		}
	})
}

func TestANewEpochLeavesNothingOfTheOldOne(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		cfg := storagetest.Config(t, engine)
		w := filled(t, cfg)
		messages := w.Lobby.Stream(social.ChannelMessages)
		state := func(db *storage.DB) social.StreamState {
			t.Helper()
			s, err := db.State(t.Context(), messages)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		db, err := storage.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		before := state(db)
		version, err := db.Version(t.Context())
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		now := storagetest.Epoch().Add(24 * time.Hour)
		begun, err := storage.BeginEpoch(t.Context(), cfg, now, social.Act{Verb: social.VerbSiteRestore})
		if err != nil || begun.Sessions != 1 || begun.Ended != 0 || begun.Streams < 10 {
			t.Fatalf("%+v, %v", begun, err)
		}
		db = storagetest.OpenAt(t, cfg)
		if after := state(db); after.Epoch == before.Epoch || after.Epoch != begun.Epoch || after.Head != before.Head {
			t.Errorf("the stream was %+v and is %+v", before, after)
		}
		if acts, err := db.Acts(t.Context(), social.ActQuery{Verb: social.VerbSiteRestore, Limit: 2}); err != nil || len(acts) != 1 || !acts[0].At.Equal(now.Truncate(time.Microsecond)) {
			t.Errorf("the audit log tells %+v, %v", acts, err)
		}
		// What somebody has heard of the journal since the backup is no part of this one.
		if _, whole, err := db.LeftSince(t.Context(), w.Bob, version+5, 10); err != nil || whole {
			t.Errorf("a token from before is still good: %v", err)
		}
		// The session would be over by its own clock, which begins anew.
		out, err := db.WriteSessions(t.Context(), []social.SessionWrite{{Claim: &social.SessionClaim{
			ID: 5, Person: w.Bob, Name: "phone", Version: 5, Node: 2, Expiry: time.Hour, Most: 50,
		}}}, now.Add(time.Minute))
		if err != nil || out[0].Err != nil || !out[0].Claimed.Present {
			t.Fatalf("%+v, %v", out, err)
		}
		c := out[0].Claimed
		p, err := social.DecodePosition(c.Session.Position)
		if err != nil || !p.Restored || len(p.Open) > 0 || len(c.Inbound) > 0 || p.Cursors[0] != (social.Cursor{Stream: messages, Seq: 1}) {
			t.Errorf("it goes on at %+v, with %+v waiting, %v", p, c.Inbound, err)
		}
	})
}

func TestABackupIsOfOneMomentWhileOthersWrite(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.SQLite)
	db := storagetest.OpenAt(t, cfg)
	w := storagetest.NewWorld(t, db)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				w.Append(storagetest.Epoch(), w.Post(w.Alice, strings.Repeat("x", 2000)), w.Post(w.Bob, "y"))
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	for range 3 {
		dir := t.TempDir()
		copied, err := storage.Backup(t.Context(), cfg, filepath.Join(dir, storage.StoreFile))
		if err != nil || copied.Schema == 0 || copied.Epochs == "" {
			t.Fatalf("%+v, %v", copied, err)
		}
		storagetest.OpenAt(t, storage.Config{Dir: dir}) // which verifies it
	}
	if _, err := storage.Backup(t.Context(), storage.Config{Dir: t.TempDir()}, filepath.Join(t.TempDir(), "x")); social.KindOf(err) != social.KindInvalid {
		t.Errorf("of no store: %v", err)
	}
}
