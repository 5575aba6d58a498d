package storage_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/pgtest"
	"rambla/storage/storagetest"
)

// childStore names, to the test binary started as a child, the directory of the
// store that it appends to until it is killed; childRound makes its keys differ
// from those of the children before it.
const (
	childStore = "RAMBLA_TEST_CHILD_STORE"
	childRound = "RAMBLA_TEST_CHILD_ROUND"
)

// runChild appends batches with keys and prints each key that was acknowledged.
func runChild(dir, round string) error {
	ctx := context.Background()
	db, err := storage.Open(ctx, storage.Config{Dir: dir})
	if err != nil {
		return err
	}
	var stream social.StreamKey
	if err := db.Spaces(ctx, nil, func(s social.Space) { stream = s.Stream(social.ChannelMessages) }); err != nil {
		return err
	}
	var ids social.IDs
	out := bufio.NewWriter(os.Stdout)
	for batch := 0; ; batch++ {
		var posts []*social.Post
		for i := range 1 + batch%20 {
			key := fmt.Sprintf("%s-%d-%d", round, batch, i)
			posts = append(posts, &social.Post{
				Stream: stream, ID: ids.New(time.Now()), Type: social.TypeCreate, Author: 1,
				Content: strings.Repeat(key, 50), Key: key, Generator: "mqtt",
			})
		}
		if _, err := db.Append(ctx, storagetest.Entries(posts...), time.Now()); err != nil {
			return err
		}
		for _, p := range posts {
			fmt.Fprintln(out, p.Key)
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

func TestWhatWasAcknowledgedSurvivesTheKillOfTheServer(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.SQLite)
	w := storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	acked := map[string]bool{} // by key
	for round := range 3 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childStore+"="+cfg.Dir, childRound+"="+strconv.Itoa(round))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acked[lines.Text()] = true
			if n == 300 {
				_ = child.Process.Kill() // the scan ends when the pipe does
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child has ended by itself")
		}
		storagetest.Verify(t, w.DB)
		storedOnce(t, w, acked)
	}
	if len(acked) < 900 {
		t.Fatalf("only %d were acknowledged: the test did not test", len(acked))
	}
}

// publishers append keyed posts, and resend what got no answer, until stop.
type publishers struct {
	w        *storagetest.World
	wg       sync.WaitGroup
	stop     chan struct{}
	mu       sync.Mutex      // guards the rest
	acked    map[string]bool // by key
	failures int
	progress chan struct{} // gets something for every acknowledged batch
	failing  chan struct{} // and this for every other one
}

func startPublishers(w *storagetest.World, n int) *publishers {
	p := &publishers{w: w, stop: make(chan struct{}), acked: map[string]bool{}, progress: make(chan struct{}, 1), failing: make(chan struct{}, 1)}
	for i := range n {
		p.wg.Go(func() { p.run(i) })
	}
	return p
}

func (p *publishers) run(me int) {
	for batch := 0; ; {
		select {
		case <-p.stop:
			return
		default:
		}
		var posts []*social.Post
		for i := range 10 {
			post := p.w.Post(p.w.Alice, "x")
			post.Key = fmt.Sprintf("%d-%d-%d", me, batch, i)
			posts = append(posts, post)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		out, err := p.w.DB.Append(ctx, storagetest.Entries(posts...), time.Now())
		cancel()
		if !p.settle(posts, out, err) {
			continue // with the same keys
		}
		batch++
	}
}

func (p *publishers) settle(posts []*social.Post, out []social.Appended, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.failures++
		tell(p.failing)
		if social.KindOf(err) != social.KindUnavailable {
			p.w.Errorf("while the database is away: %v", err)
		}
		return false
	}
	for i, a := range out {
		if a.Err != nil {
			p.w.Errorf("entry: %v", a.Err)
		}
		p.acked[posts[i].Key] = true
	}
	tell(p.progress)
	return true
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (p *publishers) failed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures
}

// await waits for n acknowledged, or failed, batches from now on.
func (p *publishers) await(what chan struct{}, n int) {
	p.w.Helper()
	deadline := time.After(time.Minute)
	for range n + 1 { // one may be there already
		select {
		case <-what:
		case <-deadline:
			p.w.Fatal("the publishers are stuck")
		}
	}
}

func TestPostgresMayDieAndComeBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Private(t)
	w := storagetest.NewWorld(t, storagetest.OpenAt(t, storage.Config{URL: server.URL(), Migrate: true}))
	p := startPublishers(w, 4)
	for round := range 2 {
		p.await(p.progress, 5)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		p.await(p.failing, 20)
		storagetest.Wants(t, w.DB.Ping(t.Context()), social.KindUnavailable)
		_, err := w.DB.PostByID(t.Context(), social.ID{1})
		storagetest.Wants(t, err, social.KindUnavailable)
		_, err = w.DB.CreatePerson(t.Context(), social.NewPerson{Name: fmt.Sprint("late-", round)}, time.Now())
		storagetest.Wants(t, err, social.KindUnavailable)
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.await(p.progress, 5)
	close(p.stop)
	p.wg.Wait()
	storedOnce(t, w, p.acked)
}

// storedOnce checks that each acknowledged key stands in the log, and every key
// once.
func storedOnce(t *testing.T, w *storagetest.World, acked map[string]bool) {
	t.Helper()
	stored := map[string]bool{}
	for after := uint64(0); ; {
		page := w.Page(social.PostQuery{Stream: w.Lobby.Stream(social.ChannelMessages), Reader: w.Alice, Forward: true, After: after, Limit: 200})
		if len(page) == 0 {
			break
		}
		for _, p := range page {
			if stored[p.Key] {
				t.Errorf("key %s was stored twice", p.Key)
			}
			stored[p.Key] = true
		}
		after = page[len(page)-1].Seq
	}
	for key := range acked {
		if !stored[key] {
			t.Errorf("key %s was acknowledged and is lost", key)
		}
	}
}

// The backends of a node are ended one after the other, in the middle of
// whatever they do.
func TestABackendMayDie(t *testing.T) {
	t.Parallel()
	cfg := storagetest.Config(t, storagetest.Postgres)
	w := storagetest.NewWorld(t, storagetest.OpenAt(t, cfg))
	p := startPublishers(w, 4)
	for range 10 {
		p.await(p.progress, 2)
		endBackends(t, cfg.URL)
	}
	p.await(p.progress, 2)
	close(p.stop)
	p.wg.Wait()
	if p.failed() == 0 {
		t.Error("no append has failed: the test did not test")
	}
	storedOnce(t, w, p.acked)
}

// endBackends ends every connection of the store, as an operator or a proxy may.
func endBackends(t *testing.T, url string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	_, err = c.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}
