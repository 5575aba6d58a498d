package pushgw

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/pushgw/phrase"
	"rambla/social"
)

// Config is how the gateway works; what is zero is as it says here.
type Config struct {
	// Hold is for how long a post in a context waits for devices to acknowledge it
	// (2 s), HoldTalk likewise in a conversation (1 s).
	Hold, HoldTalk time.Duration
	// Sends is how many pushes wait for answers at a time (768), and Rows about how
	// many people's rows are being worked on (2048).
	Sends, Rows int
	// Planners is how many batches are claimed and planned side by side (1).
	Planners int
	// Batch is how many rows are claimed at a time (250).
	Batch int
	// Lease is after how long a row whose worker went away is claimed again (1
	// minute): longer than a Sender may take.
	Lease time.Duration
	// Alone: no other process works on the same store, so what is claimed when this
	// one begins is nobody's.
	Alone bool
	// Dir is where is noted what providers have taken until it is settled, so that
	// it is not pushed again when the process is killed; servers of one store may
	// share it. Empty: nothing is noted.
	Dir string
}

func (c Config) or() Config {
	c.Hold, c.HoldTalk = cmp.Or(c.Hold, 2*time.Second), cmp.Or(c.HoldTalk, time.Second)
	c.Sends, c.Rows = cmp.Or(c.Sends, 768), cmp.Or(c.Rows, 2048)
	c.Planners, c.Batch = cmp.Or(c.Planners, 1), cmp.Or(c.Batch, 250)
	c.Lease = cmp.Or(c.Lease, time.Minute)
	return c
}

// Sessions know how far the MQTT sessions of this process have got.
type Sessions interface {
	// Acknowledged is up to where the live session of a client has acknowledged a
	// stream; live is false where there is no such session here.
	Acknowledged(person social.PersonKey, client string, scope social.Scope, channel social.Channel) (seq uint64, live bool)
}

// Posts read the log.
type Posts interface {
	Posts(ctx context.Context, q social.PostQuery) ([]social.Post, error)
	PostByID(ctx context.Context, id social.ID) (social.Post, error)
}

// Deps are what a gateway works with, all of it needed but Metrics.
type Deps struct {
	Directory *social.Directory
	Posts     Posts
	Store     social.PushStore
	Devices   social.DeviceRegister
	Sessions  Sessions
	Sender    Sender
	Words     *phrase.Book
	// Text is what Markdown says, in one line.
	Text    func(markdown string) string
	Logger  *slog.Logger
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Gateway tells devices what happened. It is safe for concurrent use.
//
// What is kept in memory: who has a device (about 60 bytes each), who was pushed to
// in the last minutes, and what is being worked on. How much is posted, and how
// much waits, changes nothing of that.
type Gateway struct {
	Deps

	config  Config
	figures *figures
	holders holders
	people  *allowances[social.PersonKey]
	devices *allowances[social.DeviceKey]
	work    chan *push
	done    chan *row
	room    *room // for rows and providers
	worker  social.PushWorker
	claims  atomic.Uint32 // so far
	notes   *notes        // nil: none are kept; set before anything is sent
	unnoted atomic.Bool   // it was told of that one could not be

	wakeDeriver, wakeClaimer, wakeWithdrawer chan struct{} // capacity 1

	mu    sync.Mutex // guards all below; held for a moment only: posts wait for it
	grown map[social.StreamKey]struct{}
	moved withdrawals
}

// New makes a gateway; it works while Serve runs.
func New(config Config, deps Deps) *Gateway {
	config = config.or()
	return &Gateway{
		Deps: deps, config: config, figures: newFigures(deps.Metrics),
		people:  newAllowances[social.PersonKey](personBurst, personEvery),
		devices: newAllowances[social.DeviceKey](deviceBurst, deviceEvery),
		work:    make(chan *push), done: make(chan *row, config.Rows),
		room:        newRoom(config),
		worker:      social.PushWorker(rand.Int32N(math.MaxInt32) + 1), //nolint:gosec // no secret
		wakeDeriver: make(chan struct{}, 1), wakeClaimer: make(chan struct{}, 1), wakeWithdrawer: make(chan struct{}, 1),
		grown: map[social.StreamKey]struct{}{}, moved: newWithdrawals(),
	}
}

// Posted notes that a stream of posts has grown. It never blocks for long, and
// nothing is lost where the note is.
func (g *Gateway) Posted(stream social.StreamKey) {
	if !g.holders.any() {
		return
	}
	g.mu.Lock()
	g.grown[stream] = struct{}{}
	g.mu.Unlock()
	nudge(g.wakeDeriver)
}

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// drainWithin is how long what is under way may take once the gateway is to end;
// what takes longer is done again by whoever comes next.
const drainWithin = 5 * time.Second

// Serve works until ctx ends, lets what is under way finish in bounded time and
// returns when nothing of it runs any more.
func (g *Gateway) Serve(ctx context.Context) {
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	ending := context.AfterFunc(ctx, func() {
		time.AfterFunc(drainWithin, func() { stop(context.Cause(ctx)) })
	})
	defer ending()

	g.takeUp(ctx)
	if g.notes != nil {
		defer g.notes.close()
	}
	var planners, others sync.WaitGroup
	others.Go(func() { g.derive(ctx) })
	others.Go(func() { g.withdraw(ctx) })
	others.Go(func() { g.measure(ctx) })
	for range g.config.Planners {
		planners.Go(func() { g.plan(ctx, working) })
	}
	var senders sync.WaitGroup
	for range g.config.Sends {
		senders.Go(func() { g.send(working) })
	}
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		g.settle(working)
	}()
	planners.Wait()
	close(g.work)
	senders.Wait()
	close(g.done)
	<-settled
	others.Wait()
}

// takeUp takes up what processes that are gone have left. What is not known of them
// waits for the end of its lease.
func (g *Gateway) takeUp(ctx context.Context) {
	var err error
	if g.config.Dir != "" {
		g.notes, err = openNotes(g.config.Dir, g.worker, func(left remains) error {
			return g.abandon(ctx, left.worker, left.taken)
		})
	}
	if err != nil {
		g.Logger.WarnContext(ctx, "no notes of pushes are kept: some come twice where this process is killed", "err", err)
	}
	if g.config.Alone {
		err = g.abandon(ctx, 0, nil)
	}
	if err != nil && ctx.Err() == nil {
		g.Logger.WarnContext(ctx, "what was being pushed when the server ended waits for its lease", "err", err)
	}
}

// abandon gives back what a worker had claimed. While the store is away nothing
// could be pushed either.
func (g *Gateway) abandon(ctx context.Context, worker social.PushWorker, taken []social.PushTaken) error {
	for failing := false; ; failing = true {
		err := g.Store.AbandonPushes(ctx, worker, taken, g.Now())
		if err == nil || social.KindOf(err) != social.KindUnavailable || ctx.Err() != nil {
			return err
		}
		if !failing {
			g.Logger.WarnContext(ctx, "what was being pushed when the server ended cannot be taken up; trying again", "err", err)
		}
		g.sleep(ctx, claimRetry, nil)
	}
}
