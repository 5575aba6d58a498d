package simulator

import (
	"net/http"
	"strconv"
	"time"
)

// judgement is what a provider over net/http makes of a push.
type judgement struct {
	status int
	reason string
	header map[string]string
	body   []byte
}

func (j judgement) taken() bool { return j.status/100 == 2 }

// answer carries out the script of the push's token, or else what judge says, and
// notes what became of the push. refusal is the provider's form of a reason.
func (s *Simulator) answer(w http.ResponseWriter, r *http.Request, push Push, judge func(time.Time) judgement, refusal func(int, string) []byte) {
	reply, delay := s.scripts.next(push.Provider, push.Token)
	if reply.BlackHole {
		s.hang(r)
	}
	if !wait(r.Context(), delay) {
		return // nobody waits for an answer
	}
	var j judgement
	if reply.Status != 0 && reply.Status/100 != 2 {
		j = judgement{status: reply.Status, reason: reply.Reason, body: refusal(reply.Status, reply.Reason)}
	} else if j = judge(time.Now()); !j.taken() {
		j.body = refusal(j.status, j.reason)
	} else if reply.Status != 0 {
		j.status = reply.Status
	}
	if reply.Body != "" {
		j.body = []byte(reply.Body)
	}
	push.Status, push.Reason, push.Taken = j.status, j.reason, j.taken()
	if !push.Taken && push.Reason == "" {
		push.Reason = strconv.Itoa(j.status)
	}
	conn, _ := r.Context().Value(webConnKey{}).(*webConn)
	if reply.Freeze {
		conn.frozen.Store(true)
	}
	if reply.Lose || conn.frozen.Load() {
		push.Status = 0
	}
	s.ledger.note(push)
	if reply.Lose {
		panic(http.ErrAbortHandler)
	}
	if reply.GoAway || conn.leaving.Load() {
		w.Header().Set("Connection", "close") // which HTTP/2 says with a GOAWAY
		s.ledger.count(push.Provider, func(c *Counts) { c.GoAways++ })
	}
	for _, header := range []map[string]string{j.header, reply.Header} {
		for k, v := range header {
			w.Header().Set(k, v)
		}
	}
	w.WriteHeader(j.status)
	_, _ = w.Write(j.body) // the client is gone
}

// hang answers nothing until the client, or the simulator, gives up.
func (s *Simulator) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	panic(http.ErrAbortHandler)
}
