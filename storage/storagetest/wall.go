package storagetest

import (
	"reflect"
	"sync"
	"time"

	"rambla/social"
)

func wallClaims() []claim {
	return []claim{
		{"a wall is made once, however many want it at once", oneWall},
		{"a wall has its streams, its person and no name of a context", wallShape},
		{"whom a person follows is listed by key", followingList},
		{"a removed person's wall is closed and nobody follows it", wallEnds},
		{"hiding a person and showing it again is kept for sessions that are away", hiddenWall},
		{"preferences are replaced, and tell the journal when others see a person otherwise", preferences},
	}
}

// wall makes a person's wall.
func (w *World) wall(person social.PersonKey) social.Space {
	w.Helper()
	key, err := w.DB.CreateWall(w.Context(), person, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	return w.ReadSpace(key)
}

func (w *World) follow(who social.PersonKey, wall social.SpaceKey, at time.Time) {
	w.Helper()
	if first, err := w.DB.Join(w.Context(), wall, who, nil, at); err != nil || !first {
		w.Fatal(first, err)
	}
}

func oneWall(w *World) {
	const wanting = 8
	before := w.Version()
	var keys [wanting]social.SpaceKey
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, err := w.DB.CreateWall(w.Context(), w.Bob, Epoch())
			if err != nil {
				w.Error(err)
			}
			keys[i] = key
		})
	}
	all.Wait()
	for _, key := range keys {
		if key == 0 || key != keys[0] {
			w.Errorf("walls %v", keys)
		}
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeSpace, Space: keys[0]}}) {
		w.Errorf("changes %+v", got)
	}
	_, err := w.DB.CreateWall(w.Context(), 4711, Epoch())
	Wants(w, err, social.KindNotFound)
}

func wallShape(w *World) {
	wall := w.wall(w.Bob)
	if wall.Kind != social.KindWall || wall.Owner != w.Bob || wall.ID != "" || wall.Deleted || wall.Heads != (social.Heads{}) {
		w.Errorf("%+v", wall)
	}
	for c, key := range wall.Streams {
		if social.WallChannels().Has(social.Channel(c)) != (key != 0) {
			w.Errorf("channel %v has stream %d", social.Channel(c), key)
		}
	}
	post := w.Post(w.Bob, "hello")
	post.Stream = wall.Stream(social.ChannelMessages)
	if out := w.Append(Epoch(), post); out[0].Err != nil || out[0].Seq != 1 {
		w.Errorf("%+v", out)
	}
}

func followingList(w *World) {
	alices, bobs := w.wall(w.Alice), w.wall(w.Bob)
	w.follow(w.Carol, bobs.Key, Epoch().Add(time.Hour))
	w.follow(w.Carol, alices.Key, Epoch())
	list := func(after social.PersonKey, limit int) []social.Following {
		w.Helper()
		out, err := w.DB.Following(w.Context(), w.Carol, after, limit)
		if err != nil {
			w.Fatal(err)
		}
		return out
	}
	alice, bob := social.Following{Person: w.Alice, Since: Epoch()}, social.Following{Person: w.Bob, Since: Epoch().Add(time.Hour)}
	if got := list(0, 9); !reflect.DeepEqual(got, []social.Following{alice, bob}) {
		w.Errorf("all: %+v", got)
	}
	if got := list(0, 1); !reflect.DeepEqual(got, []social.Following{alice}) {
		w.Errorf("the first: %+v", got)
	}
	if got := list(w.Alice, 9); !reflect.DeepEqual(got, []social.Following{bob}) {
		w.Errorf("behind the first: %+v", got)
	}
	if was, err := w.DB.Leave(w.Context(), bobs.Key, w.Carol, nil, Epoch()); err != nil || !was {
		w.Fatal(was, err)
	}
	if got := list(0, 9); !reflect.DeepEqual(got, []social.Following{alice}) {
		w.Errorf("after it left: %+v", got)
	}
	// A context that one belongs to is nobody whom one follows.
	if got, err := w.DB.Following(w.Context(), w.Alice, 0, 9); err != nil || len(got) != 0 {
		w.Errorf("alice follows %+v, %v", got, err)
	}
}

