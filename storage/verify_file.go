package storage

import "rambla/social"

// fileChecks are about what hangs on posts. What of a removed file is still there
// nobody reads, and the sweep finds it.
func fileChecks() []check {
	return []check{{
		rule: "a file that is not removed hangs on a living post of its owner's, or on none",
		mend: "set removed_at in that row of the table attachments to the present time in microseconds; the server removes it then",
		sql: `SELECT 'file of person ' || a.owner || ' at stream ' || a.stream || ' seq ' || a.seq FROM attachments a
			LEFT JOIN posts p ON p.stream = a.stream AND p.seq = a.seq LEFT JOIN streams s ON s.id = a.stream LEFT JOIN spaces w ON w.id = s.space
			WHERE a.stream IS NOT NULL AND a.removed_at IS NULL
				AND (p.id IS NULL OR p.id <> a.post OR NOT p.counts OR p.removed_at IS NOT NULL OR p.author <> a.owner OR w.deleted)
			ORDER BY a.stream, a.seq LIMIT $1`,
	}, {
		rule: "a post has no more files than it may, each at a place of its own",
		mend: restore,
		sql: `SELECT 'stream ' || stream || ' seq ' || seq FROM attachments WHERE stream IS NOT NULL AND removed_at IS NULL GROUP BY stream, seq
			HAVING COUNT(*) > $1 OR COUNT(DISTINCT place) <> COUNT(*) OR MAX(place) <> COUNT(*) - 1 ORDER BY stream, seq LIMIT $2`,
		args: []any{int64(social.MaxAttachments)},
	}}
}
