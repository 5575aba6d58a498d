-- Retained messages, open topics, quotas of data, and retention per context.

-- A stream belongs to a context, or to a prefix of open topics. bytes is what
-- its samples come to, retained and retained_bytes what its retained messages do:
-- kept by whoever holds the row, so that a quota costs no counting.
ALTER TABLE streams
    ALTER COLUMN space DROP NOT NULL,
    ADD COLUMN prefix         TEXT   UNIQUE CHECK (octet_length(prefix) BETWEEN 2 AND 512),
    ADD COLUMN bytes          BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN retained       BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN retained_bytes BIGINT NOT NULL DEFAULT 0,
    ADD CONSTRAINT streams_owner CHECK ((space IS NULL) <> (prefix IS NULL));

UPDATE streams SET bytes = (
    SELECT COALESCE(SUM(octet_length(m.topic) + octet_length(m.payload) + COALESCE(octet_length(m.properties), 0)), 0)
    FROM samples m WHERE m.stream = streams.id)
WHERE channel = 3;

-- How much is kept: ages in microseconds, numbers of entries; 0 = as the site does.
ALTER TABLE spaces
    ADD COLUMN keep_age      BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN keep_posts    BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN keep_data_age BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN keep_samples  BIGINT NOT NULL DEFAULT 0;

ALTER TABLE samples ADD COLUMN retain BOOLEAN NOT NULL DEFAULT FALSE;

-- The last message of each topic that was published to be retained; seq is 0
-- where it is in no stream. Read in the order of the topics' bytes.
CREATE TABLE retained (
    stream       BIGINT   NOT NULL,
    topic        TEXT     COLLATE "C" NOT NULL CHECK (octet_length(topic) <= 1024),
    seq          BIGINT   NOT NULL,
    published_at BIGINT   NOT NULL,
    expires_at   BIGINT   NOT NULL,
    author       BIGINT   NOT NULL,
    session      BIGINT,
    qos          SMALLINT NOT NULL,
    payload      BYTEA    NOT NULL CHECK (octet_length(payload) BETWEEN 1 AND 16777216),
    properties   BYTEA,
    PRIMARY KEY (stream, topic)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
CREATE INDEX retained_expiry ON retained (expires_at) WHERE expires_at <> 0;
