package storagetest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"rambla/social"
)

func conversationClaims() []claim {
	return []claim{
		{"a conversation is read as it was created, with its participants", conversationRoundTrip},
		{"two people have one conversation, also when both begin it at once", onePair},
		{"who left a conversation of two comes back by beginning it", pairComesBack},
		{"a group has room for so many, also when several are added at once", groupHasRoom},
		{"a group is handed over to who takes part in it", handOver},
		{"who is removed leaves its groups to who joined them first", heirs},
		{"streams are listed by what was posted last", recent},
		{"a block is there until it ends, or one of the two does", blocks},
		{"whom one ignores is kept beside whom one blocks", ignores},
		{"nobody blocks more than there is room for", blockLimit},
		{"what is muted is read until it is not", mutes},
	}
}

// talk makes a conversation owned by the first of the people: of two, unless group.
func (w *World) talk(id string, group bool, people ...social.PersonKey) (social.Space, bool) {
	w.Helper()
	s := social.Space{Kind: social.KindConversation, ID: id, Owner: people[0], Notifications: "posts", Receipts: true}
	all := slices.Sorted(slices.Values(people))
	if group {
		s.DisplayName, s.History, s.Tags = "Group", social.HistorySinceJoin, []string{"t"}
	} else {
		s.Pair = [2]social.PersonKey(all)
	}
	key, first, err := w.DB.CreateConversation(w.Context(), s, all, w.Event(social.TypeJoin, people[0], people[0]), Epoch())
	if err != nil {
		w.Fatal(err)
	}
	return w.ReadSpace(key), first
}

func (w *World) participants(key social.SpaceKey) (out []social.PersonKey) {
	w.Helper()
	rows, err := w.DB.Members(w.Context(), key, 0, 1000)
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range rows {
		out = append(out, m.Person)
	}
	return out
}

func conversationRoundTrip(w *World) {
	before := w.Version()
	got, first := w.talk("0190", true, w.Carol, w.Alice)
	want := social.Space{
		Key: got.Key, Kind: social.KindConversation, ID: "0190", DisplayName: "Group", Tags: []string{"t"}, Notifications: "posts", Receipts: true,
		History: social.HistorySinceJoin, Owner: w.Carol, Created: Epoch(), Streams: got.Streams,
	}
	want.Heads[social.ChannelEvents] = 1
	if !first || !reflect.DeepEqual(got, want) {
		w.Errorf("first %v, read %+v\nwanted %+v", first, got, want)
	}
	for c, key := range got.Streams {
		if social.KindConversation.SpaceStreams().Has(social.Channel(c)) != (key != 0) {
			w.Errorf("channel %v has stream %d", social.Channel(c), key)
		}
	}
	changes := []social.Change{
		{Kind: social.ChangeSpace, Space: got.Key},
		{Kind: social.ChangeMember, Space: got.Key, Person: w.Alice},
		{Kind: social.ChangeMember, Space: got.Key, Person: w.Carol},
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, changes) {
		w.Errorf("changes %+v", got)
	}
	if got := w.participants(got.Key); !slices.Equal(got, []social.PersonKey{w.Alice, w.Carol}) {
		w.Errorf("participants %v", got)
	}
	_, _, err := w.DB.CreateConversation(w.Context(), social.Space{Kind: social.KindConversation, ID: "0191", Owner: w.Alice}, []social.PersonKey{w.Alice, 4711}, nil, Epoch())
	Wants(w, err, social.KindNotFound)
}

func onePair(w *World) {
	const each = 10
	keys := make([]social.SpaceKey, 2*each)
	firsts := make([]bool, 2*each)
	var work sync.WaitGroup
	for i := range keys {
		work.Go(func() {
			s := social.Space{Kind: social.KindConversation, ID: fmt.Sprint("0190-", i), Owner: []social.PersonKey{w.Alice, w.Bob}[i%2], Pair: [2]social.PersonKey{w.Alice, w.Bob}}
			var err error
			keys[i], firsts[i], err = w.DB.CreateConversation(w.Context(), s, s.Pair[:], w.Event(social.TypeJoin, s.Owner, s.Owner), Epoch())
			if err != nil {
				w.Error(err)
			}
		})
	}
	work.Wait()
	made := 0
	for i := range keys {
		if keys[i] != keys[0] {
			w.Errorf("conversations %v", keys)
		}
		if firsts[i] {
			made++
		}
	}
	if made != 1 || w.ReadSpace(keys[0]).Heads[social.ChannelEvents] != 1 {
		w.Errorf("made %d times", made)
	}
}

