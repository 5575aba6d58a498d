-- Where people are pushed to. hash is of platform and token: a token belongs to
-- one person at a time. A row goes with its grant. used_at is when a provider
-- last accepted a push; 0 for never.
CREATE TABLE devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id BLOB NOT NULL UNIQUE,
    person INTEGER NOT NULL REFERENCES people (id),
    grant_id INTEGER NOT NULL REFERENCES grants (id),
    platform INTEGER NOT NULL CHECK (platform BETWEEN 1 AND 3),
    sandbox INTEGER NOT NULL,
    preview INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    set_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL DEFAULT 0,
    client TEXT NOT NULL CHECK (octet_length(client) <= 2048),
    app TEXT NOT NULL CHECK (octet_length(app) <= 255),
    token TEXT NOT NULL CHECK (octet_length(token) BETWEEN 1 AND 4096),
    locale TEXT NOT NULL CHECK (octet_length(locale) <= 35),
    timezone TEXT NOT NULL CHECK (octet_length(timezone) <= 64),
    version TEXT NOT NULL CHECK (octet_length(version) <= 256),
    hash BLOB NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    p256dh BLOB CHECK (octet_length(p256dh) = 65),
    auth BLOB CHECK (octet_length(auth) = 16),
    payload_key BLOB CHECK (octet_length(payload_key) = 65),
    CHECK ((platform = 3) = (p256dh IS NOT NULL AND auth IS NOT NULL))
) STRICT;
CREATE INDEX devices_person ON devices (person, id);
CREATE INDEX devices_grant ON devices (grant_id);
