package phrase

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func book(t testing.TB, changes Texts, fallback string) *Book {
	t.Helper()
	b, err := New(changes, fallback)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestALineSaysHowManyAndWhere(t *testing.T) {
	t.Parallel()
	b := book(t, nil, "")
	maths := Occasion{Where: "Applied maths III", Count: 5, Who: "Ann", Text: "the secret"}
	with := func(o Occasion, change func(*Occasion)) Occasion { change(&o); return o }
	for _, c := range []struct {
		language    string
		o           Occasion
		title, body string
	}{
		{"en", maths, "Applied maths III", "5 new messages in Applied maths III"},
		{"en-GB", with(maths, func(o *Occasion) { o.Count = 1 }), "Applied maths III", "New message in Applied maths III"},
		{"en", with(maths, func(o *Occasion) { o.Count = 0 }), "Applied maths III", "New message in Applied maths III"},
		{"es", maths, "Applied maths III", "5 mensajes nuevos en Applied maths III"},
		{"es_AR", with(maths, func(o *Occasion) { o.Count = 1 }), "Applied maths III", "Mensaje nuevo en Applied maths III"},
		{"ca", maths, "Applied maths III", "5 missatges nous a Applied maths III"},
		{"ca-ES-valencia", with(maths, func(o *Occasion) { o.Count = 1 }), "Applied maths III", "Missatge nou a Applied maths III"},
		{"en", Occasion{Direct: true, Where: "Bob", Count: 3}, "Bob", "3 new messages from Bob"},
		{"es", Occasion{Direct: true, Where: "Bob", Count: 1, About: Mention}, "Bob", "Mensaje nuevo de Bob"},
		{"ca", Occasion{Direct: true, Where: "Anna", Count: 3}, "Anna", "Anna: 3 missatges nous"},
		{"en", Occasion{Count: 2}, "Conversation", "2 new messages in a conversation"},
		{"ca", Occasion{Count: 2, Where: " \u202e\n"}, "Conversa", "2 missatges nous a una conversa"},
		{"en", Occasion{About: Comment, Where: "Lobby", Count: 1}, "Lobby", "New comment in Lobby"},
		{"es", Occasion{About: Comment, Where: "Lobby", Count: 7}, "Lobby", "7 comentarios nuevos en Lobby"},
		{"en", Occasion{About: Answer, Where: "Lobby", Count: 2}, "Lobby", "You were answered in Lobby (2 new)"},
		{"ca", Occasion{About: Mention, Where: "Lobby", Count: 1}, "Lobby", "T’han mencionat a Lobby"},
		{"es", Occasion{About: Added, Where: "Lobby", Count: 1}, "Lobby", "Te han añadido a Lobby"},
		{"en", Occasion{About: Notification, Where: "Rambla", Count: 2}, "Rambla", "2 new notifications"},
		{"tlh", maths, "Applied maths III", "5 new messages in Applied maths III"},
		{"", maths, "Applied maths III", "5 new messages in Applied maths III"},
		// What people wrote is not read as a text.
		{"en", Occasion{Where: "{n} {who}\n**x**", Who: "y", Count: 2}, "{n} {who} **x**", "2 new messages in {n} {who} **x**"},
	} {
		if title, body := b.Line(c.o, c.language); title != c.title || body != c.body {
			t.Errorf("%s %+v: %q, %q, want %q, %q", c.language, c.o, title, body, c.title, c.body)
		}
	}
}

func TestAPreviewSaysWhoWroteWhat(t *testing.T) {
	t.Parallel()
	b := book(t, nil, "")
	for _, c := range []struct {
		o           Occasion
		title, body string
	}{
		{Occasion{Where: "Lobby", Count: 1, Who: "Ann", Text: "see you\n at   eight"}, "Lobby", "Ann: see you at eight"},
		{Occasion{Where: "Lobby", Count: 4, Who: "Ann", Text: "hi"}, "Lobby (4)", "Ann: hi"},
		{Occasion{Where: "Ann", Direct: true, Count: 2, Who: "Ann", Text: "hi"}, "Ann (2)", "hi"},
		{Occasion{Where: "Lobby", About: Mention, Count: 1, Who: "Ann", Text: "hi @bob"}, "Lobby", "Ann: hi @bob"},
		{Occasion{Where: "Lobby", Count: 1, Who: "Ann", Text: " \n"}, "Lobby", "New message in Lobby"},
		{Occasion{Where: "Lobby", About: Added, Count: 1, Who: "Ann", Text: "?"}, "Lobby", "You were added to Lobby"},
		{Occasion{Where: "Lobby", Count: 1, Who: "{text}", Text: "{who}"}, "Lobby", "{text}: {who}"},
		{Occasion{Where: "Lobby", Count: 1, Who: "Ann\u202e", Text: "a\u202eb\x00c\u2066d"}, "Lobby", "Ann: abcd"},
		{Occasion{Where: "Lobby", Count: 1, Who: "Ann", Text: "a\xffb"}, "Lobby", "Ann: a\ufffdb"},
	} {
		if title, body := b.Preview(c.o, "en"); title != c.title || body != c.body {
			t.Errorf("%+v: %q, %q, want %q, %q", c.o, title, body, c.title, c.body)
		}
	}
	long := Occasion{Where: strings.Repeat("w", 500), Who: strings.Repeat("y", 500), Text: strings.Repeat("ñ", 16<<10), Count: 9999}
	for _, f := range []func(Occasion, ...string) (string, string){b.Line, b.Preview} {
		title, body := f(long, "es")
		if utf8.RuneCountInString(title) > 64 || utf8.RuneCountInString(body) > 128 || !utf8.ValidString(title+body) {
			t.Errorf("%d and %d characters: %q, %q", utf8.RuneCountInString(title), utf8.RuneCountInString(body), title, body)
		}
	}
	if _, body := b.Preview(long, "es"); utf8.RuneCountInString(body) != 128 || !strings.HasSuffix(body, "ñ…") {
		t.Errorf("the body is %q", body)
	}
}

func TestNothingIsCutInTheMiddleOfACharacter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, s string
		most    int
		want    string
	}{
		{"short", "abc", 3, "abc"},
		{"long", "abcd", 3, "ab…"},
		{"blanks go", "a, bcd", 4, "a…"},
		{"a mark", "abe\u0301f", 4, "ab…"},
		{"many marks", "abe\u0301\u0302\u0303\u0304f", 5, "ab…"},
		{"a family", "a👨‍👩‍👧‍👦b", 5, "a…"},
		{"a skin", "ab👍🏽c", 4, "ab…"},
		{"flags", "🇪🇸🇫🇷🇮🇹", 4, "🇪🇸…"},
		{"a flag of a region", "a🏴\U000e0065\U000e0073\U000e0063\U000e0074\U000e007fb", 5, "a…"},
		{"a keycap", "ab1\ufe0f\u20e3c", 4, "ab…"},
		{"letters of Korea", "가\u1100\u1161\u11a8나", 4, "가…"},
		{"one that is longer by itself", "e" + strings.Repeat("\u0301", 10), 4, "e\u0301\u0301…"},
	} {
		got := cut(c.s, c.most)
		if got != c.want || utf8.RuneCountInString(got) > c.most {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAnOperatorMayChangeTextsAndAddLanguages(t *testing.T) {
	t.Parallel()
	b := book(t, Texts{
		"ES":    {"message.other": "¡{n} en {where}!"},
		"pl":    {"message.one": "Nowa wiadomość: {where}", "message.few": "{n} wiadomości: {where}", "message.many": "{n} wiadomości (wielu): {where}"},
		"pt-BR": {"title": "Mensagens", "preview.body": "{text} ({who})"},
	}, "ca-ES")
	for _, c := range []struct {
		n         int
		languages []string
		body      string
	}{
		{5, []string{"es"}, "¡5 en X!"},
		{1, []string{"es"}, "Mensaje nuevo en X"},
		{1, []string{"pl"}, "Nowa wiadomość: X"},
		{3, []string{"pl-PL"}, "3 wiadomości: X"},
		{12, []string{"pl"}, "12 wiadomości (wielu): X"},
		{22, []string{"pl"}, "22 wiadomości: X"},
		{2, []string{"fr"}, "2 missatges nous a X"},
		{2, nil, "2 missatges nous a X"},
		{2, []string{"fr", "en"}, "2 new messages in X"},
		{2, []string{"pt-BR", "es"}, "¡2 en X!"}, // the first of the languages that has the text
	} {
		if _, body := b.Line(Occasion{Where: "X", Count: c.n}, c.languages...); body != c.body {
			t.Errorf("%d, %v: %q, want %q", c.n, c.languages, body, c.body)
		}
	}
	if title, body := b.Preview(Occasion{Where: "X", Who: "Ann", Text: "oi", Count: 1}, "pt-br"); title != "X" || body != "oi (Ann)" {
		t.Errorf("%q, %q", title, body)
	}
	for what, changes := range map[string]Texts{
		"no language tag":            {"not a tag": {}},
		"there is no such text":      {"es": {"massage.one": "x"}},
		"is not one line":            {"es": {"title": "a\nb"}},
		"of 1 to 200":                {"es": {"title": ""}},
		"is not one line of 1":       {"es": {"title": strings.Repeat("x", 201)}},
		"{text} stands for nothing":  {"es": {"message.one": "{text}"}},
		"{what} stands for nothing":  {"es": {"message.one": "{what}"}},
		"es: message.one: {x} stand": {"es": {"message.one": "{x}"}},
		"there is no such text; the": {"es": {"title.one": "x"}},
	} {
		if _, err := New(changes, ""); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v: %v, want %q", changes, err, what)
		}
	}
	if _, err := New(nil, "tlh"); err == nil {
		t.Error("a language without texts may be the one of all others")
	}
}

// Each language has the texts of English, but for those without words of their own.
func TestEachLanguageHasEveryText(t *testing.T) {
	t.Parallel()
	b := book(t, nil, "")
	if len(b.languages) < 3 {
		t.Fatalf("there are %d languages", len(b.languages))
	}
	for tag, texts := range b.languages {
		for name, text := range b.languages[lastResort] {
			if _, ok := texts[name]; !ok && strings.ContainsFunc(placeholder.ReplaceAllString(text, ""), func(r rune) bool { return r > '@' }) {
				t.Errorf("%s lacks %s", tag, name)
			}
		}
		if err := (&Book{languages: b.languages}).change(tag, maps.Clone(texts)); err != nil {
			t.Error(err)
		}
	}
}

func TestPluralsFollowTheirLanguage(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"en": "one other other other other other", "ja": "other other other other other other", "ru": "one few many many one many",
		"pl": "one few many many many many", "cs-cz": "one few other other other other",
	} {
		var got []string
		for _, n := range []int{1, 2, 5, 12, 21, 111} {
			got = append(got, form(tag, n))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", tag, got, want)
		}
	}
	for _, tag := range []string{"en", "ru", "pl", "cs", "ja"} {
		for n := range 200 {
			if f := form(tag, n+1); !slices.Contains(forms(), f) {
				t.Errorf("%s: %q", tag, f)
			}
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("a👨‍👩‍👧‍👦b e\u0301", 5)
	f.Add("\xff\u200d\u200d🇪🇸", 2)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 2 + (most&0xff)%130
		s = tidy(s)
		got := cut(s, most)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > most {
			t.Errorf("cut(%q, %d) is %q", s, most, got)
		}
		if head, isCut := strings.CutSuffix(got, ellipsis); got != s && (!isCut || !strings.HasPrefix(s, head)) {
			t.Errorf("cut(%q, %d) is %q", s, most, got)
		}
		if _, err := json.Marshal(got); err != nil {
			t.Error(err)
		}
	})
}
