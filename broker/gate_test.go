package broker_test

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"rambla/broker"
	"rambla/social"
)

// site is a gate that keeps everything in memory: people whose password is
// their name, spaces by id, and who may read and write them.
type site struct {
	broker *broker.Broker
	log    *memoryLog
	store  *memoryStore

	mu      sync.Mutex
	joins   map[social.SpaceKey]map[social.PersonKey]social.Heads // when each member joined
	rights  int64                                                 // the version of changes
	changes []social.ReadChange                                   // newest last; Standing.Member stands for any right to receive
	people  map[string]social.PersonKey
	spaces  map[string]social.SpaceKey
	readers map[social.SpaceKey]map[social.PersonKey]social.ChannelSet
	writers map[social.SpaceKey]map[social.PersonKey]bool
	members map[social.PersonKey][]social.SpaceKey
	seen    []seen
	down    error                                                         // what every publish fails with
	connect func(ctx context.Context, login broker.Login) error           // nil = nothing more to check
	narrow  string                                                        // a token that may read nothing
	revive  func(grant social.GrantKey) error                             // likewise
	asked   func()                                                        // called when a right is asked for
	hold    func(pub *broker.Publication, finish func(error)) (held bool) // nil = finish at once

	order sync.Mutex // deliveries leave in the order of seq
}

// seen is a publish as the gate got it.
type seen struct {
	topic, payload string
	qos            byte
	id             uint16
	retain         bool
	properties     *social.Properties
	session        social.SessionID
	key            string
}

func newSite() *site {
	s := &site{
		people: make(map[string]social.PersonKey), spaces: make(map[string]social.SpaceKey),
		readers: make(map[social.SpaceKey]map[social.PersonKey]social.ChannelSet),
		writers: make(map[social.SpaceKey]map[social.PersonKey]bool),
		members: make(map[social.PersonKey][]social.SpaceKey),
		joins:   make(map[social.SpaceKey]map[social.PersonKey]social.Heads),
	}
	s.log = newMemoryLog(s)
	s.store = newMemoryStore(s.log)
	for i, name := range []string{"alice", "bob", "carol", "dave"} {
		s.people[name] = social.PersonKey(i + 1)
	}
	s.join("lobby", "alice", "bob")
	s.join("staff", "alice")
	return s
}

// join makes people members of a space who may read and write.
func (s *site) join(space string, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.spaces[space]
	if key == 0 {
		key = social.SpaceKey(len(s.spaces) + 1)
		s.spaces[space] = key
		s.readers[key] = make(map[social.PersonKey]social.ChannelSet)
		s.writers[key] = make(map[social.PersonKey]bool)
		s.joins[key] = make(map[social.PersonKey]social.Heads)
	}
	for _, name := range names {
		p := s.people[name]
		if p == 0 {
			p = social.PersonKey(len(s.people) + 1)
			s.people[name] = p
		}
		s.noteLocked(key, p)
		s.joins[key][p] = s.log.heads(key)
		s.readers[key][p] = social.SpaceChannels()
		s.writers[key][p] = true
		s.members[p] = append(s.members[p], key)
	}
}

func (s *site) allow(space, name string, read social.ChannelSet, write bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteLocked(s.spaces[space], s.people[name])
	s.readers[s.spaces[space]][s.people[name]] = read
	s.writers[s.spaces[space]][s.people[name]] = write
}

func (s *site) leave(space, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, p := s.spaces[space], s.people[name]
	s.noteLocked(key, p)
	delete(s.joins[key], p)
	delete(s.readers[key], p)
	delete(s.writers[key], p)
	var left []social.SpaceKey
	for _, k := range s.members[p] {
		if k != key {
			left = append(left, k)
		}
	}
	s.members[p] = left
}

// noteLocked keeps how things stood before a right changes.
func (s *site) noteLocked(space social.SpaceKey, p social.PersonKey) {
	s.rights++
	s.changes = append(s.changes, social.ReadChange{
		Version: s.rights, Space: space, Person: p,
		Standing: social.Standing{Member: s.readers[space][p] != 0}, Heads: s.log.heads(space),
	})
}

