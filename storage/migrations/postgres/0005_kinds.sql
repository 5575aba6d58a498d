-- Conversations and walls beside contexts, trees of contexts, bans, and what a
-- person wants to know of a space.

-- kind is 0 for a context, 1 for a conversation, 2 for a wall, whose owner it is
-- of. Names of the latter two begin with conv/ and wall/, which no context's can.
-- pair_a and pair_b are the two of a one-to-one conversation, the smaller first.
ALTER TABLE spaces
    ADD COLUMN kind     SMALLINT NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2),
    ADD COLUMN pair_a   BIGINT   REFERENCES people (id),
    ADD COLUMN pair_b   BIGINT   REFERENCES people (id),
    ADD COLUMN parent   BIGINT   REFERENCES spaces (id),
    ADD COLUMN position INTEGER  NOT NULL DEFAULT 0,
    ADD CONSTRAINT spaces_pair CHECK ((pair_a IS NULL) = (pair_b IS NULL) AND pair_a < pair_b);
CREATE INDEX spaces_parent ON spaces (parent) WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX spaces_pairs ON spaces (pair_a, pair_b) WHERE pair_a IS NOT NULL;

-- Contexts get streams of comments (8) and of reactions (9).
INSERT INTO streams (space, channel, epoch, closed)
    SELECT s.id, c.channel, substr(md5(random()::text || s.id::text || c.channel::text), 1, 8), s.deleted
    FROM spaces s CROSS JOIN (VALUES (8), (9)) AS c (channel)
    ORDER BY s.id, c.channel;
ALTER TABLE members
    ADD COLUMN joined_comments  BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN joined_reactions BIGINT NOT NULL DEFAULT 0;

CREATE TABLE bans (
    space    BIGINT NOT NULL REFERENCES spaces (id),
    person   BIGINT NOT NULL REFERENCES people (id),
    until_at BIGINT NOT NULL,
    by_whom  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    reason   TEXT   NOT NULL CHECK (octet_length(reason) <= 4096),
    PRIMARY KEY (space, person)
);
CREATE INDEX bans_person ON bans (person);
CREATE INDEX bans_until ON bans (until_at) WHERE until_at <> 0;

-- Until when the person could not read because of a ban; -1 for good.
ALTER TABLE read_changes ADD COLUMN banned BIGINT NOT NULL DEFAULT 0;

-- What a person wants to be told of a space: level 0 as the space says, 1 all,
-- 2 mentions, 3 nothing; nothing at all until muted_until (-1: for good).
CREATE TABLE attention (
    person      BIGINT   NOT NULL REFERENCES people (id),
    space       BIGINT   NOT NULL REFERENCES spaces (id),
    level       SMALLINT NOT NULL CHECK (level BETWEEN 0 AND 3),
    muted_until BIGINT   NOT NULL,
    PRIMARY KEY (person, space)
);

CREATE TABLE blocks (
    person  BIGINT NOT NULL REFERENCES people (id),
    blocked BIGINT NOT NULL REFERENCES people (id),
    at      BIGINT NOT NULL,
    PRIMARY KEY (person, blocked)
);
CREATE INDEX blocks_blocked ON blocks (blocked);

-- discreet stands in the body too: whoever loads people wants nothing else of it.
CREATE TABLE preferences (
    person   BIGINT  PRIMARY KEY REFERENCES people (id),
    body     TEXT    NOT NULL CHECK (octet_length(body) <= 65536),
    discreet BOOLEAN NOT NULL,
    at       BIGINT  NOT NULL
);

-- When a person was last connected; written seldom.
CREATE TABLE seen (
    person BIGINT PRIMARY KEY REFERENCES people (id),
    at     BIGINT NOT NULL
) WITH (fillfactor = 70);
