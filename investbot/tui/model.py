"""What the dashboard knows: frozen values read from the rows of `status` and `read`, and the door they come through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Protocol, Self

from investbot.domain.errors import UsageError
from investbot.domain.market import Millis
from investbot.domain.states import InstanceState
from investbot.domain.times import parse_rfc3339

Fields = Mapping[str, Any]
"""One row as it came over the wire."""

_ALIVE = frozenset({InstanceState.STARTING, InstanceState.RUNNING, InstanceState.STOPPING})


def decimal(value: object) -> Decimal | None:
    """Read decimal text (or a number); None for anything that is no number."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def moment(value: object) -> Millis | None:
    """Read milliseconds UTC or RFC 3339 text into milliseconds UTC; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except UsageError:
        return None


def _whole(value: object) -> int | None:
    number = decimal(value)
    return None if number is None else int(number)


def _seconds(value: object) -> float | None:
    number = decimal(value)
    return None if number is None else float(number)


def _text(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class LastSignal:
    """The newest opinion of an instance: `at` in milliseconds UTC, `confidence` 0..1."""

    at: Millis | None
    symbol: str
    direction: str
    confidence: float | None
    reason: str

    @classmethod
    def of(cls, value: object) -> Self | None:
        """Read the `last_signal` of a status row; None when there is none."""
        if not isinstance(value, Mapping):
            return cls(None, "", value, None, "") if isinstance(value, str) and value else None
        return cls(
            at=moment(value.get("at")),
            symbol=_text(value.get("symbol")),
            direction=_text(value.get("direction")),
            confidence=_seconds(value.get("confidence")),
            reason=_text(value.get("reason")),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One instance as `status --json` tells it: money in `quote`, ratios as fractions, `heartbeat_age_s` in seconds."""

    name: str
    state: str
    mode: str
    venue: str
    symbols: tuple[str, ...]
    timeframe: str
    strategy: str
    profile: str
    trading_state: str
    paused: tuple[str, ...]
    error: str
    last_signal: LastSignal | None
    capital: Decimal | None
    equity: Decimal | None
    cash: Decimal | None
    day_pnl: Decimal | None
    total_pnl: Decimal | None
    win_rate: Decimal | None
    profit_factor: Decimal | None
    drawdown: Decimal | None
    open_positions: int | None
    last_candle_at: Millis | None
    heartbeat_age_s: float | None
    uptime_s: float | None
    pid: int | None
    rss_mb: float | None
    restarts: int | None
    breaker: str
    api_p99_ms: float | None
    """The circuit breaker of its venue (closed, open, half-open), and how long slow answers take (ms)."""
    backup_at: Millis | None
    """When its newest verified backup was made."""
    marks: Mapping[str, Decimal]
    """Last price of each symbol, in quote per base."""

    @classmethod
    def of(cls, row: Fields) -> Self:
        """Read one row; what is missing or unreadable is None, never a guess."""
        symbols = row.get("symbols") or ()
        return cls(
            name=_text(row.get("name")),
            state=_text(row.get("state")) or "?",
            mode=_text(row.get("mode")),
            venue=_text(row.get("venue")),
            symbols=tuple(symbols.split(",")) if isinstance(symbols, str) else tuple(map(str, symbols)),
            timeframe=_text(row.get("timeframe")),
            strategy=_text(row.get("strategy")),
            profile=_text(row.get("profile")),
            trading_state=_text(row.get("trading_state")),
            paused=_causes(row.get("paused")),
            error=_text(row.get("error")),
            last_signal=LastSignal.of(row.get("last_signal")),
            capital=decimal(row.get("capital")),
            equity=decimal(row.get("equity")),
            cash=decimal(row.get("cash")),
            day_pnl=decimal(row.get("day_pnl")),
            total_pnl=decimal(row.get("total_pnl")),
            win_rate=decimal(row.get("win_rate")),
            profit_factor=decimal(row.get("profit_factor")),
            drawdown=decimal(row.get("drawdown")),
            open_positions=_whole(row.get("open_positions")),
            last_candle_at=moment(row.get("last_candle_at")),
            heartbeat_age_s=_seconds(row.get("heartbeat_age_s")),
            uptime_s=_seconds(row.get("uptime_s")),
            pid=_whole(row.get("pid")),
            rss_mb=_seconds(row.get("rss_mb")),
            restarts=_whole(row.get("restarts")),
            breaker=_text(row.get("breaker")),
            api_p99_ms=_seconds(row.get("api_p99_ms")),
            backup_at=moment(row.get("backup_at")),
            marks=_prices(row.get("marks")),
        )

    @property
    def quote(self) -> str:
        """The currency of this instance's money: the quote of its first symbol, `?` without one."""
        symbol = self.symbols[0] if self.symbols else ""
        return symbol.partition("/")[2].partition(":")[0] or "?"

    @property
    def alive(self) -> bool:
        """Whether a process stands behind the row."""
        return self.state in _ALIVE

    @property
    def paused_by_operator(self) -> bool:
        """Whether `resume` is what an operator would want next."""
        return "operator" in self.paused or self.trading_state == "HALTED"


def _prices(value: object) -> dict[str, Decimal]:
    if not isinstance(value, Mapping):
        return {}
    return {str(symbol): mark for symbol, given in value.items() if (mark := decimal(given)) is not None}


def _causes(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(map(str, value)) if isinstance(value, Mapping | list | tuple) else ()


class Link(StrEnum):
    """Where figures come from."""

    UP = "supervisor up"
    LOST = "SUPERVISOR GONE"
    """It answered before; the last figures stay on the screen and grow old."""
    DOWN = "supervisor down"
    """Nobody answers; the figures are those of the ledgers."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The fleet at one moment; `at` in seconds of the dashboard's clock, `wall` the same in milliseconds UTC.

    `why` is a sentence when there is something to say about the link.
    """

    rows: tuple[Row, ...]
    link: Link
    at: float
    why: str = ""
    wall: Millis | None = None

    def row(self, name: str) -> Row | None:
        """Give the row of an instance, None when there is none of that name."""
        return next((row for row in self.rows if row.name == name), None)


@dataclass(frozen=True, slots=True)
class Detail:
    """What is read of one instance besides its row, each oldest first; `why` names what failed.

    `at` is as in Snapshot, None when nothing could be read yet.
    """

    name: str
    at: float | None
    positions: tuple[Fields, ...] = ()
    orders: tuple[Fields, ...] = ()
    fills: tuple[Fields, ...] = ()
    trips: tuple[Fields, ...] = ()
    signals: tuple[Fields, ...] = ()
    log: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a verb for one instance, in one sentence."""

    name: str
    ok: bool
    message: str


class Reader(Protocol):
    """The only way in and out: tests put a fake in its place."""

    async def fleet(self) -> Snapshot:
        """Give the newest snapshot at once; a dead supervisor is a snapshot that says so, not an error."""
        ...

    async def instance(self, name: str) -> Detail:
        """Read positions, open orders, last fills, trips and signals, and the end of the log of one instance."""
        ...

    async def act(self, verb: str, names: Sequence[str], args: Fields) -> list[Result]:
        """Do an operator's verb for the named instances (none named: for all); one result each."""
        ...

    async def close(self) -> None:
        """Let go of whatever is open; safe to call twice."""
        ...
