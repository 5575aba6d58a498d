package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// manual are the pages that tell operators what to do.
var manual = []string{"../../README.md", "../../docs/operations.md", "../../docs/push.md", "../../docs/protocol.md"}

func TestTheManualNamesSettingsThatThereAre(t *testing.T) {
	t.Parallel()
	known, parts := map[string]bool{}, map[string]bool{}
	for _, s := range settings() {
		part, _, _ := strings.Cut(s.key, ".")
		known[s.key], parts[part] = true, true
	}
	n := 0
	for _, page := range manual {
		for _, m := range regexp.MustCompile("`([a-z]+)(\\.[a-z_]+)+(:[^`]*)?`").FindAllStringSubmatch(readText(t, page), -1) {
			key, _, _ := strings.Cut(strings.Trim(m[0], "`"), ":")
			if parts[m[1]] {
				n++
				if !known[key] {
					t.Errorf("%s: there is no setting %s", page, key)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d settings were looked at", n)
	}
}

func TestTheManualShowsCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&command{}, kong.Name("rambla"))
	if err != nil {
		t.Fatal(err)
	}
	shown, n := regexp.MustCompile("(?m)(?:^ *|`|rambla |bin/|[$] )rambla ([a-z-][^`#\n]*)"), 0
	for _, page := range manual {
		for _, m := range shown.FindAllStringSubmatch(strings.ReplaceAll(readText(t, page), `\|`, "|"), -1) {
			line, _, _ := strings.Cut(m[1], " | ") // and what is done with what it prints
			n++
			if wrong := unknownWord(parser.Model.Node, strings.Fields(line)); wrong != "" {
				t.Errorf("%s: rambla %s: there is no %s", page, line, wrong)
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d commands were looked at", n)
	}
}

// unknownWord is the first command or flag that the program does not have; words
// behind a command without others below it are arguments. a|b stands for each.
func unknownWord(at *kong.Node, words []string) string {
	for i, word := range words {
		if name, is := strings.CutPrefix(word, "--"); is {
			name, _, _ = strings.Cut(name, "=")
			if !hasFlag(at, name) {
				return word
			}
			continue
		}
		var next *kong.Node
		for _, one := range strings.Split(word, "|") {
			if next = child(at, one); next == nil && len(commandsOf(at)) > 0 && (i == 0 || !strings.HasPrefix(words[i-1], "--")) {
				return one
			}
		}
		if next != nil {
			at = next
		}
	}
	return ""
}

func commandsOf(n *kong.Node) (out []*kong.Node) {
	for _, c := range n.Children {
		if c.Type == kong.CommandNode {
			out = append(out, c)
		}
	}
	return out
}

func child(n *kong.Node, name string) *kong.Node {
	for _, c := range commandsOf(n) {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func hasFlag(n *kong.Node, name string) bool {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Name == name {
				return true
			}
		}
	}
	if n.DefaultCmd != nil {
		return hasFlag(n.DefaultCmd, name)
	}
	return false
}
