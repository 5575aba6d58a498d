-- Comments and reactions.

-- root is what a comment, however deep in its thread, is about, or what a share
-- shares; version the seq of the Update that said the present content.
ALTER TABLE posts ADD COLUMN root UUID;
ALTER TABLE posts ADD COLUMN version BIGINT;
CREATE INDEX posts_root ON posts (root, seq) WHERE root IS NOT NULL;

-- Looked up are only the edits of what is removed; a post may have many likes.
DROP INDEX posts_object;
CREATE INDEX posts_object ON posts (object) WHERE type = 'Update';

-- What was said about the post stream, seq; kept by whoever appends it. A post
-- without any has no row. comments and shares count the living ones, and
-- commented_at and liked_at are of the newest that is left.
CREATE TABLE tallies (
    stream       BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    comments     BIGINT NOT NULL DEFAULT 0,
    likes        BIGINT NOT NULL DEFAULT 0,
    shares       BIGINT NOT NULL DEFAULT 0,
    commented_at BIGINT NOT NULL DEFAULT 0,
    liked_at     BIGINT NOT NULL DEFAULT 0,
    flagged_at   BIGINT NOT NULL DEFAULT 0,
    flagged_by   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (stream, seq)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX tallies_commented ON tallies (stream, commented_at) WHERE commented_at <> 0;
CREATE INDEX tallies_liked ON tallies (stream, likes, liked_at) WHERE likes <> 0;
CREATE INDEX tallies_flagged ON tallies (stream, flagged_at) WHERE flagged_at <> 0;

-- Who likes (1) and who keeps as a favorite (2) the post stream, seq. entry is
-- the Like's seq among the reactions; 0 for a favorite, which nobody else is told of.
CREATE TABLE reactions (
    stream BIGINT   NOT NULL,
    seq    BIGINT   NOT NULL,
    kind   SMALLINT NOT NULL CHECK (kind IN (1, 2)),
    person BIGINT   NOT NULL,
    at     BIGINT   NOT NULL,
    entry  BIGINT   NOT NULL,
    PRIMARY KEY (stream, seq, kind, person)
);
CREATE INDEX reactions_favorites ON reactions (person, stream, seq) WHERE kind = 2;
CREATE INDEX reactions_likes ON reactions (stream, seq, entry) WHERE kind = 1;

-- What people told moderators of the post stream, seq.
CREATE TABLE reports (
    id          UUID   PRIMARY KEY,
    stream      BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    space       BIGINT NOT NULL REFERENCES spaces (id),
    reporter    BIGINT NOT NULL REFERENCES people (id),
    at          BIGINT NOT NULL,
    resolved_at BIGINT NOT NULL DEFAULT 0,
    resolved_by BIGINT NOT NULL DEFAULT 0,
    reason      TEXT   NOT NULL CHECK (octet_length(reason) <= 4096),
    outcome     TEXT   NOT NULL DEFAULT '' CHECK (octet_length(outcome) <= 4096),
    UNIQUE (stream, seq, reporter)
);
CREATE INDEX reports_open ON reports (space, id) WHERE resolved_at = 0;
