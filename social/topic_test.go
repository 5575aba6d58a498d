package social

import (
	"strings"
	"testing"
)

func TestTopicsOfTheContractAreRead(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]Address{
		"/ctx/lobby/messages":        {ScopeSpace, "lobby", ChannelMessages, ""},
		"/ctx/lobby/events":          {ScopeSpace, "lobby", ChannelEvents, ""},
		"/ctx/maths-3/data/a":        {ScopeSpace, "maths-3", ChannelData, "a"},
		"/ctx/maths-3/data/a/b/c":    {ScopeSpace, "maths-3", ChannelData, "a/b/c"},
		"/ctx/maths-3/data//":        {ScopeSpace, "maths-3", ChannelData, "/"},
		"/ctx/maths-3/data/messages": {ScopeSpace, "maths-3", ChannelData, "messages"},
		"/user/ann@x.org/errors":     {ScopePerson, "ann@x.org", ChannelErrors, ""},
		"/user/ann/sync/draft/1":     {ScopePerson, "ann", ChannelSync, "draft/1"},
		"$SYS/broker/uptime":         {ScopeServer, "", ChannelSys, "broker/uptime"},
	} {
		got, err := ParseTopic(topic)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", topic, got, err, want)
		}
		if got.Topic() != topic {
			t.Errorf("%s is written as %s", topic, got.Topic())
		}
	}
}

func TestOtherTopicsAreRefused(t *testing.T) {
	t.Parallel()
	const forbidden, invalid = KindForbidden, KindInvalid
	for _, c := range []struct {
		name, topic string
		want        Kind
	}{
		{"empty", "", invalid},
		{"a wildcard level", "/ctx/+/messages", invalid},
		{"a wildcard at the end", "/ctx/lobby/#", invalid},
		{"a wildcard within a word", "/ctx/lo#by/messages", invalid},
		{"NUL", "/ctx/lobby/data/a\x00", invalid},
		{"bad UTF-8", "/ctx/lobby/data/\xff", invalid},
		{"a surrogate", "/ctx/lobby/data/\xed\xa0\x80", invalid},
		{"too long", "/ctx/lobby/data/" + strings.Repeat("x", MaxTopicBytes), invalid},
		{"33,000 levels", "/ctx/lobby/data/" + strings.Repeat("/", 33_000), invalid},
		{"one level too many", "/ctx/lobby/data" + strings.Repeat("/a", MaxTopicLevels-3), invalid},
		{"no slash in front", "ctx/lobby/messages", forbidden},
		{"two slashes in front", "//ctx/lobby/messages", forbidden},
		{"no channel", "/ctx/lobby", forbidden},
		{"an empty channel", "/ctx/lobby/", forbidden},
		{"no owner", "/ctx//messages", forbidden},
		{"an unknown channel", "/ctx/lobby/secrets", forbidden},
		{"something behind a flat channel", "/ctx/lobby/messages/x", forbidden},
		{"a slash behind a flat channel", "/ctx/lobby/messages/", forbidden},
		{"data without a name", "/ctx/lobby/data", forbidden},
		{"data with an empty name", "/ctx/lobby/data/", forbidden},
		{"receipts of nobody", "/ctx/lobby/receipts/", forbidden},
		{"a person's channel in a context", "/ctx/lobby/errors", forbidden},
		{"a context's channel of a person", "/user/ann/messages", forbidden},
		{"another root", "/room/lobby/messages", forbidden},
		{"another case", "/CTX/lobby/messages", forbidden},
		{"the bare $SYS", "$SYS", forbidden},
		{"an empty $SYS", "$SYS/", forbidden},
		{"another dollar", "$share/x//ctx/lobby/messages", forbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, err := ParseTopic(c.topic)
			if KindOrNil(err) != c.want || a != (Address{}) {
				t.Errorf("%q is %+v, %v; want kind %v", clip(c.topic), a, err, c.want)
			}
		})
	}
	deepest := "/ctx/lobby/data" + strings.Repeat("/a", MaxTopicLevels-4)
	if _, err := ParseTopic(deepest); err != nil {
		t.Errorf("%s: %v", deepest, err)
	}
}

