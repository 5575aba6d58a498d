package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"rambla/storage/pgtest"
)

// rule is one row of a table in docs/permissions.md.
type rule struct {
	kind    string // the page's heading above it
	line    int
	what    string
	request string
	needs   string            // the permission that the row is about; empty: none
	wants   map[string]string // by column: the answers to the request and its repeats; "–": not asked
}

// reads tells whether the request changes nothing, so that cells can share what
// it is about.
func (r rule) reads() bool {
	return strings.HasPrefix(r.request, "GET ") || strings.HasPrefix(r.request, "SUBSCRIBE ")
}

// answers are codes as the tables write them: of REST, of an acknowledgement, or
// what a client of MQTT 3.1.1 is told.
var answers = regexp.MustCompile(`^(–|forbidden|not_found|invalid|[2-5][0-9]{2}( [2-5][0-9]{2})*|0x[0-9a-f]{2}( 0x[0-9a-f]{2})*)$`)

// readRules reads all tables of the page.
func readRules(page string) ([]rule, error) {
	var (
		rules   []rule
		kind    string
		columns []string
	)
	for i, line := range strings.Split(page, "\n") {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			kind, columns = heading, nil
		}
		if !strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "|-") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case strings.HasPrefix(line, "|-"):
			continue
		case cells[0] != "" && len(cells) > 3 && cells[1] == "request":
			columns = cells[3:]
			continue
		case columns == nil:
			continue // a table of words
		case len(cells) != len(columns)+3:
			return nil, fmt.Errorf("line %d has %d cells, want %d", i+1, len(cells), len(columns)+3)
		}
		r := rule{kind: kind, line: i + 1, what: cells[0], request: strings.Trim(cells[1], "`"), needs: strings.Trim(cells[2], "–"), wants: map[string]string{}}
		for j, column := range columns {
			want := cells[j+3]
			if !answers.MatchString(want) {
				return nil, fmt.Errorf("line %d, %s: %q is no answer", i+1, column, want)
			}
			r.wants[column] = want
		}
		rules = append(rules, r)
	}
	return rules, nil
}

func TestWhoMayDoWhatIsAsThePageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := readRules(string(page))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) < 100 {
		t.Fatalf("only %d rows were read", len(rules))
	}
	// Who may do what is decided above the stores, which keep one contract: each
	// store is asked every second cell, of each row and of each column.
	for i, flags := range [][]string{
		{"--data", t.TempDir()},
		{"--data", t.TempDir(), "--database", pgtest.Database(t)},
	} {
		t.Run([]string{"sqlite", "postgres"}[i], func(t *testing.T) {
			t.Parallel()
			newMatrix(t, flags).checkAll(t, everySecond(rules, i))
		})
	}
}

// everySecond leaves every second cell as on a chessboard; the other ones are what
// is left for the other value of from, 0 or 1.
func everySecond(rules []rule, from int) []rule {
	half := slices.Clone(rules)
	for i, r := range half {
		wants := map[string]string{}
		for j, column := range slices.Sorted(maps.Keys(r.wants)) {
			if (i+j)%2 == from {
				wants[column] = r.wants[column]
			}
		}
		half[i].wants = wants
	}
	return half
}

func TestEveryCellIsAskedOfOneStore(t *testing.T) {
	t.Parallel()
	rules := []rule{
		{wants: map[string]string{"a": "1", "b": "2", "c": "3"}},
		{wants: map[string]string{"a": "4", "b": "5", "c": "6"}},
	}
	even, odd := everySecond(rules, 0), everySecond(rules, 1)
	for i, r := range rules {
		both := maps.Clone(even[i].wants)
		maps.Copy(both, odd[i].wants)
		if len(even[i].wants)+len(odd[i].wants) != len(r.wants) || !maps.Equal(both, r.wants) {
			t.Errorf("row %d: %v and %v", i, even[i].wants, odd[i].wants)
		}
	}
	if _, twice := even[0].wants["a"]; !twice || even[1].wants["a"] != "" {
		t.Errorf("a column is asked of one store alone: %v", even)
	}
}

// checkAll asks for every cell of every row, of several at a time.
func (m *matrix) checkAll(t *testing.T, rules []rule) {
	var (
		work sync.WaitGroup
		next = make(chan rule)
	)
	for range 8 {
		work.Go(func() {
			for r := range next {
				m.check(t, r)
			}
		})
	}
	for _, r := range rules {
		next <- r
	}
	close(next)
	work.Wait()
}

// check asks for every cell of a row.
func (m *matrix) check(t *testing.T, r rule) {
	for column, want := range r.wants {
		if want == "–" {
			continue
		}
		got, err := m.ask(r, column, len(strings.Fields(want)))
		switch {
		case err != nil:
			t.Errorf("line %d, %s (%s), %s: %v", r.line, r.what, r.request, column, err)
		case got != want:
			t.Errorf("line %d, %s (%s), %s: got %s, want %s", r.line, r.what, r.request, column, got, want)
		}
	}
}

