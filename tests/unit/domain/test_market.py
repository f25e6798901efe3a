from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.domain.errors import DataError, UsageError
from investbot.domain.market import DAY, HOUR, MINUTE, SECOND, Bar, Candle, Instrument, Timeframe, parse_duration


@pytest.mark.parametrize(
    ("text", "ms"), [("1m", MINUTE), ("15m", 15 * MINUTE), ("1h", HOUR), ("1d", DAY), ("1w", 7 * DAY), ("30s", 30_000)]
)
def test_timeframes_as_venues_write_them(text: str, ms: int) -> None:
    timeframe = Timeframe.parse(text)
    assert (timeframe.ms, str(timeframe)) == (ms, text)


@pytest.mark.parametrize("text", ["", "m", "0m", "1M", "1y", "5 m", "-1m", "01m", "1.5h"])
def test_other_texts_are_no_timeframe(text: str) -> None:
    with pytest.raises(UsageError, match="is not a timeframe"):
        Timeframe.parse(text)


@pytest.mark.parametrize(
    ("text", "ms"), [("0s", 0), ("500ms", 500), ("0.5s", 500), ("5m", 5 * MINUTE), ("4h", 4 * HOUR), ("2d", 2 * DAY)]
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "1e3s", "5min"])
def test_other_texts_are_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        parse_duration(text)


def test_an_instrument_knows_its_two_currencies() -> None:
    instrument = Instrument("BTC/USDT:USDT", Decimal("0.01"), Decimal("0.001"))
    assert (instrument.base, instrument.quote) == ("BTC", "USDT")


@pytest.mark.parametrize(
    ("tick", "lot", "least"), [("0", "1", "0"), ("1", "0", "0"), ("1", "1", "-1"), ("-1", "1", "0")]
)
def test_steps_must_be_above_zero(tick: str, lot: str, least: str) -> None:
    with pytest.raises(DataError, match="must be above zero"):
        Instrument("A/B", Decimal(tick), Decimal(lot), Decimal(least))


prices = st.decimals("0.00000001", "100000", places=8)
ticks = st.sampled_from([Decimal(text) for text in ("0.00000001", "0.01", "0.05", "0.5", "1", "10")])


@given(prices, ticks)
def test_quantised_prices_lie_on_the_tick_and_on_the_right_side(price: Decimal, tick: Decimal) -> None:
    instrument = Instrument("A/B", tick, tick)
    down, up = instrument.price_down(price), instrument.price_up(price)
    assert down <= price <= up
    assert down % tick == up % tick == 0
    assert up - down in {Decimal(0), tick}
    assert instrument.quantity_down(price) == down


def test_a_candle_becomes_a_fact_when_it_closes() -> None:
    one = Decimal(1)
    candle = Candle("A/B", Timeframe.parse("5m"), 10 * SECOND, one, one, one, one, Bar(1.0, 1.0, 1.0, 1.0, 0.0))
    assert candle.at == candle.closed_at == 10 * SECOND + 5 * MINUTE
