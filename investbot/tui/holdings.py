"""Rows of one instance as cells: positions with the stop that protects them, orders, fills, trips, signals, the log."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from investbot.domain.order import DONE
from investbot.domain.times import rfc3339
from investbot.tui import figures as fig
from investbot.tui.figures import Cell, Tone
from investbot.tui.log_tail import parts
from investbot.tui.model import Detail, Fields, Row, decimal, moment
from investbot.tui.widgets.grid import Head

Cells = list[tuple[str, tuple[Cell, ...]]]
"""Rows of a grid: an id and its cells."""

POSITIONS = (
    Head("SYMBOL", 11),
    Head("QUANTITY", 10, right=True),
    Head("P&L", 8, right=True),
    Head("PROTECTION", 58),
    Head("ENTRY", 12, right=True),
    Head("MARK", 12, right=True),
)
ORDERS = (
    Head("AT", 14),
    Head("SYMBOL", 10),
    Head("ROLE", 7),
    Head("PRICE", 11, right=True),
    Head("STATE", 12),
    Head("KEPT", 20),
    Head("SIDE", 5),
    Head("QUANTITY", 12, right=True),
    Head("REASON", 60),
)
FILLS = (
    Head("AT", 14),
    Head("SYMBOL", 10),
    Head("SIDE", 5),
    Head("QUANTITY", 12, right=True),
    Head("PRICE", 11, right=True),
    Head("FEE", 12, right=True),
    Head("ORDER", 14),
)
TRIPS = (
    Head("CLOSED", 14),
    Head("SYMBOL", 10),
    Head("NET", 9, right=True),
    Head("R", 7, right=True),
    Head("EXIT", 16),
    Head("COSTS", 8, right=True),
    Head("HELD", 5, right=True),
    Head("ENTRY AT", 12, right=True),
    Head("EXIT AT", 12, right=True),
    Head("WORST", 8, right=True),
    Head("BEST", 8, right=True),
)
SIGNALS = (
    Head("AT", 14),
    Head("SYMBOL", 10),
    Head("OPINION", 7),
    Head("CONF", 4, right=True),
    Head("CAME OF IT", 38),
    Head("REASON", 80),
)
LOG = (Head("AT", 14), Head("LEVEL", 8), Head("WHAT", 180))


def is_open(order: Fields) -> bool:
    """Tell whether an order may still be filled."""
    return str(order.get("state")) not in DONE


def positions(detail: Detail, row: Row | None) -> Cells:
    """Show what is held, what it is worth at the last price, and the stop that is kept for it."""
    cells: Cells = []
    for held in detail.positions:
        symbol = str(held.get("symbol", ""))
        quantity, entry = decimal(held.get("quantity")), _entry(held)
        mark = (row.marks.get(symbol) if row else None) or decimal(held.get("mark"))
        known = quantity is not None and entry is not None and mark is not None
        result = quantity * (mark - entry) if known and quantity and mark and entry else None
        cells.append(
            (
                symbol,
                (
                    Cell(symbol, Tone.STRONG),
                    Cell(fig.quantity(quantity)),
                    fig.gain(result),
                    protection(symbol, detail.orders, row),
                    Cell(fig.price(entry)),
                    Cell(fig.price(mark)),
                ),
            )
        )
    return cells


def protection(symbol: str, orders: Iterable[Fields], row: Row | None) -> Cell:
    """Say where the stop is and who keeps it; a position without one is an alarm."""
    mine = [order for order in orders if order.get("symbol") == symbol and is_open(order)]
    stops = [order for order in mine if order.get("role") == "stop"]
    targets = [order for order in mine if order.get("role") == "target"]
    leaving = [order for order in mine if order.get("role") in {"exit", "flatten"}]
    if not stops:
        return Cell("being sold", Tone.WARN) if leaving else Cell("NO STOP", Tone.LIVE)
    stop = stops[-1]
    where = fig.price(decimal(stop.get("stop_price")))
    keeper = kept(stop, row)
    aims = " ".join(fig.price(decimal(target.get("price"))) for target in targets)
    return Cell(f"stop kept {keeper.text} at {where}" + (f", target {aims}" if aims else ""), keeper.tone)


def kept(order: Fields, row: Row | None) -> Cell:
    """Say who will execute an open order; what the venue has not confirmed protects nobody yet."""
    if not is_open(order):
        return Cell(fig.NONE, Tone.DIM)
    if str(order.get("state")) in {"INTENDED", "SENT", "UNKNOWN"}:
        return Cell("not confirmed", Tone.WARN)
    if row is None or row.mode == "paper":
        running = row is not None and row.alive
        return Cell("in simulation", Tone.PLAIN) if running else Cell("in simulation, still", Tone.WARN)
    return Cell(f"by {row.venue} #{order.get('venue_order_id') or '?'}", Tone.GOOD)


def orders(detail: Detail, row: Row | None) -> Cells:
    """Show open orders first, then what became of the last ones, newest first."""
    newest = list(reversed(detail.orders))
    ordered = [order for order in newest if is_open(order)] + [order for order in newest if not is_open(order)]
    return [
        (
            str(order.get("order_id", index)),
            (
                _at(order.get("at")),
                _words(order, "symbol"),
                _words(order, "role"),
                Cell(fig.price(decimal(order.get("stop_price")) or decimal(order.get("price")))),
                Cell(str(order.get("state", "")), Tone.STRONG if is_open(order) else Tone.DIM),
                kept(order, row),
                _words(order, "side"),
                Cell(fig.quantity(decimal(order.get("quantity")))),
                _words(order, "reason"),
            ),
        )
        for index, order in enumerate(ordered)
    ]


def fills(detail: Detail) -> Cells:
    """Show the last executions, newest first."""
    return [
        (
            str(fill.get("trade_id", index)),
            (
                _at(fill.get("at")),
                _words(fill, "symbol"),
                Cell(str(fill.get("side", "")), Tone.GOOD if fill.get("side") == "buy" else Tone.BAD),
                Cell(fig.quantity(decimal(fill.get("quantity")))),
                Cell(fig.price(decimal(fill.get("price")))),
                Cell(f"{fig.money(decimal(fill.get('fee')))} {fill.get('fee_currency', '')}"),
                _words(fill, "order_id"),
            ),
        )
        for index, fill in enumerate(reversed(detail.fills))
    ]


def trips(detail: Detail) -> Cells:
    """Show the last round trips, newest first; results are net of every cost."""
    return [
        (
            str(trip.get("plan_id") or f"{trip.get('closed_at')} {trip.get('symbol')} {index}"),
            (
                _at(trip.get("closed_at")),
                _words(trip, "symbol"),
                fig.gain(decimal(trip.get("net_pnl"))),
                _multiple(trip.get("r")),
                Cell(f"{trip.get('exit_reason', '')}{' (gap)' if trip.get('gapped') else ''}"),
                Cell(fig.money(decimal(trip.get("costs")))),
                Cell(fig.duration(_held_s(trip))),
                Cell(fig.price(decimal(trip.get("entry_price")))),
                Cell(fig.price(decimal(trip.get("exit_price")))),
                Cell(_worst(trip.get("mae"))),
                Cell(fig.percent(decimal(trip.get("mfe")), 2)),
            ),
        )
        for index, trip in enumerate(reversed(detail.trips))
    ]


def signals(detail: Detail) -> Cells:
    """Show the last opinions with what came of them: an entry, or the limit that refused and its numbers."""
    return [
        (
            str(signal.get("signal_id", index)),
            (
                _at(signal.get("at")),
                _words(signal, "symbol"),
                Cell(str(signal.get("direction", "")).upper()),
                _confidence(signal.get("confidence")),
                _outcome(signal),
                _words(signal, "reason"),
            ),
        )
        for index, signal in enumerate(reversed(detail.signals))
    ]


def log(detail: Detail) -> Cells:
    """Show the end of the log, newest first."""
    cells: Cells = []
    for index, line in enumerate(reversed(detail.log)):
        at, level, what = parts(line)
        tone = Tone.BAD if level in {"error", "critical"} else Tone.WARN if level == "warning" else Tone.PLAIN
        cells.append((str(len(detail.log) - index), (_at(at), Cell(level, tone), Cell(what))))
    return cells


def _at(value: object) -> Cell:
    at = moment(value)
    return Cell(fig.NONE if at is None else rfc3339(at)[5:19].replace("T", " "), Tone.DIM)


def _words(row: Fields, key: str) -> Cell:
    value = row.get(key)
    return Cell(fig.NONE if value is None else str(value))


def _entry(held: Fields) -> Decimal | None:
    price = decimal(held.get("entry_price"))
    if price is not None:
        return price
    cost, quantity = decimal(held.get("cost")), decimal(held.get("quantity"))
    return cost / quantity if cost is not None and quantity else None


def _held_s(trip: Fields) -> float | None:
    opened, closed = moment(trip.get("opened_at")), moment(trip.get("closed_at"))
    return None if opened is None or closed is None else (closed - opened) / 1000


def _multiple(value: object) -> Cell:
    number = decimal(value)
    if number is None:
        return Cell(fig.NONE, Tone.DIM)
    return Cell(f"{number:+.2f}R", Tone.GOOD if number > 0 else Tone.BAD)


def _worst(value: object) -> str:
    """Show an excursion against us with its sign, however it was written down."""
    number = decimal(value)
    return fig.percent(None if number is None else -abs(number), 2)


def _confidence(value: object) -> Cell:
    number = decimal(value)
    return Cell(fig.NONE if number is None else f"{number:.2f}")


def _outcome(signal: Fields) -> Cell:
    if signal.get("denied_by"):
        numbers = " > ".join(str(signal[key]) for key in ("value", "bound") if signal.get(key))
        return Cell(f"denied: {signal['denied_by']} {numbers}".rstrip(), Tone.WARN)
    outcome = str(signal.get("outcome") or "")
    return Cell(outcome or fig.NONE, Tone.GOOD if outcome == "entry" else Tone.DIM)
