package social

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// crowd has, beside the people of smallTown, names of every shape.
func crowd(t testing.TB) *Directory {
	t.Helper()
	store := smallTown()
	for i, name := range []string{"ann.lee", "ann", "x_y-z", "ada@uni.edu", "9", "dots.", strings.Repeat("n", 64)} {
		store.putPerson(Person{Key: PersonKey(100 + i), Name: name})
	}
	store.putPerson(Person{Key: 200, Name: "rob", DisplayName: "Rob", Aliases: []string{"robbie"}})
	store.putPerson(Person{Key: 201, Name: "ghost", Roles: RoleHidden})
	store.putPerson(Person{Key: 202, Name: "gone", Removed: true})
	store.putPerson(Person{Key: 203, Name: "away", Suspended: true})
	return loaded(t, store, atNoon)
}

func TestMentionsAreThePeopleNamedAfterAnAt(t *testing.T) {
	t.Parallel()
	d := crowd(t)
	for _, c := range []struct{ name, content, want string }{
		{"none", "hello bob", ""},
		{"one", "@bob", "bob"},
		{"several, each once, in their order", "@bob and @alice, @bob", "bob alice"},
		{"in any case of letters", "@BOB", "bob"},
		{"before punctuation", "(@bob), \"@alice\"; @carol! @rob?", "bob alice carol rob"},
		{"before a full stop", "ask @bob.", "bob"},
		{"before ...", "ask @bob...", "bob"},
		{"a genitive", "@bob's and @alice’s", "bob alice"},
		{"behind marks", ".@bob _@alice_ **@carol**", "bob alice carol"},
		{"the longest name", "@ann.lee @ann.leeds @ann", "ann.lee ann"},
		{"a name that ends in a stop", "@dots. @dots", "dots."},
		{"a name with an at", "@ada@uni.edu!", "ada@uni.edu"},
		{"all that a name may hold", "@x_y-z @9", "x_y-z 9"},
		{"the longest of names", "@" + strings.Repeat("n", 64), strings.Repeat("n", 64)},
		{"longer than names are", "@" + strings.Repeat("n", 65), ""},
		{"a longer word", "@bobby @bob1 @bobé @bob\u0301", ""},
		{"an address of mail", "bob@bob ann.lee@ann j_@bob é@bob 1@bob @bob@example.org", ""},
		{"an address of the web", "https://x.org/@bob https://x.org/a@bob", ""},
		{"two at once", "@@bob @bob@alice @bob@ @alice", "bob alice"},
		{"lines", "@bob\n@alice\t@carol", "bob alice carol"},
		{"an alias", "@robbie @rob", "rob"},
		{"who is hidden or gone", "@ghost @gone @nobody", ""},
		{"who is suspended", "@away", "away"},
		{"me is nobody", "@me", ""},
		{"alone", "@ @. @@ a@", ""},
		{"backticks in plain text", "`@bob`", "bob"},
		{"what is no UTF-8", "\xff@bob\xff@alice", "bob alice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := mentioned(d, &Post{Content: c.content}); got != c.want {
				t.Errorf("%q mentions %q, want %q", c.content, got, c.want)
			}
		})
	}
}

func TestCodeInMarkdownMentionsNobody(t *testing.T) {
	t.Parallel()
	d := crowd(t)
	for _, c := range []struct{ name, content, want string }{
		{"in a line", "`@bob` @alice `@carol`", "alice"},
		{"with more backticks", "``@bob ` @ann`` @alice", "alice"},
		{"a backtick without another", "`@bob @alice", "bob alice"},
		{"another number of them", "`@bob``", "bob"},
		{"not over paragraphs", "`@bob\n\n@alice`", "bob alice"},
		{"an escaped one", "\\`@bob`", "bob"},
		{"a block", "@bob\n```java\n@alice\n\n@carol\n```\n@ann", "bob ann"},
		{"a longer end of a block", "```\n@bob\n`````\n@alice", "alice"},
		{"a block without an end", "@bob\n  ````\n@alice\n```\n@carol", "bob"},
		{"three in a line", "a ```@bob``` ```@alice", "alice"},
		{"code at the end", "@bob `x`", "bob"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := mentioned(d, &Post{Content: c.content, Markdown: true}); got != c.want {
				t.Errorf("%q mentions %q, want %q", c.content, got, c.want)
			}
		})
	}
}

func mentioned(d *Directory, p *Post) string {
	var names []string
	for _, key := range d.Mentions(p) {
		names = append(names, d.AnyPerson(key).Name)
	}
	return strings.Join(names, " ")
}