func wallEnds(w *World) {
	wall := w.wall(w.Bob)
	w.follow(w.Carol, wall.Key, Epoch())
	before := w.Version()
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if !w.ReadSpace(wall.Key).Deleted {
		w.Error("the wall lives on")
	}
	told := false
	for _, c := range w.Changes(before) {
		told = told || c == social.Change{Kind: social.ChangeSpace, Space: wall.Key}
	}
	if !told {
		w.Errorf("changes %+v", w.Changes(before))
	}
	if got, err := w.DB.Following(w.Context(), w.Carol, 0, 9); err != nil || len(got) != 0 {
		w.Errorf("carol follows %+v, %v", got, err)
	}
	post := w.Post(w.Carol, "too late")
	post.Stream = wall.Stream(social.ChannelMessages)
	Wants(w, w.Append(Epoch(), post)[0].Err, social.KindNotFound)
	_, err := w.DB.Join(w.Context(), wall.Key, w.Alice, nil, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.CreateWall(w.Context(), w.Bob, Epoch())
	Wants(w, err, social.KindNotFound)
}

func hiddenWall(w *World) {
	wall := w.wall(w.Alice)
	w.claimed(w.phone(11), Epoch())
	v := w.Version()
	post := w.Post(w.Alice, "seen")
	post.Stream = wall.Stream(social.ChannelMessages)
	w.Append(Epoch(), post)
	for _, roles := range []social.Roles{social.RoleHidden, social.RoleHidden | social.RoleModerator, 0} {
		if err := w.DB.PatchPerson(w.Context(), w.Alice, social.PersonPatch{Roles: &roles}, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	w.saved(social.SessionSave{ID: 11, Fence: 1, Rights: v, Position: social.EncodePosition(social.Position{
		Cursors: []social.Cursor{{Stream: wall.Stream(social.ChannelMessages)}},
	})}, Epoch())
	var heads social.Heads
	heads[social.ChannelMessages] = 1
	want := []social.ReadChange{
		{Version: v + 3, Space: wall.Key, Owner: w.Alice, Policy: social.PolicyRestricted, Heads: heads},
		{Version: v + 1, Space: wall.Key, Owner: w.Alice, Policy: social.PolicyPublic, Heads: heads},
	}
	if got := w.back(Epoch()); !reflect.DeepEqual(got, want) {
		w.Errorf("%+v\nwanted %+v", got, want)
	}
}

func preferences(w *World) {
	read := func() string {
		w.Helper()
		body, err := w.DB.Preferences(w.Context(), w.Bob)
		if err != nil {
			w.Fatal(err)
		}
		return string(body)
	}
	put := func(body string, discreet, reserved bool) {
		w.Helper()
		if err := w.DB.PutPreferences(w.Context(), w.Bob, []byte(body), discreet, reserved, Epoch()); err != nil {
			w.Fatal(err)
		}
	}
	if got := read(); got != "" {
		w.Errorf("before anything was said: %s", got)
	}
	before := w.Version()
	put(`{"locale":"ca"}`, false, false)
	if got := read(); got != `{"locale":"ca"}` || w.Version() != before {
		w.Errorf("%s, %d versions", got, w.Version()-before)
	}
	put(`{"discreet":true}`, true, false)
	if got := read(); got != `{"discreet":true}` || !w.ReadPerson(w.Bob).Discreet || w.ReadPerson(w.Alice).Discreet {
		w.Errorf("%s; %+v", got, w.ReadPerson(w.Bob))
	}
	put(`{"discreet":true,"locale":"ca"}`, true, false)
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangePerson, Person: w.Bob}}) {
		w.Errorf("changes %+v", got)
	}
	before = w.Version()
	put(`{"reserved":true}`, false, true)
	if bob := w.ReadPerson(w.Bob); bob.Discreet || !bob.Reserved || w.ReadPerson(w.Alice).Reserved || w.Version() != before+1 {
		w.Errorf("%+v, %d versions", bob, w.Version()-before)
	}
	Wants(w, w.DB.PutPreferences(w.Context(), 4711, []byte("{}"), false, false, Epoch()), social.KindNotFound)
	if err := w.DB.RemovePerson(w.Context(), w.Bob, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := read(); got != "" {
		w.Errorf("of a removed person: %s", got)
	}
}
