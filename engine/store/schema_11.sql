-- From version 10 of the state to version 11: decisions that are old are found in the order of their ids, what was held
-- of a restore by its trail; a table is known by 16 digits. What was read lately is read once more.

DROP INDEX decision_made;
ALTER TABLE orphan DROP COLUMN holds;
UPDATE meta SET value = substr(value, 1, 16) WHERE key = 'table';
UPDATE ruleset SET hash = substr(hash, 1, 16);