func TestFiltersMeanWhatOneMaySee(t *testing.T) {
	t.Parallel()
	all, person, sys := SpaceChannels(), PersonChannels(), Channels(ChannelSys)
	m, e, d, r := Channels(ChannelMessages), Channels(ChannelEvents), Channels(ChannelData), Channels(ChannelReceipts)
	p, own := Channels(ChannelPresence), Channels(ChannelErrors)
	level := all &^ (d | r) // those whose word is a topic by itself
	conv := ConversationChannels()
	for filter, want := range map[string]Filter{
		"/ctx/lobby/messages":   {ScopeSpace, "lobby", false, m, ""},
		"/ctx/lobby/messages/#": {ScopeSpace, "lobby", false, m, ""}, // covers its own parent [MQTT-4.7.1-2]
		"/ctx/lobby/#":          {ScopeSpace, "lobby", false, all, "#"},
		"/ctx/lobby/+":          {ScopeSpace, "lobby", false, level, ""},
		"/ctx/lobby/+/#":        {ScopeSpace, "lobby", false, all, "#"},
		"/ctx/lobby/+/temp":     {ScopeSpace, "lobby", false, d | r | p, "temp"},
		"/ctx/lobby/data/#":     {ScopeSpace, "lobby", false, d, "#"},
		"/ctx/lobby/data/+/x":   {ScopeSpace, "lobby", false, d, "+/x"},
		"/ctx/+/messages":       {ScopeSpace, "", true, m, ""},
		"/ctx/+/events":         {ScopeSpace, "", true, e, ""},
		"/ctx/+/data/#":         {ScopeSpace, "", true, d, "#"},
		"/ctx/+/#":              {ScopeSpace, "", true, all, "#"},
		"/ctx/+/+":              {ScopeSpace, "", true, level, ""},
		"/ctx/#":                {ScopeSpace, "", true, all, "#"},
		"/ctx/lobby/receipts/#": {ScopeSpace, "lobby", false, r, "#"},
		"/ctx/+/receipts/+":     {ScopeSpace, "", true, r, "+"},
		"/user/ann/#":           {ScopePerson, "ann", false, person, "#"},
		"/ctx/lobby/presence":   {ScopeSpace, "lobby", false, p, ""},
		"/ctx/lobby/presence/+": {ScopeSpace, "lobby", false, p, "+"},
		"/ctx/lobby/typing":     {ScopeSpace, "lobby", false, Channels(ChannelTyping), ""},
		"/conv/c1/messages":     {ScopeConversation, "c1", false, m, ""},
		"/conv/+/messages":      {ScopeConversation, "", true, m, ""},
		"/conv/+/+":             {ScopeConversation, "", true, conv &^ r, ""},
		"/conv/#":               {ScopeConversation, "", true, conv, "#"},
		"/user/ann/posts":       {ScopePerson, "ann", false, m, ""},
		"/user/ann/presence":    {ScopePerson, "ann", false, p, ""},
		"/user/+/posts":         {ScopePerson, "", true, m, ""},
		"/user/+/presence":      {ScopePerson, "", true, p, ""},
		"/user/ann/errors":      {ScopePerson, "ann", false, own, ""},
		"/user/ann/sync/#":      {ScopePerson, "ann", false, Channels(ChannelSync), "#"},
		"$SYS/#":                {ScopeServer, "", false, sys, "#"},
		"$SYS/broker/+":         {ScopeServer, "", false, sys, "broker/+"},
	} {
		if got, err := ParseFilter(filter); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", filter, got, err, want)
		}
	}
}

func TestFiltersThatReachTooFarAreRefused(t *testing.T) {
	t.Parallel()
	for _, filter := range []string{
		"#", "/#", "+/#", "+", "/+", "/+/#", "+/lobby/messages", "/+/lobby/messages", "/ctx", "/ctx/", "/ctx/+", "/ctx/lobby",
		"/ctx/lobby/", "/ctx//messages", "/ctx/lobby/data", "/ctx/lobby/data/", "/ctx/lobby/receipts", "/ctx/lobby/receipts/", "/ctx/lobby/+/", "/ctx/lobby/nothing",
		"/ctx/lobby/messages/+", "/ctx/lobby/messages/x", "/user/+/errors", "/user/+/counters", "/user/+/#", "/user/+/+", "/user/#", "/user/ann/presence/x", "/conv/c1/data/#", "/conv/c1/comments", "/ctx/lobby/posts", "/user/+", "/user/ann/messages",
		"$SYS", "$SYS/", "$share/g//ctx/lobby/messages", "$since/1//ctx/lobby/messages", "other", "/other/lobby/#",
	} {
		if f, err := ParseFilter(filter); KindOrNil(err) != KindForbidden {
			t.Errorf("%q is %+v, %v; want it forbidden", filter, f, err)
		}
	}
	for _, filter := range []string{
		"", "/ctx/#/messages", "/ctx/lobby/data/a#", "/ctx/lobby/data/#/b", "/ctx/lo+/messages", "/ctx/++/messages", "##",
		"/ctx/lobby/data/\x00", "/ctx/lobby/data/\xc0\x80", strings.Repeat("/", 33_000), strings.Repeat("a", MaxTopicBytes+1),
	} {
		if f, err := ParseFilter(filter); KindOrNil(err) != KindInvalid {
			t.Errorf("%q is %+v, %v; want it invalid", clip(filter), f, err)
		}
	}
}

