-- Conversations and walls beside contexts, trees of contexts, bans, and what a
-- person wants to know of a space.

-- kind is 0 for a context, 1 for a conversation, 2 for a wall, whose owner it is
-- of. Names of the latter two begin with conv/ and wall/, which no context's can.
-- pair_a and pair_b are the two of a one-to-one conversation, the smaller first.
ALTER TABLE spaces ADD COLUMN kind INTEGER NOT NULL DEFAULT 0 CHECK (kind BETWEEN 0 AND 2);
ALTER TABLE spaces ADD COLUMN pair_a INTEGER REFERENCES people (id);
ALTER TABLE spaces ADD COLUMN pair_b INTEGER REFERENCES people (id);
ALTER TABLE spaces ADD COLUMN parent INTEGER REFERENCES spaces (id);
ALTER TABLE spaces ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
CREATE INDEX spaces_parent ON spaces (parent) WHERE parent IS NOT NULL;
CREATE UNIQUE INDEX spaces_pairs ON spaces (pair_a, pair_b) WHERE pair_a IS NOT NULL;

-- Contexts get streams of comments (8) and of reactions (9).
INSERT INTO streams (space, channel, epoch, closed)
    SELECT s.id, c.channel, lower(hex(randomblob(4))), s.deleted
    FROM spaces s CROSS JOIN (SELECT 8 AS channel UNION ALL SELECT 9) c
    ORDER BY s.id, c.channel;
ALTER TABLE members ADD COLUMN joined_comments INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN joined_reactions INTEGER NOT NULL DEFAULT 0;

CREATE TABLE bans (
    space INTEGER NOT NULL REFERENCES spaces (id),
    person INTEGER NOT NULL REFERENCES people (id),
    until_at INTEGER NOT NULL,
    by_whom INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (octet_length(reason) <= 4096),
    PRIMARY KEY (space, person)
) STRICT;
CREATE INDEX bans_person ON bans (person);
CREATE INDEX bans_until ON bans (until_at) WHERE until_at <> 0;

-- Until when the person could not read because of a ban; -1 for good.
ALTER TABLE read_changes ADD COLUMN banned INTEGER NOT NULL DEFAULT 0;

-- What a person wants to be told of a space: level 0 as the space says, 1 all,
-- 2 mentions, 3 nothing; nothing at all until muted_until (-1: for good).
CREATE TABLE attention (
    person INTEGER NOT NULL REFERENCES people (id),
    space INTEGER NOT NULL REFERENCES spaces (id),
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3),
    muted_until INTEGER NOT NULL,
    PRIMARY KEY (person, space)
) STRICT;

CREATE TABLE blocks (
    person INTEGER NOT NULL REFERENCES people (id),
    blocked INTEGER NOT NULL REFERENCES people (id),
    at INTEGER NOT NULL,
    PRIMARY KEY (person, blocked)
) STRICT;
CREATE INDEX blocks_blocked ON blocks (blocked);

-- discreet stands in the body too: whoever loads people wants nothing else of it.
CREATE TABLE preferences (
    person INTEGER PRIMARY KEY REFERENCES people (id),
    body TEXT NOT NULL CHECK (octet_length(body) <= 65536),
    discreet INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- When a person was last connected; written seldom.
CREATE TABLE seen (
    person INTEGER PRIMARY KEY REFERENCES people (id),
    at INTEGER NOT NULL
) STRICT;
