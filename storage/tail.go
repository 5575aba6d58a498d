package storage

import (
	"context"
	"fmt"
	"slices"

	"rambla/social"
)

// By primary keys. SQLite keeps the order of a CROSS JOIN.
const (
	streamEnds = `SELECT s.id, s.epoch, s.head FROM unnest($1::bigint[]) AS u (stream) CROSS JOIN streams s WHERE s.id = u.stream`
	// An entry that is committed between the two statements is told by the second
	// alone, and is left out.
	tailEntries = `SELECT p.stream, p.seq, p.author, p.counts, p.removed_at IS NOT NULL, p.private
		FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, head) CROSS JOIN posts p
		WHERE p.stream = u.stream AND p.seq > u.head - $3 AND p.seq <= u.head`
	tailReaders = `SELECT r.stream, r.seq, r.person FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, seq) CROSS JOIN post_readers r
		WHERE r.stream = u.stream AND r.seq = u.seq ORDER BY r.stream, r.seq, r.person`
	setMarkers = `SELECT m.stream, m.person, m.delivered, m.read, m.head, m.at
		FROM unnest($1::bigint[], $2::bigint[]) AS u (stream, person) CROSS JOIN read_markers m
		WHERE m.stream = u.stream AND m.person = u.person`
)

// Tails is [social.TailStore]'s.
func (db *DB) Tails(ctx context.Context, streams []social.StreamKey, n int) (map[social.StreamKey]social.Tail, error) {
	c := db.eng.reader()
	out := make(map[social.StreamKey]social.Tail, len(streams))
	var keys, heads []int64
	err := each(ctx, c, func(rs rows) error {
		var (
			key  social.StreamKey
			tail social.Tail
		)
		err := rs.Scan(&key, &tail.Epoch, &tail.Head)
		out[key] = tail
		keys, heads = append(keys, int64(key)), append(heads, int64(tail.Head)) //nolint:gosec // came from a BIGINT
		return err
	}, streamEnds, keyList(streams))
	if err == nil {
		err = readTails(ctx, c, out, keys, heads, n)
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read the ends of streams: %w", err))
	}
	return out, nil
}

// readTails adds the entries, in order of seq.
func readTails(ctx context.Context, c conn, out map[social.StreamKey]social.Tail, keys, heads []int64, n int) error {
	entries := make(map[social.StreamKey][]social.TailEntry, len(out))
	var private, seqs []int64
	err := each(ctx, c, func(rs rows) error {
		var (
			key social.StreamKey
			e   social.TailEntry
		)
		err := rs.Scan(&key, &e.Seq, &e.Author, &e.Counts, &e.Removed, &e.Private)
		if e.Private {
			private, seqs = append(private, int64(key)), append(seqs, int64(e.Seq)) //nolint:gosec // came from a BIGINT
		}
		entries[key] = append(entries[key], e)
		return err
	}, tailEntries, keys, heads, n)
	if err != nil {
		return err
	}
	for key, list := range entries {
		slices.SortFunc(list, func(a, b social.TailEntry) int { return int(a.Seq) - int(b.Seq) }) //nolint:gosec // near each other
		tail := out[key]
		tail.Entries = list
		out[key] = tail
	}
	if len(private) == 0 {
		return nil
	}
	return each(ctx, c, func(rs rows) error {
		var (
			key    social.StreamKey
			seq    uint64
			person social.PersonKey
		)
		if err := rs.Scan(&key, &seq, &person); err != nil {
			return err
		}
		list := entries[key]
		i, _ := slices.BinarySearchFunc(list, seq, func(e social.TailEntry, seq uint64) int { return int(e.Seq) - int(seq) }) //nolint:gosec // near each other
		list[i].Readers = append(list[i].Readers, person)
		return nil
	}, tailReaders, private, seqs)
}

// SetMarkers is [social.TailStore]'s.
func (db *DB) SetMarkers(ctx context.Context, streams []social.StreamKey, persons []social.PersonKey) ([]social.SetMarker, error) {
	people := make([]int64, len(persons))
	for i, p := range persons {
		people[i] = int64(p)
	}
	var out []social.SetMarker
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		var (
			m     social.SetMarker
			moved int64
		)
		err := rs.Scan(&m.Stream, &m.Person, &m.Delivered, &m.Read, &m.Head, &moved)
		m.At = moment(moved)
		out = append(out, m)
		return err
	}, setMarkers, keyList(streams), people)
	if err != nil {
		return nil, failure(fmt.Errorf("read markers: %w", err))
	}
	return out, nil
}
