package social

import (
	"strings"
	"testing"
	"time"
)

func TestHashtagsAreTheWordsBehindASign(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, content, want string }{
		{"none", "hello", ""},
		{"one", "the #exam is near", "exam"},
		{"at the end and before marks", "(#exam), \"#notes\"; #maths_3!", "exam notes maths_3"},
		{"each once, in any case of letters, as it is first written", "#Exam #EXAM #exam", "Exam"},
		{"of any script", "#экзамен #考试日 #àlgebra", "экзамен 考试日 àlgebra"},
		{"of three characters at least", "#ab #abc #é́é", "abc é́é"},
		{"not in a word or behind another sign", "a#exam ##exam &#1234; /#exam", ""},
		{"not in addresses", "https://uni.example/a?b=#exam see (http://x.example/(#exam) www.x.example,#exam", ""},
		{"not in code", "`#exam` and ```\n#exam\n``` but #this", "this"},
		{"not where a link leads, nor behind a backslash", `[up](#exam) \#exam #this`, "this"},
		{"a heading has none", "# exam", ""},
		{"not too long", "#" + strings.Repeat("x", 101), ""},
	} {
		got := strings.Join((&Post{Content: c.content, Markdown: true}).Hashtags(), " ")
		if got != c.want {
			t.Errorf("%s: %q, wanted %q", c.name, got, c.want)
		}
	}
	if got := (&Post{Content: "`#exam`"}).Hashtags(); len(got) != 1 {
		t.Errorf("plain text has no code, and %v", got)
	}
	if got := (&Post{Content: "#exam", Removed: time.Unix(1, 0)}).Hashtags(); got != nil {
		t.Errorf("a removed post has %v", got)
	}
	if got := (&Post{Content: strings.Repeat("#x", 3) + strings.Repeat(" #abc", 3)}).Hashtags(); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestTagsStandBesideMentions(t *testing.T) {
	t.Parallel()
	d := crowd(t)
	space := &Space{ID: "lobby"}
	got := string(d.RenderPost(nil, space, &Post{Type: TypeCreate, Author: alice, Content: "@bob #Exam <#b_2>"}))
	want := `"tag":[{"type":"Mention","id":"bob","name":"@bob"},{"type":"Hashtag","name":"#Exam"},{"type":"Hashtag","name":"#b_2"}]`
	if !strings.Contains(got, want) {
		t.Errorf("%s lacks %s", got, want)
	}
}
