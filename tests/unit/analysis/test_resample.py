"""Longer candles out of shorter ones, holes and odd stamps included."""

from __future__ import annotations

from pathlib import Path

import pytest

from investbot.analysis.resample import Resampler
from investbot.domain.errors import ConfigError
from investbot.domain.market import DAY, HOUR, MINUTE, Candle, Quality, Timeframe
from tests.unit.analysis.builders import FIVE_MINUTES, candle, candles, read, walk

QUARTER = Timeframe.parse("15m")


def resample(base: list[Candle], target: Timeframe) -> list[Candle]:
    resampler = Resampler(base[0].timeframe, target)
    return [made for each in base for made in resampler.add(each)]


def test_three_bars_make_one_with_the_last() -> None:
    resampler = Resampler(FIVE_MINUTES, QUARTER)
    first = candle(0, 10, opened=9, high=12, low=8, volume=1.0)
    assert resampler.add(first) == ()
    assert resampler.add(candle(5 * MINUTE, 11, opened=10, high=15, low=7, volume=2.0)) == ()
    (made,) = resampler.add(candle(10 * MINUTE, 13, opened=11, high=14, low=9, volume=4.0))
    assert made == candle(0, 13, opened=9, high=15, low=7, volume=7.0, timeframe=QUARTER)
    assert made.at == 15 * MINUTE


def test_buckets_stand_on_the_epoch_wherever_the_series_begins() -> None:
    made = resample(candles(range(1, 20))[2:], QUARTER)
    assert [each.opened_at // MINUTE for each in made] == [0, 15, 30, 45, 60, 75]
    assert made[0].open == made[0].close == 3


def test_weeks_begin_on_monday() -> None:
    day = Timeframe.parse("1d")
    made = resample(candles(range(1, 30), day), Timeframe.parse("1w"))
    assert [each.opened_at // DAY for each in made] == [-3, 4, 11, 18]


def test_a_missing_last_bar_closes_with_the_next_bar() -> None:
    resampler = Resampler(FIVE_MINUTES, QUARTER)
    assert resampler.add(candle(0, 10)) == ()
    (late,) = resampler.add(candle(15 * MINUTE, 11))
    assert (late.opened_at, late.bar.close) == (0, 10.0)
    assert resampler.add(candle(20 * MINUTE, 12)) == ()


def test_a_late_bucket_and_one_that_ends_come_together() -> None:
    resampler = Resampler(FIVE_MINUTES, QUARTER)
    resampler.add(candle(0, 10))
    late, now = resampler.add(candle(25 * MINUTE, 12))
    assert (late.opened_at, late.bar.close) == (0, 10.0)
    assert (now.opened_at, now.bar.open, now.bar.close) == (15 * MINUTE, 12.0, 12.0)


def test_an_outage_of_many_buckets_invents_nothing() -> None:
    base = [candle(0, 10), candle(5 * MINUTE, 11), candle(10 * MINUTE, 12), candle(10 * HOUR, 13)]
    base += [candle(10 * HOUR + 5 * MINUTE, 14), candle(10 * HOUR + 10 * MINUTE, 15)]
    assert [each.opened_at for each in resample(base, QUARTER)] == [0, 10 * HOUR]


def test_a_bar_off_the_grid_after_the_end_of_its_bucket_is_passed_over() -> None:
    resampler = Resampler(FIVE_MINUTES, QUARTER)
    resampler.add(candle(0, 10))
    (made,) = resampler.add(candle(10 * MINUTE, 11))
    assert made.close == 11
    assert resampler.add(candle(12 * MINUTE, 99)) == ()
    assert resampler.add(candle(15 * MINUTE, 12)) == ()
    (following,) = resampler.add(candle(25 * MINUTE, 13))
    assert following.open == 12


def test_equal_timeframes_pass_every_candle_on() -> None:
    base = walk(20)
    assert resample(base, FIVE_MINUTES) == base


def test_one_flagged_part_flags_the_whole() -> None:
    for index in range(3):
        base = [candle(n * 5 * MINUTE, 10, quality=Quality.FLAGGED if n == index else Quality.GOOD) for n in range(3)]
        assert [each.quality for each in resample(base, QUARTER)] == [Quality.FLAGGED]


def test_without_a_flag_the_last_part_tells_the_quality() -> None:
    for last in (Quality.GOOD, Quality.LATE):
        base = [candle(0, 10, quality=Quality.LATE), candle(5 * MINUTE, 10), candle(10 * MINUTE, 10, quality=last)]
        assert [each.quality for each in resample(base, QUARTER)] == [last]


def test_a_length_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(ConfigError, match="7m candles cannot be made of 5m candles"):
        Resampler(FIVE_MINUTES, Timeframe.parse("7m"))


def test_the_venues_own_longer_candles_are_reproduced(market_data: Path) -> None:
    base = read(market_data, "binance_BTCUSDT_5m_2024", "5m")
    for target in ("15m", "1h", "4h", "1d"):
        theirs = read(market_data, f"binance_BTCUSDT_{target}_2024", target)
        they_are_alike(resample(base, Timeframe.parse(target)), theirs)


def they_are_alike(made: list[Candle], theirs: list[Candle]) -> None:
    for own, their in zip(made, theirs, strict=True):
        assert (own.opened_at, own.open, own.high, own.low, own.close) == (
            their.opened_at,
            their.open,
            their.high,
            their.low,
            their.close,
        )
        assert own.bar[:4] == their.bar[:4]
        assert own.bar.volume == pytest.approx(their.bar.volume, rel=1e-9)
