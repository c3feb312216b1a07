-- From version 7 of the state to version 8: what many messages told, until it is news.

CREATE TABLE heard (
	id       INTEGER PRIMARY KEY,
	account  TEXT NOT NULL,
	heard_ms INTEGER NOT NULL,
	tips     TEXT NOT NULL
);
