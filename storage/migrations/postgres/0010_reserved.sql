-- reserved stands in the body too, like discreet: others do not see how far the
-- person has read.
ALTER TABLE preferences ADD COLUMN reserved BOOLEAN NOT NULL DEFAULT FALSE;