func TestAPostMentionsSoManyPeopleAndNoMore(t *testing.T) {
	t.Parallel()
	store := smallTown()
	var content strings.Builder
	for i := range 2 * maxMentions {
		store.putPerson(Person{Key: PersonKey(1000 + i), Name: fmt.Sprintf("p%d", i)})
		fmt.Fprintf(&content, "@p%d @p%d ", i, i/2)
	}
	d := loaded(t, store, atNoon)
	if got := len(d.Mentions(&Post{Content: content.String()})); got != maxMentions {
		t.Errorf("%d people are mentioned, want %d", got, maxMentions)
	}
}

func TestTagsFollowContentAndNames(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := loaded(t, store, atNoon)
	tags := func(p Post) string {
		t.Helper()
		p.Type, p.Author, p.Published = TypeCreate, alice, noon
		var out struct {
			Object struct{ Tag json.RawMessage }
		}
		if err := json.Unmarshal(d.RenderPost(nil, d.SpaceByKey(lobby), &p), &out); err != nil {
			t.Fatal(err)
		}
		return string(out.Object.Tag)
	}
	if got, want := tags(Post{Content: "@bob, @carol"}), `[{"type":"Mention","id":"bob","name":"@bob"},{"type":"Mention","id":"carol","name":"@carol"}]`; got != want {
		t.Errorf("tags are %s, want %s", got, want)
	}
	if got := tags(Post{Content: "nobody", Updated: noon}); got != "[]" {
		t.Errorf("after an edit that names nobody: %s", got)
	}
	if got := tags(Post{Content: "@bob", Removed: noon}); got != "" {
		t.Errorf("of a removed post: %s", got)
	}
	store.putPerson(Person{Key: bob, Name: "rob", Aliases: []string{"bob"}})
	if err := d.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := tags(Post{Content: "@bob"}), `[{"type":"Mention","id":"rob","name":"@rob"}]`; got != want {
		t.Errorf("after a change of name: %s, want %s", got, want)
	}
}

func TestMarkdownPostsCarryHTML(t *testing.T) {
	t.Parallel()
	store := smallTown()
	d := NewDirectory(store, quiet(), atNoon)
	d.SetMarkup(func(s string) string { return "<p>" + s + "</p>" })
	if err := d.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		post Post
		want string
	}{
		{"Markdown", Post{Content: "a", Markdown: true}, `"content":"a","mediaType":"text/markdown","html":"\u003cp\u003ea\u003c/p\u003e",`},
		{"plain text", Post{Content: "a"}, `"content":"a","attachment"`},
		{"removed", Post{Markdown: true, Removed: noon}, `"type":"Tombstone"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.post.Type, c.post.Author, c.post.Published = TypeCreate, alice, noon
			got := string(d.RenderPost(nil, d.SpaceByKey(lobby), &c.post))
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s in it", got, c.want)
			}
			if has := strings.Contains(got, `"html"`); has != (c.name == "Markdown") {
				t.Errorf("has html: %t", has)
			}
		})
	}
}

func FuzzMentionsAreInTheText(f *testing.F) {
	for _, s := range []string{"@bob", "a@bob", "`@bob`", "```\n@bob", "@ann.lee.@rob@ada@uni.edu", "\\`@9`", "@BOB\xff@robert"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	d := crowd(f)
	f.Fuzz(func(t *testing.T, content string, markdown bool) {
		found := d.Mentions(&Post{Content: content, Markdown: markdown})
		if len(found) > maxMentions {
			t.Fatalf("%d people are mentioned", len(found))
		}
		low := strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r + 'a' - 'A'
			}
			return r
		}, content)
		plain := d.Mentions(&Post{Content: content})
		for i, key := range found {
			p := d.AnyPerson(key)
			named := slices.ContainsFunc(append(p.Aliases, p.Name), func(name string) bool { return strings.Contains(low, "@"+name) })
			if !named || p.Roles.Has(RoleHidden) || p.Removed || slices.Contains(found[:i], key) {
				t.Fatalf("%q mentions %q", content, p.Name)
			}
			if !slices.Contains(plain, key) && len(plain) < maxMentions {
				t.Fatalf("%q mentions %q in Markdown only", content, p.Name)
			}
		}
	})
}

func BenchmarkMentions(b *testing.B) {
	d := crowd(b)
	space := d.SpaceByKey(lobby)
	for name, content := range map[string]string{
		"none":    strings.Repeat("hello, wörld\n", 20),
		"one":     "@bob: " + strings.Repeat("hello, wörld\n", 20),
		"address": "bob@example.org: " + strings.Repeat("hello, wörld\n", 20),
		"longest": strings.Repeat("@a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a ", MaxContent/66),
		"ats":     strings.Repeat("@ ", MaxContent/2),
	} {
		p := Post{Type: TypeCreate, Author: alice, Content: content, Published: noon, Markdown: true}
		buf := make([]byte, 0, 2*MaxContent)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				buf = d.RenderPost(buf[:0], space, &p)
			}
		})
	}
}
