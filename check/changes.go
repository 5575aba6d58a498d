package check

import (
	"context"
	"net/http"
	"time"
)

// changeRights takes a person's right to read away and gives it back, again and
// again, until the clients come to rest; at the end the right is there. Which
// way goes by context: the membership of the first, a veto in the second.
func (r *run) changeRights(ctx context.Context, p *person, n int) {
	dice := r.dice(-1 - n)
	for round := n; !r.settling.Load(); round++ {
		if r.rest(ctx, dice.Int64N(int64(r.absence()))+int64(r.absence()/4)) != nil {
			return
		}
		which := round % 2
		context := r.site.contexts[which]
		path, take, give := memberPath(context, p.name), http.MethodDelete, http.MethodPut
		if which == closedTwo {
			path += "/vetoes/read"
			take, give = give, take
		}
		r.change(ctx, Change{Context: context, Person: p.name}, take, path)
		_ = r.rest(ctx, dice.Int64N(int64(r.absence()))+int64(2*rightWithin)) // given back in any case
		r.change(ctx, Change{Context: context, Person: p.name, Given: true}, give, path)
	}
}

// rest pauses until the clients come to rest; the error is that of ctx.
func (r *run) rest(ctx context.Context, ns int64) error {
	t := time.NewTimer(time.Duration(ns))
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.quiet:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// never is later than any run.
const never = time.Duration(1 << 62)

// change makes one change and writes it down; one that is never answered leaves
// everybody unsure of the right for good.
func (r *run) change(ctx context.Context, c Change, method, path string) {
	c.Asked, c.Done = r.now(), never
	if err := r.site.ask(ctx, method, path, nil); err == nil {
		c.Done = r.now()
	} else if ctx.Err() == nil {
		r.fail(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Changes = append(r.history.Changes, c)
}
