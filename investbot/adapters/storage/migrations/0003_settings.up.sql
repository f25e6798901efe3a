-- Which version of the settings decided from when on, and under which one each round trip was entered.

CREATE TABLE settings (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    version INTEGER NOT NULL,
    by      TEXT NOT NULL,
    applied TEXT NOT NULL,
    waiting TEXT NOT NULL
) STRICT;
ALTER TABLE trips ADD COLUMN config_version INTEGER;
