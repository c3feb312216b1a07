-- From version 10 of the state to version 11: decisions that are old are found in the order of their ids.

DROP INDEX decision_made;
