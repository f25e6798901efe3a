from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from investbot.config.profile import Profile
from investbot.domain.market import HOUR, MINUTE, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.states import Mode
from tests.unit.config.builders import profile

D = Decimal


def test_an_empty_profile_has_the_defaults_of_the_contract() -> None:
    empty = profile()
    assert empty.venue.name == "binance"
    assert empty.venue.mode is Mode.PAPER
    assert empty.venue.replay.speed == 60.0
    assert empty.venue.replay.close_at_end
    assert empty.market.symbols == ("BTC/USDT",)
    assert empty.market.timeframe == Timeframe("1m", MINUTE)
    assert empty.market.confirm_timeframe is None
    assert empty.strategy.name == "conservative_scalp"
    assert not empty.risk.allow_wide
    assert (empty.restart.backoff, empty.restart.max) == (500, 20_000)
    assert (empty.restart.limit, empty.restart.window) == (10, 10 * MINUTE)
    assert empty.notify.discord == ("trades", "limits", "lifecycle", "daily")
    assert empty.logging.level == "info"


def test_the_defaults_of_the_file_and_of_the_engine_are_the_same() -> None:
    assert profile().cost_rules() == CostRules()
    assert profile().risk_rules() == RiskRules()
    assert profile().exit_rules() == ExitRules()


def test_every_number_reaches_the_engine() -> None:
    recipe = profile(
        costs={
            "taker_fee": "0.002",
            "maker_fee": "0.0015",
            "slippage": "0.0007",
            "latency": "1.5s",
            "bar_share": "0.1",
        },
        risk={
            "position_fraction": "0.019",
            "risk_fraction": "0.008",
            "max_open_positions": 3,
            "max_entries_per_hour": 5,
            "max_entries_per_day": 6,
            "daily_loss_fraction": "0.02",
            "max_drawdown_fraction": "0.07",
            "cooldown": "7m",
            "min_net_reward_risk": "1.2",
            "duplicate_window": "61s",
            "entry_band": "0.003",
            "kelly_fraction": "0.25",
            "kelly_trips": 40,
            "allow_wide": True,
        },
        exits={
            "stop_fraction": "0.008",
            "stop_min": "0.006",
            "stop_max": "0.009",
            "stop_atr": "2.5",
            "stop_structure": True,
            "targets": [["0.02", "0.25"], ["0.03", "0.75"]],
            "trailing_fraction": "0.004",
            "max_age": "3h",
        },
    )
    assert recipe.cost_rules() == CostRules(D("0.002"), D("0.0015"), D("0.0007"), 1500, D("0.1"))
    assert recipe.risk_rules() == RiskRules(
        position_fraction=D("0.019"),
        risk_fraction=D("0.008"),
        max_open_positions=3,
        max_entries_per_hour=5,
        max_entries_per_day=6,
        daily_loss_fraction=D("0.02"),
        max_drawdown_fraction=D("0.07"),
        cooldown_ms=7 * MINUTE,
        min_net_reward_risk=D("1.2"),
        duplicate_window_ms=61_000,
        entry_band=D("0.003"),
        kelly_fraction=D("0.25"),
        kelly_trips=40,
    )
    assert recipe.exit_rules() == ExitRules(
        stop_fraction=D("0.008"),
        stop_min=D("0.006"),
        stop_max=D("0.009"),
        stop_atr=D("2.5"),
        stop_structure=True,
        targets=((D("0.02"), D("0.25")), (D("0.03"), D("0.75"))),
        target_min=D(0),
        target_max=D("Infinity"),
        trailing_fraction=D("0.004"),
        max_age_ms=3 * HOUR,
    )


def test_a_market_is_stale_after_three_bars_unless_told() -> None:
    assert profile(market={"timeframe": "5m"}).stale_after_ms == 15 * MINUTE
    assert profile(market={"timeframe": "5m", "stale_after": "7m"}).stale_after_ms == 7 * MINUTE


def test_a_profile_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        profile().risk.allow_wide = True


@pytest.mark.parametrize(
    ("exits", "band"),
    [
        ({"stop_fraction": "0.02"}, ("0.005", "0.02")),
        ({"stop_fraction": "0.004"}, ("0.004", "0.01")),
        ({"stop_fraction": "0.007"}, ("0.005", "0.01")),
        ({"stop_fraction": "0.02", "stop_max": "0.03"}, ("0.005", "0.03")),
    ],
)
def test_a_wide_profile_widens_the_bound_nobody_set(exits: dict[str, str], band: tuple[str, str]) -> None:
    wide = profile(risk={"allow_wide": True}, exits=exits).exits
    assert (wide.stop_min, wide.stop_max) == (D(band[0]), D(band[1]))


def test_an_entry_may_pay_twice_the_slippage_unless_its_band_is_set() -> None:
    assert profile(costs={"slippage": "0.001"}).risk.entry_band == D("0.002")
    assert profile(costs={"slippage": "0.004"}).risk.entry_band == D("0.008")
    assert profile(costs={"slippage": "0.004"}, risk={"entry_band": "0.001"}).risk.entry_band == D("0.001")
    assert profile(costs={"slippage": "0.7"}).risk.entry_band == D("0.99")


def test_plain_values_make_an_equal_profile() -> None:
    wide = profile(risk={"allow_wide": True}, exits={"stop_fraction": "0.02"}, market={"confirm_timeframe": "15m"})
    assert Profile.model_validate(wide.data()) == wide
