"""The tables beside the ledger: written with every append, made again from the events at will, and checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any

from investbot.adapters.storage import project_orders, project_signals, project_sums
from investbot.adapters.storage.encoding import read
from investbot.adapters.storage.exact import EXACT, text
from investbot.adapters.storage.schema import scratch
from investbot.adapters.storage.sqlcipher import Connection
from investbot.adapters.storage.statements import Statement
from investbot.domain import events as ev
from investbot.domain.market import Millis
from investbot.domain.order import Side
from investbot.ports.ledger import Recorded

TABLES = (
    "snapshot",
    "pauses",
    "signals",
    "market_data",
    "orders",
    "fills",
    "positions",
    "trips",
    "equity",
    "daily",
    "settings",
)
"""Every projection; all of them can be thrown away and made again from the events."""

_HANDLERS: dict[type[Any], Callable[[int, Any], list[Statement]]] = {
    ev.CapitalAllocated: project_sums.capital_allocated,
    ev.PeakRaised: project_sums.peak_moved,
    ev.PeakReset: project_sums.peak_moved,
    ev.DayRolled: project_sums.day_rolled,
    ev.PositionOpened: project_sums.position_opened,
    ev.PositionClosed: project_sums.position_closed,
    ev.SignalRaised: project_signals.signal_raised,
    ev.IntentDenied: project_signals.intent_denied,
    ev.PlanMade: project_signals.plan_made,
    ev.SettingsApplied: project_signals.settings_applied,
    ev.TradingStateChanged: project_signals.trading_state_changed,
    ev.EntriesPaused: project_signals.entries_paused,
    ev.EntriesResumed: project_signals.entries_resumed,
    ev.OrderPlaced: project_orders.order_placed,
    ev.OrderChanged: project_orders.order_changed,
    ev.OrderFilled: project_orders.order_filled,
}


def statements(recorded: Recorded) -> list[Statement]:
    """Give the statements that bring the projections from the event before to this one; pure."""
    handler = _HANDLERS.get(type(recorded.event))
    return [] if handler is None else handler(recorded.seq, recorded.event)


def project(connection: Connection, events: Iterable[Recorded]) -> None:
    """Run the statements of events in their order, inside the caller's transaction."""
    execute = connection.execute
    for recorded in events:
        for sql, values in statements(recorded):
            execute(sql, values)


def rebuild(connection: Connection) -> None:
    """Throw the projections away and make them again from the events, inside the caller's transaction."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    connection.execute("INSERT INTO snapshot DEFAULT VALUES")
    project(connection, stored_events(connection))


def stored_events(
    connection: Connection, after: int = 0, since: Millis | None = None, kinds: Collection[str] = ()
) -> Iterator[Recorded]:
    """Read events with seq > `after` and at >= `since`, of some kinds or of all, oldest first, a thousand at a time.

    No read transaction stays open between two thousands: a slow reader never keeps the log from being folded in.
    """
    recent = "" if since is None else "AND at >= ?"
    chosen = f"AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
    where = f"seq > ? {recent} {chosen}"
    sql = f"SELECT seq, at, kind, body FROM events WHERE {where} ORDER BY seq LIMIT 1000"  # noqa: S608 - ours
    bound = (*(() if since is None else (since,)), *kinds)
    while rows := connection.execute(sql, (after, *bound)).fetchall():
        for row in rows:
            yield read(row)
        after = rows[-1][0]


def check(connection: Connection) -> list[str]:
    """Work everything out again in memory and say where the stored projections disagree, one sentence each."""
    found = _holes(connection)
    made = scratch()
    try:
        made.execute("BEGIN")
        project(made, stored_events(connection))
        for table in TABLES:
            found += _differences(table, connection, made)
        return found + _cash(connection)
    finally:
        made.close()


def _holes(connection: Connection) -> list[str]:
    count, last = connection.execute("SELECT count(*), coalesce(max(seq), 0) FROM events").fetchone()
    return [] if count == last else [f"The ledger counts {count} events up to number {last}: some are missing."]


def _differences(table: str, stored: Connection, made: Connection) -> list[str]:
    sql = f"SELECT * FROM {table} ORDER BY 1"  # noqa: S608 - names of our own
    here, there = stored.execute(sql).fetchall(), made.execute(sql).fetchall()
    if here == there:
        return []
    if len(here) != len(there):
        return [f"The table {table} has {len(here)} rows where the events make {len(there)}."]
    row = next(index for index, pair in enumerate(zip(here, there, strict=True), 1) if pair[0] != pair[1])
    return [f"The table {table} differs from what the events make, first in row {row}."]


def _cash(connection: Connection) -> list[str]:
    """Hold the identity cash = allocated - buys + sells - fees taken from cash, to the last digit."""
    allocated, cash = connection.execute("SELECT allocated, cash FROM snapshot").fetchone()
    due = Decimal(allocated)
    for side, price, quantity, fee in connection.execute("SELECT side, price, quantity, fee_quote FROM fills"):
        notional = EXACT.multiply(Decimal(price), Decimal(quantity))
        due = EXACT.subtract(due, notional) if side == Side.BUY else EXACT.add(due, notional)
        due = EXACT.subtract(due, Decimal(fee))
    return [] if due == Decimal(cash) else [f"Cash is {cash} where the fills make {text(due)}."]