// reads are the changes after a version that concern a person in the spaces of
// streams, newest first.
func (s *site) reads(p social.PersonKey, after int64, streams []social.StreamKey) (out []social.ReadChange, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Backward(s.changes) {
		if c.Version > after && c.Person == p && s.log.covers(c.Space, streams) {
			out = append(out, c)
		}
	}
	return out, s.rights
}

// joinedAt tells where a member's first entries lie.
func (s *site) joinedAt(space social.SpaceKey, p social.PersonKey) (heads social.Heads, member bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heads, member = s.joins[space][p]
	return heads, member
}

func (s *site) scope(space string) social.Scope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spaces[space].Scope()
}

func (s *site) person(name string) social.PersonKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.people[name]
}

func (s *site) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

func (s *site) published() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.seen...)
}

func (s *site) Connect(ctx context.Context, login broker.Login) (*broker.Principal, error) {
	s.mu.Lock()
	key, check := s.people[login.Username], s.connect
	s.mu.Unlock()
	if check != nil {
		if err := check(ctx, login); err != nil {
			return nil, err
		}
	}
	if login.Token { // "token:", a name, and what else makes tokens differ
		name, _, _ := strings.Cut(strings.TrimPrefix(string(login.Password), "token:"), "/")
		s.mu.Lock()
		key = s.people[name]
		s.mu.Unlock()
		if key == 0 || !strings.HasPrefix(string(login.Password), "token:") {
			return nil, social.Errorf(social.KindUnauthenticated, "The token is not valid.")
		}
		return broker.NewPrincipal(key, name, broker.Credential{Grant: social.GrantKey(len(login.Password)), Rights: string(login.Password)}), nil
	}
	if key == 0 || string(login.Password) != login.Username {
		return nil, social.Errorf(social.KindUnauthenticated, "The name or the password is wrong.")
	}
	return broker.NewPrincipal(key, login.Username, broker.Credential{}), nil
}

