-- From version 2 of the state to version 3.

ALTER TABLE decision ADD COLUMN event_id INTEGER;

-- The rule files as they were in force: one row for each table that differs from the one before.
CREATE TABLE ruleset (
	id        INTEGER PRIMARY KEY,        -- in the order in which they were taken into use
	loaded_ms INTEGER NOT NULL,           -- our clock
	hash      TEXT NOT NULL,              -- of what the rules mean
	digest    TEXT NOT NULL,              -- of the files, the zone and the watches
	timezone  TEXT NOT NULL,              -- where days begin
	watches   TEXT NOT NULL,              -- JSON: the watch of each active rule
	bytes     INTEGER NOT NULL            -- what it takes
);

CREATE TABLE ruleset_file (
	ruleset  INTEGER NOT NULL,
	position INTEGER NOT NULL,
	path     TEXT NOT NULL,
	text     TEXT NOT NULL,
	PRIMARY KEY (ruleset, position)
) WITHOUT ROWID;

-- Events that were decided, with what the rules could see: for questions asked afterwards.
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
	seen       TEXT NOT NULL              -- JSON: every property that was read, and its value then
);
CREATE INDEX event_contact ON event (contact);
