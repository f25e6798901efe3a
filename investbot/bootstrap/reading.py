"""What ledgers tell the faces: rows of every kind, and the status of an instance that does not run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from investbot.adapters.storage.reader import SqlcipherReader
from investbot.bootstrap.assembly import identity_of
from investbot.bootstrap.live import at_venue
from investbot.config.instance import InstanceConfig
from investbot.control.rows import event_row, told
from investbot.domain.codec import encode
from investbot.domain.errors import UsageError
from investbot.domain.intelligence import IntelligenceHeard
from investbot.domain.market import DAY, Millis
from investbot.domain.states import TradingState, seen
from investbot.domain.times import rfc3339
from investbot.instance.heartbeat import idle_row
from investbot.ports.ledger import Recorded

KINDS = ("positions", "orders", "fills", "trips", "signals", "events", "equity", "daily", "market_data", "intelligence")
"""Every kind of row there is to read."""

_RATIO = Decimal("0.0001")
_DATE = 10


def read_rows(
    kind: str,
    reader: SqlcipherReader,
    *,
    last: int | None = None,
    since: Millis | None = None,
    symbol: str | None = None,
    timeframe: str | None = None,
) -> list[dict[str, Any]]:
    """Give rows of one kind, oldest first: money as decimal text, moments as RFC 3339.

    Kept are those from `since` (milliseconds UTC) on, of one symbol, of one timeframe, and of them the newest `last`.
    UsageError for a kind there is not, or fewer than one row.
    """
    if kind not in KINDS:
        raise UsageError(f"There are no rows of the kind {kind!r}; there are {', '.join(KINDS)}.")
    if last is not None and last < 1:
        raise UsageError("--last takes a number of rows above zero.")
    wanted = _filter(symbol, timeframe)
    return list(deque((row for row in _rows(kind, reader, since) if wanted(row)), maxlen=last))


def _rows(kind: str, reader: SqlcipherReader, since: Millis | None) -> Iterator[dict[str, Any]]:
    if kind == "events":
        return (event_row(recorded.seq, recorded.event) for recorded in reader.events(since=since))
    if kind == "intelligence":
        return map(_item, reader.events(since=since, kinds=("IntelligenceHeard",)))
    rows = reader.rows(kind, since)
    if kind == "daily":
        return ({**row, "day": rfc3339(row["day"] * DAY)[:_DATE]} for row in rows)
    return (told(dict(row)) for row in rows)


def _item(recorded: Recorded) -> dict[str, Any]:
    """Tell one item of the world outside, and when it was received."""
    heard = cast("IntelligenceHeard", recorded.event)
    return told({"at": heard.at, **encode(heard.item)})


def _filter(symbol: str | None, timeframe: str | None) -> Callable[[Mapping[str, Any]], bool]:
    def wanted(row: Mapping[str, Any]) -> bool:
        inner: dict[str, Any] = next((row[name] for name in ("order", "plan", "trip") if name in row), {})
        return (symbol is None or row.get("symbol", inner.get("symbol")) == symbol) and (
            timeframe is None or row.get("timeframe") == timeframe
        )

    return wanted


def status_row(config: InstanceConfig, reader: SqlcipherReader | None) -> dict[str, Any]:
    """Give the `status` row of an instance that does not run, from its ledger; None for one that cannot be opened.

    What is held counts at its cost, since nobody follows the market; a capital that was changed while it stood still
    counts as if it had been booked. Without a ledger only what the configuration knows is told.
    """
    row = idle_row(identity_of(config))
    if reader is None:
        return row | {"capital": _text(config.capital), "config_version": config.version}
    now = reader.snapshot()
    begun = now["last_event_at"] is not None
    change = config.capital - Decimal(now["capital"]) if begun else config.capital
    cash = Decimal(now["cash"]) + change
    equity = cash + sum((Decimal(held["cost"]) for held in now["positions"]), Decimal(0))
    peak = max(Decimal(now["peak"]) + change, Decimal(0))
    signals = reader.rows("signals", now["last_signal_at"]) if now["last_signal_at"] is not None else []
    cursor = now["cursor"]
    paused = {pause["cause"]: pause["reason"] for pause in now["paused"]}
    told_by = "" if now["trading_state"] == "ACTIVE" else now["state_reason"].partition(":")[0]
    state, reduced_by = seen(TradingState(now["trading_state"]), told_by, paused)
    guarded = {"protection": protection(reader, now["positions"])} if at_venue(config) else {}
    return row | {
        **guarded,
        "capital": _text(config.capital),
        "equity": _text(equity),
        "cash": _text(cash),
        "open_positions": len(now["positions"]),
        "day_pnl": _text(equity - Decimal(now["day_start_equity"]) - change),
        "total_pnl": _text(equity - config.capital),
        "trips": now["trips"],
        "win_rate": _ratio(Decimal(now["wins"]), Decimal(now["trips"])),
        "profit_factor": _ratio(Decimal(now["gross_profit"]), Decimal(now["gross_loss"])),
        "drawdown": _ratio(max(peak - equity, Decimal(0)), peak) or "0",
        "config_version": config.version,
        "trading_state": state.value,
        "reduced_by": reduced_by or None,
        "paused": paused,
        **at_stake(now["positions"]),
        "last_candle_at": rfc3339(cursor["opened_at"] + config.market.timeframe.ms) if cursor else None,
        "last_signal": _signal(signals[-1]) if signals else None,
    }


def at_stake(positions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say what positions would lose at their stops, and what is held in each base, both in quote and at cost.

    A position without a stop counts whole.
    """
    risk, exposure = Decimal(0), dict[str, Decimal]()
    for held in positions:
        cost, stop = Decimal(held["cost"]), held["stop_price"]
        risk += cost if stop is None else max(Decimal(0), cost - Decimal(held["quantity"]) * Decimal(stop))
        base = held["symbol"].partition("/")[0]
        exposure[base] = exposure.get(base, Decimal(0)) + cost
    return {"open_risk": _text(risk), "exposure": {base: _text(value) for base, value in exposure.items()}}


def protection(reader: SqlcipherReader, positions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Say of each position whether its stop rests at the venue (`kept` = venue, with its id) or nowhere but here."""
    stops = {row["plan_id"]: row for row in reader.rows("orders") if positions and _rests(row)}
    found = []
    for held in positions:
        stop = stops.get(held["plan_id"])
        found.append(
            {
                "symbol": held["symbol"],
                "quantity": _text(Decimal(held["quantity"])),
                "kept": "instance" if stop is None else "venue",
                "stop_price": held["stop_price"] if stop is None else stop["stop_price"],
                "venue_order_id": None if stop is None else stop["venue_order_id"],
            }
        )
    return found


def _rests(row: Mapping[str, Any]) -> bool:
    return row["role"] == "stop" and row["state"] in {"ACKNOWLEDGED", "PARTLY_FILLED"}


def _signal(row: Mapping[str, Any]) -> dict[str, Any]:
    return told({name: row[name] for name in ("at", "symbol", "direction", "confidence", "reason")})


def _ratio(part: Decimal, whole: Decimal) -> str | None:
    return _text((part / whole).quantize(_RATIO)) if whole else None


def _text(value: Decimal) -> str:
    return format(value, "f")
