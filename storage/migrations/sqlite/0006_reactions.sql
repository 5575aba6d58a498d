-- Comments and reactions.

-- What a comment, however deep in its thread, is about.
ALTER TABLE posts ADD COLUMN root BLOB;
CREATE INDEX posts_root ON posts (root, seq) WHERE root IS NOT NULL;

-- What was said about a post, kept by whoever appends it: all of one space's
-- comments or reactions hold the same row of streams, so counts do not race.
-- A post without any has no row. comments counts the living ones.
CREATE TABLE tallies (
    post BLOB PRIMARY KEY,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    comments INTEGER NOT NULL,
    likes INTEGER NOT NULL,
    shares INTEGER NOT NULL,
    commented_at INTEGER NOT NULL,
    liked_at INTEGER NOT NULL,
    flagged_at INTEGER NOT NULL,
    flagged_by INTEGER NOT NULL
) STRICT;
CREATE INDEX tallies_commented ON tallies (stream, commented_at) WHERE commented_at <> 0;
CREATE INDEX tallies_liked ON tallies (stream, likes, liked_at) WHERE likes <> 0;
CREATE INDEX tallies_flagged ON tallies (stream, flagged_at) WHERE flagged_at <> 0;

-- Who likes (1) and who keeps as a favorite (2). seq is the Like's in the stream
-- of reactions; 0 for a favorite, which nobody else is told of.
CREATE TABLE reactions (
    post BLOB NOT NULL,
    kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
    person INTEGER NOT NULL,
    at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (post, kind, person)
) STRICT;
CREATE INDEX reactions_person ON reactions (person, kind, at);

CREATE TABLE reports (
    id BLOB PRIMARY KEY,
    post BLOB NOT NULL,
    space INTEGER NOT NULL REFERENCES spaces (id),
    reporter INTEGER NOT NULL REFERENCES people (id),
    at INTEGER NOT NULL,
    resolved_at INTEGER NOT NULL DEFAULT 0,
    resolved_by INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL CHECK (octet_length(reason) <= 4096),
    outcome TEXT NOT NULL DEFAULT '' CHECK (octet_length(outcome) <= 4096),
    UNIQUE (post, reporter)
) STRICT;
CREATE INDEX reports_open ON reports (space, id) WHERE resolved_at = 0;
