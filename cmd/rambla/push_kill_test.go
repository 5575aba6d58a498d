package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rambla/pushgw/simulator"
)

// What is killed, and how much goes on meanwhile.
const (
	killTimes   = 3
	killRooms   = 6
	killPeople  = 10
	killLatency = 30 * time.Millisecond
	// killPatience covers the lease of what was being sent, which on PostgreSQL has to
	// end first, and the pause between two pushes of one stream.
	killPatience = 4 * time.Minute
)

func TestEveryDeviceIsToldOfTheNewestPostAfterKill9(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		sim, config := pushProviders(t, simulator.Config{Latency: killLatency, Keep: 200}, 300*time.Millisecond)
		flags = append(flags, "--config", config, "--demo")
		k := &killed{T: t, sim: sim, heads: map[string]uint64{}, done: make(chan struct{})}
		s := serve(t, flags...)
		s.withRole(t, "alice", "manager")
		k.prepare(s)
		k.server.Store(s)
		k.posting.Go(k.post)
		for range killTimes {
			k.grows(killPeople*killRooms/2 - 3)
			k.server.Store(nil)
			s.kill()
			s = serve(t, flags...)
			k.server.Store(s)
		}
		k.grows(killPeople)
		close(k.done)
		k.posting.Wait()
		k.end(s)
	})
}

// killed is a server that is, while somebody posts.
type killed struct {
	*testing.T
	sim     *simulator.Simulator
	server  atomic.Pointer[instance] // nil while there is none
	token   string                   // of who posts
	tokens  []string                 // of devices
	done    chan struct{}
	posting sync.WaitGroup

	mu    sync.Mutex        // guards what follows
	heads map[string]uint64 // by room
}

// prepare makes rooms of people of whom each has a device.
func (k *killed) prepare(s *instance) {
	k.token = s.token(k.T, "alice")
	var names []string
	for i := range killPeople {
		name := fmt.Sprint("away-person-", i)
		s.do(k.T, http.StatusCreated, k.token, http.MethodPost, "/v1/people", with{"name": name, "password": name})
		names = append(names, name)
	}
	for i := range killRooms {
		s.room(k.T, fmt.Sprint("kill-", i), "closed", names...)
	}
	for _, name := range names {
		token := "device-of-" + name
		s.do(k.T, http.StatusCreated, s.token(k.T, name), http.MethodPost, "/v1/me/devices", with{"platform": "fcm", "app": "android", "token": token})
		k.tokens = append(k.tokens, token)
	}
}

// post writes to one room after the other, each post until it is taken.
func (k *killed) post() {
	pause := time.NewTicker(200 * time.Millisecond)
	defer pause.Stop()
	for n := 0; ; n++ {
		room := fmt.Sprint("kill-", n%killRooms)
		for !k.write(room, fmt.Sprint("post-", n)) {
			<-pause.C
		}
		select {
		case <-k.done:
			return
		case <-pause.C:
		}
	}
}

func (k *killed) write(room, key string) bool {
	s := k.server.Load()
	if s == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+"/v1/contexts/"+room+"/activities", jsonBody(with{"content": key}))
	if err != nil {
		k.Error(err)
		return true
	}
	req.Header.Set("Authorization", "Bearer "+k.token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var post published
	if err := json.NewDecoder(resp.Body).Decode(&post); err != nil || resp.StatusCode/100 != 2 {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heads[room] = max(k.heads[room], post.Seq)
	return true
}

// grows waits until providers have taken more.
func (k *killed) grows(by int) {
	k.Helper()
	from := k.sim.Counts(simulator.FCM).Accepted
	again := time.NewTicker(time.Millisecond) // to be in the middle of something
	defer again.Stop()
	for began := time.Now(); k.sim.Counts(simulator.FCM).Accepted < from+by; <-again.C {
		if time.Since(began) > killPatience {
			k.Fatalf("only %d of %d pushes came\n%s", k.sim.Counts(simulator.FCM).Accepted-from, by, k.server.Load().logged())
		}
	}
}

// told is up to where a device was told of a room.
func (k *killed) told(token, room string) (newest uint64) {
	g := &gadget{provider: simulator.FCM}
	for _, p := range k.sim.Pushes(simulator.FCM, token) {
		if n := g.read(k.T, &p); p.Taken && n.Stream == "/ctx/"+room+"/messages" {
			seq, err := strconv.ParseUint(n.Seq, 10, 64)
			if err != nil {
				k.Errorf("seq %q", n.Seq)
			}
			newest = max(newest, seq)
		}
	}
	return newest
}

// end waits until every device was told of the newest post of each room.
func (k *killed) end(s *instance) {
	k.Helper()
	k.mu.Lock()
	heads := k.heads
	k.mu.Unlock()
	if len(heads) != killRooms {
		k.Fatalf("posts in %d of %d rooms", len(heads), killRooms)
	}
	began := time.Now()
	missed := ""
	if !within(killPatience, func() bool {
		missed = ""
		for _, token := range k.tokens {
			for room, head := range heads {
				if at := k.told(token, room); at != head {
					missed = fmt.Sprintf("%s was told of %s up to %d, which goes up to %d", token, room, at, head)
					return false
				}
			}
		}
		return true
	}) {
		k.Fatalf("%s\n%s", missed, s.logged())
	}
	c := k.sim.Counts(simulator.FCM)
	k.Logf("killed %d times: %d pushes taken, %d of them twice; the last %v after the last post", killTimes, c.Accepted, c.Duplicates, time.Since(began).Round(time.Millisecond))
	// What was under way when it was killed may come again: of each person and room
	// at most one push.
	if most := killTimes * killPeople * killRooms; c.Duplicates > most {
		k.Errorf("%d pushes came twice, of %d", c.Duplicates, c.Accepted)
	}
}
