package social

import (
	"context"
	"maps"
	"slices"
)

// Conversations are the use cases on conversations and who takes part in them. As
// of Spaces, a use case returns when the change holds here.
type Conversations struct {
	sp    *Spaces
	dir   *Directory
	store ConversationStore
	most  int // participants of one
}

// NewConversations makes the use cases. A conversation has at most so many
// participants. From then on posts lets who left a one-to-one conversation back
// in when the other writes.
func NewConversations(spaces *Spaces, store ConversationStore, posts *Posts, most int) *Conversations {
	cs := &Conversations{sp: spaces, dir: spaces.dir, store: store, most: most}
	posts.readmit = cs.readmit
	return cs
}

// NewConversation is what somebody wants to begin.
type NewConversation struct {
	Participants []string // names of the others; the actor's own may be among them
	DisplayName  string
	Tags         []string
	History      *History // of a group; nil: since_join
}

// Create begins a conversation. One other and no name is the one-to-one
// conversation of the two, which is always the same: first is false where it was
// there. All else is a group that the actor owns. Errors: KindInvalid, KindNotFound
// for a person who is not there or not shown to the actor, KindForbidden.
func (cs *Conversations) Create(ctx context.Context, a Actor, n NewConversation) (c Conversation, first bool, err error) {
	if err := a.RequireSelf(true); err != nil {
		return Conversation{}, false, err
	}
	all, err := cs.participants(a, n.Participants)
	if err != nil {
		return Conversation{}, false, err
	}
	s := Space{Kind: KindConversation, DisplayName: n.DisplayName, Tags: n.Tags, Owner: a.Person, History: HistorySinceJoin, Notifications: "posts"}
	if len(all) == 2 && n.DisplayName == "" {
		s.Pair, s.History = pairOf(all[0], all[1]), HistoryAll
		if err := cs.checkPair(n, s.Pair); err != nil {
			return Conversation{}, false, err
		}
	} else if n.History != nil {
		s.History = *n.History
	}
	if err := checkSpace(&s); err != nil {
		return Conversation{}, false, err
	}
	return cs.create(ctx, a, s, all)
}

func (cs *Conversations) create(ctx context.Context, a Actor, s Space, all []PersonKey) (c Conversation, first bool, err error) {
	if found, ok := cs.dir.conversationOf(s.Pair); s.Single() && ok {
		if _, isOne := cs.dir.membership(found.Key, a.Person); isOne {
			c, err = cs.Get(a, found.ID)
			return c, false, err
		}
	}
	id := cs.sp.ids.New(cs.sp.now())
	s.ID = id.String()
	event := &Post{ID: id, Type: TypeJoin, Author: a.Person, Subject: a.Person, Generator: "server"}
	key, first, err := cs.store.CreateConversation(ctx, s, all, event, cs.sp.now())
	if err != nil {
		return Conversation{}, false, err
	}
	if err := cs.sp.refresh(ctx); err != nil {
		return Conversation{}, false, err
	}
	made := cs.dir.SpaceByKey(key)
	cs.sp.tell(ctx, made)
	c, err = cs.Get(a, made.ID)
	return c, first, err
}

// checkPair refuses what only groups have, and people who are not to meet.
func (cs *Conversations) checkPair(n NewConversation, pair [2]PersonKey) error {
	switch {
	case n.History != nil:
		return Invalid("history", "is for groups; two people see all that they wrote to each other")
	case len(n.Tags) > 0:
		return Invalid("tags", "are for groups")
	case cs.dir.blocked(pair[0], pair[1]):
		return notBetweenYou()
	}
	return nil
}

