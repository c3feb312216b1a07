-- From version 1 of the state to version 2.

ALTER TABLE issuance ADD COLUMN hold TEXT;
ALTER TABLE issuance ADD COLUMN expire_ms INTEGER;
UPDATE issuance SET hold = CASE
	WHEN reason LIKE 'plan:%' THEN 'plan'
	WHEN reason LIKE 'group:%' THEN 'group'
	WHEN reason LIKE 'missing e-mail:%' THEN 'missing-email'
	WHEN reason LIKE 'empty required field:%' THEN 'required'
	WHEN reason LIKE 'filter-limit:%' THEN 'filter-limit'
	ELSE 'field' END
WHERE state = 'held';
ALTER TABLE issuance ADD COLUMN replan INTEGER NOT NULL DEFAULT 0;
CREATE INDEX issuance_events ON issuance (rule, at_ms)
	WHERE state NOT IN ('skipped', 'refused', 'dropped', 'shadow');
ALTER TABLE trail ADD COLUMN who TEXT;

CREATE TABLE stray (
	id             INTEGER PRIMARY KEY,
	issuance       INTEGER NOT NULL REFERENCES issuance (id),
	action_account TEXT NOT NULL,
	group_id       TEXT NOT NULL,
	fields         TEXT NOT NULL,
	since_ms       INTEGER NOT NULL,
	until_ms       INTEGER NOT NULL,
	look_ms        INTEGER NOT NULL,
	looks          INTEGER NOT NULL DEFAULT 0,
	pages          INTEGER NOT NULL DEFAULT 0,
	cursor         TEXT,
	failures       INTEGER NOT NULL DEFAULT 0,
	credential     TEXT
);
CREATE INDEX stray_look ON stray (action_account, look_ms);
CREATE INDEX stray_issuance ON stray (issuance);

CREATE TABLE recall (
	account TEXT NOT NULL,
	contact TEXT NOT NULL,
	due_ms  INTEGER NOT NULL,
	PRIMARY KEY (account, due_ms, contact)
) WITHOUT ROWID;

-- What is known of each action account, beside its issuances.
CREATE TABLE action (
	account  TEXT PRIMARY KEY,
	alive_ms INTEGER NOT NULL,            -- sign of life, by the service's clock: what was issued here until then, this state knows
	restored TEXT                         -- why nothing is issued until a reconcile; NULL: nothing is in the way
);

-- Orphans: credentials at the service that no issuance holds, as a reconcile found them.
CREATE TABLE orphan (
	account    TEXT NOT NULL,
	credential TEXT NOT NULL,
	group_id   TEXT NOT NULL,
	email      TEXT NOT NULL,             -- in lower case
	fields     TEXT NOT NULL,             -- JSON, as issuance.fields
	public_url TEXT,
	draft      INTEGER NOT NULL,          -- 0: issued
	created_ms INTEGER NOT NULL,          -- the service's clock
	suspect    INTEGER NOT NULL,          -- 1: made after the sign of life of a state that was restored
	holds      INTEGER,                   -- the issuance that was held because of it, once
	seen_ms    INTEGER NOT NULL,          -- the service's clock: the reconcile that saw it last
	PRIMARY KEY (account, credential)
) WITHOUT ROWID;
CREATE INDEX orphan_person ON orphan (account, group_id, email);
