"""A backtest as rows and figures that other programs read: money as decimal text, moments in milliseconds UTC."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from investbot.domain.codec import encode
from investbot.domain.events import OrderFilled
from investbot.research.backtest import Backtest
from investbot.research.setups import results_by

_FILL = (
    "at", "order_id", "trade_id", "symbol", "side", "price", "quantity", "fee", "fee_currency", "fee_quote",
)  # fmt: skip


def fill_rows(result: Backtest) -> list[dict[str, Any]]:
    """Tell every fill, oldest first."""
    fills = (encode(event) for event in result.events if isinstance(event, OrderFilled))
    return [{name: fill[name] for name in _FILL} for fill in fills]


def trip_rows(result: Backtest) -> list[dict[str, Any]]:
    """Tell every round trip, oldest first."""
    rows = [encode(trip) for trip in result.trips]
    for row in rows:
        del row["plan_id"]
    return rows


def summary(result: Backtest) -> dict[str, Any]:
    """Tell what the run came to, with the state it ended in."""
    state = result.engine.state
    figures: dict[str, Any] = {name: encode(value) for name, value in asdict(result.metrics).items()}
    return {
        "candles": result.candles,
        "capital": encode(state.capital),
        "cash": encode(state.cash),
        "equity": encode(state.equity()),
        "open_positions": sum(1 for holding in state.holdings.values() if holding.quantity),
        "trading_state": state.trading_state.value,
        **figures,
    }


def setup_rows(result: Backtest) -> list[dict[str, Any]]:
    """Tell what each kind of opportunity came to (see `setups`)."""
    return results_by("setup", trip_rows(result))
