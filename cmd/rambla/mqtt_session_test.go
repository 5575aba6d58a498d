package main

import (
	bits "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"
)

// What the tests of sessions share. A session here outlives its connection.

// sessionExpiry is the property of a CONNECT or a DISCONNECT, in seconds.
func sessionExpiry(seconds uint32) []byte { return bits.BigEndian.AppendUint32([]byte{0x11}, seconds) }

const hour = 3600 // in seconds

// keeps connects with a session that lives for an hour, and tells whether it was
// there.
func (w *wire) keeps(name, id string, properties ...[]byte) bool {
	w.t.Helper()
	if w.version == 5 {
		properties = append(properties, sessionExpiry(hour))
	}
	ack := w.connect(hello{id: id, name: name, password: name, unclean: true, properties: properties})
	if ack.code != 0 {
		w.t.Fatalf("%s connects as %s: %#x", id, name, ack.code)
	}
	return ack.present
}

// begins makes a session that subscribes; it must not be there yet.
func (s *instance) begins(t *testing.T, version byte, name, id string, qos byte, filters ...string) *wire {
	t.Helper()
	w := s.wire(t, version)
	if w.keeps(name, id) {
		t.Fatalf("the session %s was there already", id)
	}
	for _, f := range filters {
		if code := w.subscribe(f, qos); code > 2 {
			t.Fatalf("%s subscribes to %s: %#x", name, f, code)
		}
	}
	return w
}

// returns connects to a session that must be there.
func (s *instance) returns(t *testing.T, version byte, name, id string, properties ...[]byte) *wire {
	t.Helper()
	w := s.wire(t, version)
	if !w.keeps(name, id, properties...) {
		t.Fatalf("the session %s is not there", id)
	}
	return w
}

// leaves ends the connection in good order, whatever is still on its way to it.
func (w *wire) leaves(properties ...[]byte) {
	w.t.Helper()
	bye := []byte{0xE0, 0}
	if len(properties) > 0 {
		bye = bytesOf(0xE0, []byte{0}, w.props(properties...))
	}
	w.send(bye)
	for {
		f, err := w.read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || f.kind != kindPublish {
			w.t.Fatalf("after DISCONNECT: %+v, %v", f, err)
		}
	}
}

// vanishes ends the connection without a word.
func (w *wire) vanishes() { _ = w.nc.Close() }

// until reads posts up to the one with the content, and acknowledges them.
func (w *wire) until(content string) (contents []string) {
	w.t.Helper()
	for {
		f, err := w.read()
		if err != nil {
			w.t.Fatalf("waiting for %q: %v; got %q", content, err, contents)
		}
		if f.kind != kindPublish {
			w.t.Fatalf("got %+v while waiting for %q", f, content)
		}
		w.acknowledge(f)
		got := readPost(w.t, f).Object.Content
		contents = append(contents, got)
		if got == content {
			return contents
		}
	}
}

// acknowledge a delivery at QoS 1; one at QoS 0 needs nothing.
func (w *wire) acknowledge(f frame) {
	if f.qos() == 1 {
		w.send(bytesOf(kindPuback<<4, twoBytes(f.id)))
	}
}

// gets expects exactly these posts, in order, up to the last.
func (w *wire) gets(contents ...string) {
	w.t.Helper()
	if got := w.until(contents[len(contents)-1]); !slices.Equal(got, contents) {
		w.t.Errorf("got %q, want %q", got, contents)
	}
}

// room makes a context of alice, who must be a manager, with these members.
func (s *instance) room(t *testing.T, id, preset string, members ...string) (topic string) {
	t.Helper()
	token := s.token(t, "alice")
	s.do(t, http.StatusCreated, token, http.MethodPost, "/v1/contexts", map[string]string{"id": id, "preset": preset})
	for _, name := range members {
		s.do(t, http.StatusCreated, token, http.MethodPut, "/v1/contexts/"+id+"/members/"+name, nil)
	}
	return "/ctx/" + id + "/messages"
}

// token of a demo person; it is good for an hour, also at a server that is
// started anew on the same store.
func (s *instance) token(t *testing.T, name string) string {
	t.Helper()
	s.mu.Lock()
	token := s.tokens[name]
	s.mu.Unlock()
	if token == "" {
		token = s.login(t, name, name)
		s.mu.Lock()
		if s.tokens == nil {
			s.tokens = map[string]string{}
		}
		s.tokens[name] = token
		s.mu.Unlock()
	}
	return token
}

// posts lets alice write these, in order.
func (s *instance) posts(t *testing.T, context string, contents ...string) {
	t.Helper()
	for _, c := range contents {
		s.post(t, s.token(t, "alice"), context, c)
	}
}

// allows changes what a person may do in a context of alice; how is grants or
// vetoes.
func (s *instance) allows(t *testing.T, method, context, name, how string) {
	t.Helper()
	want := map[string]int{http.MethodPut: http.StatusCreated, http.MethodDelete: http.StatusNoContent}[method]
	s.do(t, want, s.token(t, "alice"), method, fmt.Sprintf("/v1/contexts/%s/members/%s/%s/read", context, name, how), nil)
}

// stored gives the contents of a context's messages, oldest first.
func (s *instance) stored(t *testing.T, context string) (contents []string) {
	t.Helper()
	for after := uint64(0); ; {
		var page struct{ Items []published }
		path := fmt.Sprintf("/v1/contexts/%s/log/messages?limit=200&after=%d", context, after)
		if code := s.call(t, s.token(t, "alice"), http.MethodGet, path, nil, &page); code != http.StatusOK {
			t.Fatalf("reading the log: %d", code)
		}
		if len(page.Items) == 0 {
			return contents
		}
		for _, p := range page.Items {
			contents = append(contents, p.Object.Content)
			after = p.Seq
		}
	}
}

// again starts a server on the same store after a kill.
func (s *instance) again(t *testing.T, flags []string) *instance {
	t.Helper()
	s.kill()
	return serve(t, flags...)
}

// passes waits for what is told by the clock alone.
func passes(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the promise is about time
}
