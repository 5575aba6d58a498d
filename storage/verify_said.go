package storage

// What an Undo says that ends a like or a flag, as package social writes it.
const (
	undoneLike = `{"object":{"type":"Like"}}`
	undoneFlag = `{"object":{"type":"Flag"}}`
)

const (
	recount = "delete the row from the table tallies where its post is gone; else set it to what the log has"

	// Living comments and shares of each post.
	saidOf = `(SELECT root, SUM(CASE WHEN type = 'Announce' THEN 0 ELSE 1 END) AS comments, SUM(CASE WHEN type = 'Announce' THEN 1 ELSE 0 END) AS shares
		FROM posts WHERE root IS NOT NULL AND counts AND removed_at IS NULL GROUP BY root)`
	likesOf = `(SELECT stream, seq, COUNT(*) AS likes FROM reactions WHERE kind = 1 GROUP BY stream, seq)`
)

// saidChecks are about what was said about posts.
func saidChecks() []check {
	return []check{{
		rule: "a post has as many comments, likes and shares as are told of it",
		mend: recount,
		sql: `SELECT 'stream ' || t.stream || ' seq ' || t.seq || ': ' || t.comments || ' comments, ' || t.likes || ' likes, ' || t.shares || ' shares; found '
				|| COALESCE(c.comments, 0) || ', ' || COALESCE(l.likes, 0) || ', ' || COALESCE(c.shares, 0)
			FROM tallies t LEFT JOIN posts p ON p.stream = t.stream AND p.seq = t.seq
			LEFT JOIN ` + saidOf + ` c ON c.root = p.id LEFT JOIN ` + likesOf + ` l ON l.stream = t.stream AND l.seq = t.seq
			WHERE p.id IS NULL OR t.comments <> COALESCE(c.comments, 0) OR t.likes <> COALESCE(l.likes, 0) OR t.shares <> COALESCE(c.shares, 0)
			ORDER BY t.stream, t.seq LIMIT $1`,
	}, {
		rule: "a post knows when it was last commented on, liked and highlighted",
		mend: recount,
		sql: `SELECT 'stream ' || t.stream || ' seq ' || t.seq FROM tallies t
			WHERE t.commented_at <> ` + newestComment + ` OR t.liked_at <> ` + newestLike + ` OR (t.flagged_at = 0) <> (t.flagged_by = 0)
			ORDER BY t.stream, t.seq LIMIT $1`,
	}, {
		rule: "what is said about a post is counted there",
		mend: recount,
		sql: `SELECT 'stream ' || p.stream || ' seq ' || p.seq FROM ` + saidOf + ` c JOIN posts p ON p.id = c.root
				LEFT JOIN tallies t ON t.stream = p.stream AND t.seq = p.seq WHERE t.stream IS NULL
			UNION ALL SELECT 'stream ' || l.stream || ' seq ' || l.seq FROM ` + likesOf + ` l
				LEFT JOIN tallies t ON t.stream = l.stream AND t.seq = l.seq WHERE t.stream IS NULL LIMIT $1`,
	}, {
		rule: "a comment stands beside what it is about, and is for the same readers",
		mend: restore,
		sql: `SELECT 'stream ' || c.stream || ' seq ' || c.seq FROM posts c JOIN streams s ON s.id = c.stream
			LEFT JOIN posts p ON p.id = c.root LEFT JOIN streams o ON o.id = p.stream
			WHERE (s.channel = 8 AND c.counts AND c.root IS NULL) OR (p.id IS NOT NULL AND c.type <> 'Announce'
				AND (s.channel <> 8 OR o.channel <> 1 OR s.space <> o.space OR c.private <> p.private))
			ORDER BY c.stream, c.seq LIMIT $1`,
	}, {
		rule: "a reaction is of a person to a post",
		mend: "delete the row from the table reactions, and correct likes in tallies",
		sql: `SELECT 'stream ' || r.stream || ' seq ' || r.seq || ' person ' || r.person FROM reactions r
			LEFT JOIN posts p ON p.stream = r.stream AND p.seq = r.seq LEFT JOIN people w ON w.id = r.person
			WHERE p.id IS NULL OR NOT p.counts OR w.id IS NULL OR (r.kind = 1) <> (r.entry > 0) LIMIT $1`,
	}, {
		// Of what of the log was given up nothing is known.
		rule: "likes are those of the log",
		mend: restore,
		sql: `SELECT 'stream ' || p.stream || ' seq ' || p.seq || ': ' || COALESCE(l.likes, 0) || ' likes; the log has ' || e.likes
			FROM (SELECT u.object, SUM(CASE WHEN u.type = 'Like' THEN 1 WHEN u.type = 'Undo' AND u.extra = $1 THEN -1 ELSE 0 END) AS likes
				FROM streams s JOIN posts u ON u.stream = s.id WHERE s.channel = 9 AND s.floor = 0 GROUP BY u.object) e
			JOIN posts p ON p.id = e.object LEFT JOIN ` + likesOf + ` l ON l.stream = p.stream AND l.seq = p.seq
			WHERE COALESCE(l.likes, 0) <> e.likes LIMIT $2`,
		args: []any{[]byte(undoneLike)},
	}, {
		rule: "highlighted is what the log says is",
		mend: "set flagged_at and flagged_by in the table tallies to those of the last Flag in the log, or to 0",
		sql: `SELECT 'stream ' || p.stream || ' seq ' || p.seq
			FROM (SELECT u.object, SUM(CASE WHEN u.type = 'Flag' THEN 1 WHEN u.type = 'Undo' AND u.extra = $1 THEN -1 ELSE 0 END) AS flags
				FROM streams s JOIN posts u ON u.stream = s.id WHERE s.channel = 9 AND s.floor = 0 GROUP BY u.object) e
			JOIN posts p ON p.id = e.object LEFT JOIN tallies t ON t.stream = p.stream AND t.seq = p.seq
			WHERE CASE WHEN COALESCE(t.flagged_at, 0) = 0 THEN 0 ELSE 1 END <> e.flags LIMIT $2`,
		args: []any{[]byte(undoneFlag)},
	}, {
		rule: "a report is about a post of its space",
		mend: "delete the row from the table reports",
		sql: `SELECT 'stream ' || r.stream || ' seq ' || r.seq FROM reports r
			LEFT JOIN posts p ON p.stream = r.stream AND p.seq = r.seq LEFT JOIN streams s ON s.id = r.stream
			WHERE p.id IS NULL OR s.space <> r.space LIMIT $1`,
	}}
}
