-- What people say of themselves, and what is left of those who are erased.

-- Read for one person at a time, so it is not among what is kept in memory.
CREATE TABLE profiles (
    person INTEGER PRIMARY KEY REFERENCES people (id),
    title  TEXT   NOT NULL CHECK (octet_length(title) <= 1000),
    about  TEXT   NOT NULL CHECK (octet_length(about) <= 10000),
    url    TEXT   NOT NULL CHECK (octet_length(url) <= 10000)
) STRICT;

-- Of who is erased the row stays, as the author of tombstones. Its name and its
-- names in the table names are no names any more: there stands a hash, keyed with one
-- of the site's secrets, so that they are given to nobody else.
ALTER TABLE people ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;

-- Erasures, and what is left to do: step, and in it what comes behind seq of
-- stream. While somebody works on it claim is that one's number, until
-- claim_until. by_whom is 0 for the operator. counts is JSON.
CREATE TABLE erasures (
    id          BLOB     PRIMARY KEY NOT NULL,
    person      INTEGER   NOT NULL UNIQUE REFERENCES people (id),
    by_whom     INTEGER   NOT NULL,
    asked_at    INTEGER   NOT NULL,
    done_at     INTEGER   NOT NULL DEFAULT 0,
    step        INTEGER NOT NULL DEFAULT 0,
    stream      INTEGER   NOT NULL DEFAULT 0,
    seq         INTEGER   NOT NULL DEFAULT 0,
    claim       INTEGER   NOT NULL DEFAULT 0,
    claim_until INTEGER   NOT NULL DEFAULT 0,
    counts      TEXT     NOT NULL CHECK (octet_length(counts) <= 4096)
) STRICT;
CREATE INDEX erasures_open ON erasures (asked_at) WHERE done_at = 0;
