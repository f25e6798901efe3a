"""The read-only way into a ledger, safe beside a running writer."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from investbot.adapters.storage import schema, sqlcipher
from investbot.adapters.storage.projections import stored_events
from investbot.adapters.storage.sqlcipher import Connection, Key
from investbot.domain.errors import InvariantError, LedgerError
from investbot.domain.market import DAY, Millis
from investbot.ports.ledger import Recorded

_STOP = (
    "(SELECT stop_price FROM orders WHERE orders.plan_id = positions.plan_id AND role = 'stop' "
    "AND state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED') ORDER BY orders.seq DESC LIMIT 1) AS stop_price"
)

_SIGNALS = (
    "at, signal_id, symbol, timeframe, source, direction, confidence, price, stop, targets, reason, outcome, plan_id, "
    "denied_by, denial, value, bound, "
    "(SELECT json_extract(body, '$.setup', '$.parts', '$.levels') FROM events WHERE events.seq = signals.seq) AS rests"
)
_ORDERS = (
    "at, order_id, client_order_id, venue_order_id, symbol, side, type, price, stop_price, quantity, filled, state, "
    "role, reason, plan_id, time_in_force, replaces, changed_at, state_reason"
)
_FILLS = "at, order_id, trade_id, symbol, side, price, quantity, fee, fee_currency, fee_quote, plan_id, gapped"
_POSITIONS = f"plan_id, symbol, opened_at, quantity, average(spent, bought) AS entry_price, cost, fees_quote, {_STOP}"
_TRIPS = (
    "opened_at, closed_at, symbol, quantity, entry_price, exit_price, costs, net_pnl, r, mae, mfe, exit_reason, "
    "gapped, plan_id, config_version, "
    "(SELECT coalesce(json_extract(body, '$.trip.setup'), '') FROM events WHERE events.seq = trips.seq) AS setup"
)
_DAILY = "day, start_equity, end_equity, realised_pnl, fees_quote, trips, wins, entries"
_CANDLES = "at, symbol, timeframe, opened_at, open, high, low, close, volume"

_FROM = "seq >= (SELECT min(seq) FROM events WHERE at >= ?) AND {} >= ?"
"""The index of events by time says from which event on; a row is never later than its event."""

_SHAPES: dict[str, tuple[str, str, str]] = {
    "signals": (_SIGNALS, "seq", _FROM.format("at")),
    "market_data": (_CANDLES, "seq", _FROM.format("at")),
    "orders": (_ORDERS, "seq", _FROM.format("at")),
    "fills": (_FILLS, "seq", _FROM.format("at")),
    "trips": (_TRIPS, "seq", _FROM.format("closed_at")),
    "equity": ("at, equity, cause", "seq", _FROM.format("at")),
    "positions": (_POSITIONS, "seq", "opened_at >= ?"),
    "daily": (_DAILY, "day", f"(day + 1) * {DAY} > ?"),
    "settings": ("at, version, by, applied, waiting", "seq", _FROM.format("at")),
    "pauses": ("at, cause, reason", "at, cause", "at >= ?"),
}
"""What a row of each table shows, how rows are ordered, and what `since` compares."""

_LISTS = frozenset({"targets", "applied", "waiting"})
"""Columns of JSON."""
_SNAPSHOT = (
    "capital, allocated, cash, bought, sold, fees_quote, realised_pnl, gross_profit, gross_loss, trips, wins, entries, "
    "peak, day_start_equity, trading_state, state_reason"
)


class SqlcipherReader:
    """`ports.LedgerReader` on SQLCipher: a query-only handle; calls must not overlap."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    def open(cls, path: Path, key: Key) -> Self:
        """Open a ledger that is there; LedgerError for a wrong key and for a wrong or an older file."""
        connection = sqlcipher.connect(path, key, read_only=True)
        try:
            found = schema.demand_known(connection, path)
            if found < schema.latest():
                raise LedgerError(
                    f"The ledger {path} has the older schema {found}; start its instance once to bring it up to date."
                )
        except BaseException:
            connection.close()
            raise
        return cls(connection, path)

    def events(self, after: int = 0, since: Millis | None = None, kinds: Collection[str] = ()) -> Iterator[Recorded]:
        """Read events with seq > `after` and at >= `since` (milliseconds UTC), of some kinds or all, oldest first."""
        with sqlcipher.translated(self._path):
            yield from stored_events(self._open_connection(), after, since, kinds)

    def last_seq(self) -> int:
        """Give the seq of the last event, 0 before the first."""
        with sqlcipher.translated(self._path):
            found: int = self._open_connection().execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
            return found

    def rows(self, table: str, since: Millis | None = None) -> list[Mapping[str, Any]]:
        """Read the rows of a projection, oldest first; money as decimal text, moments as milliseconds.

        Tables: signals, market_data, orders, fills, positions, trips, equity, daily, settings, pauses. `since` keeps
        rows from that moment on: a trip by its close, a day by its end. InvariantError for a table there is not.
        """
        if table not in _SHAPES:
            raise InvariantError(f"The ledger has no table {table!r}.")
        columns, order, bound = _SHAPES[table]
        where, values = ("", ()) if since is None else (f"WHERE {bound}", (since,) * bound.count("?"))
        sql = f"SELECT {columns} FROM {table} {where} ORDER BY {order}"  # noqa: S608 - names of our own
        with sqlcipher.translated(self._path):
            cursor = self._open_connection().execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [_shown(dict(zip(names, row, strict=True))) for row in cursor]

    def snapshot(self) -> Mapping[str, Any]:
        """Sum up an instance at one moment: money, counts, states, positions, pauses, the last of everything.

        `equity` is the last one written down (see `project_sums`) and `equity_at` its moment; None before the first.
        """
        connection = self._open_connection()
        with sqlcipher.reading(connection, self._path):
            sums = connection.execute(f"SELECT {_SNAPSHOT} FROM snapshot").fetchone()  # noqa: S608 - ours
            equity = connection.execute("SELECT equity, at FROM equity ORDER BY seq DESC LIMIT 1").fetchone()
            cursor = connection.execute("SELECT symbol, opened_at FROM cursor").fetchone()
            last = connection.execute("SELECT seq, at FROM events ORDER BY seq DESC LIMIT 1").fetchone() or (0, None)
            signal = connection.execute("SELECT max(at) FROM signals").fetchone()[0]
            instance = connection.execute("SELECT value FROM meta WHERE key = 'instance'").fetchone()
            return {
                "instance": instance[0] if instance else None,
                **dict(zip(_SNAPSHOT.split(", "), sums, strict=True)),
                "equity": equity[0] if equity else None,
                "equity_at": equity[1] if equity else None,
                "cursor": {"symbol": cursor[0], "opened_at": cursor[1]} if cursor else None,
                "last_seq": last[0],
                "last_event_at": last[1],
                "last_signal_at": signal,
                "positions": self.rows("positions"),
                "paused": self.rows("pauses"),
            }

    def close(self) -> None:
        """Close the handle; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise LedgerError(f"The ledger {self._path} is closed.")
        return self._connection


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    if "gapped" in row:
        row["gapped"] = bool(row["gapped"])
    for name in _LISTS & row.keys():
        row[name] = json.loads(row[name])
    if "rests" in row:  # what an opinion rests on, which stands in its event alone; an older one has none of it
        setup, parts, levels = json.loads(row.pop("rests"))
        row |= {"setup": setup or "", "parts": parts or [], "levels": levels or []}
    return row
