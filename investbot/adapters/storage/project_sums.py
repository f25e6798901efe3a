"""Capital, round trips, equity and days: what an event means for the sums of an instance.

Equity is written down at four causes, and nowhere else:

- `capital` (CapitalAllocated) and `close` (PositionClosed): cash, plus what is still held at what it cost. Flat, that
  is cash to the last digit; dust counts for nothing.
- `day` (DayRolled) and `peak` (PeakRaised, PeakReset): the equity in the event, which the engine marked to the market.

A row of `daily` is one UTC day (`day` = days since the epoch): `end_equity` is the last equity written down in that day
(the roll's own figure once it has rolled), `start_equity` what the last roll left, moved by later allocations, so that
end minus start is what was earned. Everything else there sums the events of the day. All money in quote.
"""

from __future__ import annotations

from decimal import Decimal

from investbot.adapters.storage.statements import DAY_ROW, Statement, day_of, insert, plain
from investbot.domain import events as ev
from investbot.domain.market import Millis

_EQUITY_MARKED = "INSERT INTO equity (seq, at, equity, cause) VALUES (?, ?, ?, ?)"
_EQUITY_BOOKED = (
    "INSERT INTO equity (seq, at, equity, cause) "
    "SELECT ?, ?, money_add(cash, (SELECT coalesce(money_sum(cost), '0') FROM positions)), ? FROM snapshot"
)
_DAY_END = "UPDATE daily SET end_equity = (SELECT equity FROM equity WHERE seq = ?) WHERE day = ?"
_CAPITAL = (
    "UPDATE snapshot SET capital = ?, allocated = money_add(allocated, ?), cash = money_add(cash, ?), "
    "peak = money_add(peak, ?), day_start_equity = money_add(day_start_equity, ?)"
)
_DAY_MOVED = "UPDATE daily SET start_equity = money_add(start_equity, ?) WHERE day = ?"
_WON = (
    "UPDATE snapshot SET realised_pnl = money_add(realised_pnl, ?), gross_profit = money_add(gross_profit, ?), "
    "trips = trips + 1, wins = wins + 1"
)
_LOST = (
    "UPDATE snapshot SET realised_pnl = money_add(realised_pnl, ?), gross_loss = money_add(gross_loss, ?), "
    "trips = trips + 1"
)
_DAY_CLOSED = (
    "UPDATE daily SET realised_pnl = money_add(realised_pnl, ?), trips = trips + 1, wins = wins + ? WHERE day = ?"
)


def capital_allocated(seq: int, event: ev.CapitalAllocated) -> list[Statement]:
    """Move capital and cash; the peak and the day begin with the change, so that it is neither gain nor loss."""
    change = plain(event.change)
    return [
        (_CAPITAL, (plain(event.amount), change, change, change, change)),
        (_DAY_MOVED, (change, day_of(event.at))),
        *_equity(seq, event.at, "capital"),
    ]


def peak_moved(seq: int, event: ev.PeakRaised | ev.PeakReset) -> list[Statement]:
    """Keep the height that drawdown counts from, which is equity at that moment."""
    return [("UPDATE snapshot SET peak = ?", (plain(event.equity),)), *_equity(seq, event.at, "peak", event.equity)]


def day_rolled(seq: int, event: ev.DayRolled) -> list[Statement]:
    """End one day and begin the next."""
    equity = plain(event.equity)
    return [
        (DAY_ROW, (event.day,)),
        ("UPDATE daily SET end_equity = ? WHERE day = ?", (equity, event.day)),
        ("UPDATE daily SET start_equity = ? WHERE day > ?", (equity, event.day)),
        ("UPDATE snapshot SET day_start_equity = ?", (equity,)),
        *_equity(seq, event.at, "day", event.equity),
    ]


def position_opened(_: int, event: ev.PositionOpened) -> list[Statement]:
    """Count an entry."""
    return [
        ("UPDATE snapshot SET entries = entries + 1", ()),
        (DAY_ROW, (day_of(event.at),)),
        ("UPDATE daily SET entries = entries + 1 WHERE day = ?", (day_of(event.at),)),
    ]


def position_closed(seq: int, event: ev.PositionClosed) -> list[Statement]:
    """Keep the round trip and what it earned."""
    trip = event.trip
    pnl, size, won = plain(trip.net_pnl), plain(trip.net_pnl.copy_abs()), trip.net_pnl > 0
    return [
        insert(
            "trips",
            seq=seq,
            plan_id=trip.plan_id,
            opened_at=trip.opened_at,
            closed_at=trip.closed_at,
            symbol=trip.symbol,
            quantity=plain(trip.quantity),
            entry_price=plain(trip.entry_price),
            exit_price=plain(trip.exit_price),
            costs=plain(trip.costs),
            net_pnl=pnl,
            r=plain(trip.r),
            mae=plain(trip.mae),
            mfe=plain(trip.mfe),
            exit_reason=trip.exit_reason,
            gapped=int(trip.gapped),
            config_version=trip.config_version or None,
        ),
        ("DELETE FROM positions WHERE plan_id = ?", (trip.plan_id,)),
        (_WON if won else _LOST, (pnl, size)),
        *_equity(seq, event.at, "close"),
        (_DAY_CLOSED, (pnl, int(won), day_of(event.at))),
    ]


def _equity(seq: int, at: Millis, cause: str, marked: Decimal | None = None) -> list[Statement]:
    """Write equity down, in the table and at the end of its day; without a marked figure it is worked out."""
    booked = (_EQUITY_BOOKED, (seq, at, cause))
    row: Statement = booked if marked is None else (_EQUITY_MARKED, (seq, at, plain(marked), cause))
    return [row, (DAY_ROW, (day_of(at),)), (_DAY_END, (seq, day_of(at)))]
