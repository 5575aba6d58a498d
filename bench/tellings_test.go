package bench

import (
	"testing"
	"time"
)

func TestTellingsTellWhoWasNotToldAndWhoTwice(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_700_000_000, 0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	push := func(token, stream string, seq uint64, ms int) taking {
		return taking{Token: token, Kind: "message", Stream: stream, Seq: seq, At: at(ms)}
	}
	for name, row := range map[string]struct {
		takings   []taking
		mark      time.Time
		behind    int
		want      verdict // without latency
		p50, most time.Duration
	}{
		"all once": {
			takings: []taking{push("a", "x", 2, 500), push("b", "x", 2, 600), push("a", "y", 1, 700)},
			want:    verdict{accepted: 3, most: 1, first: at(500), end: at(700)}, p50: 600 * time.Millisecond, most: 700 * time.Millisecond,
		},
		"an older post is not the newest": {
			takings: []taking{push("a", "x", 1, 500), push("b", "x", 2, 600), push("a", "y", 1, 700)},
			behind:  1,
			want:    verdict{accepted: 3, lost: 1, most: 1, first: at(500), end: at(700)}, p50: 600 * time.Millisecond, most: 700 * time.Millisecond,
		},
		"nobody": {behind: 3, want: verdict{lost: 3}},
		"again, and what nobody was to be told": {
			takings: []taking{push("a", "x", 2, 500), push("a", "x", 2, 550), push("b", "x", 2, 600), push("b", "y", 1, 650), push("a", "y", 1, 700), push("a", "y", 3, 750)},
			want:    verdict{accepted: 6, repeated: 1, uninvited: 2, most: 2, first: at(500), end: at(700)}, p50: 600 * time.Millisecond, most: 700 * time.Millisecond,
		},
		"after the mark": {
			takings: []taking{push("a", "x", 1, 500), push("a", "x", 2, 600), push("b", "x", 2, 650), push("a", "y", 1, 700)},
			mark:    at(560),
			want:    verdict{accepted: 4, most: 1, first: at(600), end: at(700)}, p50: 600 * time.Millisecond, most: 700 * time.Millisecond,
		},
		"what is cleared away tells nobody": {
			takings: []taking{{Token: "a", Kind: "clear", Stream: "x", Seq: 2, At: at(500)}, push("b", "x", 2, 600), push("a", "y", 1, 700)},
			behind:  1,
			want:    verdict{accepted: 2, lost: 1, most: 1, first: at(600), end: at(700)}, p50: 600 * time.Millisecond, most: 700 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTellings()
			s.follow("x", []string{"a", "b"})
			s.follow("y", []string{"a"})
			early := len(row.takings) / 2
			s.take(row.takings[:early])
			for _, p := range []posted{{"x", 1, begin}, {"x", 2, begin}, {"y", 1, begin}} {
				s.post(p.stream, p.seq, p.published)
			}
			s.end()
			s.take(row.takings[early:])
			if s.behind != row.behind {
				t.Errorf("%d are behind, want %d", s.behind, row.behind)
			}
			v := s.judge(row.mark)
			p50, most := v.latency.quantile(0.5), time.Duration(v.latency.most)
			if p50.Round(10*time.Millisecond) != row.p50 || most != row.most {
				t.Errorf("within %s, and %s at most", p50, most)
			}
			if v.latency = (histogram{}); v != row.want {
				t.Errorf("%+v, want %+v", v, row.want)
			}
		})
	}
}

func TestPushNeedsAsManyContextsAsItsPeopleAreMembersOf(t *testing.T) {
	t.Parallel()
	base := Options{User: "admin", Providers: "http://127.0.0.1:1", Subscribers: 60, Members: 20, MemberOf: 4, Rate: 100, Runs: 3}
	o, err := base.forPush()
	if err != nil || o.Contexts != 36 || o.MemberOf != 4 {
		t.Fatalf("%d contexts, member of %d: %v", o.Contexts, o.MemberOf, err)
	}
	for i, people := range membersOf(o.Subscribers, o.Contexts, o.MemberOf*o.Runs) {
		if len(people) != 20 {
			t.Errorf("context %d has %d members", i, len(people))
		}
	}
	for name, change := range map[string]func(*Options){
		"more than devices are told of at once": func(o *Options) { o.MemberOf, o.Rate = 30, 1_000_000 },
		"no providers":                          func(o *Options) { o.Providers = "" },
		"a server that cannot be killed":        func(o *Options) { o.Kill = true },
		"less than no rate":                     func(o *Options) { o.Rate = -1 },
	} {
		o := base
		change(&o)
		if _, err := o.forPush(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
