-- What was administered: keys of who did what to whom, never names. actor is 0 for
-- the operator, grant_id 0 for a password; acts_for and acts_as are the person and
-- the context in whose name, else 0. It has no foreign keys: it outlives what it tells of.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    verb TEXT NOT NULL CHECK (octet_length(verb) BETWEEN 1 AND 40),
    actor INTEGER NOT NULL,
    acts_for INTEGER NOT NULL,
    acts_as INTEGER NOT NULL,
    grant_id INTEGER NOT NULL,
    client TEXT NOT NULL CHECK (octet_length(client) <= 300),
    address TEXT NOT NULL CHECK (octet_length(address) <= 64),
    request TEXT NOT NULL CHECK (octet_length(request) <= 300),
    person INTEGER NOT NULL,
    space INTEGER NOT NULL,
    target TEXT NOT NULL CHECK (octet_length(target) <= 300),
    before_text TEXT NOT NULL CHECK (octet_length(before_text) <= 300),
    after_text TEXT NOT NULL CHECK (octet_length(after_text) <= 300),
    result TEXT NOT NULL CHECK (octet_length(result) <= 300)
) STRICT;
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_actor ON audit (actor, at, id);
CREATE INDEX audit_person ON audit (person, at, id);
CREATE INDEX audit_space ON audit (space, at, id);
