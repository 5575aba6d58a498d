-- The index that posts are searched by. Nothing here is written when something is
-- posted: a worker reads the log and writes what follows from it. All of it can be
-- made again from the posts.

-- What made the index: with another version of it every stream is read again.
CREATE TABLE search_state (
    id      SMALLINT PRIMARY KEY CHECK (id = 1),
    version TEXT     NOT NULL CHECK (octet_length(version) <= 128)
);

-- Up to where the worker has read each stream.
CREATE TABLE search_streams (
    stream   BIGINT PRIMARY KEY,
    position BIGINT NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- One per living post, comment and message. sort is 1 for a post, 2 for a message, 3
-- for a comment. words are those of the text, folded and in their order, and, without
-- a place, #tag, @author and /stream.
CREATE TABLE search_posts (
    stream  BIGINT   NOT NULL,
    seq     BIGINT   NOT NULL,
    at      BIGINT   NOT NULL,
    author  BIGINT   NOT NULL,
    sort    SMALLINT NOT NULL CHECK (sort BETWEEN 1 AND 3),
    private BOOLEAN  NOT NULL,
    words   TSVECTOR NOT NULL,
    PRIMARY KEY (stream, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
-- What waits in the list of a GIN index is read by every search, so it stays short.
CREATE INDEX search_posts_words ON search_posts USING gin (words) WITH (gin_pending_list_limit = 512);
CREATE INDEX search_posts_at ON search_posts (sort, at, stream, seq);
-- How common a word is decides how it is searched.
ALTER TABLE search_posts ALTER COLUMN words SET STATISTICS 200;
