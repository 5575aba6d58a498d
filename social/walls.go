package social

import (
	"context"
	"time"
)

// Walls are the use cases on what people post about themselves, and on who
// follows whom. A person's wall is made when something first needs it: a post, a
// follower, a position in it. Who only subscribes needs none; see the broker's
// tracks.
type Walls struct {
	dir   *Directory
	store WallStore
	posts *Repeats
	now   func() time.Time
}

// WallStore makes walls and keeps who follows. Each method that writes is one
// transaction with its Change.
type WallStore interface {
	// CreateWall makes the person's wall, or finds the one there is; KindNotFound
	// for a removed person.
	CreateWall(ctx context.Context, person PersonKey, now time.Time) (SpaceKey, error)
	// Join, Leave and Members are those of SpaceStore.
	Join(ctx context.Context, space SpaceKey, person PersonKey, event *Post, now time.Time) (first bool, err error)
	Leave(ctx context.Context, space SpaceKey, person PersonKey, event *Post, now time.Time) (was bool, err error)
	Members(ctx context.Context, space SpaceKey, after PersonKey, limit int) ([]Membership, error)
	// Following lists whom a person follows by their keys, after the given one.
	Following(ctx context.Context, person, after PersonKey, limit int) ([]Following, error)
}

// Following is that somebody follows a person, or is followed by one.
type Following struct {
	Person PersonKey
	Since  time.Time
}

// NewWalls makes the use cases.
func NewWalls(dir *Directory, store WallStore, posts *Repeats, now func() time.Time) *Walls {
	return &Walls{dir: dir, store: store, posts: posts, now: now}
}

// whose finds the person that name is, as the actor sees people. KindNotFound,
// and KindForbidden for who acts for another or has a narrow credential.
func (ws *Walls) whose(a Actor, name string, write bool) (Person, error) {
	if err := a.RequireSelf(write); err != nil {
		return Person{}, err
	}
	p, ok := ws.dir.PersonByName(name)
	if name == "me" {
		p, ok = ws.dir.PersonByKey(a.Person)
	}
	if !ok || !ws.dir.shows(a, p) {
		return Person{}, noPerson(name)
	}
	return p, nil
}

// Wall is the person's wall, made if there is none yet.
func (ws *Walls) Wall(ctx context.Context, person PersonKey) (*Space, error) {
	if s, ok := ws.dir.SpaceOf(person.Scope()); ok {
		return s, nil
	}
	if _, err := ws.store.CreateWall(ctx, person, ws.now()); err != nil {
		return nil, err
	}
	if err := ws.dir.settle(ctx); err != nil {
		return nil, err
	}
	s, ok := ws.dir.SpaceOf(person.Scope())
	if !ok {
		return nil, Errorf(KindNotFound, "The person was removed meanwhile.")
	}
	return s, nil
}

// StreamOf is the stream of one of a scope's channels, made if it is one of a
// wall that there is not yet; 0 where there is none.
func (ws *Walls) StreamOf(ctx context.Context, scope Scope, c Channel) (StreamKey, error) {
	if scope.Kind == ScopePerson && WallChannels().Has(c) {
		if _, err := ws.Wall(ctx, PersonKey(scope.Key)); err != nil {
			return 0, err
		}
	}
	return ws.dir.StreamOf(scope, c), nil
}

// Own is where the actor's own wall is, made if there is none yet.
func (ws *Walls) Own(ctx context.Context, a Actor) (Where, error) {
	p, err := ws.whose(a, "me", true)
	if err != nil {
		return Where{}, err
	}
	_, err = ws.Wall(ctx, p.Key)
	return OnWall(p.Name), err
}

// Post posts on the actor's own wall, which name has to be; see [Repeats.Create].
func (ws *Walls) Post(ctx context.Context, a Actor, name string, d Draft) (Found, bool, error) {
	p, err := ws.whose(a, name, true)
	if err != nil {
		return Found{}, false, err
	}
	if p.Key != a.Person {
		return Found{}, false, Errorf(KindForbidden, "Only %q itself posts there.", p.Name)
	}
	if _, err := ws.Wall(ctx, p.Key); err != nil {
		return Found{}, false, err
	}
	return ws.posts.Create(ctx, a, OnWall(p.Name), d)
}

