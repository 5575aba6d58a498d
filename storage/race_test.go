package storage_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// nodes opens n handles of one new store: several servers of one site, or, on
// SQLite, a server and the command line beside it.
func nodes(t *testing.T, engine storagetest.Engine, n int) (*storagetest.World, []*storage.DB) {
	t.Helper()
	cfg := storagetest.Config(t, engine)
	// A deadlock that the database breaks up is run again and told to the log only.
	log := new(syncBuffer)
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	t.Cleanup(func() {
		if strings.Contains(log.String(), "deadlock") {
			t.Errorf("locks were taken out of order: %s", log)
		}
	})
	var dbs []*storage.DB
	for range n {
		dbs = append(dbs, storagetest.OpenAt(t, cfg))
	}
	return storagetest.NewWorld(t, dbs[0]), dbs
}

func eachEngine(t *testing.T, f func(t *testing.T, engine storagetest.Engine)) {
	t.Helper()
	for _, engine := range storagetest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			f(t, engine)
		})
	}
}

// Appends of several nodes, with two committers each, to the same streams, with
// keys that collide within and across nodes, edits and removals of the same
// posts, and changes of rights that append events: all of it must go through,
// without a deadlock, and leave every seq and every key used once.
func TestNodesAppendSideBySide(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 3)
		const rounds, batch, keys = 15, 24, 60
		streams := []social.StreamKey{w.Lobby.Stream(social.ChannelMessages)}
		for i := range 11 {
			streams = append(streams, w.Space(fmt.Sprint("space-", i), w.Alice).Stream(social.ChannelMessages))
		}
		shared := w.Post(w.Alice, "edited by all")
		w.Append(storagetest.Epoch(), shared)

		var (
			mu    sync.Mutex
			byKey = map[string]social.ID{}
			count = map[social.StreamKey]int{shared.Stream: 1}
			drawn atomic.Int64 // moves the window of keys, so that all nodes use new ones at once
		)
		settle := func(p *social.Post, out social.Appended) error {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case out.Err != nil:
				return out.Err
			case p.Key != "":
				if first, known := byKey[p.Key]; known && first != out.ID {
					return fmt.Errorf("key %s has become %v and %v", p.Key, first, out.ID)
				}
				byKey[p.Key] = out.ID
			}
			if !out.Repeat {
				count[p.Stream]++
			}
			return nil
		}
		var wg sync.WaitGroup
		for n, db := range dbs {
			for shard := range 2 {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(uint64(n), uint64(shard))) //nolint:gosec // repeatable on purpose
					for range rounds {
						var posts []*social.Post
						// Few streams each, so that batches do run side by side.
						mine := [2]social.StreamKey{streams[random.IntN(len(streams))], streams[random.IntN(len(streams))]}
						for range batch {
							p := w.Post(w.Alice, "x")
							p.Stream = mine[random.IntN(len(mine))]
							if random.IntN(2) == 0 {
								p.Key = fmt.Sprint("key-", int(drawn.Add(1)/8)+random.IntN(keys))
							}
							posts = append(posts, p)
						}
						if random.IntN(4) == 0 {
							posts = append(posts, w.Amend(social.TypeUpdate, shared, fmt.Sprint(n, shard)))
						}
						out, err := db.Append(context.Background(), storagetest.Entries(posts...), storagetest.Epoch())
						if err != nil {
							t.Errorf("append: %v", err)
							return
						}
						for i, p := range posts {
							if err := settle(p, out[i]); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Go(func() {
				for i := range rounds {
					if err := changeRights(w, db, n, i); err != nil {
						t.Errorf("change rights: %v", err)
						return
					}
				}
			})
		}
		wg.Wait()
		for stream, n := range count {
			if s, err := dbs[0].State(t.Context(), stream); err != nil || int(s.Head) != n {
				t.Errorf("stream %d: head %d, %d acknowledged, %v", stream, s.Head, n, err)
			}
		}
	})
}

