-- From version 3 of the state to version 4.

ALTER TABLE decision ADD COLUMN who TEXT;
ALTER TABLE event ADD COLUMN rule TEXT;
CREATE INDEX event_watch ON event (watch, made_ms) WHERE rule IS NULL;
