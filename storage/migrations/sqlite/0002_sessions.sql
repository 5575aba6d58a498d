-- MQTT sessions: subscriptions, and how far each got. Nothing here is written
-- when a message is published.
--
-- node is 0 where the session is not connected, left_at is 0 where it is.
-- expiry is in microseconds; 9223372036854775 is for ever. saved_at is when
-- position and rights were written.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    person INTEGER NOT NULL REFERENCES people (id),
    grant_id INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    node INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    left_at INTEGER NOT NULL,
    expiry INTEGER NOT NULL CHECK (expiry >= 0),
    rights INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    will_delay INTEGER NOT NULL,
    will_due INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 2048),
    subscriptions BLOB NOT NULL CHECK (octet_length(subscriptions) <= 16777216),
    position BLOB NOT NULL CHECK (octet_length(position) <= 16777216),
    will BLOB NOT NULL CHECK (octet_length(will) <= 16777216),
    UNIQUE (person, kind, name)
) STRICT;
CREATE INDEX sessions_will ON sessions (will_due) WHERE will_due <> 0;

-- Runs of server processes. swept is the last session that was looked at after
-- the node died: those after it may still be noted as connected to it.
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY CHECK (id > 0),
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    swept INTEGER NOT NULL DEFAULT 0
) STRICT;

-- QoS 2 publishes that wait for their PUBREL, and what each became. No foreign
-- key, as with everything that a publish writes.
CREATE TABLE inbound (
    session INTEGER NOT NULL,
    packet INTEGER NOT NULL CHECK (packet BETWEEN 1 AND 65535),
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    post BLOB,
    PRIMARY KEY (session, packet)
) STRICT, WITHOUT ROWID;

-- Who could read a space until a version of the journal of rights: its policy
-- and owner (person 0), or a person's standing in it with the roles of then.
-- override is 1 for a grant of Read and 2 for a veto, 0 for none. heads are the
-- last seqs of the space's streams at that moment, "channel:seq channel:seq".
CREATE TABLE read_changes (
    version INTEGER NOT NULL,
    space INTEGER NOT NULL,
    person INTEGER NOT NULL,
    at INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    roles INTEGER NOT NULL,
    override INTEGER NOT NULL CHECK (override BETWEEN 0 AND 2),
    member INTEGER NOT NULL,
    heads TEXT NOT NULL CHECK (octet_length(heads) <= 1000),
    PRIMARY KEY (version, space, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX read_changes_person ON read_changes (person, version) WHERE person <> 0;
CREATE INDEX read_changes_space ON read_changes (space, version) WHERE person = 0;

-- The MQTT session that published; NULL where there was none.
ALTER TABLE posts ADD COLUMN session INTEGER;
ALTER TABLE samples ADD COLUMN session INTEGER;
