-- The state of hs2cert, version 16. Times are milliseconds since 1970 UTC:
-- `_ms` of HubSpot's clock where HubSpot's data is meant, of ours where said.
-- A change of this file is a new version: schema_N.sql is the step to N from the one before.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);

-- How far each source account has been looked at.
CREATE TABLE source (
	account    TEXT PRIMARY KEY,
	cursor_ms  INTEGER NOT NULL,          -- all changes up to here are stored as news
	reach_ms   INTEGER,                   -- a `since:` that the next walk must reach back to
	overlap_ms INTEGER NOT NULL DEFAULT 0, -- when the whole overlap was last walked
	sweep_ms   INTEGER NOT NULL DEFAULT 0  -- when the last 24 hours were last walked
);

-- What is watched: rules with the same account, event, target, settle and
-- activation share one watch, and so see the same events.
CREATE TABLE watch (
	id        INTEGER PRIMARY KEY,
	account   TEXT NOT NULL,
	event     TEXT NOT NULL,              -- property-changed, list-added
	target    TEXT NOT NULL,              -- property, or list as written in the rule
	settle_ms INTEGER NOT NULL,
	loaded_ms INTEGER NOT NULL,           -- activation by our clock
	start_ms  INTEGER,                    -- activation by the source's clock; NULL until it is known
	-- Lists only. 2: not known yet whether the list was still being built at
	-- activation; 1: it was, and what it holds when complete is the baseline; 0: no.
	building  INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE rule (
	name  TEXT PRIMARY KEY,
	watch INTEGER REFERENCES watch (id),  -- NULL: not active (off, or absent)
	trigger_key TEXT NOT NULL             -- event, account and target: a change is a new activation
);

-- The inbox: contacts to be looked at.
CREATE TABLE news (
	id            INTEGER PRIMARY KEY,    -- order of arrival
	account       TEXT NOT NULL,
	contact       TEXT NOT NULL,
	seq           INTEGER NOT NULL DEFAULT 0, -- grows with each further news of the contact
	modified_ms   INTEGER NOT NULL,       -- the change that was seen, 0 where it is not known
	not_before_ms INTEGER NOT NULL DEFAULT 0, -- our clock: after a failed look
	failures      INTEGER NOT NULL DEFAULT 0,
	came          TEXT NOT NULL DEFAULT '', -- how and when it came (engine/came.h)
	UNIQUE (account, contact)
);
CREATE INDEX news_wait ON news (account, not_before_ms, id);

-- What messages told while many came, until it is news: a line for each contact, without any of its values.
CREATE TABLE heard (
	id       INTEGER PRIMARY KEY,         -- order of arrival
	account  TEXT NOT NULL,
	heard_ms INTEGER NOT NULL,            -- our clock
	tips     TEXT NOT NULL                -- engine/hear.c has the lines
);

-- Bursts and joins that are known and not yet decided.
CREATE TABLE pending (
	watch      INTEGER NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
	account    TEXT NOT NULL,
	contact    TEXT NOT NULL,
	at_ms      INTEGER NOT NULL,          -- last entry of the burst, or time of joining
	due_ms     INTEGER NOT NULL,          -- decided from a read that began then or later
	from_value TEXT,                      -- NULL: not known; of a join its list's id, '' where it was not kept yet
	to_value   TEXT NOT NULL,
	-- A merge took its history, so it is decided as it stands here. 1: it was its contact's own; 2: it was known
	-- under an id that the contact absorbed.
	frozen     INTEGER NOT NULL DEFAULT 0,
	promoted   INTEGER NOT NULL DEFAULT 0, -- it fell due, and its contact is among the news
	came       TEXT NOT NULL DEFAULT '',  -- how and when news of it came
	scan       INTEGER NOT NULL DEFAULT 0, -- of the list that showed it first; 0: a burst
	first_ms   INTEGER NOT NULL DEFAULT 0, -- first entry of the burst; of a join, when the scan before began; 0: not known
	PRIMARY KEY (watch, contact, at_ms, to_value)
);
CREATE INDEX pending_due ON pending (account, due_ms) WHERE promoted = 0;
CREATE INDEX pending_contact ON pending (account, contact, watch, at_ms);

-- Contacts to be looked at anew at a time: what waits for an address ends then.
CREATE TABLE recall (
	account TEXT NOT NULL,
	contact TEXT NOT NULL,
	due_ms  INTEGER NOT NULL,
	PRIMARY KEY (account, due_ms, contact)
) WITHOUT ROWID;

-- Where deciding stands: the last entry (or join) that was decided, fired or not.
CREATE TABLE decided (
	watch   INTEGER NOT NULL REFERENCES watch (id) ON DELETE CASCADE,
	contact TEXT NOT NULL,
	at_ms   INTEGER NOT NULL,
	value   TEXT NOT NULL,
	PRIMARY KEY (watch, contact)
) WITHOUT ROWID;

-- What was read of a contact, so that nothing is read twice.
CREATE TABLE contact (
	account     TEXT NOT NULL,
	contact     TEXT NOT NULL,
	modified_ms INTEGER NOT NULL,         -- lastmodifieddate that was read
	watches     TEXT NOT NULL,            -- which watches it was decided for
	merged      TEXT NOT NULL DEFAULT '', -- other ids that it absorbed, `;` between
	merged_ms   INTEGER NOT NULL DEFAULT 0, -- when the last merge was
	PRIMARY KEY (account, contact)
) WITHOUT ROWID;
CREATE INDEX contact_modified ON contact (modified_ms) WHERE merged = '';

CREATE TABLE alias (
	account TEXT NOT NULL,
	old     TEXT NOT NULL,
	contact TEXT NOT NULL,                -- the id that old was merged into
	PRIMARY KEY (account, old)
) WITHOUT ROWID;
CREATE INDEX alias_contact ON alias (account, contact);

-- Lists that rules name, and who is in them.
CREATE TABLE list (
	account    TEXT NOT NULL,
	target     TEXT NOT NULL,             -- as written in the rule …
	by_name    INTEGER NOT NULL,          -- … 1: it is the list's name, 0: its id
	list_id    TEXT NOT NULL,
	name       TEXT NOT NULL,
	probe      TEXT NOT NULL DEFAULT '',  -- what the last probe said, before the last complete scan
	scanned_ms INTEGER NOT NULL DEFAULT 0, -- when the last complete scan began
	news_ms    INTEGER NOT NULL DEFAULT 0, -- when a scan last found something new
	scan       INTEGER NOT NULL DEFAULT 0, -- number of the last complete scan
	active     INTEGER NOT NULL DEFAULT 0, -- 1: the source computes who is in it, which takes its time
	PRIMARY KEY (account, target, by_name)
);

CREATE TABLE membership (
	account   TEXT NOT NULL,
	list_id   TEXT NOT NULL,
	contact   TEXT NOT NULL,
	joined_ms INTEGER NOT NULL,
	scan      INTEGER NOT NULL,           -- the last scan that showed it
	gone_ms   INTEGER,                    -- when a complete scan first missed it
	left_scan INTEGER NOT NULL DEFAULT 0, -- the last scan that showed it as it had joined before; 0: none did
	PRIMARY KEY (account, list_id, contact)
) WITHOUT ROWID;
CREATE INDEX membership_gone ON membership (gone_ms) WHERE gone_ms IS NOT NULL;

-- Why: one row for each rule that looked at an event, and for what was no event.
CREATE TABLE decision (
	id         INTEGER PRIMARY KEY,       -- in the order in which they were made
	made_ms    INTEGER NOT NULL,          -- our clock
	account    TEXT NOT NULL,
	contact    TEXT NOT NULL,
	rule       TEXT,                      -- NULL: said of the watch as a whole
	event      TEXT NOT NULL,
	target     TEXT NOT NULL,
	from_value TEXT,
	to_value   TEXT NOT NULL,
	at_ms      INTEGER NOT NULL,
	outcome    TEXT NOT NULL,             -- fired, held, skipped, no-match, no-event
	reason     TEXT,
	table_hash TEXT NOT NULL,
	event_id   INTEGER,                   -- the event as it was recorded; NULL: it was not
	who        TEXT                       -- the person whose backfill it was; NULL: the engine
);
CREATE INDEX decision_contact ON decision (account, contact);

-- The rule files as they were in force: one row for each table that differs from the one before.
CREATE TABLE ruleset (
	id        INTEGER PRIMARY KEY,        -- in the order in which they were taken into use
	loaded_ms INTEGER NOT NULL,           -- our clock
	hash      TEXT NOT NULL,              -- of what the rules mean
	digest    TEXT NOT NULL,              -- of the files, the zone and the watches
	timezone  TEXT NOT NULL,              -- where days begin
	watches   TEXT NOT NULL,              -- JSON: the watch of each active rule
	bytes     INTEGER NOT NULL,           -- what it takes
	properties TEXT                       -- JSON: what is read of each account's contacts, by account; NULL: written by version 8
);

-- Their texts, in pieces that many tables share.
CREATE TABLE piece (
	id     INTEGER PRIMARY KEY,
	digest TEXT UNIQUE,                   -- NULL: written by an earlier version, shared with none
	text   TEXT NOT NULL
);

-- Pieces of one path, in order, are one file.
CREATE TABLE ruleset_piece (
	ruleset  INTEGER NOT NULL,
	position INTEGER NOT NULL,
	path     TEXT NOT NULL,
	piece    INTEGER NOT NULL,
	PRIMARY KEY (ruleset, position)
) WITHOUT ROWID;

-- Events that were decided, with what the rules could see: for questions asked afterwards. Also what was
-- none, for the person who asks alone: of such a contact the address is all that is kept.
CREATE TABLE event (
	id         INTEGER PRIMARY KEY,       -- in the order in which they were decided
	ruleset    INTEGER NOT NULL,          -- the rules that decided it
	watch      INTEGER NOT NULL,          -- which of them looked: those with this watch
	made_ms    INTEGER NOT NULL,          -- our clock
	account    TEXT NOT NULL,
	contact    TEXT NOT NULL,
	kind       TEXT NOT NULL,             -- property-changed, list-added
	target     TEXT NOT NULL,             -- property, or the list's id
	list_name  TEXT NOT NULL,
	from_value TEXT,                      -- NULL: not known
	to_value   TEXT NOT NULL,
	at_ms      INTEGER NOT NULL,
	as_of_ms   INTEGER NOT NULL,          -- at_ms plus settle: the moment of `seen`
	gone       INTEGER NOT NULL,          -- 1: the contact was deleted before
	size       INTEGER NOT NULL,          -- bytes of all events up to this one
	seen       TEXT NOT NULL,             -- JSON: values then; null: not read. Others of the ruleset's properties were empty
	rule       TEXT,                      -- a backfill of this rule looked, as the contact was then; '': it was no event; NULL: the engine
	changes    TEXT,                      -- JSON: what the burst was made of; NULL: of this change alone
	came       TEXT                       -- how and when news of it came; NULL: not known
);
CREATE INDEX event_contact ON event (contact);
CREATE INDEX event_watch ON event (watch, made_ms, rule) WHERE rule IS NULL;

-- The outbox and the ledger: one row for each event of a rule that fired, for ever.
CREATE TABLE issuance (
	id             INTEGER PRIMARY KEY,
	rule           TEXT NOT NULL,
	table_hash     TEXT NOT NULL,
	source_account TEXT NOT NULL,
	contact        TEXT NOT NULL,
	event          TEXT NOT NULL,
	target         TEXT NOT NULL,
	from_value     TEXT,
	to_value       TEXT NOT NULL,
	at_ms          INTEGER NOT NULL,
	action_account TEXT NOT NULL,
	group_id       TEXT NOT NULL,
	do_issue       INTEGER NOT NULL,
	do_send        INTEGER NOT NULL,
	email          TEXT NOT NULL,         -- as rendered, for lists of people
	fields         TEXT,                  -- JSON, rendered; NULL where never rendered
	state          TEXT NOT NULL,
	held_from      TEXT,                  -- held, refused: the state to go on from; dropped: what it was then
	hold           TEXT,                  -- held: what holds it (engine/issuance.h has the words); dropped: what held it then
	expire_ms      INTEGER,               -- held: when it is skipped, by the source's clock; NULL: never
	replan         INTEGER NOT NULL DEFAULT 0, -- a person asked: it goes on at the next look
	reason         TEXT,
	attempts       INTEGER NOT NULL DEFAULT 0,
	attempt_ms     INTEGER NOT NULL DEFAULT 0, -- our clock: the last write was about to leave
	unknown_ms     INTEGER NOT NULL DEFAULT 0, -- our clock: since when nobody knows how it ended
	settles        INTEGER NOT NULL DEFAULT 0,
	cursor         TEXT,
	not_before_ms  INTEGER NOT NULL DEFAULT 0, -- our clock
	failures       INTEGER NOT NULL DEFAULT 0,
	credential     TEXT,
	public_url     TEXT,
	created_ms     INTEGER NOT NULL,      -- our clock
	updated_ms     INTEGER NOT NULL,      -- our clock
	UNIQUE (rule, source_account, contact, event, target, at_ms, to_value)
);
CREATE UNIQUE INDEX issuance_credential ON issuance (credential, action_account) WHERE credential IS NOT NULL;
-- Conditions are comparisons, word for word as engine/ledger.h has them: for a list of more than two SQLite fills a
-- temporary table with every row that is written.
CREATE INDEX issuance_work ON issuance (action_account, id, not_before_ms)
	WHERE (state = 'planned' OR state = 'creating' OR state = 'issuing' OR state = 'sending'
	OR (state = 'draft' AND do_issue <> 0) OR (state = 'issued' AND do_send <> 0));
CREATE INDEX issuance_contact ON issuance (source_account, contact);
CREATE INDEX issuance_state ON issuance (state);
CREATE INDEX issuance_events ON issuance (rule, at_ms)
	WHERE state <> 'skipped' AND state <> 'refused' AND state <> 'dropped' AND state <> 'shadow';
-- What is shown of the ledger is counted in these alone, so they hold each column that is asked for.
CREATE INDEX issuance_fired ON issuance (rule, created_ms, at_ms, state);
CREATE INDEX issuance_parked ON issuance (state, rule, hold, id, updated_ms)
	WHERE (state = 'held' OR state = 'refused' OR state = 'send-unknown');
-- What each poll and each new issuance asks for, and is nearly always empty.
CREATE INDEX issuance_outside ON issuance (action_account)
	WHERE state = 'held' AND (hold = 'plan' OR hold = 'group');
CREATE INDEX issuance_address ON issuance (source_account, contact)
	WHERE state = 'held' AND hold = 'missing-email';

-- Every state that an issuance went through.
CREATE TABLE trail (
	id       INTEGER PRIMARY KEY,
	issuance INTEGER NOT NULL REFERENCES issuance (id),
	at_ms    INTEGER NOT NULL,            -- our clock
	state    TEXT NOT NULL,
	note     TEXT,
	who      TEXT                         -- the person who did it; NULL: the engine
);
CREATE INDEX trail_issuance ON trail (issuance);
CREATE INDEX trail_issued ON trail (at_ms, issuance, state) WHERE state = 'issued';

-- Creates that were repeated: what they may have left at the service is looked for and removed.
CREATE TABLE stray (
	id             INTEGER PRIMARY KEY,
	issuance       INTEGER NOT NULL REFERENCES issuance (id),
	action_account TEXT NOT NULL,
	group_id       TEXT NOT NULL,
	fields         TEXT NOT NULL,         -- as they were sent
	since_ms       INTEGER NOT NULL,      -- our clock: the first such create left …
	until_ms       INTEGER NOT NULL,      -- … and what was created later than this is none of them
	look_ms        INTEGER NOT NULL,      -- our clock: the next look
	looks          INTEGER NOT NULL DEFAULT 0,
	pages          INTEGER NOT NULL DEFAULT 0, -- of the look that is under way
	cursor         TEXT,
	failures       INTEGER NOT NULL DEFAULT 0,
	credential     TEXT                   -- found, and being removed: no issuance may take it
);
CREATE INDEX stray_look ON stray (action_account, look_ms);
CREATE INDEX stray_issuance ON stray (issuance);
CREATE INDEX stray_credential ON stray (credential) WHERE credential IS NOT NULL;

-- What is known of each action account, beside its issuances.
CREATE TABLE action (
	account  TEXT PRIMARY KEY,
	alive_ms INTEGER NOT NULL,            -- sign of life, by the service's clock: what was issued here until then, this state knows
	restored TEXT                         -- why nothing is issued until a reconcile; NULL: nothing is in the way
);

-- Action accounts of which nobody could be told whether the state is older than they are: nothing is issued until then.
CREATE TABLE unsure (
	account TEXT PRIMARY KEY,
	reason  TEXT NOT NULL                 -- how the question was refused last
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
	seen_ms    INTEGER NOT NULL,          -- the service's clock: the reconcile that saw it last
	PRIMARY KEY (account, credential)
) WITHOUT ROWID;
CREATE INDEX orphan_person ON orphan (account, group_id, email);

-- What people granted over OAuth. The tokens are secrets: whoever reads this file can use them.
CREATE TABLE oauth_grant (
	account       TEXT PRIMARY KEY,
	serial        INTEGER NOT NULL,           -- counts the grants of this account
	client_id     TEXT NOT NULL,              -- of the app that it was granted to
	refresh_token TEXT NOT NULL,
	access_token  TEXT NOT NULL,
	expires_ms    INTEGER NOT NULL,           -- of the access token, our clock
	tenant        TEXT NOT NULL,              -- which account of the service it is: HubSpot's portal id
	tenant_name   TEXT NOT NULL,
	scopes        TEXT NOT NULL,              -- separated by blanks
	made_ms       INTEGER NOT NULL,           -- our clock: when somebody connected it
	made_by       TEXT NOT NULL,
	lease_ms      INTEGER NOT NULL DEFAULT 0, -- our clock: until then only lease_by asks for new tokens
	lease_by      TEXT NOT NULL DEFAULT '',
	refused       TEXT                        -- why the service takes it no more; NULL: it does
) WITHOUT ROWID;