// Find is where the person's wall is; made tells whether there is one.
func (ws *Walls) Find(a Actor, name string) (where Where, made bool, err error) {
	p, err := ws.whose(a, name, false)
	if err != nil {
		return Where{}, false, err
	}
	_, made = ws.dir.SpaceOf(p.Key.Scope())
	return OnWall(p.Name), made, nil
}

// Locate is Find for who reads by position: the wall is made if there is none yet.
func (ws *Walls) Locate(ctx context.Context, a Actor, name string) (Where, error) {
	p, err := ws.whose(a, name, false)
	if err != nil {
		return Where{}, err
	}
	if _, err := ws.Wall(ctx, p.Key); err != nil {
		return Where{}, err
	}
	return OnWall(p.Name), nil
}

// Follow makes the actor a follower of name; first is false where it was one.
// KindConflict for oneself.
func (ws *Walls) Follow(ctx context.Context, a Actor, name string) (p Person, first bool, err error) {
	if p, err = ws.whose(a, name, true); err != nil {
		return p, false, err
	}
	if p.Key == a.Person {
		return p, false, Errorf(KindConflict, "Nobody follows itself.")
	}
	wall, err := ws.Wall(ctx, p.Key)
	if err != nil {
		return p, false, err
	}
	if first, err = ws.store.Join(ctx, wall.Key, a.Person, nil, ws.now()); err != nil {
		return p, false, err
	}
	return p, first, ws.dir.settle(ctx)
}

// Unfollow ends that. Whom one follows one may also leave when it is no longer
// shown. KindConflict for oneself; nothing happens where one did not follow.
func (ws *Walls) Unfollow(ctx context.Context, a Actor, name string) error {
	p, err := ws.whose(a, name, true)
	hidden, known := ws.dir.PersonByName(name)
	switch {
	case KindOrNil(err) == KindNotFound && known && ws.follows(a.Person, hidden.Key):
		p = hidden
	case err != nil:
		return err
	case p.Key == a.Person:
		return Errorf(KindConflict, "Nobody follows itself.")
	}
	wall, made := ws.dir.SpaceOf(p.Key.Scope())
	if !made {
		return nil
	}
	if _, err := ws.store.Leave(ctx, wall.Key, a.Person, nil, ws.now()); err != nil {
		return err
	}
	return ws.dir.settle(ctx)
}

// follows tells whether one person follows another.
func (ws *Walls) follows(who, whom PersonKey) bool {
	wall, made := ws.dir.SpaceOf(whom.Scope())
	if !made {
		return false
	}
	_, does := ws.dir.membership(wall.Key, who)
	return does
}

// Follower is an entry of the lists of who follows whom.
type Follower struct {
	Person Person
	Since  time.Time
}

// Followers lists who follows a person by internal key after the given one, but
// for those who are not shown to the actor. next is 0 at the end.
func (ws *Walls) Followers(ctx context.Context, a Actor, name string, after PersonKey, limit int) (list []Follower, next PersonKey, err error) {
	p, err := ws.whose(a, name, false)
	if err != nil {
		return nil, 0, err
	}
	wall, made := ws.dir.SpaceOf(p.Key.Scope())
	if !made {
		return nil, 0, nil
	}
	members, err := ws.store.Members(ctx, wall.Key, after, limit+1)
	if err != nil {
		return nil, 0, err
	}
	rows := make([]Following, len(members))
	for i, m := range members {
		rows[i] = Following{Person: m.Person, Since: m.Joined}
	}
	list, next = ws.show(a, rows, limit)
	return list, next, nil
}

// Following lists whom a person follows, likewise.
func (ws *Walls) Following(ctx context.Context, a Actor, name string, after PersonKey, limit int) (list []Follower, next PersonKey, err error) {
	p, err := ws.whose(a, name, false)
	if err != nil {
		return nil, 0, err
	}
	rows, err := ws.store.Following(ctx, p.Key, after, limit+1)
	if err != nil {
		return nil, 0, err
	}
	list, next = ws.show(a, rows, limit)
	return list, next, nil
}

// show makes a page of limit rows; there is one row more where there is a next page.
func (ws *Walls) show(a Actor, rows []Following, limit int) (list []Follower, next PersonKey) {
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Person
	}
	for _, row := range rows {
		if p, ok := ws.dir.PersonByKey(row.Person); ok && ws.dir.shows(a, p) {
			list = append(list, Follower{Person: p, Since: row.Since})
		}
	}
	return list, next
}