// Two nodes append the same keys at the same moment, in opposite order, to
// different streams: each key ends up in one of the two, and neither node waits
// for the other in a circle.
func TestTheSameKeysOnTwoNodesAreStoredOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		streams := []social.StreamKey{w.Lobby.Stream(social.ChannelMessages), w.Space("news", w.Alice).Stream(social.ChannelMessages)}
		const rounds, batch = 6, 500
		for round := range rounds {
			var (
				wg  sync.WaitGroup
				ids [2][batch]social.ID
			)
			for n, db := range dbs {
				wg.Go(func() {
					posts := make([]*social.Post, batch)
					for i := range posts {
						posts[i] = w.Post(w.Alice, "x")
						posts[i].Stream, posts[i].Key = streams[n], fmt.Sprintf("%d-%d", round, i)
					}
					if n == 1 {
						slices.Reverse(posts)
					}
					out, err := db.Append(context.Background(), storagetest.Entries(posts...), storagetest.Epoch())
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
					if n == 1 {
						slices.Reverse(out)
					}
					for i, a := range out {
						ids[n][i] = a.ID
					}
				})
			}
			wg.Wait()
			if ids[0] != ids[1] {
				t.Fatalf("round %d: the nodes were told of different posts", round)
			}
		}
		var stored uint64
		for _, stream := range streams {
			s, err := w.DB.State(t.Context(), stream)
			if err != nil {
				t.Fatal(err)
			}
			stored += s.Head
		}
		if stored != rounds*batch {
			t.Errorf("%d posts are stored, wanted %d", stored, rounds*batch)
		}
	})
}

// changeRights lets one node change everything that has a journal entry.
func changeRights(w *storagetest.World, db *storage.DB, node, round int) error {
	ctx, now := context.Background(), storagetest.Epoch()
	name := fmt.Sprintf("p-%d-%d", node, round)
	person, err := db.CreatePerson(ctx, social.NewPerson{Name: name, PasswordHash: "x"}, now)
	if err != nil {
		return err
	}
	_, err1 := db.Join(ctx, w.Lobby.Key, person, w.Event(social.TypeJoin, person, person), now)
	_, err2 := db.SetOverride(ctx, w.Lobby.Key, person, social.Override{Permission: social.Write, Veto: true}, now)
	tokens := []social.Token{{Hash: [32]byte{byte(node), byte(round)}, Kind: social.TokenRefresh}}
	_, err3 := db.CreateGrant(ctx, social.Grant{ID: w.IDs.New(now), Person: person, Kind: social.GrantPassword}, tokens)
	_, err4 := db.Rotate(ctx, tokens[0].Hash, []social.Token{{Hash: [32]byte{byte(node), byte(round), 1}, Kind: social.TokenRefresh}}, now)
	text := name
	err5 := db.PatchSpace(ctx, w.Lobby.Key, social.SpacePatch{Description: &text}, w.Event(social.TypeUpdate, person, 0), now)
	err6 := db.SetPasswordHash(ctx, person, "y", now)
	err7 := db.RenamePerson(ctx, person, name+"b", now)
	_, err8 := db.Purge(ctx, now.Add(social.KeyLife/2))
	_, err9 := db.Leave(ctx, w.Lobby.Key, person, w.Event(social.TypeLeave, person, person), now)
	return errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, db.RemovePerson(ctx, person, now))
}

// What one node commits after another has read the journal is never in front of
// what that one has read.
func TestTheJournalIsReadInTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		const each = 40
		start := w.Version()
		var writers sync.WaitGroup
		for n, db := range dbs {
			for g := range 2 {
				writers.Go(func() {
					for i := range each {
						_, err := db.CreatePerson(context.Background(), social.NewPerson{Name: fmt.Sprintf("q-%d-%d-%d", n, g, i)}, storagetest.Epoch())
						if err != nil {
							t.Errorf("create: %v", err)
						}
					}
				})
			}
		}
		done := make(chan struct{})
		go func() { writers.Wait(); close(done) }()
		at, seen, last := start, 0, false
		for !last {
			select {
			case <-done:
				last = true // one more read finds the rest
			default:
			}
			changes, err := dbs[0].ChangesAfter(t.Context(), at, 1000)
			if err != nil {
				t.Fatal(err) // a hole in what was read is an error too
			}
			for _, c := range changes {
				if c.Version != at+1 {
					t.Fatalf("version %d after %d", c.Version, at)
				}
				at, seen = c.Version, seen+1
			}
		}
		if want := 2 * 2 * each; seen != want {
			t.Errorf("%d changes were read, %d committed", seen, want)
		}
	})
}

