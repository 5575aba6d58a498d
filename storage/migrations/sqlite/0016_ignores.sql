-- Whom people do not want to hear of: of one side, and only what comes unasked.
CREATE TABLE ignores (
    person INTEGER NOT NULL REFERENCES people (id),
    blocked INTEGER NOT NULL REFERENCES people (id),
    at INTEGER NOT NULL,
    PRIMARY KEY (person, blocked)
) STRICT;
CREATE INDEX ignores_blocked ON ignores (blocked);
