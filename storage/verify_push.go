package storage

import "rambla/social"

const forgetPush = "delete the row; at worst a push is missing or comes twice"

// pushChecks are about what is to be pushed. What a settled push leaves behind while
// its person is removed nobody reads, and purging finds it.
func pushChecks() []check {
	return []check{{
		rule: "push has read a stream no further than it goes",
		mend: "set position in the table push_streams to the head of the stream",
		sql: `SELECT 'stream ' || p.stream || ': position ' || p.position || ', head ' || COALESCE(s.head, 0) FROM push_streams p
			LEFT JOIN streams s ON s.id = p.stream WHERE s.id IS NULL OR p.position > s.head ORDER BY p.stream LIMIT $1`,
	}, {
		rule: "what is to be pushed is of a stream of posts, and of its past",
		mend: forgetPush,
		sql: `SELECT 'person ' || r.person || ' stream ' || r.stream FROM push_rows r LEFT JOIN streams s ON s.id = r.stream
			LEFT JOIN people p ON p.id = r.person
			WHERE s.id IS NULL OR p.id IS NULL OR s.channel NOT IN ($1, $2, $3) OR r.last_seq > s.head OR r.first_seq < 1
				OR r.done_seq < r.first_seq - 1 ORDER BY r.person, r.stream LIMIT $4`,
		args: []any{int64(social.ChannelMessages), int64(social.ChannelEvents), int64(social.ChannelComments)},
	}, {
		rule: "a row that waits is due, and one that is claimed too",
		mend: "set due in that row of the table push_rows to 1",
		sql: `SELECT 'person ' || person || ' stream ' || stream FROM push_rows
			WHERE due = 0 AND (last_seq > done_seq OR claim <> 0) ORDER BY person, stream LIMIT $1`,
	}, {
		rule: "what a device was told belongs to a row, and is of its past",
		mend: forgetPush,
		sql: `SELECT 'person ' || t.person || ' stream ' || t.stream || ' device ' || t.device FROM push_told t
			LEFT JOIN push_rows r ON r.person = t.person AND r.stream = t.stream
			WHERE r.person IS NULL OR t.seq > r.last_seq ORDER BY t.person, t.stream LIMIT $1`,
	}, {
		rule: "a post that names somebody belongs to a row",
		mend: forgetPush,
		sql: `SELECT 'person ' || n.person || ' stream ' || n.stream || ' seq ' || n.seq FROM push_named n
			LEFT JOIN push_rows r ON r.person = n.person AND r.stream = n.stream
			WHERE r.person IS NULL OR n.seq > r.last_seq ORDER BY n.person, n.stream, n.seq LIMIT $1`,
	}}
}
