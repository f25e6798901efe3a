"""The gate asks its limits in order and the first denial wins."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import Direction, OrderIntent
from investbot.domain.states import TradingState
from investbot.risk.gate import Denial, RiskGate, RiskView
from investbot.risk.limits import default_limits
from tests.unit.risk.builders import AT, intent, sized, view


@dataclass(frozen=True, slots=True)
class Refuse:
    """A limit that always has something against it."""

    name: ClassVar[str] = "refuse"
    text: str

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        return Denial(self.name, self.text, "1", "0")


def test_an_ordinary_entry_passes_every_limit() -> None:
    assert RiskGate(default_limits()).review(intent(), view(), RiskRules()) is None


def test_the_first_denial_wins() -> None:
    gate = RiskGate([Refuse("first"), Refuse("second")])
    denial = gate.review(intent(), view(), RiskRules())
    assert denial == Denial("refuse", "first", "1", "0")


def test_a_gate_without_limits_refuses_nothing() -> None:
    assert RiskGate([]).review(intent(), view(), RiskRules()) is None


def test_limits_stand_in_the_order_of_the_design() -> None:
    assert [limit.name for limit in default_limits()] == [
        "trading_state",
        "entries_paused",
        "candle_quality",
        "duplicate",
        "open_positions",
        "entries_per_hour",
        "entries_per_day",
        "daily_loss",
        "drawdown",
        "cooldown",
        "position_fraction",
        "risk_fraction",
        "cash",
        "costs",
        "net_reward_risk",
        "min_notional",
    ]


def test_an_earlier_limit_hides_a_later_one() -> None:
    gate = RiskGate(default_limits())
    denial = gate.review(intent(), view(trading_state=TradingState.HALTED, cash=Decimal(0)), RiskRules())
    assert denial is not None
    assert denial.limit == "trading_state"


def test_a_size_is_put_up_for_review_unchanged() -> None:
    made, source = intent(), sized()
    assert (made.at, made.signal_id, made.symbol, made.timeframe.text) == (AT, "s1", "BTC/USDT", "5m")
    assert made.direction is Direction.LONG
    for name in ("quantity", "limit_price", "stop", "targets", "notional", "worst_loss", "net_reward"):
        assert getattr(made, name) == getattr(source, name)
