package social

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// csvColumns are those that a table of people may have, as the fields of a line of JSON
// are called.
var csvColumns = []string{"name", "displayName", "title", "about", "url", "roles", "service", "passwordHash"}

// record reads the next row of a table, which ends where a line does that leaves no
// quotation open, and tells the number of its first line. Errors are as of line.
func (s *importSource) record() (n int, text []byte, err error) {
	n, text, err = s.line()
	for err == nil && leavesOpen(text, s.comma) {
		var more []byte
		if _, more, err = s.line(); errors.Is(err, io.EOF) {
			return n, text, nil // the quotation never ends; whoever reads it says so
		}
		if text = append(text, more...); len(text) > maxImportLine {
			return n, nil, Errorf(KindTooLarge, "The row is longer than %d bytes, or a quotation in it does not end.", maxImportLine)
		}
	}
	return n, text, err
}

// leavesOpen tells whether a quotation goes on behind the text. Only a cell that begins
// with a mark is a quotation.
func leavesOpen(text []byte, comma rune) (open bool) {
	begins := true
	for _, c := range text {
		switch {
		case open:
			open = c != '"' // of two marks, which stand for one, the second one opens it again
			begins = !open
		case c == '"' && begins:
			open = true
		default:
			begins = rune(c) == comma || comma == 0 && (c == ',' || c == ';')
		}
	}
	return open
}

// csvTable is how rows are read.
type csvTable struct {
	comma   rune
	columns []string
}

// columns reads the row that names the columns; ok is false where it is broken, which
// ends the import.
func (r *importRun) columns(src *importSource) (ok bool, err error) {
	n, text, err := src.record()
	if broken := (*brokenSourceError)(nil); errors.As(err, &broken) {
		return false, err
	}
	var t csvTable
	if err == nil {
		t, err = parseCSVColumns(text)
	}
	if errors.Is(err, io.EOF) {
		err = Errorf(KindInvalid, "There is no line that names the columns.")
	}
	if err != nil {
		r.report.Lines++
		r.fault(n, err)
		r.report.Stopped = true
		return false, nil
	}
	r.parse, src.comma = t.person, t.comma
	return true, nil
}

// parseCSVColumns reads the names of the columns, which commas part, or semicolons as
// some spreadsheets have it.
func parseCSVColumns(text []byte) (t csvTable, err error) {
	t.comma = ','
	if !bytes.ContainsRune(text, ',') && bytes.ContainsRune(text, ';') {
		t.comma = ';'
	}
	cells, err := t.cells(text)
	if err != nil {
		return t, err
	}
	for _, cell := range cells {
		i := slices.IndexFunc(csvColumns, func(name string) bool { return strings.EqualFold(name, strings.TrimSpace(cell)) })
		if i < 0 {
			return t, Errorf(KindInvalid, "%q is no column; there are %s.", clip(cell), strings.Join(csvColumns, ", "))
		}
		if slices.Contains(t.columns, csvColumns[i]) {
			return t, Errorf(KindInvalid, "The column %s is there twice.", csvColumns[i])
		}
		t.columns = append(t.columns, csvColumns[i])
	}
	if !slices.Contains(t.columns, "name") {
		return t, Errorf(KindInvalid, "The column name is missing; the first line names the columns.")
	}
	return t, nil
}

// cells are those of one row. KindInvalid.
func (t *csvTable) cells(row []byte) ([]string, error) {
	if !utf8.Valid(row) {
		return nil, Errorf(KindInvalid, "The line is not UTF-8.")
	}
	reader := csv.NewReader(bytes.NewReader(row))
	reader.Comma, reader.FieldsPerRecord = t.comma, -1
	cells, err := reader.Read()
	if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
		return nil, Errorf(KindInvalid, "The line is no row of a table: %s.", wrong.Err)
	}
	return cells, err
}

// person reads a row; what a cell leaves empty is not said.
func (t *csvTable) person(row []byte) (l importLine, err error) {
	cells, err := t.cells(row)
	if err != nil {
		return l, err
	}
	if len(cells) != len(t.columns) {
		return l, Errorf(KindInvalid, "The line has %d cells, and the first one names %d columns.", len(cells), len(t.columns))
	}
	f := importFields{left: map[string]json.RawMessage{}}
	for i, cell := range cells {
		cell = strings.TrimSpace(cell)
		if cell == "" {
			continue
		}
		var value any = cell
		switch name := t.columns[i]; {
		case name == "roles":
			value = strings.FieldsFunc(cell, func(c rune) bool { return c == ' ' || c == ',' || c == ';' })
		case name == "service" && (cell == "true" || cell == "false"):
			value = cell == "true"
		}
		if f.left[t.columns[i]], err = json.Marshal(value); err != nil {
			return l, err
		}
	}
	l.kind, l.person = importPerson, f.person()
	return l, f.end()
}
