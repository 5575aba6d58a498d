package storage

const hashMarked = `LIKE '` + hashMark + `%'`

// peopleChecks are about what people say of themselves, and those who were erased.
func peopleChecks() []check {
	return []check{{
		rule: "a profile is of a person who was not removed",
		mend: "delete the row from the table profiles",
		sql: `SELECT 'person ' || f.person FROM profiles f LEFT JOIN people p ON p.id = f.person
			WHERE p.id IS NULL OR p.removed ORDER BY f.person LIMIT $1`,
	}, {
		rule: "who was erased was removed, and nobody reads who it was",
		mend: "run rambla doctor again after an update; if it stays, restore a backup and erase the person again",
		sql: `SELECT 'person ' || p.id FROM people p
			WHERE p.erased AND (NOT p.removed OR p.display_name <> '' OR p.roles <> 0 OR p.name NOT ` + hashMarked + `
				OR EXISTS (SELECT 1 FROM names n WHERE n.kind = 1 AND n.owner = p.id AND n.name NOT ` + hashMarked + `)) ORDER BY p.id LIMIT $1`,
	}, {
		rule: "an erasure is of a person who was erased, each of whom has one",
		mend: restore,
		sql: `SELECT 'person ' || x.person FROM (
				SELECT e.person FROM erasures e LEFT JOIN people p ON p.id = e.person WHERE p.id IS NULL OR NOT p.erased
				UNION SELECT p.id FROM people p LEFT JOIN erasures e ON e.person = p.id WHERE p.erased AND e.person IS NULL) x
			ORDER BY x.person LIMIT $1`,
	}, {
		rule: "nothing is left in the log of who was erased",
		mend: "set done_at, stream and seq to 0 in that row of the table erasures; the server then erases what is left",
		sql: `SELECT 'person ' || p.author || ', stream ' || p.stream || ' seq ' || p.seq FROM erasures e JOIN posts p ON p.author = e.person
			WHERE e.done_at <> 0 AND p.counts AND NOT p.as_space AND p.removed_at IS NULL ORDER BY p.stream, p.seq LIMIT $1`,
	}}
}
