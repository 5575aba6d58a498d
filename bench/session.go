package bench

import (
	"context"
	"fmt"
	"sync/atomic"
)

// sessionLife is how long the sessions of a load may outlive their connections,
// in seconds: longer than any load, and not much longer, for the case that the
// load is killed before it has removed them.
const sessionLife = 6 * 3600

// regulars are sessions that outlive their connections: they come, leave, and
// come back for what they have missed.
type regulars struct {
	target *target
	role   string
	n      int // made so far
}

// openRegulars sets up what n sessions need: the people they belong to, each of
// whom is a member of o.MemberOf of the contexts.
func openRegulars(ctx context.Context, o Options, n int) (*target, error) {
	o.MemberOf = min(o.MemberOf, o.Contexts)
	return openTarget(ctx, o, (n+o.PerPerson-1)/o.PerPerson)
}

// person is whose the i-th session is.
func (t *target) person(i int) Credential {
	if t.site != nil && len(t.site.People) > 0 {
		return t.site.People[i%len(t.site.People)]
	}
	return t.credential(i)
}

// wants is what the i-th session subscribes to, and which of the topics it gets
// by that; nil: all.
func (t *target) wants(i int) (filters []string, invited []int) {
	if t.site != nil && len(t.site.People) > 0 {
		o := t.options
		invited = memberOf(i%len(t.site.People), o.Contexts, min(o.MemberOf, o.Contexts))
	}
	switch {
	case t.options.Filter != "":
		return []string{t.options.Filter}, invited
	case invited == nil:
		return t.topics, nil
	}
	for _, k := range invited {
		filters = append(filters, t.topics[k])
	}
	return filters, invited
}

// crowd of the sessions from the first on.
func (r *regulars) crowd(first, n int) crowd {
	return crowd{
		role: r.role, first: first, n: n, who: r.target.person,
		expiry: sessionLife, receiveMaximum: uint16(r.target.options.ReceiveMaximum),
	}
}

// add makes sessions until there are n. They subscribe and leave.
func (r *regulars) add(ctx context.Context, n int) (*arrivals, error) {
	c := r.crowd(r.n, n-r.n)
	c.leaving = true
	joined, err := r.target.connect(ctx, c, func(i int, w *wire) error {
		defer w.bye()
		if w.granted.present {
			return fmt.Errorf("a session of that name was there already")
		}
		if w.granted.expiry == 0 {
			return fmt.Errorf("the server keeps no sessions: it grants a session expiry of 0")
		}
		filters, _ := r.target.wants(i)
		return w.subscribe(ctx, filters, 1)
	})
	if err == nil {
		r.n = n
	}
	return joined, err
}

// comeBack lets all sessions come, within the time spread, and join the
// audience. fresh is how many found no session of theirs any more.
func (r *regulars) comeBack(ctx context.Context, c crowd, a *audience) (joined *arrivals, fresh uint64, err error) {
	var forgotten atomic.Uint64
	joined, err = r.target.connect(ctx, c, func(i int, w *wire) error {
		if !w.granted.present {
			forgotten.Add(1)
		}
		_, invited := r.target.wants(i)
		return a.join(w, invited, false)
	})
	return joined, forgotten.Load(), err
}

// remove ends the sessions that do not end with their people.
func (r *regulars) remove(ctx context.Context) error {
	if r.target.site != nil || r.n == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	c := r.crowd(0, r.n)
	c.expiry, c.leaving = 0, true
	_, err := r.target.connect(ctx, c, func(_ int, w *wire) error {
		w.bye()
		return nil
	})
	return err
}

// forgotten says so of sessions that were not there any more.
func forgottenProblem(n uint64) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d sessions were not there any more", n)}
}
