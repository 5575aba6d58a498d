-- Files that people have uploaded; their bytes lie beside the store, under the id.
-- stream, seq and post are those of the post that a file hangs on, place which of its
-- files it is; NULL while it hangs on none. removed_at: it is to be removed, and its
-- row after it. A row is there before its file and after it.
CREATE TABLE attachments (
    id UUID PRIMARY KEY,
    owner BIGINT NOT NULL REFERENCES people (id),
    name TEXT NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    media_type TEXT NOT NULL CHECK (octet_length(media_type) BETWEEN 1 AND 128),
    size BIGINT NOT NULL CHECK (size > 0),
    width BIGINT NOT NULL CHECK (width >= 0),
    height BIGINT NOT NULL CHECK (height >= 0),
    digest BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    created_at BIGINT NOT NULL,
    stream BIGINT,
    seq BIGINT,
    post UUID,
    place BIGINT NOT NULL DEFAULT 0,
    removed_at BIGINT,
    CHECK ((stream IS NULL) = (seq IS NULL) AND (stream IS NULL) = (post IS NULL))
);
CREATE INDEX attachments_owner ON attachments (owner, size) WHERE removed_at IS NULL;
CREATE INDEX attachments_post ON attachments (stream, seq) WHERE stream IS NOT NULL;
CREATE INDEX attachments_loose ON attachments (created_at) WHERE stream IS NULL AND removed_at IS NULL;
CREATE INDEX attachments_removed ON attachments (removed_at) WHERE removed_at IS NOT NULL;

-- What the site signs with, made when it was first needed.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 64),
    value TEXT NOT NULL CHECK (octet_length(value) BETWEEN 1 AND 1000),
    created_at BIGINT NOT NULL
);
