package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rambla/social"
)

const reportColumns = `r.id, r.space, r.reporter, r.at, r.reason, r.resolved_at, r.resolved_by, r.outcome, ` + postColumns + `
	FROM reports r JOIN posts p ON p.stream = r.stream AND p.seq = r.seq`

func scanReport(rs rows) (social.Report, error) {
	var (
		r            social.Report
		at, resolved int64
		err          error
	)
	r.Post, err = scanPostAfter(rs, idColumn{&r.ID}, &r.Space, &r.Reporter, &at, &r.Reason, &resolved, &r.By, &r.Outcome)
	r.At, r.Resolved = moment(at), moment(resolved)
	return r, err
}

// readReports reads reports, with the readers of private posts.
func (db *DB) readReports(ctx context.Context, text string, args ...any) ([]social.Report, error) {
	var out []social.Report
	c := db.eng.reader()
	err := each(ctx, c, func(rs rows) error {
		r, err := scanReport(rs)
		out = append(out, r)
		return err
	}, text, args...)
	for i := range out {
		if err != nil {
			break
		}
		if one := []social.Post{out[i].Post}; one[0].Private {
			err = addReaders(ctx, c, one[0].Stream, one)
			out[i].Post = one[0]
		}
	}
	if err != nil {
		return nil, failure(fmt.Errorf("read reports: %w", err))
	}
	return out, nil
}

// AddReport is [social.ReportStore]'s.
func (db *DB) AddReport(ctx context.Context, r social.Report) (first bool, err error) {
	err = db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		stream, seq := int64(r.Post.Stream), int64(r.Post.Seq) //nolint:gosec // came from a BIGINT
		// Who is removed and erased leaves none behind.
		if err := lockPerson(ctx, t, r.Reporter); err != nil {
			return err
		}
		var is int
		// The post stays while this is written: what gives it up takes its reports along.
		err := one(ctx, t, into(&is), `SELECT 1 FROM posts WHERE stream = $1 AND seq = $2`+t.forShare, stream, seq)
		if errors.Is(err, errNoRow) {
			return notFound("post")
		}
		if err != nil {
			return err
		}
		n, err := t.exec(ctx, `INSERT INTO reports (id, stream, seq, space, reporter, at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (stream, seq, reporter) DO NOTHING`, r.ID[:], stream, seq, int64(r.Space), int64(r.Reporter), micros(r.At), r.Reason)
		first = n == 1
		return err
	})
	if err != nil {
		return false, failure(fmt.Errorf("keep a report: %w", err))
	}
	return first, nil
}

// OpenReports is [social.ReportStore]'s.
func (db *DB) OpenReports(ctx context.Context, spaces []social.SpaceKey, after social.ID, limit int) ([]social.Report, error) {
	// By reports_open.
	return db.readReports(ctx, `SELECT `+reportColumns+` WHERE r.space = ANY($1) AND r.resolved_at = 0 AND r.id > $2 ORDER BY r.id LIMIT $3`,
		keyList(spaces), after[:], limit)
}

// Report is [social.ReportStore]'s.
func (db *DB) Report(ctx context.Context, id social.ID) (social.Report, error) {
	list, err := db.readReports(ctx, `SELECT `+reportColumns+` WHERE r.id = $1`, id[:])
	if err == nil && len(list) == 0 {
		err = notFound("report")
	}
	if err != nil {
		return social.Report{}, err
	}
	return list[0], nil
}

// ResolveReport is [social.ReportStore]'s.
func (db *DB) ResolveReport(ctx context.Context, id social.ID, by social.PersonKey, outcome string, now time.Time) error {
	err := db.transactAudited(ctx, func(ctx context.Context, t *tx) error {
		n, err := t.exec(ctx, `UPDATE reports SET resolved_at = $2, resolved_by = $3, outcome = $4 WHERE id = $1 AND resolved_at = 0`,
			id[:], micros(now), int64(by), outcome)
		if err == nil && n == 0 {
			return social.Errorf(social.KindConflict, "The report was resolved before.")
		}
		return err
	})
	if err != nil {
		return failure(fmt.Errorf("resolve a report: %w", err))
	}
	return nil
}
