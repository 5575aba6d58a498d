package social

import (
	"slices"
	"strings"
	"testing"
)

func open(t testing.TB, prefixes ...string) OpenTopics {
	t.Helper()
	o, err := ParseOpenTopics("broker.open_topics", prefixes)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOpenPrefixesAreWholeLevels(t *testing.T) {
	t.Parallel()
	o := open(t, "sensors", "/app/", "ctx/old", "/ctxs", "a//")
	if got := o.Prefixes(); !slices.Equal(got, []string{"/app/", "/ctxs/", "a//", "ctx/old/", "sensors/"}) {
		t.Errorf("%q", got)
	}
	for topic, want := range map[string]Address{
		"sensors/a":           {ScopeOpen, "sensors/", ChannelData, "a"},
		"sensors/a/b":         {ScopeOpen, "sensors/", ChannelData, "a/b"},
		"sensors//":           {ScopeOpen, "sensors/", ChannelData, "/"},
		"/app/x":              {ScopeOpen, "/app/", ChannelData, "x"},
		"ctx/old/x":           {ScopeOpen, "ctx/old/", ChannelData, "x"},
		"/ctx/lobby/messages": {ScopeSpace, "lobby", ChannelMessages, ""},
		"$SYS/a":              {ScopeServer, "", ChannelSys, "a"},
	} {
		got, err := o.ParseTopic(topic)
		if err != nil || got != want || got.Topic() != topic {
			t.Errorf("%s is %+v, %v; want %+v", topic, got, err, want)
		}
	}
	for _, topic := range []string{"sensors", "sensors/", "sensors2/a", "/sensors/a", "app/x", "/app", "ctx/new/x", "other"} {
		if a, err := o.ParseTopic(topic); KindOrNil(err) != KindForbidden {
			t.Errorf("%q is %+v, %v", topic, a, err)
		}
	}
	for _, topic := range []string{"sensors/+", "sensors/#", "sensors/a\x00", "sensors/" + strings.Repeat("x", MaxTopicBytes)} {
		if a, err := o.ParseTopic(topic); KindOrNil(err) != KindInvalid {
			t.Errorf("%q is %+v, %v", topic, a, err)
		}
	}
	for _, topic := range []string{"/sys", "/sys/", "/sys/x", "/sys/broadcast/x", "/sys/#", "/sys/+", "/sys/broadcast/#"} {
		if f, err := o.ParseFilter(topic); err == nil {
			t.Errorf("%q is %+v", topic, f)
		}
	}
	if got, err := ParseTopic(BroadcastTopic); err != nil || got.Topic() != BroadcastTopic {
		t.Errorf("%+v, %v", got, err)
	}
	for filter, rest := range map[string]string{
		"/sys/broadcast": "broadcast",
		"sensors/#":      "#", "sensors/+/t": "+/t", "sensors/a": "a", "sensors/+": "+", "/app/#": "#",
	} {
		f, err := o.ParseFilter(filter)
		if err != nil || f.Kind != ScopeOpen || f.Mine || f.Channels != Channels(ChannelData) || f.Rest != rest || f.Owner+f.Rest != filter {
			t.Errorf("%s is %+v, %v", filter, f, err)
		}
	}
	for _, filter := range []string{"#", "/#", "+/#", "+/a", "sensors", "sensors/", "/+/x", "sens+rs/a", "/app/a#"} {
		if f, err := o.ParseFilter(filter); err == nil {
			t.Errorf("%q is %+v", filter, f)
		}
	}
	if a, err := ParseTopic("sensors/a"); err == nil {
		t.Errorf("nothing is open, and it is %+v", a)
	}
}

func TestPrefixesThatCollideAreRefused(t *testing.T) {
	t.Parallel()
	for _, list := range [][]string{
		{""},
		{"/"},
		{"//"},
		{"/ctx"},
		{"/ctx/"},
		{"/ctx/a"},
		{"/user/"},
		{"/user/ann/x"},
		{"/conv/"},
		{"/sys/"},
		{"/sys/mine"},
		{"$SYS/"},
		{"$share/g/"},
		{"$x"},
		{"a/+/b"},
		{"a/#"},
		{"a\x00"},
		{"a\xff"},
		{"a/", "a/b/"},
		{"a/b", "a"},
		{"a", "a/"},
		{strings.Repeat("x", 200)},
		{strings.Repeat("x/", 9)},
		strings.Split(strings.Repeat("x ", 33), " "),
	} {
		o, err := ParseOpenTopics("broker.open_topics", list)
		if KindOrNil(err) != KindInvalid || len(o.Prefixes()) != 0 || !strings.HasPrefix(Safe(err), "broker.open_topics") {
			t.Errorf("%q: %q, %v", list, o.Prefixes(), err)
		}
	}
	if o, err := ParseOpenTopics("x", nil); err != nil || len(o.Prefixes()) != 0 {
		t.Errorf("none: %v", err)
	}
}

func TestATopicIsParsedWithoutGarbage(t *testing.T) {
	o := open(t, "sensors/", "/app/", "b/", "c/", "d/")
	if n := testing.AllocsPerRun(100, func() { _, _ = o.ParseTopic("sensors/roof/wind") }); n != 0 {
		t.Errorf("%v allocations for an open topic", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = o.ParseTopic("/ctx/lobby/data/roof/wind") }); n != 0 {
		t.Errorf("%v allocations for another", n)
	}
}

func TestOpenTopicsAreEverybodysWhoIsNotNarrowed(t *testing.T) {
	t.Parallel()
	store := smallTown()
	store.putPerson(Person{Key: eve, Name: "eve", Suspended: true})
	d := NewDirectory(store, quiet(), atNoon)
	d.SetOpenTopics(open(t, "sensors/"))
	var heard []OpenStream
	d.OnOpen(func(s OpenStream) { heard = append(heard, s) })
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	scope, ok := d.Open("sensors/")
	if !ok || len(heard) != 2 || scope != heard[1].Stream.openScope() {
		t.Fatalf("%+v, %v; heard %+v", scope, ok, heard)
	}
	heard = heard[1:] // behind the site's own
	if _, ok := d.Open("other/"); ok {
		t.Error("another prefix is open")
	}
	if stream := d.StreamOf(scope, ChannelData); stream != heard[0].Stream || d.StreamOf(scope, ChannelMessages) != 0 {
		t.Errorf("its stream is %d", stream)
	}
	owner, channel, ok := d.StreamOwner(heard[0].Stream)
	if !ok || owner != (Owner{scope, "sensors/"}) || channel != ChannelData || owner.Address(channel, "a/b").Topic() != "sensors/a/b" {
		t.Errorf("%+v, %v, %v", owner, channel, ok)
	}
	if _, _, ok := d.spaceOfStream(heard[0].Stream); ok {
		t.Error("it belongs to a context")
	}
	data := NewData(d, nil, nil, atNoon)
	at := Address{Kind: ScopeOpen, Owner: "sensors/", Channel: ChannelData, Rest: "a"}
	for _, c := range []struct {
		name        string
		a           Actor
		read, write bool
	}{
		{"a person", as(carol), true, true},
		{"a manager", as(root), true, true},
		{"who is suspended", as(eve), false, false},
		{"nobody", Actor{}, false, false},
		{"a token that reads", withScopes(t, carol, "read"), true, false},
		{"a token that writes", withScopes(t, carol, "write"), false, true},
		{"a token for a context", withScopes(t, bob, "read write ctx:lobby"), false, false},
		{"a token for its data", withScopes(t, bob, "read write data:lobby"), false, false},
		{"who acts for another", Actor{Person: bob, Creator: root}, false, false},
	} {
		if got := d.ReceivesOpen(c.a); got != c.read {
			t.Errorf("%s receives: %v", c.name, got)
		}
		owner, err := data.MayWrite(c.a, at)
		if got := err == nil; got != c.write || got && owner != (Owner{scope, "sensors/"}) || !got && KindOf(err) != KindForbidden {
			t.Errorf("%s writes: %+v, %v", c.name, owner, err)
		}
	}
	at.Owner = "closed/"
	if _, err := data.MayWrite(as(carol), at); KindOrNil(err) != KindForbidden {
		t.Errorf("a prefix that is not open: %v", err)
	}
}

func FuzzOpenTopics(f *testing.F) {
	for _, s := range [][2]string{
		{"sensors/", "sensors/a/b"}, {"/app", "/app/x"}, {"a/b/", "a/b/+/c"}, {"/ctx/", "/ctx/lobby/data/x"}, {"a", "a"}, {"$x", "$x/y"}, {"//", "///"}, {"+", "+/a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, prefix, topic string) {
		o, err := ParseOpenTopics("x", []string{prefix})
		if err != nil {
			if KindOf(err) != KindInvalid {
				t.Fatalf("%q: %v", prefix, err)
			}
			return
		}
		plain, plainErr := ParseTopic(topic)
		a, err := o.ParseTopic(topic)
		switch {
		case err != nil:
			if k := KindOf(err); k != KindInvalid && k != KindForbidden || a != (Address{}) {
				t.Fatalf("%q: %+v, %v", topic, a, err)
			}
			if plainErr == nil {
				t.Fatalf("%q took %q away: %v", prefix, topic, err)
			}
		case a.Kind != ScopeOpen:
			if plainErr != nil || plain != a {
				t.Fatalf("%q changed %q: %+v, before %+v, %v", prefix, topic, a, plain, plainErr)
			}
		default:
			if plainErr == nil || a.Topic() != topic || a.Rest == "" || a.Channel != ChannelData || a.Owner != o.Prefixes()[0] {
				t.Fatalf("%q in %q is %+v (%v)", topic, prefix, a, plainErr)
			}
			flt, err := o.ParseFilter(topic)
			if err != nil || flt.Kind != a.Kind || flt.Owner != a.Owner || flt.Rest != a.Rest || !MatchRest(flt.Rest, a.Rest) {
				t.Fatalf("as a filter %q is %+v, %v", topic, flt, err)
			}
			all, err := o.ParseFilter(a.Owner + "#")
			if err != nil || !MatchRest(all.Rest, a.Rest) {
				t.Fatalf("%q is not covered: %+v, %v", topic, all, err)
			}
		}
	})
}
