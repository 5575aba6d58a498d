package storage_test

import (
	"strings"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
	"rambla/storage/storagetest"
)

// Each damage breaks the rule that it names, and Verify says so.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	damages := []struct{ rule, sql string }{
		{"the posts of a stream are numbered", `DELETE FROM posts WHERE seq = 2 AND stream = 1`},
		{"the posts of a stream are numbered", `UPDATE streams SET head = head + 1 WHERE id = 1`},
		{"the samples of a stream are numbered", `DELETE FROM samples WHERE seq = 1`},
		{"every post and sample belongs", `INSERT INTO samples (stream, seq, published_at, author, qos, topic, payload) SELECT 1, 1, 1, 1, 0, 't', payload FROM samples WHERE seq = 1`},
		{"ordinals count", `UPDATE posts SET ordinal = 7 WHERE seq = 2 AND stream = 1`},
		{"ordinals count", `UPDATE posts SET published_at = 1 WHERE seq = 2 AND stream = 1`},
		{"the counters of a stream", `UPDATE streams SET ordinals = 99 WHERE id = 1`},
		{"a removed post has no content", `UPDATE posts SET content = 'still here' WHERE removed_at IS NOT NULL`},
		{"nothing that a removed post once said", `UPDATE posts SET removed_at = NULL WHERE type = 'Update'`},
		{"an edit or a removal is about", `UPDATE posts SET removed_at = NULL WHERE counts`},
		{"an edit or a removal is about", `UPDATE posts SET updated_at = NULL WHERE updated_at IS NOT NULL AND removed_at IS NULL`},
		{"a former content belongs", `UPDATE edits SET seq = 99`},
		{"only private posts have readers", `UPDATE posts SET private = FALSE WHERE private`},
		{"only private posts have readers", `UPDATE post_readers SET person = 99`},
		{"an edit of a private post", `UPDATE posts SET private = TRUE WHERE seq = 1 AND stream = 1`},
		{"every author exists", `UPDATE posts SET author = 99 WHERE seq = 2`},
		{"a read marker is somebody's", `UPDATE read_markers SET head = 99`},
		{"a read marker is somebody's", `UPDATE read_markers SET person = 99`},
		{"a read marker is somebody's", `UPDATE read_markers SET stream = 99`},
		{"an idempotency key names", `UPDATE keys SET seq = 77`},
		{"every retained message", `UPDATE retained SET seq = 99`},
		{"every retained message", `UPDATE streams SET closed = TRUE WHERE id = 3`},
		{"a stream knows how much", `UPDATE streams SET bytes = bytes + 1 WHERE id = 3`},
		{"a stream knows how much", `UPDATE streams SET retained = 0 WHERE id = 3`},
		{"a stream knows how much", `DELETE FROM retained`},
		{"every author exists", `UPDATE retained SET author = 99`},
		{"every person has its present name", `DELETE FROM names WHERE name = 'bob'`},
		{"every context has its name", `DELETE FROM names WHERE name = 'lobby'`},
		{"every name belongs", `INSERT INTO names (kind, name, owner, at) VALUES (1, 'ghost', 99, 0)`},
		{"every space has one stream", `DELETE FROM streams WHERE space = 1 AND channel = 2`},
		{"the streams of a context are closed", `UPDATE streams SET closed = TRUE WHERE id = 1`},
		{"the members of a context are people", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"a membership began", `UPDATE members SET joined_messages = 99`},
		{"overrides are of people", `UPDATE overrides SET permission = 3`},
		{"a ban is of a person", `UPDATE people SET removed = TRUE WHERE name = 'carol'`},
		{"a ban is of a person", `UPDATE bans SET person = 1`},
		{"a ban is of a person", `UPDATE bans SET until_at = at`},
		{"a ban is of a person", `UPDATE spaces SET kind = 1`},
		{"a context hangs below", `UPDATE spaces SET parent = id`},
		{"a context hangs below", `UPDATE spaces SET deleted = TRUE WHERE name = 'lobby'`},
		{"the owner of a context", `DELETE FROM members WHERE person = 1`},
		{"who was removed has no password", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"who was removed holds no grant", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"every token belongs", `UPDATE grants SET ended_at = 1`},
		{"a device is of a grant", `UPDATE grants SET ended_at = 1`},
		{"a device is of a grant", `UPDATE devices SET person = 1`},
		{"a device is of a grant", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"a session is either", `UPDATE sessions SET left_at = 5 WHERE node <> 0`},
		{"a session is either", `UPDATE sessions SET node = 5 WHERE node = 0`},
		{"a session has a kind", `UPDATE sessions SET kind = 2`},
		{"a session has a kind", `UPDATE sessions SET fence = 0`},
		{"a session is of somebody", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"a will is due", `UPDATE sessions SET will_due = 5 WHERE node <> 0`},
		{"a will is due", `UPDATE sessions SET will_due = 0 WHERE node = 0`},
		{"a will is due", `UPDATE sessions SET will = subscriptions WHERE will_due <> 0`},
		{"a session without expiry", `UPDATE sessions SET expiry = 0, will_due = 0, will = inb.none FROM (SELECT subscriptions AS none FROM sessions WHERE octet_length(subscriptions) = 0) inb WHERE node = 0`},
		{"the subscriptions of a session", `UPDATE sessions SET subscriptions = will WHERE node = 0`},
		{"the position of a session", `UPDATE sessions SET position = will WHERE node = 0`},
		{"a session is not ahead", `UPDATE streams SET head = 0 WHERE id = 1`},
		{"a QoS 2 packet", `UPDATE inbound SET session = 4711`},
		{"a QoS 2 packet", `UPDATE inbound SET seq = 4711`},
		{"the history of who could read", `UPDATE read_changes SET space = 4711`},
		{"the history of who could read", `UPDATE read_changes SET person = 4711`},
		{"the history of who could read", `UPDATE read_changes SET version = version + 4711`},
		{"a conversation has the name", `UPDATE spaces SET name = 'x' WHERE kind = 1 AND pair_a IS NULL`},
		{"in a conversation of two", `UPDATE spaces SET kind = 0 WHERE pair_a IS NOT NULL`},
		{"in a conversation of two", `UPDATE spaces SET history = 1 WHERE pair_a IS NOT NULL`},
		{"in a conversation of two", `UPDATE members SET person = 3 WHERE person = 1 AND space IN (SELECT id FROM spaces WHERE pair_a IS NOT NULL)`},
		{"the owner of a group", `DELETE FROM members WHERE person = 1 AND space IN (SELECT id FROM spaces WHERE kind = 1)`},
		{"the owner of a group", `UPDATE spaces SET owner = 3 WHERE kind = 1 AND pair_a IS NULL`},
		{"a block is between", `UPDATE people SET removed = TRUE WHERE name = 'carol'`},
		{"a block is between", `UPDATE blocks SET blocked = person`},
		{"a block is between", `UPDATE ignores SET blocked = person`},
		{"a profile is of", `UPDATE people SET removed = TRUE WHERE name = 'carol'`},
		{"who was erased", `UPDATE people SET removed = FALSE WHERE erased`},
		{"who was erased", `UPDATE people SET display_name = 'Dora' WHERE erased`},
		{"who was erased", `UPDATE names SET name = 'dora' WHERE name LIKE '#%'`},
		{"an erasure is of", `UPDATE people SET erased = FALSE WHERE erased`},
		{"an erasure is of", `DELETE FROM erasures`},
		{"nothing is left in the log", `UPDATE posts SET author = (SELECT person FROM erasures) WHERE stream = 1 AND seq = 1`},
		{"what is muted", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"what is muted", `UPDATE spaces SET deleted = TRUE`},
		{"what is muted", `UPDATE attention SET muted_until = 0`},
		{"a wall is its person's", `UPDATE spaces SET name = 'wall/99' WHERE kind = 2`},
		{"a wall is its person's", `UPDATE spaces SET deleted = TRUE WHERE kind = 2`},
		{"nobody follows itself", `UPDATE spaces SET owner = 1 WHERE kind = 2`},
		{"preferences are of people", `UPDATE people SET removed = TRUE WHERE name = 'bob'`},
		{"a post has as many", `UPDATE tallies SET comments = comments + 1`},
		{"a post has as many", `UPDATE tallies SET shares = 1`},
		{"a post has as many", `DELETE FROM reactions WHERE kind = 1`},
		{"a post knows when", `UPDATE tallies SET commented_at = 1`},
		{"a post knows when", `UPDATE tallies SET liked_at = 1`},
		{"a post knows when", `UPDATE tallies SET flagged_by = 0`},
		{"what is said about a post", `DELETE FROM tallies`},
		{"a comment stands beside", `UPDATE posts SET private = TRUE WHERE root IS NOT NULL`},
		{"a comment stands beside", `UPDATE posts SET root = NULL WHERE root IS NOT NULL`},
		{"a reaction is of a person", `UPDATE reactions SET seq = 99`},
		{"a reaction is of a person", `UPDATE reactions SET person = 99`},
		{"a reaction is of a person", `UPDATE reactions SET entry = 0`},
		{"likes are those of the log", `UPDATE posts SET type = 'Flag' WHERE type = 'Like'`},
		{"highlighted is what", `UPDATE tallies SET flagged_at = 0, flagged_by = 0`},
		{"a report is about a post", `UPDATE reports SET seq = 99`},
		{"search has read a stream no further", `INSERT INTO search_streams (stream, position) VALUES (1, 99)`},
		{"what search finds is a living post", `UPDATE search_posts SET seq = 99 WHERE seq = (SELECT MIN(seq) FROM search_posts)`},
		{"what search finds is a living post", `UPDATE search_posts SET stream = 4711`},
		{"what search finds is a living post", `INSERT INTO search_streams (stream, position) SELECT id, head FROM streams WHERE id = 1`},
		{"search knows of every living post", `UPDATE search_posts SET at = at + 1`},
		{"search knows of every living post", `UPDATE search_posts SET author = 99`},
		{"search knows of every living post", `UPDATE search_posts SET private = TRUE`},
		{"every living post of a stream that was read", `INSERT INTO search_streams (stream, position) SELECT id, head FROM streams WHERE id = 1`},
		{"the journal of rights", `UPDATE site SET version = version + 1`},
		{"the journal of rights", `DELETE FROM changes WHERE version = 2`},
	}
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		fillForDamage(t, db)
		storagetest.Verify(t, db)
		for _, d := range damages {
			found, err := db.VerifyDamaged(t.Context(), d.sql)
			if err != nil {
				t.Fatalf("after %s: %v", d.sql, err)
			}
			hit := false
			for _, f := range found {
				hit = hit || strings.HasPrefix(f.Rule, d.rule) && f.Detail != "" && f.Mend != ""
			}
			if !hit {
				t.Errorf("after %s: wanted %q, found %v", d.sql, d.rule, found)
			}
		}
	})
}