// ask prepares what the cell is about, does its request as often as it has
// answers, and gives these.
func (m *matrix) ask(r rule, name string, times int) (string, error) {
	c, err := m.lend(r, name)
	if err != nil {
		return "", err
	}
	who, request, err := c.prepare(r.request)
	if err != nil {
		return "", fmt.Errorf("prepare: %w", err)
	}
	clean := true
	var got []string
	for range times {
		answer, err := m.do(who, request)
		if err != nil {
			return "", err
		}
		got = append(got, answer)
		clean = clean && (r.reads() || !changed(answer))
	}
	if clean {
		m.giveBack(c)
	}
	return strings.Join(got, " "), nil
}

// changed tells whether the answer says that something was done.
func changed(answer string) bool {
	return strings.HasPrefix(answer, "2") || answer < "0x80" && strings.HasPrefix(answer, "0x")
}

// do makes a request as the tables write it.
func (m *matrix) do(who credential, request string) (string, error) {
	request, who.match, _ = strings.Cut(request, " If-Match: ")
	method, rest, _ := strings.Cut(request, " ")
	target, body, _ := strings.Cut(rest, " ")
	switch method {
	case "PUBLISH":
		return m.publish(who, target, body)
	case "PUBLISH3":
		return m.publish3(who, target, body)
	case "SUBSCRIBE":
		return m.subscribe(who, target)
	}
	status, _, err := m.rest(who, method, target, body)
	return fmt.Sprint(status), err
}

// credential is with what somebody asks; the zero value is nobody's.
type credential struct {
	person string // by name; empty: nobody
	token  string
	actAs  string // for whom, over REST
	match  string // If-Match, over REST
}

// rest does one request to REST.
func (m *matrix) rest(who credential, method, path, body string) (int, []byte, error) {
	req, err := http.NewRequest(method, m.http+"/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if who.token != "" {
		req.Header.Set("Authorization", "Bearer "+who.token)
	}
	if who.actAs != "" {
		req.Header.Set("X-Rambla-Act-As", who.actAs)
	}
	if who.match != "" {
		req.Header.Set("If-Match", who.match)
	}
	switch {
	case strings.HasPrefix(body, "{"):
		req.Header.Set("Content-Type", "application/json")
	case body != "":
		req.Header.Set("Content-Type", "text/plain")
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// publish gives the code of the PUBACK, or of the CONNACK that refused already.
func (m *matrix) publish(who credential, topic, payload string) (string, error) {
	return m.overMQTT(who, 5, func(w *wire) (byte, error) {
		if _, err := w.nc.Write(w.publishPacket(1, topic, payload)); err != nil {
			return 0, err
		}
		f, err := w.answer(kindPuback)
		return f.code, err
	})
}

// publish3 gives what is told on the topic of errors before the acknowledgement,
// or the code of the CONNACK.
func (m *matrix) publish3(who credential, topic, payload string) (string, error) {
	told := ""
	code, err := m.overMQTT(who, 4, func(w *wire) (byte, error) {
		if _, err := w.nc.Write(bytesOf(0x82, twoBytes(5), utf8String("/user/"+who.person+"/errors"), []byte{0})); err != nil {
			return 0, err
		}
		if f, err := w.answer(kindSuback); err != nil || len(f.codes) != 1 || f.codes[0] != 0 {
			return 0, errors.Join(err, fmt.Errorf("the topic of errors: %x", f.codes))
		}
		if _, err := w.nc.Write(w.publishPacket(1, topic, payload)); err != nil {
			return 0, err
		}
		for {
			f, err := w.read()
			if err != nil || f.kind == kindPuback {
				return f.code, err
			}
			if f.kind == kindPublish && strings.HasSuffix(f.topic, "/errors") {
				var is struct{ Code string }
				if err := json.Unmarshal([]byte(f.payload), &is); err != nil {
					return 0, err
				}
				told = is.Code
			}
		}
	})
	if told != "" {
		code = told
	}
	return code, err
}

// subscribe gives the code of the SUBACK, likewise.
func (m *matrix) subscribe(who credential, filter string) (string, error) {
	return m.overMQTT(who, 5, func(w *wire) (byte, error) {
		if _, err := w.nc.Write(bytesOf(0x82, twoBytes(5), w.props(), utf8String(filter), []byte{1})); err != nil {
			return 0, err
		}
		f, err := w.answer(kindSuback)
		if err != nil || len(f.codes) != 1 {
			return 0, errors.Join(err, fmt.Errorf("%d codes", len(f.codes)))
		}
		return f.codes[0], nil
	})
}

// answer reads on to a packet of the kind; what is delivered meanwhile is passed by.
func (w *wire) answer(kind byte) (frame, error) {
	for {
		if f, err := w.read(); err != nil || f.kind == kind || f.kind == kindDisconnect {
			return f, err
		}
	}
}