// participants finds the people, the actor included, ascending and each once.
func (cs *Conversations) participants(a Actor, names []string) ([]PersonKey, error) {
	if len(names) > 2*cs.most { // a bound for what is looked up
		return nil, TooManyParticipants(cs.most)
	}
	all := []PersonKey{a.Person}
	for _, name := range names {
		who, err := cs.meet(a, name)
		if err != nil {
			return nil, err
		}
		all = append(all, who.Key)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	switch {
	case len(all) < 2:
		return nil, Invalid("participants", "names nobody but yourself")
	case len(all) > cs.most:
		return nil, TooManyParticipants(cs.most)
	}
	return all, nil
}

// meet finds somebody whom the actor may begin to talk to.
func (cs *Conversations) meet(a Actor, name string) (Person, error) {
	who, ok := cs.sp.whom(a, name)
	if !ok {
		return Person{}, noPerson(name)
	}
	if _, talk := cs.dir.conversationOf(pairOf(a.Person, who.Key)); !talk && !cs.dir.shows(a, who) {
		return Person{}, noPerson(name)
	}
	return who, nil
}

// Get finds a conversation that the actor takes part in.
func (cs *Conversations) Get(a Actor, id string) (Conversation, error) {
	sight, err := cs.dir.SeeAt(a, InConversation(id))
	if err != nil {
		return Conversation{}, err
	}
	return cs.dir.conversation(sight, a.Person, cs.most), nil
}

// own finds a group that the actor owns; KindForbidden for another one that it
// takes part in.
func (cs *Conversations) own(a Actor, id string) (Sight, error) {
	sight, err := cs.dir.SeeAt(a, InConversation(id))
	switch {
	case err != nil:
		return Sight{}, err
	case !a.Scopes.MayWrite("", false):
		return Sight{}, a.RequireSelf(true)
	case sight.Space.Single():
		return Sight{}, Errorf(KindForbidden, "A conversation of two stays as it is; one can only leave it.")
	case sight.Space.Owner != a.Person:
		return Sight{}, Errorf(KindForbidden, "Only the owner of the conversation may do this.")
	}
	return sight, nil
}

// Edit changes the name, the tags or the history of a group.
func (cs *Conversations) Edit(ctx context.Context, a Actor, id string, patch SpacePatch) (Conversation, error) {
	sight, err := cs.own(a, id)
	if err != nil {
		return Conversation{}, err
	}
	patch = SpacePatch{DisplayName: patch.DisplayName, Tags: patch.Tags, History: patch.History}
	changed := *sight.Space
	patch.apply(&changed)
	if err := checkSpace(&changed); err != nil {
		return Conversation{}, err
	}
	if err := cs.sp.store.PatchSpace(ctx, changed.Key, patch, cs.sp.event(a, sight.Space, TypeUpdate, 0), cs.sp.now()); err != nil {
		return Conversation{}, err
	}
	if err := cs.sp.settle(ctx, sight.Space); err != nil {
		return Conversation{}, err
	}
	return cs.Get(a, id)
}

// Delete ends a group: nobody sees it any more.
func (cs *Conversations) Delete(ctx context.Context, a Actor, id string) error {
	sight, err := cs.own(a, id)
	if err != nil {
		return err
	}
	if err := cs.sp.store.DeleteSpace(ctx, sight.Space.Key, cs.sp.event(a, sight.Space, TypeDelete, 0), cs.sp.now()); err != nil {
		return err
	}
	return cs.sp.settle(ctx, sight.Space)
}

// Admit adds somebody to a group that the actor owns. first is false for who takes
// part already.
func (cs *Conversations) Admit(ctx context.Context, a Actor, id, name string) (who Person, first bool, err error) {
	sight, err := cs.dir.SeeAt(a, InConversation(id))
	if err != nil {
		return Person{}, false, err
	}
	who, known := cs.sp.whom(a, name)
	if known && cs.takesPart(sight.Space, who.Key) {
		return who, false, nil
	}
	if sight, err = cs.own(a, id); err != nil {
		return Person{}, false, err
	}
	if who, err = cs.meet(a, name); err != nil {
		return Person{}, false, err
	}
	if who.Suspended {
		return Person{}, false, Errorf(KindConflict, "%q is suspended.", who.Name)
	}
	first, err = cs.store.Enter(ctx, sight.Space.Key, who.Key, cs.most, cs.sp.event(a, sight.Space, TypeJoin, who.Key), cs.sp.now())
	if err != nil {
		return Person{}, false, err
	}
	return who, first, cs.sp.settle(ctx, sight.Space)
}

// takesPart tells whether the person is a participant; who left a conversation of
// two still is.
func (cs *Conversations) takesPart(s *Space, person PersonKey) bool {
	if s.Single() {
		return slices.Contains(s.Pair[:], person)
	}
	_, isOne := cs.dir.membership(s.Key, person)
	return isOne
}

// Dismiss lets the actor leave, or removes somebody from a group that it owns.
func (cs *Conversations) Dismiss(ctx context.Context, a Actor, id, name string) error {
	sight, err := cs.dir.SeeAt(a, InConversation(id))
	if err != nil {
		return err
	}
	who, known := cs.sp.whom(a, name)
	switch {
	case known && who.Key == a.Person:
		if err := a.RequireSelf(true); err != nil {
			return err
		}
		if !sight.Space.Single() && sight.Space.Owner == a.Person {
			return Errorf(KindForbidden, "The owner of a conversation stays in it; hand it over first, or delete it.")
		}
	default:
		if sight, err = cs.own(a, id); err != nil {
			return err
		}
		if !known {
			return noPerson(name)
		}
	}
	if _, err = cs.sp.store.Leave(ctx, sight.Space.Key, who.Key, cs.sp.event(a, sight.Space, TypeLeave, who.Key), cs.sp.now()); err != nil {
		return err
	}
	return cs.sp.settle(ctx, sight.Space)
}

// HandOver makes another participant the owner of a group. KindForbidden where
// name takes no part.
func (cs *Conversations) HandOver(ctx context.Context, a Actor, id, name string) (Conversation, error) {
	sight, err := cs.own(a, id)
	if err != nil {
		return Conversation{}, err
	}
	who, known := cs.sp.whom(a, name)
	switch {
	case !known || !cs.takesPart(sight.Space, who.Key) && !cs.dir.shows(a, who):
		return Conversation{}, noPerson(name)
	case !cs.takesPart(sight.Space, who.Key):
		return Conversation{}, Errorf(KindForbidden, "%q takes no part in the conversation.", clip(name))
	}
	if who.Key != sight.Space.Owner {
		if err := cs.store.HandOver(ctx, sight.Space.Key, who.Key, cs.sp.event(a, sight.Space, TypeUpdate, 0), cs.sp.now()); err != nil {
			return Conversation{}, err
		}
		if err := cs.sp.settle(ctx, sight.Space); err != nil {
			return Conversation{}, err
		}
	}
	return cs.Get(a, id)
}

// readmit lets who left a one-to-one conversation back in, before the message that
// the other one writes is committed: it blocks for a transaction.
func (cs *Conversations) readmit(ctx context.Context, a Actor, s *Space) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendWithin)
	defer cancel()
	event := cs.sp.event(a, s, TypeJoin, s.partner(a.Person))
	if _, err := cs.store.Enter(within, s.Key, s.partner(a.Person), len(s.Pair), event, cs.sp.now()); err != nil {
		return err
	}
	return cs.sp.settle(within, s)
}

