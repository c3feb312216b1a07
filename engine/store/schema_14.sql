-- From version 13 of the state to version 14: what waits has its value in its identity, since a merge brings together two
-- changes of one millisecond.

CREATE TABLE pending_14 (
	watch      INTEGER NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
	account    TEXT NOT NULL,
	contact    TEXT NOT NULL,
	at_ms      INTEGER NOT NULL,
	due_ms     INTEGER NOT NULL,
	from_value TEXT,
	to_value   TEXT NOT NULL,
	frozen     INTEGER NOT NULL DEFAULT 0,
	promoted   INTEGER NOT NULL DEFAULT 0,
	came       TEXT NOT NULL DEFAULT '',
	scan       INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (watch, contact, at_ms, to_value)
);
INSERT INTO pending_14 (watch, account, contact, at_ms, due_ms, from_value, to_value, frozen, promoted, came, scan)
	SELECT watch, account, contact, at_ms, due_ms, from_value, to_value, frozen, promoted, came, scan FROM pending;
DROP TABLE pending;
ALTER TABLE pending_14 RENAME TO pending;
CREATE INDEX pending_due ON pending (account, due_ms) WHERE promoted = 0;
CREATE INDEX pending_contact ON pending (account, contact, watch, at_ms);