func (s *site) Subscribe(p *broker.Principal, filter string) (broker.Coverage, error) {
	c, err := s.Cover(p, filter)
	if err != nil || c.Mine || c.Scope.Kind != social.ScopeSpace {
		return c, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers[social.SpaceKey(c.Scope.Key)][p.Person] == 0 {
		return c, noSuchTopic()
	}
	return c, nil
}

func noSuchTopic() error {
	return social.Errorf(social.KindNotFound, "There is no such topic here, or you may not use it.")
}

func (s *site) Cover(p *broker.Principal, filter string) (broker.Coverage, error) {
	f, err := social.ParseFilter(filter)
	if err != nil {
		return broker.Coverage{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := broker.Coverage{Mine: f.Mine, Channels: f.Channels, Rest: f.Rest}
	switch {
	case f.Mine:
		c.Scope.Kind = f.Kind
	case f.Kind == social.ScopeServer:
		c.Scope = social.Scope{Kind: social.ScopeServer}
	case f.Kind == social.ScopePerson && s.people[f.Owner] == p.Person:
		c.Scope = p.Person.Scope()
	case f.Kind == social.ScopeSpace && s.spaces[f.Owner] != 0:
		c.Scope = s.spaces[f.Owner].Scope()
	default:
		return c, noSuchTopic()
	}
	return c, nil
}

func (s *site) Mine(p *broker.Principal, kind social.ScopeKind) (out []social.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, space := range s.members[p.Person] {
		if kind == social.ScopeSpace {
			out = append(out, space.Scope())
		}
	}
	return out
}

func (s *site) MayReceive(p *broker.Principal, scope social.Scope) social.ChannelSet {
	s.mu.Lock()
	asked := s.asked
	s.mu.Unlock()
	if asked != nil {
		asked()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if token, _ := p.Credential().Rights.(string); token != "" && token == s.narrow {
		return 0
	}
	switch scope.Kind {
	case social.ScopeSpace:
		return s.readers[social.SpaceKey(scope.Key)][p.Person]
	case social.ScopePerson:
		if scope == p.Person.Scope() {
			return social.PersonChannels()
		}
		return 0
	default:
		return social.Channels(social.ChannelSys)
	}
}

func (s *site) Publish(p *broker.Principal, pub *broker.Publication, done func(broker.Receipt, error)) {
	s.mu.Lock()
	s.seen = append(s.seen, seen{pub.Topic, string(pub.Payload), pub.QoS, pub.PacketID, pub.Retain, pub.Properties, pub.Session, pub.Key})
	hold, down := s.hold, s.down
	s.mu.Unlock()
	finish := func(err error) {
		var r broker.Receipt
		if err == nil {
			r, err = s.post(p, pub)
		}
		done(r, err)
	}
	if hold != nil && hold(pub, finish) {
		return
	}
	finish(down)
}

func (s *site) MayPublish(p *broker.Principal, topic string) error {
	a, err := social.ParseTopic(topic)
	if err == nil && !s.mayWrite(p, a) {
		err = social.Errorf(social.KindForbidden, "You may not write here.")
	}
	return err
}

func (s *site) mayWrite(p *broker.Principal, a social.Address) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Kind == social.ScopePerson {
		return s.people[a.Owner] == p.Person && a.Channel == social.ChannelSync
	}
	return s.writers[s.spaces[a.Owner]][p.Person] && a.Channel != social.ChannelEvents
}

// Revive lets everybody in whom Connect would, unless revive says otherwise.
func (s *site) Revive(_ context.Context, person social.PersonKey, grant social.GrantKey) (*broker.Principal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.revive != nil {
		if err := s.revive(grant); err != nil {
			return nil, err
		}
	}
	for name, key := range s.people {
		if key == person {
			return broker.NewPrincipal(key, name, broker.Credential{Grant: grant}), nil
		}
	}
	return nil, social.Errorf(social.KindUnauthenticated, "There is no such person.")
}

// post stamps, stores and delivers a publish as a real gate would.
func (s *site) post(p *broker.Principal, pub *broker.Publication) (broker.Receipt, error) {
	a, err := social.ParseTopic(pub.Topic)
	if err != nil {
		return broker.Receipt{}, err
	}
	var body struct{ Content, Key string }
	_ = json.Unmarshal(pub.Payload, &body) // text is no JSON; it has no key then
	s.order.Lock()
	defer s.order.Unlock()
	s.mu.Lock()
	space := s.spaces[a.Owner]
	s.mu.Unlock()
	switch {
	case !s.mayWrite(p, a):
		return broker.Receipt{Key: body.Key}, social.Errorf(social.KindForbidden, "You may not write here.")
	case a.Channel.Log() && !utf8.Valid(pub.Payload):
		return broker.Receipt{}, social.Errorf(social.KindInvalid, "The payload is not UTF-8.")
	case a.Channel.Log() && strings.TrimSpace(string(pub.Payload)) == "":
		return broker.Receipt{Key: body.Key}, social.Errorf(social.KindInvalid, "The content is empty.")
	}
	d := &broker.Delivery{
		Scope: space.Scope(), Channel: a.Channel, Topic: pub.Topic, Rest: a.Rest, QoS: 1,
		Payload: func() []byte { return pub.Payload }, Session: pub.Session,
	}
	var r broker.Receipt
	switch a.Channel {
	case social.ChannelMessages:
		s.log.commit(d, func(d *broker.Delivery) {
			seq := strconv.FormatUint(d.Seq, 10)
			r = broker.Receipt{ID: "id-" + seq, Seq: d.Seq}
			d.Properties = &social.Properties{ContentType: "application/json", User: []social.UserProperty{
				{Name: "id", Value: r.ID}, {Name: "seq", Value: seq},
			}}
		})
	case social.ChannelSync:
		d.Scope, d.QoS, d.Properties = p.Person.Scope(), 0, pub.Properties
	default:
		d.QoS, d.Properties, d.Retain = pub.QoS, pub.Properties, pub.Retain
		if d.QoS > 0 {
			s.log.commit(d, nil)
		}
		if d.Retain {
			s.log.retained.retain(d)
		}
	}
	if pub.Durable && pub.QoS == 2 {
		s.store.receive(social.InboundPacket{Session: pub.Session, Packet: pub.PacketID, Seq: d.Seq})
	}
	if d.Stream != 0 {
		s.log.hand(d, s.broker.Deliver)
	} else {
		s.broker.Deliver(d)
	}
	return r, nil
}

// eventually is how long tests wait for what must happen.
const eventually = 30 * time.Second
