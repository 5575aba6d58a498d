-- Comments and reactions.

-- What a comment, however deep in its thread, is about.
ALTER TABLE posts ADD COLUMN root UUID;
CREATE INDEX posts_root ON posts (root, seq) WHERE root IS NOT NULL;

-- What was said about a post, kept by whoever appends it: all of one space's
-- comments or reactions hold the same row of streams, so counts do not race.
-- A post without any has no row. comments counts the living ones.
CREATE TABLE tallies (
    post         UUID   PRIMARY KEY,
    stream       BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    comments     BIGINT NOT NULL,
    likes        BIGINT NOT NULL,
    shares       BIGINT NOT NULL,
    commented_at BIGINT NOT NULL,
    liked_at     BIGINT NOT NULL,
    flagged_at   BIGINT NOT NULL,
    flagged_by   BIGINT NOT NULL
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX tallies_commented ON tallies (stream, commented_at) WHERE commented_at <> 0;
CREATE INDEX tallies_liked ON tallies (stream, likes, liked_at) WHERE likes <> 0;
CREATE INDEX tallies_flagged ON tallies (stream, flagged_at) WHERE flagged_at <> 0;

-- Who likes (1) and who keeps as a favorite (2). seq is the Like's in the stream
-- of reactions; 0 for a favorite, which nobody else is told of.
CREATE TABLE reactions (
    post   UUID     NOT NULL,
    kind   SMALLINT NOT NULL CHECK (kind IN (1, 2)),
    person BIGINT   NOT NULL,
    at     BIGINT   NOT NULL,
    seq    BIGINT   NOT NULL,
    PRIMARY KEY (post, kind, person)
);
CREATE INDEX reactions_person ON reactions (person, kind, at);

CREATE TABLE reports (
    id          UUID   PRIMARY KEY,
    post        UUID   NOT NULL,
    space       BIGINT NOT NULL REFERENCES spaces (id),
    reporter    BIGINT NOT NULL REFERENCES people (id),
    at          BIGINT NOT NULL,
    resolved_at BIGINT NOT NULL DEFAULT 0,
    resolved_by BIGINT NOT NULL DEFAULT 0,
    reason      TEXT   NOT NULL CHECK (octet_length(reason) <= 4096),
    outcome     TEXT   NOT NULL DEFAULT '' CHECK (octet_length(outcome) <= 4096),
    UNIQUE (post, reporter)
);
CREATE INDEX reports_open ON reports (space, id) WHERE resolved_at = 0;
