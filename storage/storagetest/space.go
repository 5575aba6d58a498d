package storagetest

import (
	"reflect"

	"rambla/social"
)

func spaceClaims() []claim {
	return []claim{
		{"a space is read as it was created", spaceRoundTrip},
		{"a patch of a space is told in its events", patchSpace},
		{"a deleted space takes no posts and keeps those it has", deleteSpace},
	}
}

func spaceRoundTrip(w *World) {
	before := w.Version()
	want := social.Space{
		ID: "maths-3", DisplayName: "Applied maths III", Description: "d", URL: "https://example.org", Preset: "closed",
		Policies: social.Presets()["closed"], Tags: []string{"2026", "a\"b"}, Notifications: "posts",
		History: social.HistorySinceJoin, Owner: w.Carol,
	}
	key, err := w.DB.CreateSpace(w.Context(), want, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	got := w.ReadSpace(key)
	want.Key, want.Created, want.Streams = key, Epoch(), got.Streams
	if !reflect.DeepEqual(got, want) {
		w.Errorf("read %+v\nwanted %+v", got, want)
	}
	seen := map[social.StreamKey]bool{}
	for c := range got.Streams {
		channel, key := social.Channel(c), got.Streams[c]
		if social.KindContext.SpaceStreams().Has(channel) != (key != 0) || key != 0 && seen[key] {
			w.Errorf("channel %q has stream %d", channel, key)
		}
		seen[key] = true
	}
	changes := []social.Change{{Kind: social.ChangeSpace, Space: key}, {Kind: social.ChangeMember, Space: key, Person: w.Carol}}
	if got := w.Changes(before); !reflect.DeepEqual(got, changes) {
		w.Errorf("changes %+v", got)
	}
	var all []social.SpaceKey
	if err := w.DB.Spaces(w.Context(), nil, func(s social.Space) { all = append(all, s.Key) }); err != nil || !reflect.DeepEqual(all, []social.SpaceKey{w.Lobby.Key, key}) {
		w.Errorf("all spaces: %v, %v", all, err)
	}
	_, err = w.DB.CreateSpace(w.Context(), social.Space{ID: "x", Owner: 4711}, Epoch())
	Wants(w, err, social.KindNotFound)
}

func patchSpace(w *World) {
	before := w.Version()
	name, history, tags, policies := "Lobby!", social.HistorySinceJoin, []string{"t"}, social.Presets()["open"]
	event := w.Event(social.TypeUpdate, w.Alice, 0)
	err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{DisplayName: &name, History: &history, Tags: &tags, Policies: &policies}, event, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	got := w.ReadSpace(w.Lobby.Key)
	if got.DisplayName != name || got.History != history || !reflect.DeepEqual(got.Tags, tags) || got.Policies != policies || got.Owner != w.Alice {
		w.Errorf("%+v", got)
	}
	if event.Seq != 1 || event.Stream != w.Lobby.Stream(social.ChannelEvents) || event.Ordinal != 0 || !event.Published.Equal(Epoch()) {
		w.Errorf("event %+v", event)
	}
	if got, err := w.DB.PostByID(w.Context(), event.ID); err != nil || !reflect.DeepEqual(got, *event) {
		w.Errorf("stored %+v, %v", got, err)
	}
	if got := w.Changes(before); !reflect.DeepEqual(got, []social.Change{{Kind: social.ChangeSpace, Space: w.Lobby.Key}}) {
		w.Errorf("changes %+v", got)
	}
	none := []string{}
	if err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{Tags: &none}, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.ReadSpace(w.Lobby.Key); len(got.Tags) != 0 || got.Heads[social.ChannelEvents] != 1 {
		w.Errorf("%+v", got)
	}
	Wants(w, w.DB.PatchSpace(w.Context(), 4711, social.SpacePatch{}, nil, Epoch()), social.KindNotFound)
}

func deleteSpace(w *World) {
	p := w.Post(w.Alice, "x")
	w.Append(Epoch(), p)
	_, _ = w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Carol, social.Override{Permission: social.Read}, Epoch())
	event := w.Event(social.TypeDelete, w.Alice, 0)
	if err := w.DB.DeleteSpace(w.Context(), w.Lobby.Key, event, Epoch()); err != nil {
		w.Fatal(err)
	}
	if got := w.ReadSpace(w.Lobby.Key); !got.Deleted || event.Seq != 1 {
		w.Errorf("%+v, event %+v", got, event)
	}
	if out := w.Append(Epoch(), w.Post(w.Alice, "y")); social.KindOf(out[0].Err) != social.KindNotFound {
		w.Errorf("%+v", out)
	}
	if got := w.All(w.Alice); len(got) != 1 {
		w.Errorf("%d posts are left", len(got))
	}
	if a, c := w.affiliation(w.Alice), w.affiliation(w.Carol); a.Member || c.Overrides != nil {
		w.Errorf("%+v %+v", a, c)
	}
	Wants(w, w.DB.DeleteSpace(w.Context(), w.Lobby.Key, nil, Epoch()), social.KindNotFound)
	Wants(w, w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{}, nil, Epoch()), social.KindNotFound)
	_, err := w.DB.Join(w.Context(), w.Lobby.Key, w.Carol, nil, Epoch())
	Wants(w, err, social.KindNotFound)
	_, err = w.DB.SetOverride(w.Context(), w.Lobby.Key, w.Carol, social.Override{Permission: social.Read}, Epoch())
	Wants(w, err, social.KindNotFound)
}
