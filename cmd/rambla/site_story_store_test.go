package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // database/sql reads whatever columns there are
)

// needle is something to be looked for.
type needle struct {
	name  string
	bytes []byte
	exact bool // else in whatever case
}

// needles are the words without their beginnings, as an index may keep the beginning
// of a word with its neighbour's, and parts of her files.
func (l *siteStory) needles() (out []needle) {
	for _, word := range hers() {
		out = append(out, needle{name: word, bytes: []byte(word[3:])})
	}
	for i, chunk := range l.chunks {
		out = append(out, needle{fmt.Sprintf("part %d of her files", i), chunk, true})
	}
	return out
}

// traces are the places of each needle in a store: in all files of the data directory,
// free pages included, and in all rows of a database.
func (l *siteStory) traces(data, database string) map[string][]string {
	l.Helper()
	found := map[string][]string{}
	look := func(where string, content []byte) {
		low := bytes.ToLower(content)
		for _, n := range l.needles() {
			in := low
			if n.exact {
				in = content
			}
			if i := bytes.Index(in, n.bytes); i >= 0 {
				around := content[max(0, i-60):min(len(content), i+len(n.bytes)+20)]
				found[n.name] = append(found[n.name], fmt.Sprintf("%s: %q", where, around))
			}
		}
	}
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		look("a name", []byte(path))
		content, err := os.ReadFile(path) //nolint:gosec // below our own directory
		if os.IsNotExist(err) {
			return nil // a temporary one
		}
		look(filepath.Base(path), content)
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	if database != "" {
		l.eachValue(database, look)
	}
	return found
}

// eachValue reads every column of every table that holds more than numbers.
func (l *siteStory) eachValue(database string, look func(where string, content []byte)) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", database)
	if err != nil {
		l.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	scan := func(text string, f func(values []sql.RawBytes)) {
		rs, err := db.QueryContext(ctx, text)
		if err != nil {
			l.Fatalf("%s: %v", text, err)
		}
		defer func() { _ = rs.Close() }()
		names, err := rs.Columns()
		if err != nil {
			l.Fatal(err)
		}
		values, into := make([]sql.RawBytes, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		for rs.Next() {
			if err := rs.Scan(into...); err != nil {
				l.Fatal(err)
			}
			f(values)
		}
		if err := rs.Err(); err != nil {
			l.Fatal(err)
		}
	}
	var texts [][2]string
	scan(`SELECT quote_ident(table_schema) || '.' || quote_ident(table_name), quote_ident(column_name), data_type FROM information_schema.columns
		WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND data_type NOT IN ('bigint', 'integer', 'smallint', 'boolean')`,
		func(v []sql.RawBytes) {
			column := string(v[1]) + "::text"
			if string(v[2]) == "bytea" {
				column = string(v[1])
			}
			texts = append(texts, [2]string{string(v[0]) + "." + string(v[1]), "SELECT " + column + " FROM " + string(v[0])})
		})
	if len(texts) < 50 {
		l.Fatalf("the database has %d columns only", len(texts))
	}
	for _, text := range texts {
		scan(text[1], func(v []sql.RawBytes) { look(text[0], v[0]) })
	}
}
