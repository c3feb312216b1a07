-- From version 8 of the state to version 9: an issuance costs less to write, and an event less room.

-- Conditions as comparisons: for a list of more than two SQLite fills a temporary table with every row that is written.
DROP INDEX issuance_work;
DROP INDEX issuance_events;
DROP INDEX issuance_parked;
DROP INDEX issuance_credential;
CREATE UNIQUE INDEX issuance_credential ON issuance (credential, action_account) WHERE credential IS NOT NULL;
CREATE INDEX issuance_work ON issuance (action_account, id, not_before_ms)
	WHERE (state = 'planned' OR state = 'creating' OR state = 'issuing' OR state = 'sending'
	OR (state = 'draft' AND do_issue <> 0) OR (state = 'issued' AND do_send <> 0));
CREATE INDEX issuance_events ON issuance (rule, at_ms)
	WHERE state <> 'skipped' AND state <> 'refused' AND state <> 'dropped' AND state <> 'shadow';
CREATE INDEX issuance_parked ON issuance (state, rule, hold, id, updated_ms)
	WHERE (state = 'held' OR state = 'refused' OR state = 'send-unknown');
CREATE INDEX issuance_outside ON issuance (action_account)
	WHERE state = 'held' AND (hold = 'plan' OR hold = 'group');
CREATE INDEX issuance_address ON issuance (source_account, contact)
	WHERE state = 'held' AND hold = 'missing-email';

-- Events of older versions name empty values, too, and refer to none of these.
ALTER TABLE ruleset ADD COLUMN properties TEXT;

-- In the order in which it is read.
DROP INDEX pending_contact;
CREATE INDEX pending_contact ON pending (account, contact, watch, at_ms);

-- What a merge made is kept.
DROP INDEX contact_modified;
CREATE INDEX contact_modified ON contact (modified_ms) WHERE merged = '';