// Of two who exchange one refresh token at the same moment, one wins, and the
// grant ends, because one of them has a copy.
func TestOneRefreshTokenIsExchangedOnce(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		for round := range 8 {
			token := social.Token{Hash: [32]byte{1, byte(round)}, Kind: social.TokenRefresh}
			grant, err := w.DB.CreateGrant(t.Context(), social.Grant{ID: w.IDs.New(storagetest.Epoch()), Person: w.Bob, Kind: social.GrantPassword}, []social.Token{token})
			if err != nil {
				t.Fatal(err)
			}
			var (
				wg   sync.WaitGroup
				mu   sync.Mutex
				wins int
			)
			for i := range 4 {
				wg.Go(func() {
					next := []social.Token{{Hash: [32]byte{2, byte(round), byte(i)}, Kind: social.TokenRefresh}}
					fresh, err := dbs[i%2].Rotate(context.Background(), token.Hash, next, storagetest.Epoch())
					if err != nil {
						t.Errorf("rotate: %v", err)
					}
					if fresh {
						mu.Lock()
						wins++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			living, err := w.DB.GrantsOf(t.Context(), w.Bob, 10)
			if wins != 1 || err != nil || len(living) != 0 {
				t.Errorf("grant %d: %d winners, %d living grants, %v", grant, wins, len(living), err)
			}
		}
	})
}

// Who is erased may be publishing with a file, in a packet of its session: neither
// of the two waits for the other in a circle.
func TestAnErasureWaitsForNoPublishThatWaitsForIt(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		now := storagetest.Epoch()
		for round := range 8 {
			who := w.Person(fmt.Sprint("who-", round))
			c := claimOf(who, "phone", social.SessionID(round+1), 1) //nolint:gosec // small
			if _, err := dbs[0].WriteSessions(t.Context(), []social.SessionWrite{{Claim: &c}}, now); err != nil {
				t.Fatal(err)
			}
			var entries []social.Entry
			for i := range 30 {
				f := social.Attachment{ID: w.IDs.New(now), Owner: who, Name: "a.txt", MediaType: "text/plain", Size: 1, Created: now}
				if err := dbs[0].CreateAttachment(t.Context(), f, 1000); err != nil {
					t.Fatal(err)
				}
				e := storagetest.Entries(w.Post(who, "x"))[0]
				e.Attachments = []social.ID{f.ID}
				e.Inbound = social.InboundPacket{Session: c.ID, Packet: uint16(i + 1)} //nolint:gosec // small
				entries = append(entries, e)
			}
			var both sync.WaitGroup
			both.Go(func() {
				if _, err := dbs[0].Append(context.Background(), entries, now); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				_, err := dbs[1].BeginErasure(context.Background(), social.Erasure{ID: w.IDs.New(now), Person: who, Asked: now}, now)
				if err != nil {
					t.Error(err)
				}
			})
			both.Wait()
		}
	})
}

// People are locked in one order, by whoever makes sessions for many, and by whoever
// brings some together.
func TestPeopleAreLockedInOneOrder(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		const rounds, people = 15, 20
		var all []social.PersonKey
		for i := range people {
			all = append(all, w.Person(fmt.Sprint("person-", i)))
		}
		now, title := storagetest.Epoch(), "teaches"
		for round := range rounds {
			var both sync.WaitGroup
			run := func(f func(ctx context.Context) error) {
				both.Go(func() {
					if err := f(context.Background()); err != nil {
						t.Error(err)
					}
				})
			}
			run(func(ctx context.Context) error {
				var writes []social.SessionWrite
				for i, p := range all {
					c := claimOf(p, fmt.Sprint("phone ", round), social.SessionID(1+round*people+i), 1) //nolint:gosec // small
					writes = append(writes, social.SessionWrite{Claim: &c})
				}
				_, err := dbs[0].WriteSessions(ctx, writes, now)
				return err
			})
			run(func(ctx context.Context) error {
				for i := range 3 {
					b := social.Block{Person: all[people-1-i], Blocked: all[i], At: now, Ignored: round%2 == 0}
					if _, err := dbs[1].Block(ctx, b, 1000); err != nil {
						return err
					}
					if err := dbs[1].Unblock(ctx, b); err != nil {
						return err
					}
				}
				return nil
			})
			run(func(ctx context.Context) error {
				for i := range 4 {
					if err := dbs[1].PatchPerson(ctx, all[i], social.PersonPatch{Title: &title}, now); err != nil {
						return err
					}
				}
				return nil
			})
			run(func(ctx context.Context) error {
				for i := range 4 {
					g := social.Grant{ID: w.IDs.New(now), Person: all[i], Kind: social.GrantPassword}
					if _, err := dbs[1].CreateGrant(ctx, g, nil); err != nil {
						return err
					}
				}
				return nil
			})
			both.Wait()
		}
	})
}