func pairComesBack(w *World) {
	s, _ := w.talk("0190", false, w.Alice, w.Bob)
	for _, p := range s.Pair {
		if was, err := w.DB.Leave(w.Context(), s.Key, p, nil, Epoch()); err != nil || !was {
			w.Fatalf("who made it leaves as the other does: %v, %v", was, err)
		}
	}
	before := w.Version()
	again, first := w.talk("0191", false, w.Bob, w.Alice)
	if first || again.Key != s.Key || again.ID != s.ID || again.Heads[social.ChannelEvents] != 2 {
		w.Errorf("first %v, %+v", first, again)
	}
	if got := w.participants(s.Key); !slices.Equal(got, []social.PersonKey{w.Bob}) {
		w.Errorf("participants %v", got)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeMember, Space: s.Key, Person: w.Bob}}) {
		w.Errorf("changes %+v", got)
	}
	if first, err := w.DB.Enter(w.Context(), s.Key, w.Alice, 2, w.Event(social.TypeJoin, w.Bob, w.Alice), Epoch()); err != nil || !first {
		w.Errorf("the other comes back: %v, %v", first, err)
	}
	if first, err := w.DB.Enter(w.Context(), s.Key, w.Alice, 2, w.Event(social.TypeJoin, w.Bob, w.Alice), Epoch()); err != nil || first {
		w.Errorf("once more: %v, %v", first, err)
	}
	_, err := w.DB.Enter(w.Context(), s.Key, w.Carol, 2, nil, Epoch())
	Wants(w, err, social.KindForbidden)
}

func groupHasRoom(w *World) {
	s, _ := w.talk("0190", true, w.Alice, w.Bob)
	const room = 5
	var work sync.WaitGroup
	var mu sync.Mutex
	entered := 0
	for i := range 10 {
		who := w.Person(fmt.Sprint("guest", i))
		work.Go(func() {
			first, err := w.DB.Enter(w.Context(), s.Key, who, room, w.Event(social.TypeJoin, w.Alice, who), Epoch())
			if err != nil && social.KindOf(err) != social.KindForbidden {
				w.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if first {
				entered++
			}
		})
	}
	work.Wait()
	if n := len(w.participants(s.Key)); n != room || entered != room-2 {
		w.Errorf("%d participants, %d entered", n, entered)
	}
}

func handOver(w *World) {
	s, _ := w.talk("0190", true, w.Alice, w.Bob)
	before := w.Version()
	event := w.Event(social.TypeUpdate, w.Alice, 0)
	if err := w.DB.HandOver(w.Context(), s.Key, w.Bob, event, Epoch()); err != nil || event.Seq != 2 {
		w.Fatalf("event %+v, %v", event, err)
	}
	if got := w.ReadSpace(s.Key).Owner; got != w.Bob {
		w.Errorf("owned by %d", got)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeSpace, Space: s.Key}}) {
		w.Errorf("changes %+v", got)
	}
	Wants(w, w.DB.HandOver(w.Context(), s.Key, w.Carol, nil, Epoch()), social.KindNotFound)
	_, err := w.DB.Leave(w.Context(), s.Key, w.Bob, nil, Epoch())
	Wants(w, err, social.KindConflict)
	if was, err := w.DB.Leave(w.Context(), s.Key, w.Alice, nil, Epoch()); err != nil || !was {
		w.Errorf("the former owner leaves: %v, %v", was, err)
	}
}

