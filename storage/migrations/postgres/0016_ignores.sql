-- Whom people do not want to hear of: of one side, and only what comes unasked.
CREATE TABLE ignores (
    person  BIGINT NOT NULL REFERENCES people (id),
    blocked BIGINT NOT NULL REFERENCES people (id),
    at      BIGINT NOT NULL,
    PRIMARY KEY (person, blocked)
);
CREATE INDEX ignores_blocked ON ignores (blocked);
