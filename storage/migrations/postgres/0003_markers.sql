-- How far people have read. head is the stream's when the row was written: what a
-- person posted after it moves the marker while nothing was unread, which is
-- worked out when it is read, so that posting writes nothing here. No foreign keys,
-- as with all that clients write at the rate of messages: Verify looks.
CREATE TABLE read_markers (
    stream    BIGINT NOT NULL,
    person    BIGINT NOT NULL,
    delivered BIGINT NOT NULL,
    read      BIGINT NOT NULL,
    head      BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (stream, person),
    CHECK (read <= delivered AND delivered <= head)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Whether members see how far the others have read.
ALTER TABLE spaces ADD COLUMN receipts BOOLEAN NOT NULL DEFAULT FALSE;
