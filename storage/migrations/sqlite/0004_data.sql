-- Retained messages, open topics, quotas of data, and retention per context.

-- A stream belongs to a context, or to a prefix of open topics. bytes is what
-- its samples come to, retained and retained_bytes what its retained messages do:
-- kept by whoever writes the row, so that a quota costs no counting. SQLite
-- cannot take a NOT NULL away from a column, so the table is made anew.
CREATE TABLE streams_2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER REFERENCES spaces (id),
    prefix TEXT UNIQUE CHECK (octet_length(prefix) BETWEEN 2 AND 512),
    channel INTEGER NOT NULL,
    epoch TEXT NOT NULL CHECK (octet_length(epoch) = 8),
    head INTEGER NOT NULL DEFAULT 0,
    ordinals INTEGER NOT NULL DEFAULT 0,
    head_at INTEGER NOT NULL DEFAULT 0,
    floor INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    retained INTEGER NOT NULL DEFAULT 0,
    retained_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (space, channel),
    CHECK ((space IS NULL) <> (prefix IS NULL))
) STRICT;
INSERT INTO streams_2 (id, space, channel, epoch, head, ordinals, head_at, floor, closed, bytes)
    SELECT s.id, s.space, s.channel, s.epoch, s.head, s.ordinals, s.head_at, s.floor, s.closed,
        (SELECT COALESCE(SUM(octet_length(m.topic) + octet_length(m.payload) + COALESCE(octet_length(m.properties), 0)), 0)
            FROM samples m WHERE m.stream = s.id)
    FROM streams s;
DROP TABLE streams;
ALTER TABLE streams_2 RENAME TO streams;

-- How much is kept: ages in microseconds, numbers of entries; 0 = as the site does.
ALTER TABLE spaces ADD COLUMN keep_age INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN keep_posts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN keep_data_age INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spaces ADD COLUMN keep_samples INTEGER NOT NULL DEFAULT 0;

ALTER TABLE samples ADD COLUMN retain INTEGER NOT NULL DEFAULT 0;

-- The last message of each topic that was published to be retained; seq is 0
-- where it is in no stream. Read in the order of the topics' bytes.
CREATE TABLE retained (
    stream INTEGER NOT NULL,
    topic TEXT NOT NULL CHECK (octet_length(topic) <= 1024),
    seq INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    author INTEGER NOT NULL,
    session INTEGER,
    qos INTEGER NOT NULL,
    payload BLOB NOT NULL CHECK (octet_length(payload) BETWEEN 1 AND 16777216),
    properties BLOB,
    PRIMARY KEY (stream, topic)
) STRICT;
CREATE INDEX retained_expiry ON retained (expires_at) WHERE expires_at <> 0;
