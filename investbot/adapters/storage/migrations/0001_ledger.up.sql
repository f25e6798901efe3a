-- Money, prices and quantities are decimal text; moments are integer milliseconds UTC.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq  INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX events_at ON events (at);

CREATE TRIGGER events_without_holes BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events)
BEGIN
    SELECT raise(ABORT, 'events are numbered without holes');
END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN
    SELECT raise(ABORT, 'events are append-only');
END;

CREATE TRIGGER events_never_go BEFORE DELETE ON events
BEGIN
    SELECT raise(ABORT, 'events are append-only');
END;

CREATE TABLE cursor (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    symbol    TEXT NOT NULL,
    opened_at INTEGER NOT NULL
) STRICT;

-- From here on: projections, rebuilt from events at will. A row has the number and the moment of its event, so that
-- the one index of events by time finds where to begin in all of them; each index more would cost every append a page.

CREATE TABLE snapshot (
    id               INTEGER PRIMARY KEY CHECK (id = 1) DEFAULT 1,
    capital          TEXT NOT NULL DEFAULT '0',
    allocated        TEXT NOT NULL DEFAULT '0',
    cash             TEXT NOT NULL DEFAULT '0',
    bought           TEXT NOT NULL DEFAULT '0',
    sold             TEXT NOT NULL DEFAULT '0',
    fees_quote       TEXT NOT NULL DEFAULT '0',
    realised_pnl     TEXT NOT NULL DEFAULT '0',
    gross_profit     TEXT NOT NULL DEFAULT '0',
    gross_loss       TEXT NOT NULL DEFAULT '0',
    trips            INTEGER NOT NULL DEFAULT 0,
    wins             INTEGER NOT NULL DEFAULT 0,
    entries          INTEGER NOT NULL DEFAULT 0,
    peak             TEXT NOT NULL DEFAULT '0',
    day_start_equity TEXT NOT NULL DEFAULT '0',
    trading_state    TEXT NOT NULL DEFAULT 'ACTIVE',
    state_reason     TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO snapshot DEFAULT VALUES;

CREATE TABLE pauses (cause TEXT PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE signals (
    seq         INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    signal_id   TEXT NOT NULL,
    symbol      TEXT NOT NULL,
    timeframe   TEXT NOT NULL,
    source      TEXT NOT NULL,
    direction   TEXT NOT NULL,
    confidence  REAL NOT NULL,
    price       TEXT NOT NULL,
    stop        TEXT,
    targets     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    outcome     TEXT NOT NULL DEFAULT '',
    plan_id     TEXT,
    denied_by   TEXT,
    denial      TEXT,
    value       TEXT,
    bound       TEXT
) STRICT;

CREATE TABLE market_data (
    opened_at INTEGER NOT NULL,
    symbol    TEXT NOT NULL,
    timeframe TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    open      TEXT NOT NULL,
    high      TEXT NOT NULL,
    low       TEXT NOT NULL,
    close     TEXT NOT NULL,
    volume    REAL NOT NULL,
    PRIMARY KEY (opened_at, symbol, timeframe)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    seq             INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    order_id        TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    venue_order_id  TEXT,
    plan_id         TEXT NOT NULL,
    symbol          TEXT NOT NULL,
    side            TEXT NOT NULL,
    type            TEXT NOT NULL,
    price           TEXT,
    stop_price      TEXT,
    quantity        TEXT NOT NULL,
    filled          TEXT NOT NULL DEFAULT '0',
    state           TEXT NOT NULL,
    role            TEXT NOT NULL,
    reason          TEXT NOT NULL,
    time_in_force   TEXT NOT NULL,
    replaces        TEXT,
    changed_at      INTEGER NOT NULL,
    state_reason    TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX orders_id ON orders (order_id);

CREATE TABLE fills (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    order_id     TEXT NOT NULL,
    plan_id      TEXT NOT NULL,
    trade_id     TEXT NOT NULL,
    symbol       TEXT NOT NULL,
    side         TEXT NOT NULL,
    price        TEXT NOT NULL,
    quantity     TEXT NOT NULL,
    fee          TEXT NOT NULL,
    fee_currency TEXT NOT NULL,
    fee_quote    TEXT NOT NULL,
    gapped       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX fills_once ON fills (order_id, trade_id);

CREATE TABLE positions (
    plan_id    TEXT PRIMARY KEY,
    seq        INTEGER NOT NULL,
    symbol     TEXT NOT NULL,
    opened_at  INTEGER NOT NULL,
    quantity   TEXT NOT NULL,
    cost       TEXT NOT NULL,
    bought     TEXT NOT NULL,
    spent      TEXT NOT NULL,
    fees_quote TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE trips (
    seq         INTEGER PRIMARY KEY,
    plan_id     TEXT NOT NULL,
    opened_at   INTEGER NOT NULL,
    closed_at   INTEGER NOT NULL,
    symbol      TEXT NOT NULL,
    quantity    TEXT NOT NULL,
    entry_price TEXT NOT NULL,
    exit_price  TEXT NOT NULL,
    costs       TEXT NOT NULL,
    net_pnl     TEXT NOT NULL,
    r           TEXT NOT NULL,
    mae         TEXT NOT NULL,
    mfe         TEXT NOT NULL,
    exit_reason TEXT NOT NULL,
    gapped      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX trips_plan ON trips (plan_id);

CREATE TABLE equity (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    equity TEXT NOT NULL,
    cause  TEXT NOT NULL
) STRICT;

CREATE TABLE daily (
    day          INTEGER PRIMARY KEY,
    start_equity TEXT NOT NULL,
    end_equity   TEXT NOT NULL,
    realised_pnl TEXT NOT NULL DEFAULT '0',
    fees_quote   TEXT NOT NULL DEFAULT '0',
    trips        INTEGER NOT NULL DEFAULT 0,
    wins         INTEGER NOT NULL DEFAULT 0,
    entries      INTEGER NOT NULL DEFAULT 0
) STRICT;