// damageableWall is bob's, whom alice follows, with what bob prefers.
func damageableWall(t *testing.T, w *storagetest.World) {
	t.Helper()
	now := storagetest.Epoch()
	wall, err := w.DB.CreateWall(t.Context(), w.Bob, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.DB.Join(t.Context(), wall, w.Alice, nil, now); err != nil {
		t.Fatal(err)
	}
	if err := w.DB.PutPreferences(t.Context(), w.Bob, []byte("{}"), false, false, now); err != nil {
		t.Fatal(err)
	}
}

// A session's row with numbers that cannot be fails neither the list that it is
// in nor the batch that claims it, and the claim mends it.
func TestASessionWithImpossibleNumbersHarmsNoOther(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		w := storagetest.NewWorld(t, db)
		damageableSessions(t, w)
		if err := db.Damage(t.Context(), `UPDATE sessions SET fence = -5, version = 30000, node = -1 WHERE id = 1`); err != nil {
			t.Fatal(err)
		}
		now := storagetest.Epoch()
		list, err := db.Sessions(t.Context(), 0, 0, 10, now)
		if err != nil || len(list) != 2 {
			t.Errorf("listed %d sessions, %v", len(list), err)
		}
		claim := social.SessionClaim{ID: 11, Person: w.Bob, Name: "here", Version: 5, Node: 1, Expiry: time.Hour}
		other := social.SessionClaim{ID: 12, Person: w.Alice, Name: "other", Version: 5, Node: 1, Expiry: time.Hour}
		out, err := db.WriteSessions(t.Context(), []social.SessionWrite{{Claim: &claim}, {Claim: &other}}, now)
		if err != nil || out[0].Err != nil || out[1].Err != nil {
			t.Fatal(out, err)
		}
		storagetest.Verify(t, db)
	})
}