func heirs(w *World) {
	inherited, _ := w.talk("0190", true, w.Bob, w.Carol)
	if _, err := w.DB.Enter(w.Context(), inherited.Key, w.Alice, 10, nil, Epoch().Add(-time.Hour)); err != nil { // the clocks of nodes differ
		w.Fatal(err)
	}
	alone, _ := w.talk("0191", true, w.Bob, w.Carol)
	if _, err := w.DB.Leave(w.Context(), alone.Key, w.Carol, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	others, _ := w.talk("0192", true, w.Carol, w.Bob)
	pair, _ := w.talk("0193", false, w.Bob, w.Alice)
	before := w.Version()
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.ReadSpace(inherited.Key); got.Owner != w.Alice || got.Deleted {
		w.Errorf("inherited: %+v", got)
	}
	if got := w.ReadSpace(alone.Key); !got.Deleted {
		w.Errorf("nobody is left in %+v", got)
	}
	if got := w.ReadSpace(others.Key); got.Owner != w.Carol || !slices.Equal(w.participants(others.Key), []social.PersonKey{w.Carol}) {
		w.Errorf("another's: %+v", got)
	}
	if got := w.ReadSpace(pair.Key); got.Deleted || got.Pair != pair.Pair || !slices.Equal(w.participants(pair.Key), []social.PersonKey{w.Alice}) {
		w.Errorf("of two: %+v", got)
	}
	changes := w.Changes(before)
	for _, key := range []social.SpaceKey{inherited.Key, alone.Key} {
		if !slices.Contains(changes, social.Change{Kind: social.ChangeSpace, Space: key}) {
			w.Errorf("space %d is not among %+v", key, changes)
		}
	}
}

func recent(w *World) {
	var streams []social.StreamKey
	for i, id := range []string{"0190", "0191", "0192", "0193"} {
		s, _ := w.talk(id, true, w.Alice, w.Bob)
		streams = append(streams, s.Stream(social.ChannelMessages))
		if i == 1 || i == 3 {
			p := w.Post(w.Alice, "x")
			p.Stream = streams[i]
			w.Append(Epoch().Add(time.Duration(5-i)*time.Hour), p)
		}
	}
	want := []social.StreamKey{streams[1], streams[3], streams[2], streams[0]}
	var got []social.StreamKey
	var before social.Activity
	for range 5 {
		page, err := w.DB.Recent(w.Context(), streams, before, 1)
		if err != nil {
			w.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		before = page[0]
		got = append(got, before.Stream)
	}
	if !slices.Equal(got, want) || !before.At.Equal(Epoch()) {
		w.Errorf("%v, wanted %v; the last one at %v", got, want, before.At)
	}
	if none, err := w.DB.Recent(w.Context(), nil, social.Activity{}, 10); err != nil || len(none) != 0 {
		w.Errorf("of none: %v, %v", none, err)
	}
}

func (w *World) blocks(people []social.PersonKey) (out []social.Block) {
	w.Helper()
	if err := w.DB.Blocks(w.Context(), people, func(b social.Block) { out = append(out, b) }); err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *World) block(person, blocked social.PersonKey) (first bool) {
	w.Helper()
	first, err := w.DB.Block(w.Context(), social.Block{Person: person, Blocked: blocked, At: Epoch()}, 10)
	if err != nil {
		w.Fatal(err)
	}
	return first
}

func blocks(w *World) {
	before := w.Version()
	if !w.block(w.Alice, w.Bob) || w.block(w.Alice, w.Bob) || !w.block(w.Carol, w.Bob) {
		w.Error("a block is there once")
	}
	change := func(p social.PersonKey) social.Change {
		return social.Change{Kind: social.ChangeBlock, Person: p}
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{change(w.Alice), change(w.Carol)}) {
		w.Errorf("changes %+v", got)
	}
	ofAlice, ofCarol := social.Block{Person: w.Alice, Blocked: w.Bob, At: Epoch()}, social.Block{Person: w.Carol, Blocked: w.Bob, At: Epoch()}
	if got := w.blocks(nil); !slices.Equal(got, []social.Block{ofAlice, ofCarol}) {
		w.Errorf("all %+v", got)
	}
	if got := w.blocks([]social.PersonKey{w.Carol, w.Bob}); !slices.Equal(got, []social.Block{ofCarol}) {
		w.Errorf("some %+v", got)
	}
	before = w.Version()
	for range 2 {
		if err := w.DB.Unblock(w.Context(), social.Block{Person: w.Alice, Blocked: w.Bob, At: Epoch()}); err != nil {
			w.Fatal(err)
		}
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{change(w.Alice)}) {
		w.Errorf("changes %+v", got)
	}
	before = w.Version()
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.blocks(nil); len(got) != 0 || !slices.Contains(w.Changes(before), change(w.Carol)) {
		w.Errorf("after the removal %+v", got)
	}
	_, err := w.DB.Block(w.Context(), social.Block{Person: w.Alice, Blocked: w.Bob, At: Epoch()}, 10)
	Wants(w, err, social.KindNotFound)
}

// ignores are kept as blocks are, and beside them.
func ignores(w *World) {
	of := func(person social.PersonKey) social.Block {
		return social.Block{Person: person, Blocked: w.Bob, Ignored: true, At: Epoch()}
	}
	before := w.Version()
	for i, want := range []bool{true, false} {
		if first, err := w.DB.Block(w.Context(), of(w.Alice), 10); err != nil || first != want {
			w.Errorf("time %d: first %v, %v", i, first, err)
		}
	}
	w.block(w.Alice, w.Bob)
	change := social.Change{Kind: social.ChangeBlock, Person: w.Alice}
	if got := w.Changes(before); !slices.Equal(got, []social.Change{change, change}) {
		w.Errorf("changes %+v", got)
	}
	both := []social.Block{{Person: w.Alice, Blocked: w.Bob, At: Epoch()}, of(w.Alice)}
	for _, people := range [][]social.PersonKey{nil, {w.Alice}} {
		if got := w.blocks(people); !slices.Equal(got, both) {
			w.Errorf("of %v: %+v", people, got)
		}
	}
	w.must(w.DB.Unblock(w.Context(), of(w.Alice)))
	if got := w.blocks(nil); !slices.Equal(got, both[:1]) {
		w.Errorf("left are %+v", got)
	}
	if _, err := w.DB.Block(w.Context(), of(w.Carol), 10); err != nil {
		w.Fatal(err)
	}
	before = w.Version()
	w.must(w.DB.RemovePerson(w.Context(), w.Bob, Epoch()))
	if got := w.blocks(nil); len(got) != 0 || !slices.Contains(w.Changes(before), social.Change{Kind: social.ChangeBlock, Person: w.Carol}) {
		w.Errorf("after the removal %+v", got)
	}
	_, err := w.DB.Block(w.Context(), of(w.Alice), 10)
	Wants(w, err, social.KindNotFound)
}

func blockLimit(w *World) {
	for i := range 3 {
		_, err := w.DB.Block(w.Context(), social.Block{Person: w.Alice, Blocked: w.Person(fmt.Sprint("pest", i)), At: Epoch()}, 2)
		if i < 2 && err != nil {
			w.Fatal(err)
		} else if i == 2 {
			Wants(w, err, social.KindConflict)
		}
	}
	if got := w.blocks([]social.PersonKey{w.Alice}); len(got) != 2 {
		w.Errorf("%+v", got)
	}
}

func mutes(w *World) {
	staff := w.Space("staff", w.Alice)
	until := Epoch().Add(time.Hour)
	put := func(space social.SpaceKey, p social.InterestPatch, want social.Interest) {
		w.Helper()
		if got, err := w.DB.SetInterest(w.Context(), w.Bob, space, p, Epoch()); err != nil || got != want {
			w.Fatalf("%+v, wanted %+v, %v", got, want, err)
		}
	}
	reads := func(now time.Time, want map[social.SpaceKey]social.Interest) {
		w.Helper()
		got, err := w.DB.Interests(w.Context(), w.Bob, []social.SpaceKey{w.Lobby.Key, staff.Key}, now)
		if err != nil || !reflect.DeepEqual(got, want) {
			w.Errorf("%+v, %v; wanted %+v", got, err, want)
		}
	}
	mute := func(until time.Time) social.InterestPatch {
		return social.InterestPatch{Mute: &social.Mute{On: true, Until: until}}
	}
	version, mentions, usual := w.Version(), social.LevelMentions, social.LevelDefault
	put(w.Lobby.Key, mute(time.Time{}), social.Interest{Muted: true})
	put(staff.Key, mute(until), social.Interest{Muted: true, Until: until})
	reads(Epoch(), map[social.SpaceKey]social.Interest{w.Lobby.Key: {Muted: true}, staff.Key: {Muted: true, Until: until}})
	put(w.Lobby.Key, social.InterestPatch{Level: &mentions}, social.Interest{Muted: true, Level: mentions})
	put(w.Lobby.Key, mute(until), social.Interest{Muted: true, Until: until, Level: mentions})
	put(staff.Key, social.InterestPatch{Mute: &social.Mute{}}, social.Interest{})
	reads(Epoch(), map[social.SpaceKey]social.Interest{w.Lobby.Key: {Muted: true, Until: until, Level: mentions}})
	reads(until, map[social.SpaceKey]social.Interest{w.Lobby.Key: {Level: mentions}})
	put(w.Lobby.Key, social.InterestPatch{Mute: &social.Mute{}}, social.Interest{Level: mentions})
	put(w.Lobby.Key, social.InterestPatch{Level: &usual}, social.Interest{})
	reads(Epoch(), map[social.SpaceKey]social.Interest{})
	put(w.Lobby.Key, mute(until), social.Interest{Muted: true, Until: until})
	if w.Version() != version {
		w.Error("to mute is no change of rights")
	}
	if err := w.DB.DeleteSpace(w.Context(), w.Lobby.Key, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	reads(Epoch(), map[social.SpaceKey]social.Interest{})
	_, err := w.DB.SetInterest(w.Context(), w.Bob, w.Lobby.Key, mute(until), Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.SetInterest(w.Context(), 4711, staff.Key, mute(until), Epoch())
	Wants(w, err, social.KindNotFound)
}
