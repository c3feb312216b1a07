-- From version 5 of the state to version 6: what is shown of the ledger is counted in indexes, not in its rows.

DROP INDEX event_watch;
CREATE INDEX event_watch ON event (watch, made_ms, rule) WHERE rule IS NULL;
CREATE INDEX issuance_fired ON issuance (rule, created_ms, at_ms, state);
CREATE INDEX issuance_parked ON issuance (state, rule, hold, id, updated_ms)
	WHERE state IN ('held', 'refused', 'send-unknown');
CREATE INDEX trail_issued ON trail (at_ms, issuance, state) WHERE state = 'issued';
