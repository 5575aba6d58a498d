package storagetest

import (
	"math"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
)

// Fill puts something into every table of an empty store that a site is made of.
// Whoever adds a table adds to it; see the test of moves.
func Fill(t *testing.T, db *storage.DB) *World {
	t.Helper()
	w := NewWorld(t, db)
	w.fillRights()
	w.fillLog()
	w.fillSessions()
	w.fillPushes()
	w.fillErasures()
	return w
}

func (w *World) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fillRights is about people and spaces, and what they want.
func (w *World) fillRights() {
	ctx, now := w.Context(), Epoch()
	w.must(w.DB.SetPasswordHash(ctx, w.Bob, "hash", now))
	w.must(w.DB.RenamePerson(ctx, w.Carol, "carola", now))
	title := "teaches maths"
	w.must(w.DB.PatchPerson(ctx, w.Carol, social.PersonPatch{Title: &title}, now))
	// Something was given a key and is gone, so that keys are not those of a new store.
	parent := w.Space("parent", w.Alice)
	w.must(w.DB.DeleteSpace(ctx, w.Space("gone", w.Carol).Key, nil, now))
	w.must(w.hang(w.Lobby.Key, parent.Key))
	w.override(w.Bob, social.Override{Permission: social.Invite})
	w.ban(social.Ban{Person: w.Carol, At: now, Reason: "rude"})
	w.block(w.Alice, w.Carol)
	_, err := w.DB.Block(ctx, social.Block{Person: w.Bob, Blocked: w.Carol, Ignored: true, At: now}, 10)
	w.must(err)
	w.EraseBegun(w.Person("erna"))
	w.follow(w.Bob, w.wall(w.Alice).Key, now)
	level := social.Level(1)
	_, err = w.DB.SetInterest(ctx, w.Bob, w.Lobby.Key, social.InterestPatch{Level: &level}, now)
	w.must(err)
	w.must(w.DB.PutPreferences(ctx, w.Bob, []byte(`{"presence":false}`), true, false, now))
	w.saveSeen(map[social.PersonKey]time.Time{w.Bob: now})
	_, err = w.DB.KeepVAPID(ctx, "a key", now)
	w.must(err)
	_, err = w.DB.KeepSecret(ctx, "links", "another key", now)
	w.must(err)
	_, err = w.DB.BeginReplay(ctx, social.Replay{Person: w.Bob, Key: [32]byte{1}, Digest: [32]byte{2}, At: now})
	w.must(err)
	w.must(w.DB.AppendActs(ctx, []social.Act{{At: now, Verb: social.VerbPersonRoles, Actor: w.Alice, Person: w.Bob, Result: social.ActDone}}))
	_, err = w.DB.OpenStreams(ctx, []string{"sensors/"})
	w.must(err)
}

// fillLog is about what was said.
func (w *World) fillLog() {
	first, edited, private := w.keyed(w.Alice, "a key", "first: 'ü' \U0001F600\n"), w.Post(w.Bob, "edited"), w.Post(w.Bob, "private")
	private.Private, private.To = true, []social.PersonKey{w.Alice}
	talk, _ := w.talk("0190", false, w.Alice, w.Carol)
	said := w.Post(w.Carol, "between us")
	said.Stream = talk.Stream(social.ChannelMessages)
	w.stored(Entries(first, edited, private, said)...)
	w.stored(Entries(w.Amend(social.TypeUpdate, edited, "edited since"))...)
	w.stored(w.withFiles(w.Bob, w.file(w.Bob, 5)))
	w.file(w.Bob, 7)
	w.Say(first)
	w.stored(social.Entry{Sample: w.toRetain("kitchen/lamp", "on\x00\xff", 1)}, social.Entry{Sample: w.sample("kitchen/door", []byte{})})
	w.move(Epoch().Add(time.Minute), w.question(w.Bob), 2, 1)
}

// fillSessions is about who is connected.
func (w *World) fillSessions() {
	w.beat(1, Epoch(), Epoch().Add(-time.Minute))
	w.claimed(w.phone(math.MaxInt64), Epoch())
	position := social.Position{Cursors: []social.Cursor{{Stream: w.messages(), Seq: 2}, {Stream: w.Lobby.Stream(social.ChannelData), Seq: 1}}}
	position.Open = []social.OpenPacket{{Packet: 1, State: social.AwaitsPuback, Stream: w.messages(), Seq: 2}}
	w.saved(social.SessionSave{
		ID: math.MaxInt64, Fence: 1, Rights: w.Version(), Position: social.EncodePosition(position),
		Subscriptions: social.EncodeSubscriptions([]social.Subscription{{Filter: "/ctx/+/messages", QoS: 1}}),
	}, Epoch())
	w.stored(w.packet(math.MaxInt64, 9, "waits for its PUBREL"))
	w.setPolicy(social.PolicyMembers, Epoch())
	grant, _ := w.login(w.Bob, social.GrantPassword)
	w.put(w.device(w.Bob, grant, "a token"))
}

// fillPushes is about what devices were told.
func (w *World) fillPushes() {
	named := w.news(w.Bob, 1, 2, minutes(1))
	named.Named = []social.PushNamed{{Seq: 2, Why: 1}}
	w.must(w.DB.PutPushes(w.Context(), social.PushDerived{
		News: []social.PushNews{named, w.news(w.Alice, 2, 3, minutes(5))}, Read: map[social.StreamKey]uint64{w.messages(): 2},
	}, Epoch()))
	c := w.claimOne(minutes(1), 1)
	c.Shown = true
	w.settle(minutes(1), social.PushSettled{
		PushClaim: c, Decided: true,
		Told:      []social.PushTold{{PushPlace: c.PushPlace, Device: 1, Seq: 2, Mark: 1 << 63, Shown: true}},
		Decisions: []social.PushDecision{{Person: w.Bob, Stream: w.messages(), Seq: 2, At: Epoch(), What: 1}},
		Dead:      []social.PushDead{{At: Epoch(), Person: w.Bob, Stream: w.messages(), Device: 1, Seq: 1, Platform: social.PlatformFCM}},
	})
}

// fillErasures is about who was erased: one with nothing that the others need.
func (w *World) fillErasures() {
	erased := social.Erasure{ID: w.IDs.New(Epoch()), Person: w.Person("erin"), By: w.Alice, Asked: Epoch()}
	_, err := w.DB.BeginErasure(w.Context(), erased, Epoch())
	w.must(err)
}
