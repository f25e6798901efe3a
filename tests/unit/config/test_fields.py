from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from investbot.config.fields import read_duration, read_number, write_duration
from investbot.domain.market import DAY
from tests.unit.config.builders import profile


def refused(**sections: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        profile(**sections)
    return str(caught.value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e20"), max_value=Decimal("1e20")))
def test_a_number_is_read_exactly(number: Decimal) -> None:
    if number and abs(number.adjusted()) > 30:
        with pytest.raises(ValueError, match="reckon"):
            read_number(number)
    else:
        assert read_number(number) == read_number(str(number)) == read_number(f" {number} ") == number


@pytest.mark.parametrize("value", [True, None, [], {}, "", "1,5", "0.5 %", b"1"])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        read_number(value)


@pytest.mark.parametrize("value", [Decimal("inf"), Decimal("nan"), "1e31", "1e-31", "1e999999", float("inf")])
def test_a_number_without_measure_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no number to reckon with"):
        read_number(value)


@given(st.integers(min_value=0, max_value=10_000 * DAY))
def test_a_duration_is_written_exactly(duration: int) -> None:
    assert read_duration(write_duration(duration)) == duration


def test_durations_are_written_in_their_largest_unit() -> None:
    assert [write_duration(ms) for ms in (0, 500, 1500, 60_000, 5_400_000, 14_400_000, 2 * DAY)] == [
        "0s", "500ms", "1500ms", "1m", "90m", "4h", "2d",
    ]  # fmt: skip


@pytest.mark.parametrize("value", [5, Decimal("0.5"), False, "5", "5 m", "-5m", "", "1M"])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        read_duration(value)


def test_nothing_is_a_duration_where_it_means_off() -> None:
    assert profile(risk={"cooldown": 0}).risk.cooldown == 0
    assert profile(risk={"cooldown": "0s"}).risk.cooldown == 0
    assert "longer than nothing" in refused(restart={"max": "0s"})


@pytest.mark.parametrize(
    ("section", "key", "good", "bad"),
    [
        ("risk", "position_fraction", ["0.0001", "0.02"], ["0", "-0.01", "1.0001", "2"]),
        ("risk", "risk_fraction", ["0.0001", "1"], ["0", "1.01"]),
        ("risk", "daily_loss_fraction", ["1"], ["0", "3"]),
        ("risk", "max_drawdown_fraction", ["1"], ["0", "1.1"]),
        ("risk", "max_open_positions", [1, 50, "3"], [0, -1, "1.5", True]),
        ("risk", "max_entries_per_hour", [1], [0]),
        ("risk", "max_entries_per_day", [1], [0]),
        ("risk", "min_net_reward_risk", [0, "2.5"], ["-0.1"]),
        ("risk", "entry_band", ["0", "0.5"], ["1", "-0.1"]),
        ("risk", "allow_wide", [True, False], ["yes", 1, "true"]),
        ("exits", "trailing_fraction", ["0", "0.9"], ["1", "-0.1"]),
        ("exits", "stop_atr", ["", "0.1", None], ["0", "-1", "x"]),
        ("costs", "taker_fee", ["0", "0.999"], ["1", "-0.001"]),
        ("costs", "maker_fee", ["0"], ["1"]),
        ("costs", "slippage", ["0"], ["1"]),
        ("costs", "bar_share", ["0", "1"], ["1.1", "-1"]),
        ("restart", "limit", [1], [0]),
        ("logging", "level", ["debug", "error"], ["INFO", "loud", 3]),
        ("logging", "max_bytes", [1], [0]),
        ("market", "timeframe", ["1m", "4h"], ["m", "0m", 5, "5 minutes"]),
        ("market", "confirm_timeframe", ["", "15m", None], ["x"]),
        ("strategy", "name", ["a_b-c.1", "pack.mod:Cls", "./mine.py"], ["", " ", "a\nb", 7]),
        ("venue", "name", ["binance", "my_venue"], ["", "a/b"]),
        ("venue", "mode", ["paper", "sandbox", "live"], ["Paper", "", 1]),
        ("notify", "discord", ["", "trades", ["daily", "limits"]], ["everything", [1], 5]),
    ],
)
def test_the_bounds_of_each_key(section: str, key: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        profile(**{section: {key: value}})
    for value in bad:
        assert f"{section}.{key}" in refused(**{section: {key: value}})


@pytest.mark.parametrize(
    ("part", "key", "good", "bad"),
    [
        ("replay", "speed", [0, "0.5", 60.0], [-1, "fast"]),
        ("replay", "close_at_end", [False], ["no"]),
        ("replay", "file", ["", "a.csv"], [3]),
        ("replay", "files", [{}, {"A/B": "x"}], [["x"], {"A/B": ""}, {"A/B": 1}, "x"]),
        ("synthetic", "seed", [0, 7], [-1, "1.5"]),
        ("synthetic", "price", ["0.00001"], [0, -5]),
        ("synthetic", "candles", [1, ""], [0]),
        ("synthetic", "volatility", ["0.01", ""], [0, 2]),
        ("synthetic", "close_at_end", [False], [0]),
        ("instrument", "tick", ["0.01", ""], [0]),
        ("instrument", "lot", ["0.01", ""], ["-1"]),
        ("instrument", "min_notional", ["0", ""], ["-1"]),
    ],
)
def test_the_bounds_of_each_key_of_a_venue(part: str, key: str, good: list[object], bad: list[object]) -> None:
    for value in good:
        profile(venue={part: {key: value}})
    for value in bad:
        assert f"venue.{part}.{key}" in refused(venue={part: {key: value}})


@pytest.mark.parametrize(
    "start",
    [
        1_767_225_600_000,
        "2026-01-01T00:00:00Z",
        "2026-01-01",
        date(2026, 1, 1),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 1, 1),  # noqa: DTZ001  TOML has moments without a zone; they mean UTC
    ],
)
def test_a_moment_may_be_written_in_many_ways(start: object) -> None:
    assert profile(venue={"synthetic": {"start": start}}).venue.synthetic.start == 1_767_225_600_000


@pytest.mark.parametrize("start", [True, "yesterday", Decimal("1.5"), ""])
def test_what_is_no_moment_is_refused(start: object) -> None:
    assert "is not a moment" in refused(venue={"synthetic": {"start": start}})


def test_a_percentage_is_met_with_the_fraction_it_means() -> None:
    assert "2 is not a fraction above 0 and at most 1 (0.02 means 2 %)." in refused(risk={"position_fraction": 2})
