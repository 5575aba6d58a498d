package simulator

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Push is one that came, whatever became of it.
type Push struct {
	Provider string            `json:"provider"`
	Token    string            `json:"token"`
	ID       string            `json:"id"` // the same for the same push; see each provider
	At       time.Time         `json:"at"`
	Status   int               `json:"status"` // 0: taken, but not answered
	Reason   string            `json:"reason,omitempty"`
	Header   map[string]string `json:"header,omitempty"`
	Body     json.RawMessage   `json:"body,omitempty"` // decrypted, of Web Push
	Taken    bool              `json:"taken"`
}

// Counts is what a provider has seen since the start or the last Reset.
type Counts struct {
	Accepted    int            `json:"accepted"`   // pushes taken, each time
	Distinct    int            `json:"distinct"`   // their ids
	Duplicates  int            `json:"duplicates"` // the difference
	Rejected    map[string]int `json:"rejected"`   // by reason
	Connections int            `json:"connections"`
	// TokenFetches counts access tokens given (FCM), Signatures the different
	// provider tokens seen (APNs, Web Push).
	TokenFetches int       `json:"token_fetches"`
	Signatures   int       `json:"signatures"`
	GoAways      int       `json:"go_aways"` // sent
	Refused      int       `json:"refused"`  // streams beyond the limit, unprocessed
	First        time.Time `json:"first"`    // when the first push was taken
	Last         time.Time `json:"last"`
}

// book is what is kept of one provider.
type book struct {
	Counts
	ids   map[string]struct{}
	sigs  map[string]struct{}
	kept  map[string][]Push // by token, the newest Keep
	taken map[string]int    // by token
}

// ledger counts. It grows with the pushes of a run: an id and a token of each.
type ledger struct {
	keep    int
	journal bool

	mu     sync.Mutex // guards the rest
	books  map[string]*book
	taking []Taking
}

func newLedger(keep int, journal bool) *ledger {
	return &ledger{keep: keep, journal: journal, books: map[string]*book{}}
}

func (l *ledger) bookLocked(provider string) *book {
	b := l.books[provider]
	if b == nil {
		b = &book{ids: map[string]struct{}{}, sigs: map[string]struct{}{}, kept: map[string][]Push{}, taken: map[string]int{}}
		b.Rejected = map[string]int{}
		l.books[provider] = b
	}
	return b
}

// note writes down a push that was taken or refused.
func (l *ledger) note(p Push) {
	p.At = time.Now()
	var what Taking
	if l.journal && p.Taken {
		what = takingOf(&p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bookLocked(p.Provider)
	if p.Taken {
		if l.journal {
			l.taking = append(l.taking, what)
		}
		b.Accepted++
		b.taken[p.Token]++
		if _, again := b.ids[p.ID]; again {
			b.Duplicates++
		} else {
			b.ids[p.ID] = struct{}{}
			b.Distinct++
		}
		if b.First.IsZero() {
			b.First = p.At
		}
		b.Last = p.At
	} else {
		b.Rejected[p.Reason]++
	}
	if l.keep > 0 {
		kept := append(b.kept[p.Token], p)
		if over := len(kept) - l.keep; over > 0 {
			kept = slices.Delete(kept, 0, over)
		}
		b.kept[p.Token] = kept
	}
}

func (l *ledger) count(provider string, f func(*Counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.bookLocked(provider).Counts)
}

func (l *ledger) connected(provider string) {
	l.count(provider, func(c *Counts) { c.Connections++ })
}

// signed writes down a provider token, to count how often it is made anew.
func (l *ledger) signed(provider, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bookLocked(provider)
	if _, seen := b.sigs[token]; !seen {
		b.sigs[token] = struct{}{}
		b.Signatures++
	}
}

// Counts is what the provider has seen.
func (s *Simulator) Counts(provider string) Counts {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	c := s.ledger.bookLocked(provider).Counts
	rejected := make(map[string]int, len(c.Rejected))
	for reason, n := range c.Rejected {
		rejected[reason] = n
	}
	c.Rejected = rejected
	return c
}

// Pushes are the newest to a token, oldest first.
func (s *Simulator) Pushes(provider, token string) []Push {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return slices.Clone(s.ledger.bookLocked(provider).kept[token])
}

// Taken is how many pushes were taken, by token.
func (s *Simulator) Taken(provider string) map[string]int {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	b := s.ledger.bookLocked(provider)
	out := make(map[string]int, len(b.taken))
	for token, n := range b.taken {
		out[token] = n
	}
	return out
}

// Reset forgets all counts and pushes.
func (s *Simulator) Reset() {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	clear(s.ledger.books)
	s.ledger.taking = nil
}
