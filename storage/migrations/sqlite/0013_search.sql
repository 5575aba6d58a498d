-- The index that posts are searched by. Nothing here is written when something is
-- posted: a worker reads the log and writes what follows from it. All of it can be
-- made again from the posts.

-- What made the index: with another version of it every stream is read again.
CREATE TABLE search_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version TEXT NOT NULL CHECK (octet_length(version) <= 128)
) STRICT;

-- Up to where the worker has read each stream.
CREATE TABLE search_streams (
    stream INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

-- One per living post, comment and message. id grows with the time of the post, so
-- that the index finds the newest first. sort is 1 for a post, 2 for a message, 3 for
-- a comment. words are those of the text, folded and in their order; marks are #tag,
-- @author and /stream.
CREATE TABLE search_posts (
    id INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    author INTEGER NOT NULL,
    sort INTEGER NOT NULL CHECK (sort BETWEEN 1 AND 3),
    private INTEGER NOT NULL,
    words TEXT NOT NULL,
    marks TEXT NOT NULL,
    UNIQUE (stream, seq)
) STRICT;

-- Words come folded and parted by blanks: whatever is not ASCII is part of a word.
CREATE VIRTUAL TABLE search_words USING fts5 (words, marks, content = 'search_posts', content_rowid = 'id',
    tokenize = "ascii tokenchars '#@/_'");
-- What is removed leaves the file.
INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER search_posts_insert AFTER INSERT ON search_posts BEGIN
    INSERT INTO search_words (rowid, words, marks) VALUES (new.id, new.words, new.marks);
END;
CREATE TRIGGER search_posts_delete AFTER DELETE ON search_posts BEGIN
    INSERT INTO search_words (search_words, rowid, words, marks) VALUES ('delete', old.id, old.words, old.marks);
END;
CREATE TRIGGER search_posts_update AFTER UPDATE ON search_posts BEGIN
    INSERT INTO search_words (search_words, rowid, words, marks) VALUES ('delete', old.id, old.words, old.marks);
    INSERT INTO search_words (rowid, words, marks) VALUES (new.id, new.words, new.marks);
END;
