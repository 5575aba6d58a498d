package storage

import (
	"context"
	"fmt"

	"rambla/social"
)

// What mends a session: without its row the client is told that nothing is
// there, and subscribes anew.
const dropSession = "delete the row from the table sessions; its client then begins anew"

// sessionChecks are about sessions and what belongs to them.
func sessionChecks() []check {
	return []check{{
		rule: "a session is either connected or was left",
		mend: dropSession,
		sql:  `SELECT 'session ' || id FROM sessions WHERE (node <> 0) = (left_at <> 0) ORDER BY id LIMIT $1`,
	}, {
		rule: "a session has a kind, a protocol and a fence",
		mend: dropSession,
		sql:  `SELECT 'session ' || id FROM sessions WHERE kind NOT IN (0, 1) OR version NOT IN (4, 5) OR fence < 1 ORDER BY id LIMIT $1`,
	}, {
		rule: "a session is of somebody who was not removed",
		mend: dropSession,
		sql: `SELECT 'session ' || s.id FROM sessions s LEFT JOIN people p ON p.id = s.person
			WHERE p.id IS NULL OR p.removed ORDER BY s.id LIMIT $1`,
	}, {
		rule: "a will is due where its session is absent, and only there",
		mend: "set will_due of that row of sessions to 0 and its will to nothing; the will is then not sent",
		sql: `SELECT 'session ' || id FROM sessions
			WHERE (will_due <> 0) <> (node = 0 AND octet_length(will) > 0) ORDER BY id LIMIT $1`,
	}, {
		rule: "a session without expiry stays for its connection or its will only",
		mend: dropSession,
		sql:  `SELECT 'session ' || id FROM sessions WHERE expiry = 0 AND node = 0 AND octet_length(will) = 0 ORDER BY id LIMIT $1`,
	}, {
		rule: "a QoS 2 packet belongs to a session, and its entry to a stream",
		mend: "delete the row from the table inbound",
		sql: `SELECT 'session ' || i.session || ' packet ' || i.packet FROM inbound i
			LEFT JOIN sessions s ON s.id = i.session LEFT JOIN streams t ON t.id = i.stream
			WHERE s.id IS NULL OR t.id IS NULL OR i.seq > t.head ORDER BY i.session, i.packet LIMIT $1`,
	}, {
		rule: "the history of who could read is of contexts and people, up to the journal's version",
		mend: "delete the row from the table read_changes",
		sql: `SELECT 'version ' || r.version || ' context ' || r.space || ' person ' || r.person FROM read_changes r
			LEFT JOIN spaces s ON s.id = r.space LEFT JOIN people p ON p.id = r.person
			WHERE s.id IS NULL OR (r.person <> 0 AND (p.id IS NULL OR p.removed)) OR r.version > (SELECT version FROM site)
			ORDER BY r.version LIMIT $1`,
	}}
}

// verifyPositions looks into what sessions hold of bytes. It keeps the heads of
// all streams in memory: some bytes for each.
func verifyPositions(ctx context.Context, c conn) ([]Finding, error) {
	found := positionFindings{heads: map[social.StreamKey]uint64{}, count: map[string]int{}}
	err := each(ctx, c, func(rs rows) error {
		var (
			key  social.StreamKey
			head uint64
		)
		err := rs.Scan(&key, &head)
		found.heads[key] = head
		return err
	}, `SELECT id, head FROM streams`)
	if err != nil {
		return nil, err
	}
	err = each(ctx, c, func(rs rows) error {
		var (
			id                      social.SessionID
			subscriptions, position []byte
		)
		err := rs.Scan(&id, &subscriptions, &position)
		if err == nil {
			found.check(id, subscriptions, position)
		}
		return err
	}, `SELECT id, subscriptions, position FROM sessions ORDER BY id`)
	return found.list, err
}

type positionFindings struct {
	heads map[social.StreamKey]uint64
	count map[string]int // by rule
	list  []Finding
}

func (f *positionFindings) add(rule, format string, args ...any) {
	if f.count[rule]++; f.count[rule] <= findingsPerRule {
		f.list = append(f.list, Finding{Rule: rule, Detail: fmt.Sprintf(format, args...), Mend: dropSession})
	}
}

func (f *positionFindings) check(id social.SessionID, subscriptions, position []byte) {
	if _, err := social.DecodeSubscriptions(subscriptions); err != nil {
		f.add("the subscriptions of a session can be read", "session %d", id)
	}
	p, err := social.DecodePosition(position)
	if err != nil {
		f.add("the position of a session can be read", "session %d", id)
		return
	}
	at := func(stream social.StreamKey, seq uint64) {
		head, is := f.heads[stream]
		if !is || seq > head {
			f.add("a session is not ahead of a stream", "session %d stream %d seq %d head %d", id, stream, seq, head)
		}
	}
	for _, c := range p.Cursors {
		at(c.Stream, c.Seq)
	}
	for _, o := range p.Open {
		at(o.Stream, o.Seq)
	}
}
