package social

import (
	"slices"
	"testing"
)

func TestAnAddressCoversWhatLiesBelowItAndNoNeighbour(t *testing.T) {
	t.Parallel()
	store := smallTown()
	for i, url := range []string{
		"https://x.org/a", "https://x.org/a/b", "https://x.org/a?q", "https://x.org/a#f", "https://x.org/ab", "https://x.org/a-b",
		"https://x.org/a/b/c", "https://x.org/", "https://x.org",
	} {
		store.putSpace(Space{Key: SpaceKey(100 + i), ID: url[8:], URL: url, Owner: alice, Policies: Presets()["open"]})
	}
	store.putSpace(Space{Key: 200, ID: "closed", URL: "https://x.org/a/closed", Owner: alice, Policies: Presets()["closed"]})
	store.putSpace(Space{Key: 201, ID: "gone", URL: "https://x.org/a/gone", Owner: alice, Policies: Presets()["open"], Deleted: true})
	d := loaded(t, store, atNoon)
	under := func(p PersonKey, url string) []string {
		out := []string{}
		for _, s := range d.UnderURL(as(p), url) {
			out = append(out, s.Space.ID)
		}
		slices.Sort(out)
		return out
	}
	for url, want := range map[string][]string{
		"https://x.org/a":   {"x.org/a", "x.org/a#f", "x.org/a/b", "x.org/a/b/c", "x.org/a?q"},
		"https://x.org/a/b": {"x.org/a/b", "x.org/a/b/c"},
		"https://x.org/a/":  {"x.org/a/b", "x.org/a/b/c"},
		"https://x.org/zz":  {},
		"":                  {},
	} {
		if got := under(carol, url); !slices.Equal(got, want) {
			t.Errorf("below %q: %q, want %q", url, got, want)
		}
	}
	if got := under(alice, "https://x.org/a/"); !slices.Contains(got, "closed") || slices.Contains(got, "gone") {
		t.Errorf("the owner finds %q", got)
	}
	if got := under(carol, "https://x.org"); len(got) != 9 {
		t.Errorf("below all: %q", got)
	}
	// A change of an address is followed.
	store.putSpace(Space{Key: 104, ID: "x.org/ab", URL: "https://x.org/a/moved", Owner: alice, Policies: Presets()["open"]})
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := under(carol, "https://x.org/a"); !slices.Contains(got, "x.org/ab") {
		t.Errorf("after the change: %q", got)
	}
}

func TestASentenceIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for text, hours := range map[string]float64{"24h": 24, "7d": 168, "1d12h": 36, "90m": 1.5, "1d30m": 24.5} {
		if d, err := ParseSentence("duration", text); err != nil || d.Hours() != hours {
			t.Errorf("%s is %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "0s", "-1h", "+1h", "1d-1h", "d", "1.5d", "1w", "36501d", "h", "1d1d"} {
		if d, err := ParseSentence("duration", text); KindOrNil(err) != KindInvalid {
			t.Errorf("%q is %v, %v", text, d, err)
		}
	}
}
