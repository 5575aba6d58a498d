-- MQTT sessions: subscriptions, and how far each got. Nothing here is written
-- when a message is published.
--
-- Rows are updated in place again and again (a claim, a position every few
-- seconds, a leave), so no column that those change is in an index, and pages
-- keep room. Only a will that waits is indexed: few sessions have one.
-- node is 0 where the session is not connected, left_at is 0 where it is.
-- expiry is in microseconds; 9223372036854775 is for ever. saved_at is when
-- position and rights were written.
CREATE TABLE sessions (
    id            BIGINT   PRIMARY KEY CHECK (id > 0),
    person        BIGINT   NOT NULL REFERENCES people (id),
    grant_id      BIGINT   NOT NULL,
    fence         BIGINT   NOT NULL,
    node          BIGINT   NOT NULL,
    created_at    BIGINT   NOT NULL,
    left_at       BIGINT   NOT NULL,
    expiry        BIGINT   NOT NULL CHECK (expiry >= 0),
    rights        BIGINT   NOT NULL,
    saved_at      BIGINT   NOT NULL,
    will_delay    BIGINT   NOT NULL,
    will_due      BIGINT   NOT NULL,
    kind          SMALLINT NOT NULL,
    version       SMALLINT NOT NULL,
    name          TEXT     NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 2048),
    subscriptions BYTEA    NOT NULL CHECK (octet_length(subscriptions) <= 16777216),
    position      BYTEA    NOT NULL CHECK (octet_length(position) <= 16777216),
    will          BYTEA    NOT NULL CHECK (octet_length(will) <= 16777216),
    CONSTRAINT sessions_name UNIQUE (person, kind, name)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
CREATE INDEX sessions_will ON sessions (will_due) WHERE will_due <> 0;

-- Runs of server processes. swept is the last session that was looked at after
-- the node died: those after it may still be noted as connected to it.
CREATE TABLE nodes (
    id         BIGINT PRIMARY KEY CHECK (id > 0),
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    swept      BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- QoS 2 publishes that wait for their PUBREL, and what each became. No foreign
-- key, as with everything that a publish writes.
CREATE TABLE inbound (
    session BIGINT  NOT NULL,
    packet  INTEGER NOT NULL CHECK (packet BETWEEN 1 AND 65535),
    stream  BIGINT  NOT NULL,
    seq     BIGINT  NOT NULL,
    post    UUID,
    PRIMARY KEY (session, packet)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.05);

-- Who could read a space until a version of the journal of rights: its policy
-- and owner (person 0), or a person's standing in it with the roles of then.
-- override is 1 for a grant of Read and 2 for a veto, 0 for none. heads are the
-- last seqs of the space's streams at that moment, "channel:seq channel:seq".
CREATE TABLE read_changes (
    version  BIGINT   NOT NULL,
    space    BIGINT   NOT NULL,
    person   BIGINT   NOT NULL,
    at       BIGINT   NOT NULL,
    owner    BIGINT   NOT NULL,
    until_at BIGINT   NOT NULL,
    policy   SMALLINT NOT NULL,
    roles    SMALLINT NOT NULL,
    override SMALLINT NOT NULL CHECK (override BETWEEN 0 AND 2),
    member   BOOLEAN  NOT NULL,
    heads    TEXT     NOT NULL CHECK (octet_length(heads) <= 1000),
    PRIMARY KEY (version, space, person)
);
CREATE INDEX read_changes_person ON read_changes (person, version) WHERE person <> 0;
CREATE INDEX read_changes_space ON read_changes (space, version) WHERE person = 0;

-- The MQTT session that published; NULL where there was none.
ALTER TABLE posts ADD COLUMN session BIGINT;
ALTER TABLE samples ADD COLUMN session BIGINT;
