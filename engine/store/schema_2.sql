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
