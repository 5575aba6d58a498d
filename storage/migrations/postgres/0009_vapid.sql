-- The private key, in PEM, that the site signs Web Pushes with: one row, made by
-- whichever server started first. Browsers that subscribed for it hear nothing of
-- another one.
CREATE TABLE vapid (
    id         SMALLINT PRIMARY KEY CHECK (id = 1),
    key        TEXT     NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 4096),
    created_at BIGINT   NOT NULL
);
