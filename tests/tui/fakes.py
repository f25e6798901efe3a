"""A reader and a clock that do what a test says, rows as `status --json` gives them, and the screen as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App

from investbot.domain.errors import InvestBotError
from investbot.tui.app import Dash
from investbot.tui.model import Detail, Fields, Link, Result, Row, Snapshot

WALL = 1_767_323_045_000  # 2026-01-02T03:04:05Z
SMALL, LARGE = (80, 24), (120, 40)


class FakeClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def fields(**changes: Any) -> dict[str, Any]:
    """Make a row as it comes over the wire."""
    row: dict[str, Any] = {
        "name": "alpha",
        "state": "RUNNING",
        "mode": "paper",
        "venue": "binance",
        "symbols": ["BTC/USDT"],
        "timeframe": "5m",
        "strategy": "conservative_scalp",
        "profile": "conservative",
        "capital": "500",
        "equity": "503.21",
        "cash": "424.57",
        "open_positions": 1,
        "day_pnl": "1.2",
        "total_pnl": "3.21",
        "uptime_s": 333.0,
        "win_rate": "0.61",
        "profit_factor": "1.3",
        "drawdown": "0.0125",
        "trading_state": "ACTIVE",
        "paused": {},
        "last_candle_at": WALL - 65_000,
        "last_signal": {
            "at": WALL - 65_000,
            "symbol": "BTC/USDT",
            "direction": "long",
            "confidence": 0.7,
            "reason": "pullback in an up trend",
        },
        "heartbeat_age_s": 0.4,
        "pid": 4711,
        "rss_mb": 55.0,
        "restarts": 0,
        "error": None,
        "marks": {"BTC/USDT": "64000"},
    }
    return row | changes


def row(**changes: Any) -> Row:
    """Make a row of the dashboard."""
    return Row.of(fields(**changes))


FLEET = (
    row(),
    row(
        name="bravo",
        state="FATAL",
        mode="live",
        symbols=["ETH/USDC"],
        equity="1000",
        day_pnl="0",
        total_pnl="-25.5",
        heartbeat_age_s=None,
        last_signal=None,
        error="The venue does not accept the key; set it with `investbot keys set bravo`.",
    ),
    row(name="charlie", equity="96.8", day_pnl="-3.2", total_pnl="-3.2", paused={"operator": "asked for"}),
)

DETAIL = Detail(
    "alpha",
    1000.0,
    positions=({"symbol": "BTC/USDT", "quantity": "0.00123000", "entry_price": "63900", "opened_at": WALL},),
    orders=(
        {"order_id": "1-entry-1", "at": WALL, "symbol": "BTC/USDT", "role": "entry", "state": "FILLED", "price": "1"},
        {
            "order_id": "1-stop-1",
            "at": WALL,
            "symbol": "BTC/USDT",
            "side": "sell",
            "role": "stop",
            "quantity": "0.00123",
            "stop_price": "63200",
            "state": "ACKNOWLEDGED",
            "venue_order_id": "sim-1-stop-1",
            "reason": "stop of plan 1",
        },
        {"order_id": "1-target-1", "symbol": "BTC/USDT", "role": "target", "price": "65000", "state": "ACKNOWLEDGED"},
    ),
    fills=(
        {
            "at": WALL,
            "order_id": "1-entry-1",
            "trade_id": "1-entry-1.1",
            "symbol": "BTC/USDT",
            "side": "buy",
            "price": "63900",
            "quantity": "0.00123",
            "fee": "0.0786",
            "fee_currency": "USDT",
        },
    ),
    trips=(
        {
            "opened_at": WALL - 240_000,
            "closed_at": WALL,
            "symbol": "BTC/USDT",
            "net_pnl": "-4.1",
            "r": "-1.02",
            "exit_reason": "stop",
            "gapped": True,
            "costs": "0.2",
            "mae": "-0.011",
            "mfe": "0.002",
        },
    ),
    signals=(
        {
            "at": WALL,
            "signal_id": "s1",
            "symbol": "BTC/USDT",
            "direction": "long",
            "confidence": 0.7,
            "outcome": "denied",
            "denied_by": "open_positions",
            "value": "1",
            "bound": "1",
            "reason": "pullback in an up trend",
        },
    ),
    log=('{"at":"2026-01-02T03:04:05Z","level":"warning","event":"candle_flagged","symbol":"BTC/USDT"}', "no json"),
)


class FakeReader:
    """Gives what a test put in and remembers what it was asked to do."""

    def __init__(self, clock: FakeClock, rows: Sequence[Row] = FLEET, detail: Detail = DETAIL) -> None:
        self._clock = clock
        self.snapshot = Snapshot(tuple(rows), Link.UP, clock(), wall=WALL)
        self.detail = detail
        self.asked: list[tuple[str, tuple[str, ...], dict[str, Any]]] = []
        self.answers: list[Result] = []
        self.fails: Exception | None = None
        self.closed = 0

    def put(self, *rows: Row, link: Link = Link.UP, why: str = "") -> None:
        """Let the next look see these rows, taken now."""
        self.snapshot = Snapshot(rows, link, self._clock(), why, WALL)

    async def fleet(self) -> Snapshot:
        if self.fails is not None:
            raise self.fails
        return self.snapshot

    async def instance(self, name: str) -> Detail:
        return self.detail

    async def act(self, verb: str, names: Sequence[str], args: Fields) -> list[Result]:
        self.asked.append((verb, tuple(names), dict(args)))
        if isinstance(self.fails, InvestBotError):
            raise self.fails
        return self.answers or [Result(" ".join(names) or "fleet", ok=True, message=f"{verb} done")]

    async def close(self) -> None:
        self.closed += 1


def dash(*, read_only: bool = False, rows: Sequence[Row] = FLEET) -> tuple[Dash, FakeReader, FakeClock]:
    """Make a dashboard that looks only when a test tells it to (and once at its start)."""
    clock = FakeClock()
    reader = FakeReader(clock, rows)
    return Dash(reader, read_only=read_only, now=clock, every_s=3600.0), reader, clock


def shown(app: App[Any]) -> str:
    """Give what is on the screen as lines of text."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


def said(app: App[Any]) -> list[str]:
    """Give the notifications on the screen, oldest first."""
    return [note.message for note in app._notifications]
