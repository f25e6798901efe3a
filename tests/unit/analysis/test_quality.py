"""Wrong prints are flagged, wild markets are learnt, frozen ones are left alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from investbot.analysis.quality import OutlierFilter
from investbot.domain.market import Bar
from tests.unit.analysis.builders import read, walk


def bar(price: float, high: float | None = None, low: float | None = None) -> Bar:
    return Bar(price, price if high is None else high, price if low is None else low, price, 1.0)


def calm(count: int = 200) -> OutlierFilter:
    """A filter that has seen moves of 0.1 % only."""
    quality = OutlierFilter()
    for index in range(count):
        assert quality.review(bar(100.0 if index % 2 else 100.1)) is None
    return quality


def test_an_ordinary_walk_has_no_outlier() -> None:
    quality = OutlierFilter()
    assert [quality.review(candle.bar) for candle in walk(2000)] == [None] * 2000


def test_a_spike_up_and_its_return_are_flagged_with_their_numbers() -> None:
    quality = calm()
    reason = quality.review(bar(120.0))
    assert reason is not None
    assert reason.startswith("it moved up by a factor of 1.2 from the last close 100,")
    assert reason.endswith("times the usual move; over 12 times is not trusted")
    back = quality.review(bar(100.0))
    assert back is not None
    assert "moved down by a factor of 1.2 from the last close 120," in back


def test_a_wick_alone_is_enough() -> None:
    assert calm().review(bar(100.0, high=120.0)) is not None
    assert calm().review(bar(100.0, low=80.0)) is not None


def test_under_the_floor_nothing_is_flagged_however_calm_it_was() -> None:
    assert calm().review(bar(104.9)) is None
    assert calm().review(bar(105.1)) is not None


def test_over_the_floor_the_usual_move_decides() -> None:
    wild = OutlierFilter()
    for index in range(500):
        assert wild.review(bar(100.0 if index % 2 else 101.0)) is None
    assert wild.review(bar(111.0)) is None
    assert wild.review(bar(111.0 * 1.17)) is not None


def test_a_young_series_flags_only_what_is_absurd() -> None:
    young = OutlierFilter()
    assert young.review(bar(100.0)) is None
    assert young.review(bar(155.0)) is None
    assert young.review(bar(1550.0)) is not None


def test_frozen_bars_are_no_outliers() -> None:
    quality = OutlierFilter()
    assert [quality.review(bar(1.0)) for _ in range(500)] == [None] * 500
    assert quality.review(bar(1.04)) is None


def test_a_wilder_market_is_learnt_within_some_bars() -> None:
    quality = calm()
    flags = [quality.review(bar(100.0 if index % 2 else 107.0)) is not None for index in range(60)]
    assert flags[0]
    assert not any(flags[20:])


def test_one_wrong_print_does_not_hide_the_next() -> None:
    quality = calm()
    assert quality.review(bar(1_000_000.0)) is not None
    assert quality.review(bar(100.0)) is not None
    assert quality.review(bar(100.1)) is None
    assert quality.review(bar(120.0)) is not None


def test_a_low_that_is_no_price_is_flagged_and_forgotten() -> None:
    quality = calm()
    assert quality.review(Bar(100.0, 100.0, 0.0, 100.0, 1.0)) == "its low of 0 is not a price"
    assert quality.review(bar(100.1)) is None


def test_the_same_bars_give_the_same_flags() -> None:
    bars = [candle.bar for candle in walk(500, step=0.03)]
    one, two = OutlierFilter(), OutlierFilter()
    assert [one.review(each) for each in bars] == [two.review(each) for each in bars]


def test_the_return_of_luna_as_another_coin_is_flagged(market_data: Path) -> None:
    quality = OutlierFilter()
    series = read(market_data, "binance_LUNAUSDT_1h_2020-2022_collapse", "1h")
    flagged = [candle for candle in series if quality.review(candle.bar)]
    assert max(series, key=lambda candle: candle.bar.high / candle.bar.low) in flagged
    jumps = [b for a, b in pairwise(series) if b.bar.open / a.bar.close > 1000]
    assert jumps
    assert all(jump in flagged for jump in jumps)
    assert len(flagged) < len(series) / 500


@pytest.mark.parametrize(("name", "most"), [("binance_BTCUSDT_5m_2024", 10), ("binance_PEPEUSDT_5m_2024", 40)])
def test_an_ordinary_year_is_hardly_ever_flagged(market_data: Path, name: str, most: int) -> None:
    quality = OutlierFilter()
    assert 0 < sum(quality.review(candle.bar) is not None for candle in read(market_data, name, "5m")) <= most