// covers is the naive reading of MQTT 5.0 section 4.7: level by level.
func covers(filter, topic []string) bool {
	switch {
	case len(filter) > 0 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	case filter[0] != "+" && filter[0] != topic[0]:
		return false
	case len(topic) == 1 && len(filter) == 2 && filter[1] == "#":
		return true // "sport/#" also matches the singular "sport"
	}
	return covers(filter[1:], topic[1:])
}

func FuzzMatchRest(f *testing.F) {
	for _, s := range [][2]string{
		{"#", "a"}, {"a/#", "a"}, {"a/+", "a/b"}, {"a/+", "a"}, {"+/+", "/"}, {"a//b", "a//b"}, {"a/+/#", "a"}, {"+/#", "a"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, filter, rest string) {
		if strings.ContainsAny(rest, "+#") || !wildcardsWellPlaced(filter) {
			t.Skip("not what the parsers let through")
		}
		if rest == "" { // the channel's word by itself, which is a level less
			return
		}
		want := covers(strings.Split(filter, "/"), strings.Split(rest, "/"))
		if got := MatchRest(filter, rest); got != want {
			t.Fatalf("%q covers %q: %v, want %v", filter, rest, got, want)
		}
	})
}

func FuzzParseTopic(f *testing.F) {
	for _, s := range []string{"/ctx/lobby/messages", "/ctx/a/data/b/c", "/user/ann/sync/x", "/user/ann/errors", "$SYS/a", "/ctx/a/data//", "/ctx/a/receipts", "/ctx/a/receipts/ann", "/ctx/+/x", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		a, err := ParseTopic(topic)
		if err != nil {
			if k := KindOf(err); k != KindInvalid && k != KindForbidden || a != (Address{}) {
				t.Fatalf("%q: %+v, %v", topic, a, err)
			}
			return
		}
		if got := a.Topic(); got != topic {
			t.Fatalf("%q is written as %q", topic, got)
		}
		if again, err := ParseTopic(a.Topic()); err != nil || again != a {
			t.Fatalf("%q: %+v, then %+v, %v", topic, a, again, err)
		}
		if a.Channel == ChannelReceipts && a.Rest == "" {
			return // to publish to only
		}
		// A topic without wildcards is a filter that reaches itself alone.
		flt, err := ParseFilter(topic)
		if err != nil || flt.Kind != a.Kind || flt.Owner != a.Owner || flt.Mine || flt.Channels != Channels(a.Channel) || flt.Rest != a.Rest {
			t.Fatalf("as a filter %q is %+v, %v; want %+v", topic, flt, err, a)
		}
		if a.Channel.Nested() && !MatchRest(flt.Rest, a.Rest) {
			t.Fatalf("%q does not cover itself", topic)
		}
	})
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"/ctx/+/messages", "/ctx/#", "/ctx/a/+/#", "/ctx/a/+/", "/user/ann/#", "$SYS/#", "#", "/#", "+/#", "/ctx/a/data/+/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		flt, err := ParseFilter(filter)
		if err != nil {
			if k := KindOf(err); k != KindInvalid && k != KindForbidden {
				t.Fatalf("%q: %v", filter, err)
			}
			return
		}
		switch {
		case flt.Channels == 0:
			t.Fatalf("%q reaches nothing: %+v", filter, flt)
		case flt.Mine == (flt.Owner != "") && flt.Kind != ScopeServer:
			t.Fatalf("%q has both owners or none: %+v", filter, flt)
		case strings.ContainsAny(flt.Owner, "+#"):
			t.Fatalf("%q has a wildcard for an owner: %+v", filter, flt)
		case flt.Mine && flt.Kind != ScopeSpace:
			t.Fatalf("%q covers people: %+v", filter, flt)
		case flt.Channels&Channels(ChannelData, ChannelSync, ChannelSys, ChannelReceipts) != 0 && flt.Rest == "":
			t.Fatalf("%q says nothing about what lies below: %+v", filter, flt)
		case !strings.HasPrefix(filter, "/ctx/") && !strings.HasPrefix(filter, "/user/") && !strings.HasPrefix(filter, "$SYS/"):
			t.Fatalf("%q is of no grammar: %+v", filter, flt)
		}
	})
}
