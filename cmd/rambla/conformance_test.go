package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// statement is one line of a table in docs/spec: a normative statement of a
// version of MQTT and what becomes of it here.
type statement struct {
	id    string
	state string // yes, no, client or n/a
	where string // yes: the tests that hold it; no, n/a: why
	text  string
}

func (s statement) section() string {
	section, _, _ := strings.Cut(strings.TrimPrefix(s.id, "MQTT-"), "-")
	return section
}

var statementID = regexp.MustCompile(`^MQTT-[1-7](\.\d+){1,2}-[1-9]\d*$`)

// The counts are those of the specifications' appendices B, section by section,
// so that no statement can be forgotten.
var specifications = map[string]map[string]int{
	"mqtt-3.1.1.tsv": {
		"1.5.3": 3, "2.2.2": 2, "2.3.1": 7, "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5, "3.2.0": 1, "3.2.2": 6,
		"3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2, "3.6.1": 1, "3.8.1": 1, "3.8.3": 4, "3.8.4": 6, "3.9.3": 2,
		"3.10.1": 1, "3.10.3": 2, "3.10.4": 6, "3.12.4": 1, "3.14.1": 1, "3.14.4": 3, "4.1.0": 2, "4.3.1": 1, "4.3.2": 2,
		"4.3.3": 2, "4.4.0": 1, "4.5.0": 2, "4.6.0": 6, "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2, "6.0.0": 4,
		"7.0.0": 2, "7.1.1": 1, "7.1.2": 1,
	},
	"mqtt-5.0.tsv": {
		"1.5.4": 3, "1.5.5": 1, "1.5.7": 1, "2.1.3": 1, "2.2.1": 5, "2.2.2": 1, "3.1.0": 2, "3.1.2": 30, "3.1.3": 12,
		"3.1.4": 6, "3.2.0": 2, "3.2.2": 22, "3.3.1": 13, "3.3.2": 20, "3.3.4": 10, "3.4.2": 3, "3.5.2": 3, "3.6.1": 1,
		"3.6.2": 3, "3.7.2": 3, "3.8.1": 1, "3.8.3": 5, "3.8.4": 8, "3.9.2": 2, "3.9.3": 2, "3.10.1": 1, "3.10.3": 2,
		"3.10.4": 6, "3.11.2": 2, "3.11.3": 2, "3.12.4": 1, "3.14.0": 1, "3.14.1": 1, "3.14.2": 4, "3.14.4": 3,
		"3.15.1": 1, "3.15.2": 3, "4.1.0": 2, "4.2": 1, "4.3.1": 1, "4.3.2": 5, "4.3.3": 13, "4.4.0": 2, "4.5.0": 2,
		"4.6.0": 6, "4.7.0": 1, "4.7.1": 2, "4.7.2": 1, "4.7.3": 4, "4.8.2": 6, "4.9.0": 3, "4.12.0": 7, "4.12.1": 2,
		"4.13.1": 1, "4.13.2": 1, "6.0.0": 4,
	},
}

func TestEveryNormativeStatementOfMQTTIsAnsweredByATestOrAReason(t *testing.T) {
	t.Parallel()
	tests := testFunctions(t)
	for name, sections := range specifications {
		found := make(map[string]int)
		seen := make(map[string]bool)
		for _, s := range readStatements(t, name) {
			if !statementID.MatchString(s.id) || seen[s.id] {
				t.Errorf("%s: %q is no identifier, or stands twice", name, s.id)
			}
			seen[s.id] = true
			found[s.section()]++
			if s.text == "" {
				t.Errorf("%s: %s says nothing", name, s.id)
			}
			switch s.state {
			case "yes":
				for _, reference := range strings.Split(s.where, "; ") {
					if err := tests.find(reference); err != nil {
						t.Errorf("%s: %s: %v", name, s.id, err)
					}
				}
			case "no", "n/a":
				if !strings.HasSuffix(s.where, ".") {
					t.Errorf("%s: %s has no reason", name, s.id)
				}
			case "client":
				if s.where != "" {
					t.Errorf("%s: %s binds clients, and yet says %q", name, s.id, s.where)
				}
			default:
				t.Errorf("%s: the state of %s is %q", name, s.id, s.state)
			}
		}
		if !maps.Equal(found, sections) {
			t.Errorf("%s has %v statements by section, want %v", name, found, sections)
		}
	}
}

// TestTheConformancePageSaysWhatTheTablesSay holds the page's figures and the
// reasons of all that is not done.
func TestTheConformancePageSaysWhatTheTablesSay(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range specifications {
		count := make(map[string]int)
		for _, s := range readStatements(t, name) {
			count[s.state]++
			if line := fmt.Sprintf("| %s | %s | %s |", s.id, s.text, s.where); s.state == "no" && !strings.Contains(string(page), line) {
				t.Errorf("the page lacks: %s", line)
			}
		}
		row := fmt.Sprintf("| [%s](spec/%s) | %d | %d | %d | %d |", name, name, count["yes"], count["no"], count["client"], count["n/a"])
		if !strings.Contains(string(page), row) {
			t.Errorf("the page lacks: %s", row)
		}
	}
}

func readStatements(t *testing.T, name string) (out []statement) {
	t.Helper()
	table, err := os.ReadFile(filepath.Join("../../docs/spec", name))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(table), "\n"), "\n")
	if lines[0] != "id\tstate\twhere\tstatement" {
		t.Fatalf("%s begins with %q", name, lines[0])
	}
	for i, line := range lines[1:] {
		field := strings.Split(line, "\t")
		if len(field) != 4 {
			t.Fatalf("%s:%d has %d fields", name, i+2, len(field))
		}
		out = append(out, statement{field[0], field[1], field[2], field[3]})
	}
	return out
}

// functions are the repository's tests by "package.Name", each with the texts
// that its file spells out: the names of subtests are among them.
type functions map[string]map[string]bool

// find looks a reference up: package.TestName, or package.TestName/subtest.
func (f functions) find(reference string) error {
	name, subtest, nested := strings.Cut(reference, "/")
	texts, known := f[name]
	switch {
	case !known:
		return fmt.Errorf("there is no test %s", name)
	case nested && !texts[subtest]:
		return fmt.Errorf("%s has no subtest %q", name, subtest)
	}
	return nil
}

// testFunctions parses all test files of the repository.
func testFunctions(t *testing.T) functions {
	t.Helper()
	out := make(functions)
	files, err := filepath.Glob("../../*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../../*/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Concat(files, deeper) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		shared := textsOf(file, func(d ast.Decl) bool { _, is := d.(*ast.GenDecl); return is })
		for _, d := range file.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			texts := textsOf(file, func(other ast.Decl) bool { return other == d })
			maps.Copy(texts, shared)
			out[filepath.Base(filepath.Dir(path))+"."+f.Name.Name] = texts
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d tests were found", len(out))
	}
	return out
}

// textsOf collects the string literals in the declarations that are picked.
func textsOf(file *ast.File, pick func(ast.Decl) bool) map[string]bool {
	out := make(map[string]bool)
	for _, d := range file.Decls {
		if !pick(d) {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if lit, is := n.(*ast.BasicLit); is && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil { // the parser took it: it is one
					out[text] = true
				}
			}
			return true
		})
	}
	return out
}
