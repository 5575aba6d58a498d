package storage

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"rambla/social"
)

// defaultAuditLife is how long acts are kept unless [Config] says otherwise.
const defaultAuditLife = 400 * 24 * time.Hour

const insertAct = `INSERT INTO audit (at, verb, actor, acts_for, acts_as, grant_id, client, address, request, person, space,
	target, before_text, after_text, result) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

func writeAct(ctx context.Context, t *tx, a *social.Act) error {
	address := ""
	if a.Address.IsValid() {
		address = a.Address.String()
	}
	_, err := t.exec(ctx, insertAct, micros(a.At), string(a.Verb), int64(a.Actor), int64(a.For), int64(a.ForSpace), int64(a.Grant), a.Client,
		address, a.Request, int64(a.Person), int64(a.Space), a.Target, a.Before, a.After, a.Result)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// audited writes the acts under which t runs; wrote says that there were any, of
// which the commit has to be told to [social.Acting].
func (t *tx) audited(ctx context.Context) (wrote bool, err error) {
	acts := social.ActingIn(ctx).Due()
	for i := range acts {
		if t.journal != nil {
			acts[i] = t.journal.subject.complete(acts[i])
		}
		if err := writeAct(ctx, t, &acts[i]); err != nil {
			return false, err
		}
	}
	return len(acts) > 0, nil
}

// made is what a transaction has made, which whoever began it could not name.
type made struct {
	person social.PersonKey
}

func (m made) complete(act social.Act) social.Act {
	if act.Verb == social.VerbPersonCreate && act.Person == 0 {
		act.Person = m.person
	}
	return act
}

// transactAudited is a transaction that does what its context's acts say.
func (db *DB) transactAudited(ctx context.Context, f func(context.Context, *tx) error) error {
	wrote := false
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		err := f(ctx, t)
		if err == nil {
			wrote, err = t.audited(ctx)
		}
		return err
	})
	if err == nil && wrote {
		social.ActingIn(ctx).Told()
	}
	return err
}

// AppendActs is [social.AuditStore]'s.
func (db *DB) AppendActs(ctx context.Context, acts []social.Act) error {
	err := db.eng.transact(ctx, func(ctx context.Context, t *tx) error {
		for i := range acts {
			if err := writeAct(ctx, t, &acts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return failure(err)
	}
	return nil
}

// Acts is [social.AuditStore]'s.
func (db *DB) Acts(ctx context.Context, q social.ActQuery) ([]social.Act, error) {
	var (
		where []string
		args  []any
	)
	// The texts are ours; $ stands for the parameter.
	is := func(text string, value any) {
		args = append(args, value)
		where = append(where, strings.ReplaceAll(text, "$", "$"+strconv.Itoa(len(args))))
	}
	// By audit_person, audit_space or audit_actor, else by audit_at: each has the order.
	if q.Person != 0 {
		is("person = $", int64(q.Person))
	}
	if q.Space != 0 {
		is("space = $", int64(q.Space))
	}
	if q.Actor != 0 || q.Operator {
		is("actor = $", int64(q.Actor))
	}
	if q.Verb != "" {
		is("verb = $", string(q.Verb))
	}
	if !q.From.IsZero() {
		is("at >= $", micros(q.From))
	}
	if !q.To.IsZero() {
		is("at < $", micros(q.To))
	}
	if q.BeforeID != 0 {
		args = append(args, micros(q.BeforeAt), q.BeforeID)
		where = append(where, fmt.Sprintf("(at, id) < ($%d, $%d)", len(args)-1, len(args)))
	}
	text := `SELECT id, at, verb, actor, acts_for, acts_as, grant_id, client, address, request, person, space,
		target, before_text, after_text, result FROM audit`
	if len(where) > 0 {
		text += ` WHERE ` + strings.Join(where, ` AND `)
	}
	args = append(args, q.Limit)
	text += ` ORDER BY at DESC, id DESC LIMIT $` + strconv.Itoa(len(args))
	var out []social.Act
	err := each(ctx, db.eng.reader(), func(rs rows) error {
		a, err := scanAct(rs)
		out = append(out, a)
		return err
	}, text, args...)
	if err != nil {
		return nil, failure(fmt.Errorf("read the audit log: %w", err))
	}
	return out, nil
}

func scanAct(rs rows) (social.Act, error) {
	var (
		a             social.Act
		at            int64
		verb, address string
	)
	err := rs.Scan(&a.ID, &at, &verb, &a.Actor, &a.For, &a.ForSpace, &a.Grant, &a.Client, &address, &a.Request, &a.Person, &a.Space,
		&a.Target, &a.Before, &a.After, &a.Result)
	if err == nil && address != "" {
		a.Address, err = netip.ParseAddr(address)
	}
	a.At, a.Verb = moment(at), social.Verb(verb)
	return a, err
}

// purgeAudit deletes acts that are older than is asked for.
func (db *DB) purgeAudit(ctx context.Context, now time.Time) (int64, error) {
	// By audit_at.
	return db.purgeBy(ctx, now.Add(-db.auditLife), func(*tx) string {
		return `WITH old AS MATERIALIZED (SELECT id FROM audit WHERE at <= $1 ORDER BY at LIMIT $2)
			DELETE FROM audit WHERE id IN (SELECT id FROM old)`
	})
}

// eraseActs takes from the audit log what is about a person beyond its key: where
// it came from, and what it was called. The acts stay.
func eraseActs(ctx context.Context, t *tx, person social.PersonKey) error {
	// By audit_person and audit_actor.
	_, err := t.exec(ctx, `UPDATE audit SET target = '', before_text = '', after_text = '' WHERE person = $1`, int64(person))
	if err == nil {
		_, err = t.exec(ctx, `UPDATE audit SET address = '', client = '' WHERE actor = $1`, int64(person))
	}
	if err != nil {
		return fmt.Errorf("erase from the audit log: %w", err)
	}
	return nil
}

// auditChecks are about the audit log.
func auditChecks() []check {
	return []check{{
		rule: "an entry of the audit log is of people and contexts that are, or were",
		mend: "set what the message names to 0 in that row of the table audit",
		sql: `SELECT 'entry ' || a.id || ': actor ' || a.actor || ', for ' || a.acts_for || ', person ' || a.person || ', context ' || a.space
			FROM audit a LEFT JOIN people p ON p.id = a.actor LEFT JOIN people f ON f.id = a.acts_for LEFT JOIN people o ON o.id = a.person
			LEFT JOIN spaces s ON s.id = a.space LEFT JOIN spaces v ON v.id = a.acts_as
			WHERE (a.actor <> 0 AND p.id IS NULL) OR (a.acts_for <> 0 AND f.id IS NULL) OR (a.person <> 0 AND o.id IS NULL)
				OR (a.space <> 0 AND s.id IS NULL) OR (a.acts_as <> 0 AND v.id IS NULL) ORDER BY a.id LIMIT $1`,
	}}
}
