package storage

import "rambla/social"

const indexAgain = "run rambla doctor --rebuild-search"

// searchChecks are about the index of search, which is made of the log. What was given
// up by retention, or is of a deleted space, purging finds.
func searchChecks() []check {
	return []check{{
		rule: "search has read a stream no further than it goes",
		mend: indexAgain,
		sql: `SELECT 'stream ' || x.stream || ': position ' || x.position || ', head ' || COALESCE(s.head, 0) FROM search_streams x
			LEFT JOIN streams s ON s.id = x.stream WHERE s.id IS NULL OR x.position > s.head ORDER BY x.stream LIMIT $1`,
	}, {
		rule: "what search finds is a living post of a stream of posts, unless its removal was not read yet",
		mend: indexAgain,
		sql: `SELECT 'stream ' || x.stream || ' seq ' || x.seq FROM search_posts x LEFT JOIN streams s ON s.id = x.stream
			LEFT JOIN posts p ON p.stream = x.stream AND p.seq = x.seq LEFT JOIN search_streams r ON r.stream = x.stream
			WHERE s.id IS NULL OR s.channel NOT IN ($1, $2) OR (p.seq IS NULL AND x.seq > s.floor)
				OR NOT COALESCE(p.counts, TRUE)
				OR (p.removed_at IS NOT NULL AND NOT s.closed AND COALESCE(r.position, 0) >= s.head)
			ORDER BY x.stream, x.seq LIMIT $3`,
		args: []any{int64(social.ChannelMessages), int64(social.ChannelComments)},
	}, {
		rule: "search knows of every living post whom it is from, when it was made and whether it is private",
		mend: indexAgain,
		sql: `SELECT 'stream ' || x.stream || ' seq ' || x.seq FROM search_posts x JOIN posts p ON p.stream = x.stream AND p.seq = x.seq
			WHERE x.at <> p.published_at OR x.private <> p.private OR x.author <> CASE WHEN p.as_space THEN 0 ELSE p.author END
			ORDER BY x.stream, x.seq LIMIT $1`,
	}, {
		rule: "every living post of a stream that was read is in the index",
		mend: indexAgain,
		sql: `SELECT 'stream ' || p.stream || ' seq ' || p.seq FROM posts p JOIN streams s ON s.id = p.stream
			JOIN search_streams r ON r.stream = p.stream LEFT JOIN search_posts x ON x.stream = p.stream AND x.seq = p.seq
			WHERE s.channel IN ($1, $2) AND NOT s.closed AND p.seq <= r.position AND p.counts AND p.removed_at IS NULL AND x.seq IS NULL
			ORDER BY p.stream, p.seq LIMIT $3`,
		args: []any{int64(social.ChannelMessages), int64(social.ChannelComments)},
	}}
}
