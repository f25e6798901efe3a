-- The API keys of this one instance; no projection, and in no event.

CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL, set_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
