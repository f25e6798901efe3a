-- Drops a projection and a column of one; the events of which they are made stay (see later_events.py).
ALTER TABLE trips DROP COLUMN config_version;
DROP TABLE settings;
