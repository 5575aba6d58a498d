package storagetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"rambla/social"
	"rambla/storage"
)

// Epoch is the moment at which the clocks of the contract begin.
func Epoch() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 123456000, time.UTC) }

// World is a store with some people and a space in it.
type World struct {
	*testing.T
	DB                *storage.DB
	IDs               social.IDs
	Alice, Bob, Carol social.PersonKey
	Lobby             social.Space
}

// NewWorld fills an empty store: alice owns lobby, bob is a member, carol is not.
func NewWorld(t *testing.T, db *storage.DB) *World {
	t.Helper()
	w := &World{T: t, DB: db}
	w.Alice, w.Bob, w.Carol = w.Person("alice"), w.Person("bob"), w.Person("carol")
	w.Lobby = *w.Space("lobby", w.Alice)
	if first, err := db.Join(t.Context(), w.Lobby.Key, w.Bob, nil, Epoch()); err != nil || !first {
		t.Fatalf("bob joins: first %v, %v", first, err)
	}
	return w
}

// Person creates one.
func (w *World) Person(name string) social.PersonKey {
	w.Helper()
	key, err := w.DB.CreatePerson(w.Context(), social.NewPerson{Name: name}, Epoch())
	if err != nil {
		w.Fatalf("create %s: %v", name, err)
	}
	return key
}

// Space creates one.
func (w *World) Space(id string, owner social.PersonKey) *social.Space {
	w.Helper()
	key, err := w.DB.CreateSpace(w.Context(), social.Space{ID: id, Owner: owner}, Epoch())
	if err != nil {
		w.Fatalf("create %s: %v", id, err)
	}
	s := w.ReadSpace(key)
	return &s
}

// ReadSpace reads one.
func (w *World) ReadSpace(key social.SpaceKey) social.Space {
	w.Helper()
	var out []social.Space
	if err := w.DB.Spaces(w.Context(), []social.SpaceKey{key}, func(s social.Space) { out = append(out, s) }); err != nil {
		w.Fatalf("read a space: %v", err)
	}
	if len(out) != 1 {
		w.Fatalf("%d spaces with one key", len(out))
	}
	return out[0]
}

// ReadPerson reads one.
func (w *World) ReadPerson(key social.PersonKey) social.Person {
	w.Helper()
	var out []social.Person
	if err := w.DB.People(w.Context(), []social.PersonKey{key}, func(p social.Person) { out = append(out, p) }); err != nil {
		w.Fatalf("read a person: %v", err)
	}
	if len(out) != 1 {
		w.Fatalf("%d people with one key", len(out))
	}
	return out[0]
}

// Post makes a post into the lobby's messages.
func (w *World) Post(author social.PersonKey, content string) *social.Post {
	return &social.Post{
		Stream: w.Lobby.Stream(social.ChannelMessages), ID: w.IDs.New(Epoch()), Type: social.TypeCreate,
		Author: author, Content: content, Generator: "rest",
	}
}

// Amend makes an Update or Delete of a post.
func (w *World) Amend(typ string, of *social.Post, content string) *social.Post {
	p := w.Post(of.Author, content)
	p.Type, p.Object, p.Private, p.To = typ, of.ID, of.Private, of.To
	return p
}

// Event makes a post for the lobby's events.
func (w *World) Event(typ string, author, subject social.PersonKey) *social.Post {
	return &social.Post{ID: w.IDs.New(Epoch()), Type: typ, Author: author, Subject: subject, Generator: "server"}
}

// Append appends posts at a moment and fails the test where the batch fails.
func (w *World) Append(now time.Time, posts ...*social.Post) []social.Appended {
	w.Helper()
	return w.AppendEntries(now, Entries(posts...)...)
}

// AppendEntries does the same with entries.
func (w *World) AppendEntries(now time.Time, entries ...social.Entry) []social.Appended {
	w.Helper()
	out, err := w.DB.Append(w.Context(), entries, now)
	if err != nil {
		w.Fatalf("append: %v", err)
	}
	if len(out) != len(entries) {
		w.Fatalf("%d results for %d entries", len(out), len(entries))
	}
	return out
}

// Entries wraps posts, with the digest of their content.
func Entries(posts ...*social.Post) []social.Entry {
	out := make([]social.Entry, len(posts))
	for i, p := range posts {
		out[i].Post = p
		copy(out[i].Digest[:], p.Content)
	}
	return out
}

// All reads the whole of a stream as one of its readers.
func (w *World) All(reader social.PersonKey) []social.Post {
	w.Helper()
	return w.Page(social.PostQuery{Stream: w.Lobby.Stream(social.ChannelMessages), Reader: reader, Forward: true, Limit: 1000})
}

// Page reads posts.
func (w *World) Page(q social.PostQuery) []social.Post {
	w.Helper()
	out, err := w.DB.Posts(w.Context(), q)
	if err != nil {
		w.Fatalf("read posts: %v", err)
	}
	return out
}

// Changes reads the journal behind a version.
func (w *World) Changes(after int64) []social.Change {
	w.Helper()
	out, err := w.DB.ChangesAfter(w.Context(), after, 1000)
	if err != nil {
		w.Fatalf("read changes: %v", err)
	}
	for i := range out {
		if out[i].Version != after+int64(i)+1 {
			w.Fatalf("change %d has version %d, wanted %d", i, out[i].Version, after+int64(i)+1)
		}
		out[i].Version = 0
	}
	return out
}

// Version reads the newest version of the journal.
func (w *World) Version() int64 {
	w.Helper()
	v, err := w.DB.Version(w.Context())
	if err != nil {
		w.Fatalf("read the version: %v", err)
	}
	return v
}

// Wants fails the test unless err has that kind.
func Wants(t testing.TB, err error, kind social.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; wanted %v", kind)
	}
	if social.KindOf(err) != kind {
		t.Fatalf("wanted %v, got %v", kind, err)
	}
}

// Background is a context for what happens after the test's own has ended.
func Background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}

func seqs(posts []social.Post) string {
	s := ""
	for _, p := range posts {
		s += fmt.Sprintf("%d ", p.Seq)
	}
	return s
}
