-- What people are pushed of. Nothing here is written when something is posted: a
-- worker reads the log and writes what follows from it.

-- Up to where the worker has read each stream.
CREATE TABLE push_streams (
    stream INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
-- What was posted before is no news.
INSERT INTO push_streams (stream, position) SELECT id, head FROM streams WHERE head > 0;

-- One per person and stream, however much is posted. Of the posts from first_seq to
-- last_seq those up to done_seq are decided. due is when the row is to be looked
-- at, 0 for never; while somebody does, claim is that one's number and due the end
-- of its lease. again: look once more, for something changed meanwhile. step counts
-- the pushes of a flood and next_at is when the next one may follow. shown: some
-- device shows something. posted_at is of the oldest post that is not decided.
CREATE TABLE push_rows (
    person INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    rank INTEGER NOT NULL CHECK (rank BETWEEN 0 AND 2),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    done_seq INTEGER NOT NULL,
    posted_at INTEGER NOT NULL,
    due INTEGER NOT NULL,
    claim INTEGER NOT NULL DEFAULT 0,
    again INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER NOT NULL DEFAULT 0,
    step INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    shown INTEGER NOT NULL DEFAULT 0,
    touched_at INTEGER NOT NULL,
    PRIMARY KEY (person, stream),
    CHECK (first_seq <= last_seq AND done_seq <= last_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX push_rows_due ON push_rows (rank, due) WHERE due <> 0;
CREATE INDEX push_rows_shown ON push_rows (stream, person) WHERE shown <> 0;

-- Posts that concern a person by name: 1 mentions it, 2 answers it, 3 tells that it
-- was added.
CREATE TABLE push_named (
    person INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    why INTEGER NOT NULL CHECK (why BETWEEN 1 AND 3),
    PRIMARY KEY (person, stream, seq)
) STRICT, WITHOUT ROWID;

-- What a device was told of a stream: up to seq, and mark is a digest of what it
-- shows. wait_until: not before, after attempt tries that failed.
CREATE TABLE push_told (
    person INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    device INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    shown INTEGER NOT NULL,
    wait_until INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (person, stream, device)
) STRICT, WITHOUT ROWID;

-- What was decided of the posts after since, up to seq; n counts per person. device
-- is 0 where it was the same for all.
CREATE TABLE push_decisions (
    person INTEGER NOT NULL,
    n INTEGER NOT NULL,
    device INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    since INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    what INTEGER NOT NULL,
    status INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (octet_length(reason) <= 64),
    code TEXT NOT NULL CHECK (octet_length(code) <= 256),
    answer TEXT NOT NULL CHECK (octet_length(answer) <= 512),
    PRIMARY KEY (person, n)
) STRICT, WITHOUT ROWID;

-- Pushes that another attempt would not save; the newest.
CREATE TABLE push_dead (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    person INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    device INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    platform INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    status INTEGER NOT NULL,
    app TEXT NOT NULL CHECK (octet_length(app) <= 255),
    code TEXT NOT NULL CHECK (octet_length(code) <= 256),
    detail TEXT NOT NULL CHECK (octet_length(detail) <= 2048)
) STRICT;

-- Who has got a device, or another one, lately.
CREATE INDEX devices_set ON devices (set_at);

-- Who wants to be told of everything in a space.
CREATE INDEX attention_all ON attention (space) WHERE level = 1;
