package storage

import (
	"context"
	"fmt"
	"slices"

	"rambla/social"
)

// Finding is one broken invariant.
type Finding struct {
	Rule   string // what should hold
	Detail string // where it does not
	Mend   string // what an operator can do
}

func (f Finding) String() string { return f.Rule + ": " + f.Detail + " (" + f.Mend + ")" }

// findingsPerRule bounds what Verify returns: where a rule is broken a thousand
// times, the first ones say it all.
const findingsPerRule = 20

// check is an invariant: a query that returns one text per violation, and a
// limit as its last parameter.
type check struct {
	rule string
	mend string
	sql  string
	args []any
}

// Verify looks for broken invariants in one snapshot of the store, while it is
// in use. It reads whole tables: minutes for hundreds of millions of posts, in
// constant memory. An error means that it could not look.
func (db *DB) Verify(ctx context.Context) ([]Finding, error) {
	var out []Finding
	err := db.eng.snapshot(ctx, func(c conn) (err error) {
		out, err = db.verify(ctx, c)
		return err
	})
	if err != nil {
		return nil, failure(err)
	}
	return out, nil
}

func (db *DB) verify(ctx context.Context, c conn) ([]Finding, error) {
	var out []Finding
	checks := slices.Concat(
		logChecks(),
		saidChecks(),
		rightChecks(),
		conversationChecks(),
		sessionChecks(),
		deviceChecks(),
		pushChecks(),
		searchChecks(),
		avatarChecks(),
		fileChecks(),
		auditChecks(),
		peopleChecks(),
		db.eng.checks(),
	)
	for _, k := range checks {
		args := append(k.args, findingsPerRule)
		err := each(ctx, c, func(rs rows) error {
			f := Finding{Rule: k.rule, Mend: k.mend}
			err := rs.Scan(&f.Detail)
			out = append(out, f)
			return err
		}, k.sql, args...)
		if err != nil {
			return nil, fmt.Errorf("verify that %s: %w", k.rule, err)
		}
	}
	positions, err := verifyPositions(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("verify positions: %w", err)
	}
	return append(out, positions...), nil
}

const restore = "restore a backup; the newest from before the damage"

