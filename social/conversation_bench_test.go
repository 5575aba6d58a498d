package social

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// talkative is a DirectoryStore of people of whom each talks to the next ones.
type talkative struct {
	*rightsStore
	people, partners int
}

func (s talkative) conversations() int { return s.people * s.partners }

func (s talkative) People(_ context.Context, _ []PersonKey, each func(Person)) error {
	for i := range s.people {
		each(Person{Key: PersonKey(i + 1), Name: randomID()})
	}
	return nil
}

func randomID() string {
	var ids IDs
	return ids.New(time.Now()).String()
}

func (s talkative) Spaces(_ context.Context, _ []SpaceKey, each func(Space)) error {
	for i := range s.conversations() {
		a := PersonKey(i/s.partners + 1)
		sp := Space{
			Key: SpaceKey(i + 1), Kind: KindConversation, ID: randomID(), Owner: a, Pair: pairOf(a, s.partner(i)),
			Receipts: true, Notifications: string([]byte("posts")), Created: time.Now(),
		}
		for c := range sp.Streams {
			if KindConversation.SpaceStreams().Has(Channel(c)) {
				sp.Streams[c] = StreamKey(i*int(channelCount) + c + 1)
			}
		}
		each(sp)
	}
	return nil
}

func (s talkative) partner(i int) PersonKey {
	return PersonKey((i/s.partners+1+i%s.partners)%s.people + 1)
}

func (s talkative) Affiliations(_ context.Context, _ []Member, each func(Affiliation)) error {
	for i := range s.conversations() {
		for _, p := range []PersonKey{PersonKey(i/s.partners + 1), s.partner(i)} {
			each(Affiliation{Space: SpaceKey(i + 1), Person: p, Member: true})
		}
	}
	return nil
}

// What a conversation of two costs in memory, with what announces its streams.
func BenchmarkMemoryOfConversations(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for range b.N {
		store := talkative{newRightsStore(), 2000, 10}
		before := heap()
		d := NewDirectory(store, quiet(), time.Now)
		announcer := NewAnnouncer(nil, d, nil)
		if err := d.Load(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/float64(store.conversations()), "B/conversation")
		runtime.KeepAlive(announcer)
	}
}
