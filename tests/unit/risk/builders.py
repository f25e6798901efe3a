"""Plain functions that make what the gate judges."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from investbot.domain.market import Instrument, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.rules import Sized, size_entry

BTC = Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5))
AT = 1_704_067_200_000
"""2024-01-01T00:00:00Z."""


def size(**changes: Any) -> Sized | Denial:
    values: dict[str, Any] = {
        "instrument": BTC,
        "costs": CostRules(),
        "risk": RiskRules(),
        "exits": ExitRules(),
        "price": Decimal(42000),
        "capital": Decimal(500),
        "cash": Decimal(500),
    }
    return size_entry(**(values | changes))


def sized(**changes: Any) -> Sized:
    result = size(**changes)
    assert isinstance(result, Sized)
    return result


def denied(**changes: Any) -> Denial:
    result = size(**changes)
    assert isinstance(result, Denial)
    return result


def intent(**changes: Any) -> OrderIntent:
    made = sized().intent(at=AT, signal_id="s1", symbol="BTC/USDT", timeframe=Timeframe.parse("5m"))
    return replace(made, **changes)


def view(**changes: Any) -> RiskView:
    values: dict[str, Any] = {
        "at": AT,
        "instrument": BTC,
        "costs": CostRules(),
        "capital": Decimal(500),
        "cash": Decimal(500),
        "equity": Decimal(500),
        "peak": Decimal(500),
        "day_start_equity": Decimal(500),
    }
    return RiskView(**(values | changes))
