package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// movedTables are what makes a site, in an order in which rows refer to earlier
// ones only (but for spaces.parent). A table that is in none of these lists fails
// a test, and every move.
var movedTables = []string{
	"people", "names", "passwords", "grants", "tokens", "spaces", "streams", "members", "overrides", "bans",
	"attention", "blocks", "ignores", "preferences", "seen", "read_markers",
	"posts", "post_readers", "edits", "tallies", "reactions", "reports", "samples", "retained", "keys", "replays",
	"sessions", "nodes", "inbound", "read_changes", "changes", "site",
	"devices", "push_streams", "push_rows", "push_named", "push_told", "push_decisions", "push_dead", "vapid",
	"attachments", "secrets", "audit", "profiles", "erasures",
}

// leftTables stay behind, each with the reason.
var leftTables = map[string]string{
	"schema_migrations":    "each store has its own",
	"sqlite_sequence":      "the numbers in it are moved by themselves",
	"search_state":         indexMade,
	"search_streams":       indexMade,
	"search_posts":         indexMade,
	"search_words":         indexMade,
	"search_words_data":    indexMade,
	"search_words_idx":     indexMade,
	"search_words_docsize": indexMade,
	"search_words_config":  indexMade,
}

const indexMade = "the index differs between engines and is made again from the posts"

// columnKind is what a column holds, whatever an engine calls it.
type columnKind uint8

const (
	columnNumber columnKind = iota
	columnBool
	columnID
	columnBytes
	columnText
)

// tableColumn is a column as an engine has it; where that does not tell kinds
// apart, kind is one of those that it may be.
type tableColumn struct {
	name string
	kind columnKind
}

// catalog is what an engine knows of its own tables.
type catalog interface {
	tables(ctx context.Context) ([]string, error)
	// columns are those of a table by their names.
	columns(ctx context.Context, table string) ([]tableColumn, error)
	// sequences are the last numbers given to rows, by table.
	sequences(ctx context.Context) (map[string]int64, error)
}

// checkTables finds tables that no list knows.
func checkTables(ctx context.Context, c catalog) error {
	names, err := c.tables(ctx)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	for _, name := range names {
		if leftTables[name] == "" && !slices.Contains(movedTables, name) {
			return &brokenRuleError{"nobody said whether the table " + name + " is moved"}
		}
	}
	for _, name := range movedTables {
		if !slices.Contains(names, name) {
			return &brokenRuleError{"there is no table " + name}
		}
	}
	return nil
}

// plan is how a table is read and written.
type plan struct {
	table   string
	columns []tableColumn // of the kinds of PostgreSQL, which tells them apart
}

func (p *plan) names() []string {
	out := make([]string, len(p.columns))
	for i, c := range p.columns {
		out[i] = c.name
	}
	return out
}

func (p *plan) read() string {
	return `SELECT ` + strings.Join(p.names(), ", ") + ` FROM ` + p.table
}

// planTable compares the columns of both sides.
func planTable(ctx context.Context, table string, a, b catalog) (*plan, error) {
	of, err := a.columns(ctx, table)
	if err != nil {
		return nil, fmt.Errorf("list the columns of %s: %w", table, err)
	}
	other, err := b.columns(ctx, table)
	if err != nil {
		return nil, fmt.Errorf("list the columns of %s: %w", table, err)
	}
	if len(of) != len(other) || len(of) == 0 {
		return nil, &brokenRuleError{fmt.Sprintf("%s has %d columns on one side and %d on the other", table, len(of), len(other))}
	}
	p := &plan{table: table, columns: make([]tableColumn, len(of))}
	for i := range of {
		if of[i].name != other[i].name || of[i].kind.wide() != other[i].kind.wide() {
			return nil, &brokenRuleError{fmt.Sprintf("%s.%s is another column than %s.%s", table, of[i].name, table, other[i].name)}
		}
		if p.columns[i] = of[i]; other[i].kind != other[i].kind.wide() {
			p.columns[i] = other[i] // which tells more
		}
	}
	return p, nil
}

// wide is what SQLite makes of a kind.
func (k columnKind) wide() columnKind {
	switch k {
	case columnBool:
		return columnNumber
	case columnID:
		return columnBytes
	default:
		return k
	}
}
