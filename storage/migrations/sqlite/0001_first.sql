-- Times are microseconds since 1970 UTC; 0 or NULL means never. Keys are
-- numbers of this store and never leave it.
--
-- The tables that every publish writes (posts, post_readers, samples, keys)
-- have no foreign keys: a check per row costs more than the row. Verify finds
-- what they would have found.

-- One row: the version of the journal of rights. Whoever changes rights locks
-- it before anything else.
CREATE TABLE site (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO site (id, version) VALUES (1, 0);

CREATE TABLE changes (
    version INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    person INTEGER NOT NULL,
    space INTEGER NOT NULL,
    grant_id INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 64),
    display_name TEXT NOT NULL CHECK (octet_length(display_name) <= 1000),
    service INTEGER NOT NULL,
    roles INTEGER NOT NULL,
    suspended INTEGER NOT NULL DEFAULT 0,
    removed INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

-- Every name that was ever given: kind 1 to a person, 2 to a space. Rows are
-- never deleted, so that a name is never given twice.
CREATE TABLE names (
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    name TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 64),
    owner INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;
CREATE INDEX names_owner ON names (kind, owner);

CREATE TABLE passwords (
    person INTEGER PRIMARY KEY REFERENCES people (id),
    hash TEXT NOT NULL CHECK (octet_length(hash) BETWEEN 1 AND 1000),
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE grants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id BLOB NOT NULL UNIQUE,
    person INTEGER NOT NULL REFERENCES people (id),
    kind INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (octet_length(name) <= 1000),
    scopes TEXT NOT NULL CHECK (octet_length(scopes) <= 10000),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX grants_living ON grants (person, id) WHERE ended_at = 0;

CREATE TABLE tokens (
    hash BLOB PRIMARY KEY CHECK (octet_length(hash) = 32),
    grant_id INTEGER NOT NULL REFERENCES grants (id),
    kind INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tokens_grant ON tokens (grant_id);
CREATE INDEX tokens_expiry ON tokens (expires_at);

CREATE TABLE spaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 64),
    display_name TEXT NOT NULL CHECK (octet_length(display_name) <= 1000),
    description TEXT NOT NULL CHECK (octet_length(description) <= 100000),
    url TEXT NOT NULL CHECK (octet_length(url) <= 10000),
    preset TEXT NOT NULL CHECK (octet_length(preset) <= 100),
    policies BLOB NOT NULL CHECK (octet_length(policies) = 8),
    tags TEXT NOT NULL CHECK (octet_length(tags) <= 100000),
    notifications TEXT NOT NULL CHECK (octet_length(notifications) <= 100),
    history INTEGER NOT NULL,
    owner INTEGER NOT NULL REFERENCES people (id),
    created_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
) STRICT;

-- head is the last seq, ordinals how many posts up to it count as new, head_at
-- the time of the last one. What is at or below floor was given up by retention.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    space INTEGER NOT NULL REFERENCES spaces (id),
    channel INTEGER NOT NULL,
    epoch TEXT NOT NULL CHECK (octet_length(epoch) = 8),
    head INTEGER NOT NULL DEFAULT 0,
    ordinals INTEGER NOT NULL DEFAULT 0,
    head_at INTEGER NOT NULL DEFAULT 0,
    floor INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (space, channel)
) STRICT;

CREATE TABLE members (
    space INTEGER NOT NULL REFERENCES spaces (id),
    person INTEGER NOT NULL REFERENCES people (id),
    joined_at INTEGER NOT NULL,
    joined_messages INTEGER NOT NULL,
    joined_events INTEGER NOT NULL,
    joined_data INTEGER NOT NULL,
    PRIMARY KEY (space, person)
) STRICT;
CREATE INDEX members_person ON members (person);

CREATE TABLE overrides (
    space INTEGER NOT NULL REFERENCES spaces (id),
    person INTEGER NOT NULL REFERENCES people (id),
    permission INTEGER NOT NULL,
    veto INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    PRIMARY KEY (space, person, permission)
) STRICT;
CREATE INDEX overrides_person ON overrides (person);

CREATE TABLE posts (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    author INTEGER NOT NULL,
    id BLOB NOT NULL,
    counts INTEGER NOT NULL,
    as_space INTEGER NOT NULL,
    markdown INTEGER NOT NULL,
    private INTEGER NOT NULL,
    creator INTEGER,
    subject INTEGER,
    updated_at INTEGER,
    removed_at INTEGER,
    object BLOB,
    in_reply_to BLOB,
    type TEXT NOT NULL CHECK (octet_length(type) <= 128),
    content TEXT NOT NULL CHECK (octet_length(content) <= 1048576),
    extra BLOB CHECK (octet_length(extra) <= 1048576),
    key TEXT CHECK (octet_length(key) <= 1024),
    generator TEXT NOT NULL CHECK (octet_length(generator) <= 128),
    PRIMARY KEY (stream, seq)
) STRICT;
CREATE UNIQUE INDEX posts_id ON posts (id);
CREATE INDEX posts_object ON posts (object) WHERE object IS NOT NULL;

CREATE TABLE post_readers (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    person INTEGER NOT NULL,
    PRIMARY KEY (stream, seq, person)
) STRICT;

-- What a post said before the edit with this seq.
CREATE TABLE edits (
    post BLOB NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    markdown INTEGER NOT NULL,
    content TEXT NOT NULL CHECK (octet_length(content) <= 1048576),
    extra BLOB CHECK (octet_length(extra) <= 1048576),
    PRIMARY KEY (post, seq)
) STRICT;

CREATE TABLE samples (
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    author INTEGER NOT NULL,
    qos INTEGER NOT NULL,
    topic TEXT NOT NULL CHECK (octet_length(topic) <= 1024),
    payload BLOB NOT NULL CHECK (octet_length(payload) <= 16777216),
    properties BLOB,
    key TEXT CHECK (octet_length(key) <= 1024),
    PRIMARY KEY (stream, seq)
) STRICT;
CREATE INDEX samples_topic ON samples (stream, topic, seq);

-- Idempotency keys of publishes: what the first one with that key became.
CREATE TABLE keys (
    person INTEGER NOT NULL,
    key TEXT NOT NULL CHECK (octet_length(key) <= 1024),
    digest BLOB NOT NULL CHECK (octet_length(digest) = 32),
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    id BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (person, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_at ON keys (at);

-- Remembered answers to writes over REST.
CREATE TABLE replays (
    person INTEGER NOT NULL,
    key BLOB NOT NULL CHECK (octet_length(key) = 32),
    digest BLOB NOT NULL CHECK (octet_length(digest) = 32),
    status INTEGER NOT NULL,
    sealed BLOB,
    at INTEGER NOT NULL,
    PRIMARY KEY (person, key)
) STRICT;
CREATE INDEX replays_at ON replays (at);