// fillForDamage makes one of everything.
func fillForDamage(t *testing.T, db *storage.DB) {
	t.Helper()
	w := storagetest.NewWorld(t, db)
	now := storagetest.Epoch()
	edited, removed, private := w.Post(w.Alice, "edited"), w.Post(w.Alice, "removed"), w.Post(w.Alice, "private")
	private.Private, private.To, private.Key = true, []social.PersonKey{w.Bob}, "k"
	w.Append(now, edited, removed, private)
	w.Append(now, w.Amend(social.TypeUpdate, edited, "e2"), w.Amend(social.TypeUpdate, removed, "r2"), w.Amend(social.TypeDelete, removed, ""))
	w.Say(edited)
	damageableSearch(t, w, edited, removed)
	w.AppendEntries(now, social.Entry{Sample: &social.Sample{Stream: w.Lobby.Stream(social.ChannelData), Topic: "t", Author: w.Bob}},
		social.Entry{Sample: &social.Sample{Stream: w.Lobby.Stream(social.ChannelData), Topic: "t", Payload: []byte("x"), Author: w.Bob, Retain: true, QoS: 1}})
	read := social.MarkerMove{ProgressQuery: social.ProgressQuery{Stream: edited.Stream, Person: w.Bob}, Receipt: social.Receipt{Read: 1}}
	if _, err := db.MoveMarkers(t.Context(), []social.MarkerMove{read}, now); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SetOverride(t.Context(), w.Lobby.Key, w.Carol, social.Override{Permission: social.Read}, now); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Ban(t.Context(), social.Ban{Space: w.Lobby.Key, Person: w.Carol, By: w.Alice, At: now}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.CreateSpace(t.Context(), social.Space{ID: "below", Owner: w.Alice, Parent: w.Lobby.Key}, now); err != nil {
		t.Fatal(err)
	}
	if err := db.SetPasswordHash(t.Context(), w.Bob, "hash", now); err != nil {
		t.Fatal(err)
	}
	damageableSessions(t, w)
	damageableTalk(t, w)
	damageableWall(t, w)
	title := "sings"
	if err := db.PatchPerson(t.Context(), w.Carol, social.PersonPatch{Title: &title}, now); err != nil {
		t.Fatal(err)
	}
	w.Erased(w.Person("dora"))
	grant, err := db.CreateGrant(t.Context(), social.Grant{ID: w.IDs.New(now), Person: w.Bob, Kind: social.GrantNamed},
		[]social.Token{{Hash: [32]byte{1}, Kind: social.TokenAccess}})
	if err != nil {
		t.Fatal(err)
	}
	phone := social.Device{ID: w.IDs.New(now), Person: w.Bob, Grant: grant, Platform: social.PlatformFCM, Token: "token", Created: now, Set: now}
	if _, _, err := db.PutDevice(t.Context(), phone, 1); err != nil {
		t.Fatal(err)
	}
}

// damageableSearch has posts found whose edits and removals search has not read yet.
func damageableSearch(t *testing.T, w *storagetest.World, posts ...*social.Post) {
	t.Helper()
	var put social.SearchPut
	for _, p := range posts {
		put.Entries = append(put.Entries, social.SearchEntry{
			PostRef: p.Ref(), At: p.Published, Author: p.Author, Sort: social.SortActivity, Words: []string{"word"},
		})
	}
	if err := w.DB.PutSearch(t.Context(), put); err != nil {
		t.Fatal(err)
	}
}

// damageableTalk makes a conversation of two and a group of alice and bob, who
// blocks carol and has muted the lobby.
func damageableTalk(t *testing.T, w *storagetest.World) {
	t.Helper()
	both := []social.PersonKey{w.Alice, w.Bob}
	for id, pair := range map[string][2]social.PersonKey{"pair": {w.Alice, w.Bob}, "group": {}} {
		s := social.Space{Kind: social.KindConversation, ID: id, Owner: w.Alice, Pair: pair}
		if _, first, err := w.DB.CreateConversation(t.Context(), s, both, nil, storagetest.Epoch()); err != nil || !first {
			t.Fatal(first, err)
		}
	}
	if _, err := w.DB.Block(t.Context(), social.Block{Person: w.Bob, Blocked: w.Carol, At: storagetest.Epoch()}, 10); err != nil {
		t.Fatal(err)
	}
	ignored := social.Block{Person: w.Alice, Blocked: w.Carol, Ignored: true, At: storagetest.Epoch()}
	if _, err := w.DB.Block(t.Context(), ignored, 10); err != nil {
		t.Fatal(err)
	}
	if _, err := w.DB.SetInterest(t.Context(), w.Bob, w.Lobby.Key, social.InterestPatch{Mute: &social.Mute{On: true}}, storagetest.Epoch()); err != nil {
		t.Fatal(err)
	}
}

// damageableSessions makes one that is connected and has a QoS 2 packet, and one
// that is absent and has a will, of bob.
func damageableSessions(t *testing.T, w *storagetest.World) {
	t.Helper()
	now := storagetest.Epoch()
	position := social.EncodePosition(social.Position{
		Cursors: []social.Cursor{{Stream: w.Lobby.Stream(social.ChannelMessages), Seq: 1}},
		Open:    []social.OpenPacket{{Packet: 1, State: social.AwaitsPuback, Stream: w.Lobby.Stream(social.ChannelMessages), Seq: 1}},
	})
	out, err := w.DB.WriteSessions(t.Context(), []social.SessionWrite{
		{Claim: &social.SessionClaim{ID: 1, Person: w.Bob, Name: "here", Version: 4, Node: 1, Expiry: social.SessionForever}},
		{Claim: &social.SessionClaim{ID: 2, Person: w.Bob, Name: "away", Version: 5, Node: 1, Expiry: time.Hour, Will: []byte("will")}},
		{Save: &social.SessionSave{ID: 2, Fence: 1, Position: position, Left: now, WillDue: now.Add(time.Minute)}},
	}, now)
	if err != nil || out[0].Err != nil || out[1].Err != nil || out[2].Stale {
		t.Fatal(out, err)
	}
	w.AppendEntries(now, social.Entry{Post: w.Post(w.Bob, "QoS 2"), Inbound: social.InboundPacket{Session: 1, Packet: 1}})
}
