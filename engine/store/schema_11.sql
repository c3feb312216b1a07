-- From version 10 of the state to version 11: what is old is found in the order of the rows, without an index of its own.

DROP INDEX contact_modified;
DROP INDEX decision_made;
