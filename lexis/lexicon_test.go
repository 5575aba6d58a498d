package lexis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"rambla/social"
)

func lexicon(t testing.TB, language string) *Lexicon {
	t.Helper()
	l, err := New(language)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWordsAreFoldedAlikeHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ language, text, want string }{
		{Simple, "The EXAM, today!", "the exam today"},
		{Simple, "Crème BRÛLÉE cre\u0301me", "creme brulee creme"},
		{Simple, "Straße STRASSE Łódź København", "strasse strasse lodz kobenhavn"},
		{Simple, "col·lecció l'àlgebra x-ray", "col leccio l algebra x ray"},
		{Simple, "考试 2026 ½ ①", "考 试 2026"},
		{Simple, "İstanbul ΟΔΟΣ οδος", "istanbul οδοσ οδοσ"},
		{Simple, "snake_case a'b\x00c", "snake case a b c"},
		{Simple, "\u0301\u0301 '' -- \xff", ""},
		{"english", "exams running Runner", "exam run runner"},
		{"spanish", "canciones cancion", "cancion cancion"},
	} {
		if got := strings.Join(lexicon(t, c.language).Words(c.text), " "); got != c.want {
			t.Errorf("%q in %s: %q, wanted %q", c.text, c.language, got, c.want)
		}
	}
	for _, language := range Languages() {
		lexicon(t, language).Words("words")
	}
	if _, err := New("klingon"); err == nil {
		t.Error("a language that is none was taken")
	}
	if got := lexicon(t, Simple).Words(strings.Repeat("é", 100)); len(got) != 1 || len(got[0]) > maxWord {
		t.Errorf("a long word became %q", got)
	}
}

// shown writes terms down.
func shown(t social.SearchTerms) string {
	var out []string
	for _, x := range t.Terms {
		s := strings.Join(x.Words, "+")
		if x.Prefix {
			s += "*"
		}
		if x.Not {
			s = "!" + s
		}
		out = append(out, s)
	}
	for _, tag := range t.Tags {
		out = append(out, "#"+tag)
	}
	return strings.Join(out, " ")
}

func TestAQueryHasFewSignsAndTheRestIsText(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"exam today":                  "exam today",
		`"final exam" today`:          "final+exam today",
		`-monday -"final exam"`:       "!monday !final+exam",
		"ex* a* x-r*":                 "ex* a x+r",
		`"final ex"*`:                 "final+ex*",
		"#exam #ab #Àlgebra_2 -#exam": "ab !exam #exam #algebra_2",
		`"unclosed words`:             "unclosed+words",
		`a"b"c`:                       "a b c",
		"NEAR(a b, 3) a:b ^x {y}":     "near+a b 3 a+b x y",
		"- -- --x \" \"\"":            "x",
		"( ) * & | ! <-> '":           "",
		"exam.* *exam":                "exam exam",
		"don't":                       "don+t",
	} {
		got, err := lexicon(t, Simple).Parse(query)
		if err != nil || shown(got) != want {
			t.Errorf("%s: %q, %v; wanted %q", query, shown(got), err, want)
		}
	}
	for _, query := range []string{strings.Repeat("a", 1001), "a\x00b", "\xff", strings.Repeat("a ", 17), strings.Repeat("(", 100_000), `"` + strings.Repeat("a ", 33) + `"`} {
		if got, err := lexicon(t, Simple).Parse(query); social.KindOf(err) != social.KindInvalid {
			t.Errorf("%.40q: %q, %v", query, shown(got), err)
		}
	}
}

func TestAMatchSaysWhere(t *testing.T) {
	t.Parallel()
	l := lexicon(t, "english")
	for _, c := range []struct{ query, text, want string }{
		{"exam", "Exams and EXAM", "Exams EXAM"},
		{`"final exam"`, "exam final, final exams", "final exams"},
		{"fin*", "the finally final", "finally final"},
		{"exam -final", "an exam", "exam"},
		{"exam -final", "a final exam", "-"},
		{"exam lecture", "an exam", "-"},
		{"creme", "Crème", "Crème"},
		{"", "anything", ""},
	} {
		terms, err := l.Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		spans, all := l.Match(terms.Terms, c.text)
		var found []string
		for _, s := range spans {
			found = append(found, c.text[s.From:s.To])
		}
		got := strings.Join(found, " ")
		if !all {
			got = "-"
		}
		if got != c.want {
			t.Errorf("%s in %q: %q, wanted %q", c.query, c.text, got, c.want)
		}
	}
}

func TestTagsAreFoldedAndNothingElseIsOne(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{"#Exam": "exam", "Àlgebra_2": "algebra_2", "__x": "__x", "a b": "", "a'b": "", "": "", "#": "", "a-b": ""} {
		if got := lexicon(t, "english").Tag(tag); got != want {
			t.Errorf("%q: %q, wanted %q", tag, got, want)
		}
	}
}

// What reaches the stores is of letters and digits, whatever is typed, and a text is
// found by its own words.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`"final exam" -x y* #tag`, "NEAR(a b)", `'; DROP TABLE posts; --`, "\\' <-> !a:*", "İ½ﷺ\u0345", "-\"a\"*"} {
		f.Add(s)
	}
	l := lexicon(f, "english")
	clean := func(words []string, also string) error {
		for _, w := range words {
			if w == "" || len(w) > 2*maxWord || !utf8.ValidString(w) || strings.ContainsFunc(w, func(r rune) bool {
				return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(also, r)
			}) {
				return fmt.Errorf("%q is no word", w)
			}
		}
		return nil
	}
	f.Fuzz(func(t *testing.T, query string) {
		words := l.Words(query)
		if err := clean(words, ""); err != nil {
			t.Fatal(err)
		}
		terms, err := l.Parse(query)
		if err != nil {
			return
		}
		for _, x := range terms.Terms {
			if len(x.Words) == 0 {
				t.Fatal("a term without words")
			}
			if err := clean(x.Words, ""); err != nil {
				t.Fatal(err)
			}
		}
		for _, tag := range terms.Tags {
			if len(tag) > 1000 || strings.ContainsFunc(tag, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }) {
				t.Fatalf("%q is no tag", tag)
			}
		}
		spans, all := l.Match([]social.SearchTerm{{Words: words}}, query)
		if len(words) > 0 && (!all || len(spans) == 0) {
			t.Fatalf("%q is not found in itself", query)
		}
		if !slices.IsSortedFunc(spans, func(a, b social.Span) int { return a.From - b.From }) {
			t.Fatal("spans are out of order")
		}
	})
}
