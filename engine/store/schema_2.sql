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