// logChecks are about streams and what they hold.
func logChecks() []check {
	return []check{{
		rule: "the posts of a stream are numbered without a gap, up to its head",
		mend: restore,
		sql: `SELECT 'stream ' || s.id || ': floor ' || s.floor || ', head ' || s.head || ', ' || COALESCE(p.n, 0) || ' posts from '
				|| COALESCE(p.low, 0) || ' to ' || COALESCE(p.high, 0)
			FROM streams s LEFT JOIN (SELECT stream, COUNT(*) AS n, MIN(seq) AS low, MAX(seq) AS high FROM posts GROUP BY stream) p
				ON p.stream = s.id
			WHERE s.channel <> $1 AND (COALESCE(p.n, 0) <> s.head - s.floor
				OR (p.n > 0 AND (p.low <> s.floor + 1 OR p.high <> s.head))) ORDER BY s.id LIMIT $2`,
		args: []any{int64(social.ChannelData)},
	}, {
		rule: "the samples of a stream are numbered without a gap, up to its head",
		mend: restore,
		sql: `SELECT 'stream ' || s.id || ': floor ' || s.floor || ', head ' || s.head || ', ' || COALESCE(p.n, 0) || ' samples from '
				|| COALESCE(p.low, 0) || ' to ' || COALESCE(p.high, 0)
			FROM streams s LEFT JOIN (SELECT stream, COUNT(*) AS n, MIN(seq) AS low, MAX(seq) AS high FROM samples GROUP BY stream) p
				ON p.stream = s.id
			WHERE s.channel = $1 AND (COALESCE(p.n, 0) <> s.head - s.floor
				OR (p.n > 0 AND (p.low <> s.floor + 1 OR p.high <> s.head))) ORDER BY s.id LIMIT $2`,
		args: []any{int64(social.ChannelData)},
	}, {
		rule: "every post and sample belongs to a stream of its kind",
		mend: restore,
		sql: `SELECT 'stream ' || x.stream FROM (
				SELECT DISTINCT stream, TRUE AS post FROM posts UNION ALL SELECT DISTINCT stream, FALSE FROM samples) x
			LEFT JOIN streams s ON s.id = x.stream
			WHERE s.id IS NULL OR (s.channel = $1) = x.post ORDER BY x.stream LIMIT $2`,
		args: []any{int64(social.ChannelData)},
	}, {
		rule: "every retained message belongs to an open stream of data, and is of its past",
		mend: "delete the row from the table retained and correct retained and retained_bytes in streams",
		sql: `SELECT 'stream ' || r.stream || ' topic ' || r.topic FROM retained r LEFT JOIN streams s ON s.id = r.stream
			WHERE s.id IS NULL OR s.channel <> $1 OR s.closed OR r.seq > s.head LIMIT $2`,
		args: []any{int64(social.ChannelData)},
	}, {
		rule: "a stream knows how much its samples and retained messages come to",
		mend: "set bytes, retained and retained_bytes in the table streams to what the message says was found",
		sql: `SELECT 'stream ' || s.id || ': ' || s.bytes || ' bytes, ' || s.retained || ' retained of ' || s.retained_bytes || ' bytes; found '
				|| COALESCE(m.bytes, 0) || ', ' || COALESCE(r.n, 0) || ', ' || COALESCE(r.bytes, 0)
			FROM streams s LEFT JOIN (SELECT stream, SUM(` + rowSize + `) AS bytes FROM samples GROUP BY stream) m ON m.stream = s.id
			LEFT JOIN (SELECT stream, COUNT(*) AS n, SUM(` + rowSize + `) AS bytes FROM retained GROUP BY stream) r ON r.stream = s.id
			WHERE s.bytes <> COALESCE(m.bytes, 0) OR s.retained <> COALESCE(r.n, 0) OR s.retained_bytes <> COALESCE(r.bytes, 0)
			ORDER BY s.id LIMIT $1`,
	}, {
		rule: "ordinals count the posts that count as new, and times do not go back",
		mend: restore,
		sql: `SELECT 'stream ' || stream || ' seq ' || seq FROM (
				SELECT stream, seq, ordinal, published_at, counts,
					LAG(ordinal) OVER w AS before, LAG(published_at) OVER w AS earlier
				FROM posts WINDOW w AS (PARTITION BY stream ORDER BY seq)) x
			WHERE (before IS NOT NULL OR seq = 1) AND (ordinal <> COALESCE(before, 0) + CASE WHEN counts THEN 1 ELSE 0 END
				OR published_at < earlier) LIMIT $1`,
	}, {
		rule: "the counters of a stream are those of its last post",
		mend: restore,
		sql: `SELECT 'stream ' || s.id FROM streams s JOIN posts p ON p.stream = s.id AND p.seq = s.head
			WHERE s.ordinals <> p.ordinal OR s.head_at <> p.published_at ORDER BY s.id LIMIT $1`,
	}, {
		rule: "a removed post has no content",
		mend: "run rambla doctor again after an update; if it stays, remove the post once more",
		sql: `SELECT 'stream ' || stream || ' seq ' || seq FROM posts
			WHERE removed_at IS NOT NULL AND (content <> '' OR extra IS NOT NULL) LIMIT $1`,
	}, {
		rule: "nothing that a removed post once said is kept",
		mend: "run rambla doctor again after an update; if it stays, remove the post once more",
		sql: `SELECT 'stream ' || p.stream || ' seq ' || p.seq FROM posts p WHERE p.removed_at IS NOT NULL AND (
				EXISTS (SELECT 1 FROM edits e WHERE e.post = p.id)
				OR EXISTS (SELECT 1 FROM posts u WHERE u.object = p.id AND u.type = 'Update'
					AND (u.content <> '' OR u.extra IS NOT NULL OR u.removed_at IS NULL))) LIMIT $1`,
	}, {
		// News of the context itself, in its events (channel 2), have no object.
		rule: "an edit or a removal is about an earlier post of its stream, and shows on it",
		mend: restore,
		// News of a space are called so too, and are about no post; what others are
		// about may have been given up.
		sql: `SELECT 'stream ' || u.stream || ' seq ' || u.seq FROM posts u JOIN streams s ON s.id = u.stream
			LEFT JOIN posts p ON p.id = u.object
			WHERE s.channel <> $1 AND u.type IN ('Update', 'Delete') AND ((p.id IS NULL AND s.floor = 0)
				OR p.stream <> u.stream OR p.seq >= u.seq OR NOT p.counts OR (u.type = 'Delete' AND p.id IS NOT NULL AND p.removed_at IS NULL)
				OR (u.type = 'Update' AND p.id IS NOT NULL AND p.updated_at IS NULL)) LIMIT $2`,
		args: []any{int64(social.ChannelEvents)},
	}, {
		rule: "a former content belongs to an edit",
		mend: restore,
		sql: `SELECT 'stream ' || p.stream || ' seq ' || e.seq FROM edits e LEFT JOIN posts p ON p.id = e.post
			LEFT JOIN posts u ON u.stream = p.stream AND u.seq = e.seq AND u.object = e.post
			WHERE u.id IS NULL LIMIT $1`,
	}, {
		rule: "only private posts have readers, who exist",
		mend: restore,
		sql: `SELECT 'stream ' || r.stream || ' seq ' || r.seq || ' person ' || r.person FROM post_readers r
			LEFT JOIN posts p ON p.stream = r.stream AND p.seq = r.seq LEFT JOIN people w ON w.id = r.person
			WHERE p.id IS NULL OR NOT p.private OR w.id IS NULL LIMIT $1`,
	}, {
		rule: "an edit of a private post is private too",
		mend: "remove the edit",
		sql: `SELECT 'stream ' || u.stream || ' seq ' || u.seq FROM posts u JOIN posts p ON p.id = u.object
			WHERE u.type = 'Update' AND p.private AND NOT u.private LIMIT $1`,
	}, {
		rule: "every author exists",
		mend: restore,
		sql: `SELECT 'person ' || x.author FROM (SELECT DISTINCT author FROM posts UNION SELECT DISTINCT author FROM samples
				UNION SELECT DISTINCT author FROM retained) x
			LEFT JOIN people p ON p.id = x.author WHERE p.id IS NULL LIMIT $1`,
	}, {
		rule: "a read marker is somebody's, and not beyond the end of its stream",
		mend: "delete the row from the table read_markers; the person has read nothing there then",
		sql: `SELECT 'stream ' || m.stream || ' person ' || m.person || ': read ' || m.read || ', delivered ' || m.delivered || ', head ' || m.head
			FROM read_markers m LEFT JOIN streams s ON s.id = m.stream LEFT JOIN people p ON p.id = m.person
			WHERE s.id IS NULL OR p.id IS NULL OR m.head > s.head OR m.read > m.delivered OR m.delivered > m.head LIMIT $1`,
	}, {
		rule: "an idempotency key names what was stored with it",
		mend: "delete the row from the table keys; a repeat of that publish is then stored again",
		sql: `SELECT 'person ' || k.person || ', stream ' || k.stream || ' seq ' || k.seq FROM keys k
			LEFT JOIN posts p ON p.stream = k.stream AND p.seq = k.seq AND p.id = k.id AND p.author = k.person
			LEFT JOIN samples m ON m.stream = k.stream AND m.seq = k.seq AND m.author = k.person
			LEFT JOIN streams s ON s.id = k.stream
			WHERE s.id IS NULL OR (p.id IS NULL AND m.seq IS NULL AND k.seq > s.floor) LIMIT $1`,
	}}
}