// List lists the actor's conversations, the one in which something was written
// last first, behind before. next is where to go on; zero at the end. Its cost is a
// look-up for each of the actor's conversations.
func (cs *Conversations) List(ctx context.Context, a Actor, before Activity, limit int) (list []Conversation, next Activity, err error) {
	sights, next, err := cs.page(ctx, a, before, limit, nil)
	for _, s := range sights {
		list = append(list, cs.dir.conversation(s, a.Person, listedParticipants))
	}
	return list, next, err
}

// listedParticipants is how many participants lists show of each conversation.
const listedParticipants = 10

// ConversationOverview is a conversation in the list of one of its participants.
type ConversationOverview struct {
	Conversation Conversation
	Overview
}

// Overviews is List with how far the actor got in each, as far as only lets them
// pass.
func (cs *Conversations) Overviews(ctx context.Context, a Actor, markers *Markers, before Activity, limit int, c *Changes) (list []ConversationOverview, next Activity, err error) {
	sights, next, err := cs.page(ctx, a, before, limit, c.Shows)
	if err != nil {
		return nil, Activity{}, err
	}
	found, err := markers.overviews(ctx, a, sights, c.marks)
	if err != nil {
		return nil, Activity{}, err
	}
	for _, o := range found {
		list = append(list, ConversationOverview{cs.dir.conversation(o.Sight, a.Person, listedParticipants), o})
	}
	return list, next, nil
}

func (cs *Conversations) page(ctx context.Context, a Actor, before Activity, limit int, only func(SpaceKey) bool) (list []Sight, next Activity, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, Activity{}, err
	}
	sights := cs.dir.conversationsOf(a)
	if only != nil {
		maps.DeleteFunc(sights, func(_ StreamKey, s Sight) bool { return !only(s.Space.Key) })
	}
	recent, err := cs.store.Recent(ctx, slices.Collect(maps.Keys(sights)), before, limit+1)
	if err != nil {
		return nil, Activity{}, err
	}
	if len(recent) > limit {
		recent = recent[:limit]
		next = recent[limit-1]
	}
	for _, r := range recent {
		list = append(list, sights[r.Stream])
	}
	return list, next, nil
}

// conversationsOf finds those that the actor takes part in, by their streams of
// messages.
func (d *Directory) conversationsOf(a Actor) map[StreamKey]Sight {
	d.mu.RLock()
	defer d.mu.RUnlock()
	out := map[StreamKey]Sight{}
	for key := range d.mine[a.hand()] {
		pl := d.spaces[key]
		if pl.space.Kind != KindConversation {
			continue
		}
		if s, visible := d.sightLocked(a, pl, false); visible {
			out[pl.space.Stream(ChannelMessages)] = s
		}
	}
	return out
}
