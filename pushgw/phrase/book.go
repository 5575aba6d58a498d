package phrase

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:embed texts
var builtIn embed.FS

// Texts are texts by language tag and name, as in the files of the folder texts.
type Texts map[string]map[string]string

// Book has the texts of all languages.
type Book struct {
	languages map[string]map[string]string // by tag in lower case
	fallback  []string                     // tags, the last one has every text
}

const (
	// lastResort has every text.
	lastResort = "en"
	// maxTemplate bounds a text, in characters.
	maxTemplate = 200
)

var (
	languageTag = regexp.MustCompile(`^[a-z]{2,8}(-[a-z0-9]{1,8})*$`)
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
)

// New makes a book of the built-in texts and of changes, which win. fallback is the
// language of who said none, or one that there are no texts in; empty: English.
// The error says which text is wrong.
func New(changes Texts, fallback string) (*Book, error) {
	b := &Book{languages: map[string]map[string]string{}}
	files, err := builtIn.ReadDir("texts")
	if err != nil {
		return nil, fmt.Errorf("read the texts: %w", err)
	}
	for _, f := range files {
		body, err := builtIn.ReadFile("texts/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read the texts: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(body, &texts); err != nil {
			return nil, fmt.Errorf("read the texts of %s: %w", f.Name(), err)
		}
		b.languages[strings.TrimSuffix(f.Name(), ".json")] = texts
	}
	for _, tag := range slices.Sorted(maps.Keys(changes)) {
		if err := b.change(tag, changes[tag]); err != nil {
			return nil, err
		}
	}
	b.fallback = []string{lastResort}
	if fallback != "" {
		known := b.tags(fallback)
		if len(known) == 0 {
			return nil, fmt.Errorf("there are no texts in the language %q", fallback)
		}
		b.fallback = append(known, lastResort)
	}
	return b, nil
}

func (b *Book) change(tag string, texts map[string]string) error {
	lower := normal(tag)
	if !languageTag.MatchString(lower) {
		return fmt.Errorf("%q is no language tag such as ca or pt-BR", tag)
	}
	into := b.languages[lower]
	if into == nil {
		into = map[string]string{}
		b.languages[lower] = into
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := b.check(name, texts[name]); err != nil {
			return fmt.Errorf("%s: %s: %w", tag, name, err)
		}
		into[name] = texts[name]
	}
	return nil
}

// check refuses a name that no text has, and a text that could not be filled in.
func (b *Book) check(name, text string) error {
	original, known := b.languages[lastResort][name]
	if stem, ok := b.plural(name); !known && ok {
		original, known = b.languages[lastResort][stem+".other"]
	}
	if !known {
		return fmt.Errorf("there is no such text; there are %s", strings.Join(slices.Sorted(maps.Keys(b.languages[lastResort])), ", "))
	}
	if text == "" || !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxTemplate || tidy(text) != text {
		return fmt.Errorf("is not one line of 1 to %d characters", maxTemplate)
	}
	allowed := []string{"{where}", "{n}", "{who}"}
	if strings.HasPrefix(name, "preview.") && strings.Contains(original, "{text}") {
		allowed = append(allowed, "{text}")
	}
	for _, p := range placeholder.FindAllString(text, -1) {
		if !slices.Contains(allowed, p) {
			return fmt.Errorf("%s stands for nothing here; there are %s", p, strings.Join(allowed, ", "))
		}
	}
	return nil
}

// plural cuts the number off a name such as message.few.
func (b *Book) plural(name string) (stem string, ok bool) {
	for _, form := range forms() {
		if stem, ok = strings.CutSuffix(name, "."+form); ok {
			return stem, true
		}
	}
	return name, false
}

// text is the first text of that name, for so many, in the languages; those that
// there is nothing in are passed over.
func (b *Book) text(name string, n int, languages []string) string {
	for _, tag := range slices.Concat(b.known(languages), b.fallback) {
		texts := b.languages[tag]
		for _, full := range []string{name + "." + form(tag, n), name + ".other", name} {
			if t, ok := texts[full]; ok {
				return t
			}
		}
	}
	return ""
}

func (b *Book) known(languages []string) []string {
	var out []string
	for _, l := range languages {
		out = append(out, b.tags(l)...)
	}
	return out
}

// tags are the tag and what it is a kind of, as far as there are texts: of
// ca-ES-valencia also ca (RFC 4647 section 3.4).
func (b *Book) tags(language string) []string {
	var out []string
	for tag := normal(language); tag != ""; {
		if _, ok := b.languages[tag]; ok {
			out = append(out, tag)
		}
		i := strings.LastIndexByte(tag, '-')
		tag = tag[:max(i, 0)]
	}
	return out
}

// normal is a tag as the book has it; systems also write ca_ES.
func normal(tag string) string { return strings.ReplaceAll(strings.ToLower(tag), "_", "-") }
