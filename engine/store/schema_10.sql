-- From version 9 of the state to version 10: rule files are kept in pieces that many tables share.

CREATE TABLE piece (
	id     INTEGER PRIMARY KEY,
	digest TEXT UNIQUE,
	text   TEXT NOT NULL
);
CREATE TABLE ruleset_piece (
	ruleset  INTEGER NOT NULL,
	position INTEGER NOT NULL,
	path     TEXT NOT NULL,
	piece    INTEGER NOT NULL,
	PRIMARY KEY (ruleset, position)
) WITHOUT ROWID;
INSERT INTO ruleset_piece (ruleset, position, path, piece)
	SELECT ruleset, position, path, row_number() OVER (ORDER BY ruleset, position) FROM ruleset_file;
INSERT INTO piece (id, text)
	SELECT row_number() OVER (ORDER BY ruleset, position), text FROM ruleset_file;
DROP TABLE ruleset_file;
