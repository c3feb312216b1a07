-- From version 15 of the state to version 16: what waits knows when it began, which the source may not show any more.

ALTER TABLE pending ADD COLUMN first_ms INTEGER NOT NULL DEFAULT 0;
