-- From version 12 of the state to version 13: a stray that is being removed is found by its id, of whichever account.

CREATE INDEX stray_credential ON stray (credential) WHERE credential IS NOT NULL;
