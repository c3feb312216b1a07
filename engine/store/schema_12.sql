-- From version 11 of the state to version 12: a join knows which scan showed it first, a member which one showed it last
-- before it joined again, a list whether it is an active one. What waits was first shown by the last scan at the latest.

ALTER TABLE pending ADD COLUMN scan INTEGER NOT NULL DEFAULT 0;
ALTER TABLE membership ADD COLUMN left_scan INTEGER NOT NULL DEFAULT 0;
ALTER TABLE list ADD COLUMN active INTEGER NOT NULL DEFAULT 0;
UPDATE pending SET scan = coalesce((SELECT max(m.scan) FROM watch w
	JOIN list l ON l.account = w.account AND l.target = w.target
	JOIN membership m ON m.account = l.account AND m.list_id = l.list_id AND m.contact = pending.contact
	WHERE w.id = pending.watch AND w.event = 'list-added'), 0);
