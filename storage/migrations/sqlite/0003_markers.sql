-- How far people have read. head is the stream's when the row was written: what a
-- person posted after it moves the marker while nothing was unread, which is
-- worked out when it is read, so that posting writes nothing here. No foreign keys,
-- as with all that clients write at the rate of messages: Verify looks.
CREATE TABLE read_markers (
    stream    INTEGER NOT NULL,
    person    INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    read      INTEGER NOT NULL,
    head      INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (stream, person),
    CHECK (read <= delivered AND delivered <= head)
) STRICT;

-- Whether members see how far the others have read.
ALTER TABLE spaces ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0;
