package social

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"
)

// LiveSession is a session that is connected to this process.
type LiveSession struct {
	ID             SessionID
	Person         PersonKey
	Name           string // the client identifier
	Version        byte   // protocol level
	Transport      string
	Remote         netip.AddrPort
	Since          time.Time
	Queued         int // messages
	QueuedBytes    int
	Unacknowledged int
}

// LiveSessions are the sessions that are connected to this process.
type LiveSessions interface {
	// LiveSessions lists those of a person, or of all for 0, in no order. Memory only.
	LiveSessions(person PersonKey) []LiveSession
	// Subscriptions are those of a live session; nil for one that has ended.
	// Memory only.
	Subscriptions(person PersonKey, name string) []Subscription
	// EndSession ends a session and its connection, and says whether there was one.
	// It waits for the store until nothing of it is kept, or ctx ends.
	EndSession(ctx context.Context, person PersonKey, name string) (bool, error)
}

// SessionView is a session as its person and managers see it.
type SessionView struct {
	ID            SessionID
	Person        PersonKey
	Name          string // the client identifier
	Version       byte   // protocol level
	Connected     bool
	Since         time.Time // when it connected; zero: it is not, or to another node
	Left          time.Time // when its last connection ended; zero while it is connected
	Expires       time.Time // when it ends unless it comes back; zero: not by itself, or not before it has left
	Subscriptions []Subscription
	Live          *LiveSession // nil where it is not connected here
}

// Sessions are the use cases on MQTT sessions.
type Sessions struct {
	dir   *Directory
	store SessionStore
	live  LiveSessions
	now   func() time.Time
}

// NewSessions makes the use cases.
func NewSessions(dir *Directory, store SessionStore, live LiveSessions, now func() time.Time) *Sessions {
	return &Sessions{dir: dir, store: store, live: live, now: now}
}

// Mine lists the actor's sessions, stored or connected, after the given one, by
// ID. A credential that is narrowed to contexts sees none: KindForbidden. more
// says whether there are others.
func (ss *Sessions) Mine(ctx context.Context, a Actor, after SessionID, limit int) (list []SessionView, more bool, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, false, err
	}
	return ss.list(ctx, a.Person, after, limit)
}

// All lists everybody's, or those of the person called name, for managers.
func (ss *Sessions) All(ctx context.Context, a Actor, name string, after SessionID, limit int) (list []SessionView, more bool, err error) {
	if err := ss.dir.RequireManager(a); err != nil {
		return nil, false, err
	}
	var of PersonKey
	if name != "" {
		p, ok := ss.dir.PersonByName(name)
		if !ok {
			return nil, false, noPerson(name)
		}
		of = p.Key
	}
	return ss.list(ctx, of, after, limit)
}

// list merges what is stored and what is connected; who is both is there once.
func (ss *Sessions) list(ctx context.Context, of PersonKey, after SessionID, limit int) (list []SessionView, more bool, err error) {
	// Connected ones first: who leaves in between is found in the store.
	live := map[SessionID]*LiveSession{}
	for _, l := range ss.live.LiveSessions(of) {
		if l.ID > after {
			live[l.ID] = &l
		}
	}
	stored, err := ss.store.Sessions(ctx, of, after, limit+1, ss.now())
	if err != nil {
		return nil, false, err
	}
	for i := range stored {
		s := &stored[i]
		list = append(list, ss.view(s, live[s.ID]))
		delete(live, s.ID)
	}
	for id, l := range live {
		// Beyond the last stored one of a full page lies the next page.
		if len(stored) <= limit || id < stored[limit].ID {
			list = append(list, ss.view(nil, l))
		}
	}
	slices.SortFunc(list, func(x, y SessionView) int { return cmp.Compare(x.ID, y.ID) })
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	for i := range list {
		if v := &list[i]; v.Live != nil {
			v.Subscriptions = ss.live.Subscriptions(v.Person, v.Name)
		}
	}
	return list, more, nil
}

// view joins the two halves, of which one may be nil.
func (ss *Sessions) view(s *Session, l *LiveSession) SessionView {
	if l != nil {
		return SessionView{ID: l.ID, Person: l.Person, Name: l.Name, Version: l.Version, Connected: true, Since: l.Since, Live: l}
	}
	v := SessionView{ID: s.ID, Person: s.Person, Name: s.Name, Version: s.Version, Connected: s.Node != 0, Left: s.Left}
	if !s.Left.IsZero() && s.Expiry != SessionForever {
		v.Expires = s.Left.Add(s.Expiry)
	}
	// A row that cannot be read shows without them; doctor tells of it.
	v.Subscriptions, _ = DecodeSubscriptions(s.Subscriptions)
	return v
}

// EndMine ends a session of the actor: its connection, and what is stored of it.
// KindNotFound where there is neither.
func (ss *Sessions) EndMine(ctx context.Context, a Actor, client string) error {
	if err := a.RequireSelf(true); err != nil {
		return err
	}
	return ss.end(ctx, a.Person, client)
}

// End is EndMine for managers and the sessions of the person called name.
func (ss *Sessions) End(ctx context.Context, a Actor, name, client string) error {
	if err := ss.dir.RequireManager(a); err != nil {
		return err
	}
	p, ok := ss.dir.PersonByName(name)
	if !ok {
		return noPerson(name)
	}
	return ss.dir.audit.Do(ctx, func(ctx context.Context) error {
		return ss.end(ctx, p.Key, client)
	}, a.Act(VerbSessionEnd).On(p.Key).What("client "+client))
}

func (ss *Sessions) end(ctx context.Context, person PersonKey, client string) error {
	if ended, err := ss.live.EndSession(ctx, person, client); err != nil {
		return Unavailable(err)
	} else if ended {
		return nil
	}
	for {
		now := ss.now()
		s, err := ss.store.FindSession(ctx, person, SessionClient, client)
		if err == nil && s.Over(now) {
			err = Errorf(KindNotFound, "The session is over.")
		}
		switch {
		case KindOrNil(err) == KindNotFound:
			return Errorf(KindNotFound, "There is no session %q.", clip(client))
		case err != nil:
			return err
		}
		out, err := ss.store.WriteSessions(ctx, []SessionWrite{{Save: endOf(&s, now)}}, now)
		if err != nil {
			return err
		}
		if !out[0].Stale {
			return nil
		}
		// It was taken up again, or has ended meanwhile: look again.
		if err := context.Cause(ctx); err != nil {
			return Unavailable(err)
		}
	}
}

// endOf ends a stored session now. Its will is due with its end, whatever delay
// it has [MQTT-3.1.2-8].
func endOf(s *Session, now time.Time) *SessionSave {
	never := time.Duration(0)
	save := &SessionSave{ID: s.ID, Fence: s.Fence, Rights: s.Rights, Expiry: &never, Left: now}
	if len(s.Will) > 0 {
		save.WillDue = now
	}
	return save
}
