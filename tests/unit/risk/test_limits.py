"""Each limit: the last value that passes, the first that does not, and the sentence with both numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from investbot.domain.market import DAY, HOUR, MINUTE, SECOND, Instrument, Quality
from investbot.domain.rules import CostRules, RiskRules
from investbot.domain.states import TradingState
from investbot.risk.gate import Denial, Limit
from investbot.risk.limits.candle_quality import CandleQualityLimit
from investbot.risk.limits.cash import CashLimit
from investbot.risk.limits.cooldown import CooldownLimit
from investbot.risk.limits.costs import CostsLimit
from investbot.risk.limits.daily_loss import DailyLossLimit
from investbot.risk.limits.drawdown import DrawdownLimit
from investbot.risk.limits.duplicate import DuplicateLimit
from investbot.risk.limits.entries_paused import EntriesPausedLimit
from investbot.risk.limits.entries_per_day import EntriesPerDayLimit
from investbot.risk.limits.entries_per_hour import EntriesPerHourLimit
from investbot.risk.limits.min_notional import MinNotionalLimit
from investbot.risk.limits.net_reward_risk import NetRewardRiskLimit
from investbot.risk.limits.open_positions import OpenPositionsLimit
from investbot.risk.limits.position_fraction import PositionFractionLimit
from investbot.risk.limits.risk_fraction import RiskFractionLimit
from investbot.risk.limits.trading_state import TradingStateLimit
from tests.unit.risk.builders import AT, intent, view

RULES = RiskRules()
D = Decimal


def review(limit: Limit, rules: RiskRules = RULES, /, *, of: dict[str, Any] | None = None, **changes: Any) -> Any:
    return limit.review(intent(**(of or {})), view(**changes), rules)


def test_only_active_trading_enters() -> None:
    limit = TradingStateLimit()
    assert review(limit) is None
    for state in (TradingState.REDUCING, TradingState.HALTED):
        assert review(limit, trading_state=state) == Denial(
            "trading_state", f"Trading is {state.value}; entries need it to be ACTIVE.", state.value, "ACTIVE"
        )


def test_any_cause_of_a_pause_refuses() -> None:
    limit = EntriesPausedLimit()
    assert review(limit) is None
    denial = review(limit, paused=("operator", "stale:BTC/USDT"))
    assert denial == Denial(
        "entries_paused",
        "Entries are paused (operator, stale:BTC/USDT); none may be paused for an entry.",
        "operator, stale:BTC/USDT",
        "none",
    )


def test_only_a_good_bar_may_lead_to_an_entry() -> None:
    limit = CandleQualityLimit()
    assert review(limit) is None
    for quality in (Quality.FLAGGED, Quality.LATE):
        denial = review(limit, quality=quality)
        assert (denial.limit, denial.value, denial.bound) == ("candle_quality", quality.value, "good")
        assert denial.reason == f"The bar is {quality.value}; entries need a good one."


def test_an_equal_intent_within_the_window_is_refused() -> None:
    limit = DuplicateLimit()
    assert review(limit) is None
    assert review(limit, last_intent_at=AT - MINUTE) is None
    assert review(limit, last_intent_at=AT - MINUTE + 1) == Denial(
        "duplicate",
        "An equal intent for BTC/USDT was made 59.999 s ago; duplicate_window is 60 s.",
        "59999",
        "60000",
    )
    assert review(limit, RiskRules(duplicate_window_ms=0), last_intent_at=AT) is None


def test_positions_and_entries_on_their_way_are_counted_together() -> None:
    limit, rules = OpenPositionsLimit(), RiskRules(max_open_positions=3)
    assert review(limit, rules, open_positions=1, pending_entries=1) is None
    for opened, pending in [(3, 0), (2, 1), (0, 3)]:
        assert review(limit, rules, open_positions=opened, pending_entries=pending) == Denial(
            "open_positions", "This would be open position number 4; max_open_positions is 3.", "4", "3"
        )
    held = review(limit, rules, open_positions=1, symbol_held=True)
    assert (held.limit, held.reason) == (
        "open_positions",
        "BTC/USDT is held already; 1 position a symbol is allowed.",
    )


def test_entries_of_any_sixty_minutes() -> None:
    limit = EntriesPerHourLimit()
    recent = tuple(AT - n * MINUTE for n in (50, 30, 10))
    assert review(limit, entry_times=recent) is None
    assert review(limit, entry_times=(AT - HOUR, *recent)) is None
    assert review(limit, entry_times=(AT - HOUR + 1, *recent)) == Denial(
        "entries_per_hour", "This entry would be number 5 of this hour; max_entries_per_hour is 4.", "5", "4"
    )


def test_entries_of_one_utc_day() -> None:
    limit, rules = EntriesPerDayLimit(), RiskRules(max_entries_per_day=2)
    noon = AT + DAY // 2
    assert review(limit, rules, at=noon, entry_times=(AT - 1, AT)) is None
    assert review(limit, rules, at=noon, entry_times=(AT - 1, AT, AT + 1)) == Denial(
        "entries_per_day", "This entry would be number 3 of this day; max_entries_per_day is 2.", "3", "2"
    )
    assert review(limit, rules, at=AT + DAY, entry_times=(AT, AT + 1, AT + DAY - 1)) is None


def test_a_day_that_lost_its_share() -> None:
    limit = DailyLossLimit()
    assert review(limit, equity=D("485.01"), day_start_equity=D(500)) is None
    assert review(limit, equity=D("485.00"), day_start_equity=D(500)) == Denial(
        "daily_loss",
        "This day has lost 15 USDT; daily_loss_fraction 0.03 of 500 allows less than 15.",
        "15",
        "15",
    )
    assert review(limit, equity=D(585), day_start_equity=D(600)) is not None
    assert review(limit, equity=D(586), day_start_equity=D(600)) is None


def test_equity_too_far_from_its_peak() -> None:
    limit = DrawdownLimit()
    assert review(limit, equity=D("540.01"), peak=D(600)) is None
    assert review(limit, equity=D("540.00"), peak=D(600)) == Denial(
        "drawdown",
        "Equity is 540 USDT; max_drawdown_fraction 0.1 of the peak 600 needs more than 540.",
        "540",
        "540",
    )


@pytest.mark.parametrize("name", ["last_entry_at", "last_exit_at"])
def test_a_rest_after_entries_and_exits(name: str) -> None:
    limit = CooldownLimit()
    late: dict[str, Any] = {name: AT - 5 * MINUTE}
    soon: dict[str, Any] = {name: AT - 4 * MINUTE}
    assert review(limit) is None
    assert review(limit, **late) is None
    assert review(limit, **soon) == Denial(
        "cooldown", "The last entry or exit of BTC/USDT 5m was 240 s ago; cooldown is 300 s.", "240000", "300000"
    )
    assert review(limit, RiskRules(cooldown_ms=0), **soon) is None


def test_the_later_of_entry_and_exit_counts_for_the_rest() -> None:
    limit = CooldownLimit()
    assert review(limit, last_entry_at=AT - DAY, last_exit_at=AT - SECOND) is not None
    assert review(limit, last_entry_at=AT - SECOND, last_exit_at=AT - DAY) is not None
    assert review(limit, last_entry_at=AT - DAY, last_exit_at=AT - HOUR) is None


def test_the_price_of_a_position() -> None:
    limit = PositionFractionLimit()
    assert review(limit, of={"notional": D(10)}) is None
    assert review(limit, of={"notional": D("10.01")}) == Denial(
        "position_fraction",
        "The position would cost 10.01 USDT; position_fraction 0.02 of 500 allows 10.",
        "10.01",
        "10",
    )


def test_the_loss_of_a_position_at_its_stop() -> None:
    limit = RiskFractionLimit()
    assert review(limit, of={"worst_loss": D(5)}) is None
    assert review(limit, of={"worst_loss": D("5.000001")}) == Denial(
        "risk_fraction",
        "The position could lose 5.000001 USDT at its stop; risk_fraction 0.01 of 500 allows 5.",
        "5.000001",
        "5",
    )


def test_cash_pays_for_the_fee_as_well() -> None:
    limit = CashLimit()
    costs = CostRules(taker_fee=D("0.01"))
    assert review(limit, of={"notional": D(10)}, costs=costs, cash=D("10.100001")) is None
    assert review(limit, of={"notional": D(10)}, costs=costs, cash=D("10.1")) == Denial(
        "cash", "The entry needs 10.100001 USDT with its fee; cash is 10.1.", "10.100001", "10.1"
    )


def test_what_the_targets_bring_against_what_the_stop_costs() -> None:
    limit = NetRewardRiskLimit()
    assert review(limit, of={"net_reward": D(3), "worst_loss": D(3)}) is None
    assert review(limit, of={"net_reward": D("2.4"), "worst_loss": D(3)}) == Denial(
        "net_reward_risk",
        "Net of costs the targets bring 2.4 USDT for a risk of 3, a ratio of 0.8; min_net_reward_risk is 1.",
        "0.8",
        "1",
    )
    assert review(limit, of={"net_reward": D(0), "targets": ()}) is not None
    assert review(limit, RiskRules(min_net_reward_risk=D(0)), of={"net_reward": D(-1)}) is None


def test_costs_may_not_eat_all_that_the_targets_bring() -> None:
    limit = CostsLimit()
    assert review(limit, of={"net_reward": D("0.001"), "costs": D(3)}) is None
    assert review(limit, of={"net_reward": D("-0.5"), "costs": D(3)}) == Denial(
        "costs", "The targets bring 2.5 USDT and getting in and out there costs 3: -0.5 USDT is left.", "3", "2.5"
    )
    assert review(limit, of={"net_reward": D(0), "costs": D(3)}).value == "3"
    assert review(limit, RiskRules(min_net_reward_risk=D(0)), of={"net_reward": D(-1)}) is not None
    assert review(limit, of={"net_reward": D(0), "targets": ()}) is None


def sale(quantity: str, *, notional: str, stop: str, targets: tuple[tuple[Decimal, Decimal], ...]) -> dict[str, Any]:
    return {"quantity": D(quantity), "notional": D(notional), "stop": D(stop), "targets": targets}


def test_nothing_may_be_too_small_to_buy_or_to_sell_again() -> None:
    limit, instrument = MinNotionalLimit(), Instrument("X/USDT", D("0.01"), D("0.1"), D(5))
    halves = ((D("10.1"), D("0.5")), (D("10.2"), D("0.5")))
    fits = sale("1.0", notional="10.00", stop="9.90", targets=halves)
    assert review(limit, of=fits, instrument=instrument) is None
    assert review(limit, of=fits | {"notional": D(5), "stop": D(5)}, instrument=instrument) is None
    assert review(limit, of=fits | {"notional": D("4.99")}, instrument=instrument) == Denial(
        "min_notional", "The entry would be worth 4.99 USDT; min_notional is 5.", "4.99", "5"
    )
    assert review(limit, of=fits | {"stop": D("4.99")}, instrument=instrument).reason.startswith(
        "The position at its stop would be worth 4.99 USDT;"
    )
    small = sale("0.9", notional="9.00", stop="9.90", targets=halves)
    assert review(limit, of=small, instrument=instrument) == Denial(
        "min_notional", "Target 1 would be worth 4.04 USDT; min_notional is 5.", "4.04", "5"
    )
    uneven = sale("0.9", notional="9.00", stop="9.90", targets=((D("10.1"), D("0.7")), (D("10.2"), D("0.3"))))
    assert review(limit, of=uneven, instrument=instrument).reason.startswith("Target 2 would be worth 3.06 USDT;")


def test_a_rung_of_less_than_a_lot_is_refused_without_any_minimum() -> None:
    instrument = Instrument("X/USDT", D("0.01"), D(1), D(0))
    halves = ((D("10.1"), D("0.5")), (D("10.2"), D("0.5")))
    one = sale("1", notional="10.00", stop="9.90", targets=halves)
    assert review(MinNotionalLimit(), of=one, instrument=instrument) == Denial(
        "min_notional", "Target 1 would be worth 0 USDT; min_notional is 0.", "0", "0"
    )
    assert review(MinNotionalLimit(), of=one | {"targets": ()}, instrument=instrument) is None
