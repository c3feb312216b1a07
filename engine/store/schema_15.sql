-- From version 14 of the state to version 15: whether it is older than an account, as long as that is not told, is said in it.

CREATE TABLE unsure (
	account TEXT PRIMARY KEY,
	reason  TEXT NOT NULL
);
