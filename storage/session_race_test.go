package storage_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

func claimOf(person social.PersonKey, name string, id social.SessionID, node social.NodeID) social.SessionClaim {
	return social.SessionClaim{ID: id, Person: person, Name: name, Version: 5, Node: node, Expiry: time.Hour, Most: 1000}
}

// Of claimants that come at the same moment to different nodes one makes the
// session and the others take it from each other, each with a fence of its own.
func TestClaimantsOfOneSessionAreServedInTurn(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 3)
		const rounds, each = 8, 2
		for round := range rounds {
			var (
				mu   sync.Mutex
				got  []*social.SessionClaimed
				wg   sync.WaitGroup
				name = fmt.Sprint("client ", round)
			)
			for n := range len(dbs) * each {
				wg.Go(func() {
					c := claimOf(w.Bob, name, social.SessionID(1+round*100+n), social.NodeID(1+n)) //nolint:gosec // small
					out, err := dbs[n%len(dbs)].WriteSessions(context.Background(), []social.SessionWrite{{Claim: &c}}, storagetest.Epoch())
					if err != nil || out[0].Err != nil {
						t.Errorf("claim: %+v, %v", out, err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					got = append(got, out[0].Claimed)
				})
			}
			wg.Wait()
			slices.SortFunc(got, func(a, b *social.SessionClaimed) int { return int(a.Session.Fence) - int(b.Session.Fence) }) //nolint:gosec // small
			for i, c := range got {
				if int(c.Session.Fence) != i+1 || c.Present != (i > 0) || c.Session.ID != got[0].Session.ID { //nolint:gosec // small
					t.Errorf("round %d: claim %d is %+v", round, i, c)
				}
				if i > 0 && (c.Before == nil || c.Before.Node != got[i-1].Session.Node) {
					t.Errorf("round %d: before claim %d there was %+v", round, i, c.Before)
				}
			}
		}
	})
}

// A save and a claim come together: either the claim was told what was saved, or
// the save was stale and changed nothing.
func TestASaveIsToldToTheNextClaimOrStale(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 2)
		write := func(db *storage.DB, x social.SessionWrite) social.SessionWritten {
			out, err := db.WriteSessions(context.Background(), []social.SessionWrite{x}, storagetest.Epoch())
			if err != nil || out[0].Err != nil {
				t.Errorf("write: %+v, %v", out, err)
				return social.SessionWritten{}
			}
			return out[0]
		}
		position := social.EncodePosition(social.Position{})
		for round := range 12 {
			c := claimOf(w.Bob, fmt.Sprint("client ", round), social.SessionID(1+round), 1) //nolint:gosec // small
			write(dbs[0], social.SessionWrite{Claim: &c})
			var saved, claimed social.SessionWritten
			var wg sync.WaitGroup
			wg.Go(func() {
				saved = write(dbs[0], social.SessionWrite{Save: &social.SessionSave{ID: c.ID, Fence: 1, Position: position}})
			})
			wg.Go(func() {
				again := c
				again.Node = 2
				claimed = write(dbs[1], social.SessionWrite{Claim: &again})
			})
			wg.Wait()
			if t.Failed() {
				return
			}
			s, err := dbs[0].FindSession(t.Context(), w.Bob, social.SessionClient, c.Name)
			if err != nil || s.Fence != 2 {
				t.Fatalf("%+v, %v", s, err)
			}
			if told := claimed.Claimed.Session.Position != nil; told == saved.Stale || told != (s.Position != nil) {
				t.Errorf("round %d: stale %v, told %v, stored %v", round, saved.Stale, told, s.Position != nil)
			}
		}
	})
}

