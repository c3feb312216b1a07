-- From version 4 of the state to version 5.

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