// rightChecks are about people, spaces and what lets them in.
func rightChecks() []check {
	return []check{{
		rule: "every person has its present name, and is the only one",
		mend: restore,
		sql: `SELECT 'person ' || p.id FROM people p LEFT JOIN names n ON n.kind = 1 AND n.name = p.name
			WHERE NOT p.erased AND (n.owner IS NULL OR n.owner <> p.id) LIMIT $1`,
	}, {
		rule: "every context has its name, and is the only one",
		mend: restore,
		sql: `SELECT 'context ' || s.name FROM spaces s LEFT JOIN names n ON n.kind = 2 AND n.name = s.name
			WHERE s.kind = 0 AND (n.owner IS NULL OR n.owner <> s.id) LIMIT $1`,
	}, {
		rule: "every name belongs to somebody",
		mend: restore,
		sql: `SELECT n.name FROM names n LEFT JOIN people p ON n.kind = 1 AND p.id = n.owner
			LEFT JOIN spaces s ON n.kind = 2 AND s.id = n.owner WHERE p.id IS NULL AND s.id IS NULL LIMIT $1`,
	}, {
		rule: "every space has one stream for each channel of its kind",
		mend: restore,
		sql: `SELECT s.name || ': ' || COUNT(t.id) FROM spaces s LEFT JOIN streams t ON t.space = s.id
				AND (t.channel IN (1, 9) OR t.channel = 8 AND s.kind <> 1 OR t.channel = 2 AND s.kind <> 2 OR t.channel = 3 AND s.kind = 0)
			GROUP BY s.id, s.name, s.kind HAVING COUNT(t.id) <> CASE s.kind WHEN 0 THEN 5 ELSE 3 END LIMIT $1`,
	}, {
		rule: "the streams of a context are closed exactly when it is deleted",
		mend: restore,
		sql:  `SELECT 'stream ' || t.id FROM streams t JOIN spaces s ON s.id = t.space WHERE t.closed <> s.deleted LIMIT $1`,
	}, {
		rule: "the members of a context are people, and it is not deleted",
		mend: "delete the row from the table members",
		sql: `SELECT 'context ' || m.space || ' person ' || m.person FROM members m LEFT JOIN people p ON p.id = m.person
			LEFT JOIN spaces s ON s.id = m.space
			WHERE p.id IS NULL OR p.removed OR s.id IS NULL OR s.deleted LIMIT $1`,
	}, {
		rule: "a membership began no later than the streams have come",
		mend: restore,
		sql: `SELECT 'context ' || m.space || ' person ' || m.person FROM members m JOIN streams s ON s.space = m.space
			WHERE s.head < CASE s.channel WHEN 1 THEN m.joined_messages WHEN 2 THEN m.joined_events WHEN 3 THEN m.joined_data
				WHEN 8 THEN m.joined_comments WHEN 9 THEN m.joined_reactions ELSE 0 END LIMIT $1`,
	}, {
		rule: "overrides are of people in contexts, one permission each",
		mend: "delete the row from the table overrides",
		sql: `SELECT 'context ' || o.space || ' person ' || o.person || ' permission ' || o.permission FROM overrides o
			LEFT JOIN people p ON p.id = o.person LEFT JOIN spaces s ON s.id = o.space
			WHERE p.id IS NULL OR p.removed OR s.id IS NULL OR s.deleted OR o.permission NOT IN (1, 2, 4, 8, 16, 32, 64, 128) LIMIT $1`,
	}, {
		rule: "a ban is of a person in a context that it does not own, and ends after it began",
		mend: "delete the row from the table bans",
		sql: `SELECT 'context ' || b.space || ' person ' || b.person FROM bans b LEFT JOIN people p ON p.id = b.person
			LEFT JOIN spaces s ON s.id = b.space
			WHERE p.id IS NULL OR p.removed OR s.id IS NULL OR s.deleted OR s.kind <> 0 OR s.owner = b.person
				OR (b.until_at <> 0 AND b.until_at <= b.at) LIMIT $1`,
	}, {
		rule: "a context hangs below a living context, and never below itself",
		mend: "set parent to NULL in that row of the table spaces",
		sql: `WITH RECURSIVE up (id, at, n) AS (
				SELECT id, parent, 1 FROM spaces WHERE parent IS NOT NULL
				UNION ALL SELECT up.id, s.parent, up.n + 1 FROM up JOIN spaces s ON s.id = up.at WHERE s.parent IS NOT NULL AND up.n <= 8)
			SELECT 'context ' || c.name FROM spaces c LEFT JOIN spaces p ON p.id = c.parent
			WHERE c.parent IS NOT NULL AND (c.kind <> 0 OR p.id IS NULL OR p.kind <> 0 OR (p.deleted AND NOT c.deleted)
				OR EXISTS (SELECT 1 FROM up WHERE up.id = c.id AND (up.at = c.id OR up.n >= 8))) LIMIT $1`,
	}, {
		rule: "the owner of a context is a member of it",
		mend: "add the owner as a member",
		sql: `SELECT 'context ' || s.name FROM spaces s LEFT JOIN people p ON p.id = s.owner
			LEFT JOIN members m ON m.space = s.id AND m.person = s.owner
			WHERE s.kind = 0 AND NOT s.deleted AND (p.id IS NULL OR (NOT p.removed AND m.person IS NULL)) LIMIT $1`,
	}, {
		rule: "a wall is its person's only one, and ends with it",
		mend: restore,
		sql: `SELECT 'wall ' || s.id FROM spaces s LEFT JOIN people p ON p.id = s.owner
			WHERE s.kind = 2 AND (p.id IS NULL OR s.name <> 'wall/' || s.owner OR s.deleted <> p.removed) ORDER BY s.id LIMIT $1`,
	}, {
		rule: "nobody follows itself",
		mend: "delete the row from the table members",
		sql: `SELECT 'wall ' || m.space || ' person ' || m.person FROM members m JOIN spaces s ON s.id = m.space
			WHERE s.kind = 2 AND m.person = s.owner LIMIT $1`,
	}, {
		rule: "preferences are of people who were not removed",
		mend: "delete the row from the table preferences",
		sql: `SELECT 'person ' || f.person FROM preferences f LEFT JOIN people p ON p.id = f.person
			WHERE p.id IS NULL OR p.removed ORDER BY f.person LIMIT $1`,
	}, {
		rule: "who was removed has no password",
		mend: "delete the row from the table passwords",
		sql: `SELECT 'person ' || w.person FROM passwords w LEFT JOIN people p ON p.id = w.person
			WHERE p.id IS NULL OR p.removed LIMIT $1`,
	}, {
		rule: "who was removed holds no grant",
		mend: "end the grant",
		sql: `SELECT 'grant ' || g.id FROM grants g LEFT JOIN people p ON p.id = g.person
			WHERE p.id IS NULL OR (p.removed AND g.ended_at = 0) LIMIT $1`,
	}, {
		rule: "every token belongs to a grant that holds",
		mend: "delete the row from the table tokens",
		sql: `SELECT 'grant ' || t.grant_id FROM tokens t LEFT JOIN grants g ON g.id = t.grant_id
			WHERE g.id IS NULL OR g.ended_at <> 0 LIMIT $1`,
	}, {
		rule: "the journal of rights ends at its version and has no gap",
		mend: "restart all servers, which then read all rights anew",
		sql: `SELECT 'version ' || s.version || ', journal from ' || COALESCE(c.low, 0) || ' to ' || COALESCE(c.high, 0) || ', ' || COALESCE(c.n, 0) || ' entries'
			FROM site s LEFT JOIN (SELECT MIN(version) AS low, MAX(version) AS high, COUNT(*) AS n FROM changes) c ON TRUE
			WHERE COALESCE(c.high, 0) <> s.version OR (c.n > 0 AND c.n <> c.high - c.low + 1) LIMIT $1`,
	}}
}

