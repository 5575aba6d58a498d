package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"rambla/storage/pgtest"
)

// storm is many clients that publish under keys of their own, each until it is
// acknowledged: over MQTT at QoS 1 and 2, and over REST.
type storm struct {
	t       *testing.T
	address atomic.Pointer[instance]  // of the server that lives now; nil while none does
	away    atomic.Pointer[time.Time] // since when the database is away; nil: it is there
	stop    chan struct{}
	wg      sync.WaitGroup

	mu         sync.Mutex // guards all below
	acked      map[string]bool
	groundless []string // what was published and acknowledged while the database was away
}

func newStorm(t *testing.T, s *instance, clients int) *storm {
	t.Helper()
	st := &storm{t: t, stop: make(chan struct{}), acked: map[string]bool{}}
	st.address.Store(s)
	token := s.login(t, "alice", "alice")
	for i := range clients {
		st.wg.Go(func() {
			if i%4 == 3 {
				st.postForEver(i, token)
			} else {
				st.publishForEver(i, byte(1+i%2))
			}
		})
	}
	return st
}

func (st *storm) over() bool {
	select {
	case <-st.stop:
		return true
	default:
		return false
	}
}

func (st *storm) noteAcked(key string, begun time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.acked[key] = true
	if away := st.away.Load(); away != nil && begun.After(*away) {
		st.groundless = append(st.groundless, key)
	}
}

func (st *storm) count() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.acked)
}

// publishForEver publishes one message after the other; each is sent again, on
// a new connection, until the server says that it has it.
func (st *storm) publishForEver(client int, qos byte) {
	var c mqtt.Client
	defer func() {
		if c != nil {
			c.Disconnect(0)
		}
	}()
	for n := 0; !st.over(); {
		if c == nil || !c.IsConnectionOpen() {
			if c = st.connect(client); c == nil {
				st.breathe()
				continue
			}
		}
		key, begun := fmt.Sprintf("mqtt-%d-%d", client, n), time.Now()
		token := c.Publish("/ctx/lobby/messages", qos, false, fmt.Sprintf(`{"content":"storm %s","key":%q}`, key, key))
		if token.WaitTimeout(3*time.Second) && token.Error() == nil {
			st.noteAcked(key, begun)
			n++
			continue
		}
		c.Disconnect(0)
		c = nil
	}
}

func (st *storm) connect(client int) mqtt.Client {
	s := st.address.Load()
	if s == nil {
		return nil
	}
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + s.mqtt).SetClientID(fmt.Sprint("storm-", client)).
		SetUsername("alice").SetPassword("alice").SetAutoReconnect(false).SetConnectTimeout(2 * time.Second).
		SetCleanSession(true).SetWriteTimeout(2 * time.Second))
	if token := c.Connect(); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		c.Disconnect(0)
		return nil
	}
	return c
}

func (st *storm) postForEver(client int, token string) {
	for n := 0; !st.over(); {
		s := st.address.Load()
		if s == nil {
			st.breathe()
			continue
		}
		key, begun := fmt.Sprintf("rest-%d-%d", client, n), time.Now()
		if st.post(s, token, key) {
			st.noteAcked(key, begun)
			n++
		} else {
			st.breathe()
		}
	}
}

func (st *storm) post(s *instance, token, key string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+"/v1/contexts/lobby/activities", jsonBody(map[string]string{"content": "storm " + key}))
	if err != nil {
		st.t.Error(err)
		return false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // the status says all
	return resp.StatusCode == http.StatusCreated
}

// breathe keeps clients that find no server from spinning.
func (st *storm) breathe() {
	select {
	case <-st.stop:
	case <-time.After(50 * time.Millisecond):
	}
}

// end stops the clients and checks that what was acknowledged is in the log,
// exactly once, without a gap in seq.
func (st *storm) end() {
	st.t.Helper()
	close(st.stop)
	st.wg.Wait()
	s := st.address.Load()
	token := s.login(st.t, "alice", "alice")
	stored := map[string]int{}
	var last uint64
	for more := true; more; {
		var page struct {
			Items []struct {
				Seq uint64
				Key string
			}
			Next any
		}
		if code := s.call(st.t, token, http.MethodGet, fmt.Sprintf("/v1/contexts/lobby/log/messages?after=%d&limit=200", last), nil, &page); code != http.StatusOK {
			st.t.Fatalf("reading the log: %d", code)
		}
		for _, p := range page.Items {
			if p.Seq != last+1 {
				st.t.Fatalf("seq %d follows %d", p.Seq, last)
			}
			last = p.Seq
			stored[p.Key]++
		}
		more = page.Next != nil && len(page.Items) > 0
	}
	for key := range st.acked {
		if stored[key] != 1 {
			st.t.Errorf("%s was acknowledged and is stored %d times", key, stored[key])
		}
	}
	for key, n := range stored {
		if n != 1 {
			st.t.Errorf("%s is stored %d times", key, n)
		}
	}
	st.t.Logf("%d acknowledged, %d stored", len(st.acked), len(stored))
}

// grows waits until more has been acknowledged.
func (st *storm) grows(by int) {
	st.t.Helper()
	from := st.count()
	deadline := time.Now().Add(time.Minute)
	for st.count() < from+by {
		if time.Now().After(deadline) {
			st.t.Fatalf("only %d of %d publishes were acknowledged within a minute", st.count()-from, by)
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // polls processes of their own
	}
}

func TestWhatWasAcknowledgedIsThereOnceAfterKill9(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, flags []string) {
		flags = append(flags, "--demo")
		s := serve(t, flags...)
		st := newStorm(t, s, 12)
		for range 4 {
			st.grows(200)
			st.address.Store(nil)
			s.kill()
			s = serve(t, flags...)
			st.address.Store(s)
		}
		st.grows(200)
		st.end()
	})
}

func TestNothingIsAcknowledgedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	db := pgtest.Private(t)
	away := 30 * time.Second
	if testing.Short() {
		away = 5 * time.Second
	}
	flags := []string{"--demo", "--data", t.TempDir(), "--database", db.URL()}
	s := serve(t, flags...)
	st := newStorm(t, s, 12)
	st.grows(300)
	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	// What was committed before may still be acknowledged; of what is published then
	// nothing is.
	time.Sleep(2 * time.Second) //nolint:forbidigo // the time of the outage is the test
	now := time.Now()
	st.away.Store(&now)
	time.Sleep(away) //nolint:forbidigo // likewise
	st.away.Store(nil)
	st.mu.Lock()
	if len(st.groundless) > 0 {
		t.Errorf("acknowledged without a database: %q", st.groundless)
	}
	st.mu.Unlock()
	if err := db.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	st.grows(300)
	st.end()
	verify(t, flags[1:])
}
