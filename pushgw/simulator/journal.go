package simulator

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// Taking is a push that was taken, in the journal: of its content only what it
// told of. One that cannot be read is there without.
type Taking struct {
	Token  string    `json:"token"`
	Kind   string    `json:"kind"`
	Stream string    `json:"stream"`
	Seq    uint64    `json:"seq"`
	At     time.Time `json:"at"`
}

// telling is what the server under test says of each push, to whomever.
type telling struct {
	Kind   string `json:"kind"`
	Stream string `json:"stream"`
	Seq    string `json:"seq"`
}

func takingOf(p *Push) Taking {
	var body struct {
		telling
		Message struct { // FCM
			Data telling `json:"data"`
		} `json:"message"`
	}
	_ = json.Unmarshal(p.Body, &body) // then it tells of nothing
	what := body.telling
	if what.Stream == "" {
		what = body.Message.Data
	}
	seq, _ := strconv.ParseUint(what.Seq, 10, 64) // likewise
	return Taking{Token: p.Token, Kind: what.Kind, Stream: what.Stream, Seq: seq, At: p.At}
}

// Journal is what was taken, in order, without the first so many.
func (s *Simulator) Journal(without int) []Taking {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return slices.Clone(s.ledger.taking[min(max(without, 0), len(s.ledger.taking)):])
}
