package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"rambla/mqttwire"
)

func TestAConnectSaysWhatItShould(t *testing.T) {
	t.Parallel()
	for _, h := range []hello{
		{version: 4, client: "a", keepAlive: 1200},
		{version: 5, client: "a", keepAlive: 1200},
		{version: 4, client: "b", user: "alice", password: "secret", keepAlive: 1},
		{version: 5, client: "b", user: "alice", password: strings.Repeat("token", 200)},
		{version: 5, client: "b", user: "alice"},
		{version: 4, client: "c", expiry: sessionLife},
		{version: 5, client: "c", expiry: 77, receiveMaximum: 3},
	} {
		head, body, size, err := mqttwire.Split(appendConnect(nil, h))
		if err != nil || size == 0 || head != mqttwire.Connect<<4 {
			t.Fatalf("%+v: head %#x, size %d, %v", h, head, size, err)
		}
		if got, err := readConnect(body); err != nil || got != h {
			t.Errorf("read %+v, %v; want %+v", got, err, h)
		}
	}
	// 3.1.1 knows no password without a user name [MQTT-3.1.2-22].
	_, body, _, _ := mqttwire.Split(appendConnect(nil, hello{version: 4, client: "c", password: "token"}))
	if got, err := readConnect(body); err != nil || got.password != "token" || body[7] != 0xc2 {
		t.Errorf("read %+v with flags %#x, %v", got, body[7], err)
	}
}

func TestAConnackTellsWhatIsGranted(t *testing.T) {
	t.Parallel()
	props := []byte{0x11, 0, 0, 1, 2, 0x21, 0, 20, 0x13, 0, 60, 0x27, 0, 0, 4, 0, 0x24, 1, 0x1f, 0, 2, 'n', 'o'}
	for _, row := range []struct {
		name    string
		version byte
		body    []byte
		want    welcome
		err     error
	}{
		{"3.1.1", 4, []byte{0, 5}, welcome{code: 5, receiveMaximum: 65535, expiry: 9}, nil},
		{"a session that is there", 4, []byte{1, 0}, welcome{present: true, receiveMaximum: 65535, expiry: 9}, nil},
		{"5.0 without properties", 5, []byte{0, 0, 0}, welcome{receiveMaximum: 65535, expiry: 9}, nil},
		{
			"5.0 with properties", 5, append([]byte{0, 0x87, byte(len(props))}, props...),
			welcome{code: 0x87, expiry: 258, receiveMaximum: 20, keepAlive: 60, maximumPacket: 1024, reason: "no"},
			nil,
		},
		{"cut off", 5, []byte{0}, welcome{receiveMaximum: 65535, expiry: 9}, mqttwire.ErrMalformed},
		{"a property that is cut off", 5, []byte{0, 0, 2, 0x21, 0}, welcome{receiveMaximum: 65535, expiry: 9}, mqttwire.ErrMalformed},
		{"a property that does not exist", 5, []byte{0, 0, 2, 0x7f, 0}, welcome{receiveMaximum: 65535, expiry: 9}, mqttwire.ErrMalformed},
		{"a Receive Maximum of 0", 5, []byte{0, 0, 3, 0x21, 0, 0}, welcome{expiry: 9}, mqttwire.ErrMalformed},
	} {
		got, err := parseConnack(row.version, 9, row.body)
		if got != row.want || !errors.Is(err, row.err) {
			t.Errorf("%s: %+v, %v; want %+v, %v", row.name, got, err, row.want, row.err)
		}
	}
}

func TestADisconnectTellsWhy(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                         "the server ended the connection",
		"\x8b":                     "the server ended the connection with 0x8b",
		"\x8b\x07\x1f\x00\x04busy": "the server ended the connection with 0x8b: busy",
	} {
		if got := parseDisconnect([]byte(body)).Error(); got != want {
			t.Errorf("%x: %q, want %q", body, got, want)
		}
	}
}

func TestATemplateCarriesItsStampInPayloadsOfEverySize(t *testing.T) {
	t.Parallel()
	for _, version := range []byte{4, 5} {
		for _, isJSON := range []bool{false, true} {
			for _, size := range []int{leastPayload(isJSON), 100, 256, 20_000} {
				if size < leastPayload(isJSON) {
					continue
				}
				tpl := newTemplate(version, "/ctx/lobby/messages", size, isJSON, "0123456789ab")
				var b []byte
				keys := map[string]bool{}
				for seq := uint32(1); seq <= 3; seq++ {
					want := stamp{at: 1 << 40, seq: seq, stream: 7, load: 9}
					b = tpl.append(b[:0], uint16(seq), want)
					head, body, n, err := mqttwire.Split(b)
					if err != nil || n != len(b) || head != mqttwire.Publish<<4|2 {
						t.Fatalf("head %#x, %d of %d bytes, %v", head, n, len(b), err)
					}
					id, payload, err := parsePublish(version, head, body)
					if err != nil || id != uint16(seq) || len(payload) != size {
						t.Fatalf("id %d, %d bytes, %v; want id %d, %d bytes", id, len(payload), err, seq, size)
					}
					content := payload
					if isJSON {
						var post struct{ Key, Content string }
						if err := json.Unmarshal(payload, &post); err != nil {
							t.Fatalf("%s: %v", payload, err)
						}
						keys[post.Key], content = true, []byte(post.Content)
						if !strings.HasPrefix(post.Key, "bench-0123456789ab-") {
							t.Errorf("key %q does not name its load", post.Key)
						}
					}
					if got, ok := stampAt(content); !ok || got != want {
						t.Errorf("the content %.40q begins with %+v, want %+v", content, got, want)
					}
					if c := string(content); c != strings.TrimSpace(c) {
						t.Errorf("the content %.40q… could be trimmed", c)
					}
				}
				if isJSON && len(keys) != 3 {
					t.Errorf("3 publishes have %d keys", len(keys))
				}
			}
		}
	}
}

