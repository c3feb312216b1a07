-- From version 6 of the state to version 7: what a burst was made of, and how news of it came.

ALTER TABLE news ADD COLUMN came TEXT NOT NULL DEFAULT '';
ALTER TABLE pending ADD COLUMN came TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN changes TEXT;
ALTER TABLE event ADD COLUMN came TEXT;