func (e *postgres) checks() []check {
	return []check{{
		rule: "every index is valid",
		mend: "REINDEX INDEX CONCURRENTLY that index",
		sql: `SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = current_schema() AND NOT (i.indisvalid AND i.indisready) LIMIT $1`,
	}}
}

func (e *lite) checks() []check {
	return []check{{
		rule: "the file is sound",
		mend: restore,
		sql:  `SELECT quick_check FROM pragma_quick_check WHERE quick_check <> 'ok' AND quick_check NOT LIKE 'fts5: %' LIMIT $1`,
	}, {
		// With secure-delete FTS5 keeps the names of segments whose last row went, until
		// it merges them, and misses their pages then. Nothing else does.
		rule: "the index of search is whole",
		mend: "run rambla doctor --rebuild-search",
		sql: `SELECT c.quick_check FROM pragma_quick_check c WHERE c.quick_check LIKE 'fts5: %' AND NOT (
				c.quick_check LIKE 'fts5: corruption found reading blob %' AND NOT EXISTS (
					SELECT 1 FROM search_words_data d WHERE d.id >> 37 = CAST(substr(c.quick_check, 37) AS INTEGER) >> 37)) LIMIT $1`,
	}, {
		rule: "rows refer to rows that exist",
		mend: restore,
		sql:  `SELECT "table" || ' row ' || COALESCE(rowid, 0) || ' has no ' || parent FROM pragma_foreign_key_check LIMIT $1`,
	}}
}