func TestAStampIsFoundWhereverAServerPutsIt(t *testing.T) {
	t.Parallel()
	want := stamp{at: 123456789, seq: 4000000000, stream: 65535, load: 0xbeef}
	text := make([]byte, stampSize)
	want.put(text)
	for _, row := range []struct {
		name, before, after string
		hint                int
		found               bool
	}{
		{"at the beginning", "", "", 0, true},
		{"where the last one stood", `{"content":"`, `"}`, 12, true},
		{"elsewhere", `{"seq":10,"content":"`, `"}`, 12, true},
		{"behind marks that are none", "~~~ 0~~", "~", 3, true},
		{"with a hint beyond the end", "x", "", 1 << 20, true},
	} {
		payload := row.before + string(text) + row.after
		got, at, ok := findStamp([]byte(payload), row.hint)
		if ok != row.found || got != want || at != len(row.before) {
			t.Errorf("%s: found %v %+v at %d", row.name, ok, got, at)
		}
	}
	for _, payload := range []string{"", "~", strings.Repeat("~", stampSize), string(text[:stampSize-1]), "~" + strings.Repeat("g", stampSize-2) + "~"} {
		if _, _, ok := findStamp([]byte(payload), 0); ok {
			t.Errorf("%q was taken for a stamp", payload)
		}
	}
}

func FuzzStamp(f *testing.F) {
	f.Add(int64(1), uint32(2), uint16(3), uint16(4), "before", "after")
	f.Fuzz(func(t *testing.T, at int64, seq uint32, stream, load uint16, before, after string) {
		want := stamp{at: at & (1<<48 - 1), seq: seq, stream: stream, load: load}
		b := append([]byte(before), make([]byte, stampSize)...)
		want.put(b[len(before):])
		if got, ok := stampAt(b[len(before):]); !ok || got != want {
			t.Fatalf("read %+v, want %+v", got, want)
		}
		if _, _, ok := findStamp(append(b, after...), 0); !ok {
			t.Fatal("not found")
		}
	})
}

// FuzzSubscriber gives a subscriber what no server would send. It must not
// panic, and it must not matter where the reads cut the stream.
func FuzzSubscriber(f *testing.F) {
	text := make([]byte, stampSize)
	for seq := uint32(1); seq < 4; seq++ {
		stamp{at: 5, seq: seq, stream: 0, load: 1}.put(text)
		f.Add(byte(5), delivery(5, "/ctx/a/messages", 1, text), uint(3))
		f.Add(byte(4), bytes.Repeat(delivery(4, "/ctx/a/messages", 1, text), 2), uint(30))
	}
	f.Add(byte(5), []byte{0xe0, 2, 0x8b, 0}, uint(1))
	f.Add(byte(4), []byte{0xd0, 0, 0x90, 3, 0, 1, 1}, uint(2))
	f.Add(byte(5), []byte{0x34, 5, 0, 0, 0, 1, 0}, uint(2))
	f.Fuzz(func(t *testing.T, version byte, data []byte, cut uint) {
		version = 4 + version%2
		take := func(pieces ...[]byte) (received, subscriber, int, bool) {
			r := received{load: 1, floor: make([]uint32, 1)}
			s := subscriber{version: version, next: []uint32{1}}
			total := 0
			var rest []byte
			for _, piece := range pieces {
				rest = append(rest, piece...)
				used, err := s.take(rest, 10, &r)
				if used < 0 || used > len(rest) {
					t.Fatalf("used %d of %d bytes", used, len(rest))
				}
				total += used
				if err != nil {
					return r, s, total, true
				}
				rest = rest[used:]
			}
			return r, s, total, false
		}
		cut %= uint(len(data) + 1)
		r1, s1, n1, e1 := take(data)
		r2, s2, n2, e2 := take(data[:cut], data[cut:])
		if n1 != n2 || e1 != e2 || r1.unique != r2.unique || r1.duplicates != r2.duplicates ||
			s1.next[0] != s2.next[0] || !bytes.Equal(r1.acks, r2.acks) {
			t.Fatalf("cut at %d: %d bytes, %d unique, failed %v; whole: %d bytes, %d unique, failed %v",
				cut, n2, r2.unique, e2, n1, r1.unique, e1)
		}
		// The other readers meet the same bytes when a server answers nonsense.
		_, _ = parseConnack(version, 0, data)
		_, _, _ = parseSuback(version, data)
		_, _, _ = parsePuback(data)
		if parseDisconnect(data) == nil {
			t.Fatal("a DISCONNECT without a reason")
		}
	})
}
