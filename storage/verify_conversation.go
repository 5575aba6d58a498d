package storage

// conversationChecks are about conversations, and what people want to hear.
func conversationChecks() []check {
	return []check{{
		rule: "a conversation has the name of one",
		mend: restore,
		sql:  `SELECT 'space ' || id || ': ' || name FROM spaces WHERE (kind = 1) <> (name LIKE 'conv/%') LIMIT $1`,
	}, {
		rule: "in a conversation of two is nobody but the two, who see all of it",
		mend: "delete the row of anybody else from the table members, and set history to 0 in spaces",
		sql: `SELECT s.name FROM spaces s WHERE s.pair_a IS NOT NULL AND (s.kind <> 1 OR s.history <> 0
			OR EXISTS (SELECT 1 FROM members m WHERE m.space = s.id AND m.person <> s.pair_a AND m.person <> s.pair_b)) LIMIT $1`,
	}, {
		rule: "the owner of a group takes part in it",
		mend: "set owner in the table spaces to a member of the group",
		sql: `SELECT s.name FROM spaces s LEFT JOIN members m ON m.space = s.id AND m.person = s.owner
			WHERE s.kind = 1 AND s.pair_a IS NULL AND NOT s.deleted AND m.person IS NULL LIMIT $1`,
	}, {
		rule: "a block is between two people who are there",
		mend: "delete the row from the table blocks, or ignores",
		sql: `SELECT 'person ' || b.person || ' blocks ' || b.blocked FROM (SELECT person, blocked FROM blocks
				UNION ALL SELECT person, blocked FROM ignores) b LEFT JOIN people p ON p.id = b.person
			LEFT JOIN people o ON o.id = b.blocked
			WHERE b.person = b.blocked OR p.id IS NULL OR p.removed OR o.id IS NULL OR o.removed LIMIT $1`,
	}, {
		rule: "what is muted is muted by somebody who is there, and is there",
		mend: "delete the row from the table attention",
		sql: `SELECT 'person ' || a.person || ' space ' || a.space FROM attention a LEFT JOIN people p ON p.id = a.person
			LEFT JOIN spaces s ON s.id = a.space
			WHERE p.id IS NULL OR p.removed OR s.id IS NULL OR s.deleted OR a.muted_until < -1
				OR (a.level = 0 AND a.muted_until = 0) LIMIT $1`,
	}}
}