// Batches of several nodes, for the same sessions in other orders, beside
// publishes in QoS 2 packets of theirs, clean claims, purges and removals of
// people: all go through without a deadlock, and Verify finds nothing.
func TestNodesWriteSessionsSideBySide(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine storagetest.Engine) {
		w, dbs := nodes(t, engine, 3)
		const rounds, batch, clients = 6, 60, 40
		people := []social.PersonKey{w.Alice, w.Bob}
		for i := range 3 {
			people = append(people, w.Person(fmt.Sprint("person-", i)))
		}
		var (
			mu    sync.Mutex
			known []social.SessionID // that were seen
			wg    sync.WaitGroup
		)
		someone := func(random *rand.Rand) social.SessionID {
			mu.Lock()
			defer mu.Unlock()
			if len(known) == 0 {
				return 1
			}
			return known[random.IntN(len(known))]
		}
		for n, db := range dbs {
			for shard := range 2 {
				wg.Go(func() {
					random := rand.New(rand.NewPCG(uint64(n), uint64(shard))) //nolint:gosec // repeatable on purpose
					for range rounds {
						var writes []social.SessionWrite
						for range batch {
							switch id := social.SessionID(random.Uint64()>>1 | 1); random.IntN(4) {
							case 0:
								writes = append(writes, social.SessionWrite{Save: &social.SessionSave{
									ID: someone(random), Fence: uint64(1 + random.IntN(3)), Gone: random.IntN(4) == 0, Released: []uint16{1}, //nolint:gosec // small
								}})
							default:
								c := claimOf(people[random.IntN(len(people))], fmt.Sprint(random.IntN(clients)), id, social.NodeID(n+1)) //nolint:gosec // small
								c.Clean = random.IntN(4) == 0
								writes = append(writes, social.SessionWrite{Claim: &c})
							}
						}
						out, err := db.WriteSessions(context.Background(), writes, storagetest.Epoch())
						if err != nil {
							t.Errorf("write: %v", err)
							return
						}
						for _, o := range out {
							if o.Claimed != nil {
								mu.Lock()
								known = append(known, o.Claimed.Session.ID)
								mu.Unlock()
							} else if o.Err != nil && social.KindOf(o.Err) != social.KindNotFound {
								t.Errorf("write: %v", o.Err)
							}
						}
					}
				})
			}
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(n), 77)) //nolint:gosec // repeatable on purpose
				for range rounds {
					var entries []social.Entry
					for range 20 {
						e := storagetest.Entries(w.Post(w.Alice, "x"))[0]
						e.Inbound = social.InboundPacket{Session: someone(random), Packet: uint16(1 + random.IntN(2))} //nolint:gosec // small
						entries = append(entries, e)
					}
					if _, err := db.Append(context.Background(), entries, storagetest.Epoch()); err != nil {
						t.Errorf("append: %v", err)
						return
					}
				}
			})
		}
		wg.Go(func() {
			for _, person := range people[2:] {
				if _, err := dbs[0].Purge(context.Background(), storagetest.Epoch().Add(30*time.Minute)); err != nil {
					t.Errorf("purge: %v", err)
				}
				if err := dbs[0].RemovePerson(context.Background(), person, storagetest.Epoch()); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
		})
		wg.Wait()
	})
}

// Claims that wait for each other are one batch, which makes or finds them all.
func TestABatchOfManyClaimsIsOneTransaction(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := storagetest.NewWorld(t, db)
		const claims = 200
		for round := range 2 {
			var writes []social.SessionWrite
			for i := range claims {
				c := claimOf(w.Bob, fmt.Sprint("client ", claims-i), social.SessionID(1+round*claims+i), 1) //nolint:gosec // small
				writes = append(writes, social.SessionWrite{Claim: &c})
			}
			out, err := db.WriteSessions(t.Context(), writes, storagetest.Epoch())
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range out {
				if o.Err != nil || o.Claimed.Present != (round == 1) || o.Claimed.Session.ID != social.SessionID(1+i) { //nolint:gosec // small
					t.Fatalf("round %d: claim %d is %+v, %v", round, i, o.Claimed, o.Err)
				}
			}
		}
	})
}
