from __future__ import annotations

from decimal import Decimal
from itertools import islice

import numpy as np
import pytest

from investbot.adapters.venues.instruments import InstrumentRules
from investbot.adapters.venues.synthetic import EPOCH, SyntheticVenue, usual_tick
from investbot.adapters.venues.synthetic_walk import walk
from investbot.domain.errors import DataError
from investbot.domain.facts import SourceEnded
from investbot.domain.market import MINUTE, Cursor, Timeframe
from investbot.ports.venue import Venue
from tests.unit.adapters.venues.streams import candles, take
from tests.unit.adapters.venues.test_replay import Sleeps

ONE_MINUTE = Timeframe.parse("1m")
BTC, ETH = "BTC/USDT", "ETH/USDT"


async def test_the_same_seed_makes_the_same_candles_at_any_speed() -> None:
    sleeps = Sleeps()
    slow = SyntheticVenue(ONE_MINUTE, candles=300, speed=60.0, sleep=sleeps.sleep, monotonic=sleeps.monotonic)
    fast: Venue = SyntheticVenue(ONE_MINUTE, candles=300, speed=0)
    assert await take(slow, [BTC]) == await take(fast, [BTC])
    assert sleeps.time == pytest.approx(299 / 60)


async def test_a_series_is_its_own_whatever_is_traded_beside_it() -> None:
    alone = candles(await take(SyntheticVenue(ONE_MINUTE, candles=100, speed=0), [ETH]))
    beside = candles(await take(SyntheticVenue(ONE_MINUTE, candles=100, speed=0), [BTC, ETH]))
    assert [candle for candle in beside if candle.symbol == ETH] == alone
    assert [candle.symbol for candle in beside[:4]] == [BTC, ETH, BTC, ETH]


async def test_another_seed_makes_another_market() -> None:
    first = candles(await take(SyntheticVenue(ONE_MINUTE, seed=1, candles=10, speed=0), [BTC]))
    second = candles(await take(SyntheticVenue(ONE_MINUTE, seed=2, candles=10, speed=0), [BTC]))
    assert [candle.close for candle in first] != [candle.close for candle in second]


async def test_candles_are_sound_and_on_the_tick() -> None:
    venue = SyntheticVenue(ONE_MINUTE, candles=5000, speed=0, rules=InstrumentRules(Decimal("0.5"), Decimal("0.001")))
    instrument = (await venue.open([BTC]))[BTC]
    assert (instrument.tick, instrument.lot) == (Decimal("0.5"), Decimal("0.001"))
    last = None
    for candle in candles(await take(venue, [BTC])):
        assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
        assert candle.low > 0
        assert candle.bar.volume > 0
        for exact, near in zip((candle.open, candle.high, candle.low, candle.close), candle.bar, strict=False):
            assert exact % instrument.tick == 0
            assert float(exact) == near
        if last is not None:
            assert (candle.opened_at, candle.open) == (last.closed_at, last.close)
        last = candle


async def test_its_end_is_told_and_its_clock_follows_the_candles() -> None:
    venue = SyntheticVenue(ONE_MINUTE, candles=3, speed=0, close_at_end=False)
    assert venue.now() == EPOCH
    facts = await take(venue, [BTC])
    assert facts[-1] == SourceEnded(EPOCH + 3 * MINUTE, close=False)
    assert venue.now() == EPOCH + 3 * MINUTE
    await venue.poll()


async def test_without_a_length_it_is_endless() -> None:
    venue = SyntheticVenue(ONE_MINUTE, speed=0)
    assert len(await take(venue, [BTC], 2000)) == 2000
    assert venue.health() == {"source": "synthetic, seed 1", "candles": "endless"}


async def test_a_start_is_put_back_onto_the_timeframe() -> None:
    venue = SyntheticVenue(Timeframe.parse("1h"), candles=1, speed=0, first_at=EPOCH + 1)
    assert candles(await take(venue, [BTC]))[0].opened_at == EPOCH
    assert venue.health()["candles"] == "1"


async def test_nothing_is_paced_up_to_the_cursor() -> None:
    sleeps = Sleeps()
    venue = SyntheticVenue(ONE_MINUTE, candles=10, speed=1.0, sleep=sleeps.sleep, monotonic=sleeps.monotonic)
    facts = await take(venue, [BTC, ETH], cursor=Cursor(BTC, EPOCH + 7 * MINUTE))
    assert len(candles(facts)) == 20
    assert sleeps.waits == [1.0] * 4
    await take(venue, [BTC], cursor=Cursor("SOL/USDT", EPOCH + 8 * MINUTE))
    assert len(sleeps.waits) == 5


async def test_a_series_begins_at_its_anchor() -> None:
    whole = candles(await take(SyntheticVenue(ONE_MINUTE, candles=500, speed=0), [BTC]))
    venue = SyntheticVenue(ONE_MINUTE, candles=500, speed=0)
    assert candles(await take(venue, [BTC], anchors={BTC: EPOCH + 450 * MINUTE})) == whole[450:]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "/USDT", "BTC/", ""])
async def test_a_text_that_is_no_symbol_is_refused(symbol: str) -> None:
    with pytest.raises(DataError, match="write it as BASE/QUOTE"):
        await SyntheticVenue(ONE_MINUTE).open([symbol])


@pytest.mark.parametrize(("price", "tick"), [(60_000.0, "0.01"), (100.0, "0.01"), (2.0, "0.0001"), (0.2, "0.00001")])
def test_the_tick_fits_the_price(price: float, tick: str) -> None:
    assert usual_tick(price) == Decimal(tick)


def test_the_walk_clusters_jumps_trends_and_stays_sane() -> None:
    closes = np.array([bar[3] for bar in islice(walk(7, BTC, 100.0, MINUTE), 60_000)])
    returns = np.diff(np.log(closes))
    sizes = np.abs(returns)
    assert 20 < closes.min() < closes.max() < 500
    assert 0.0004 < returns.std() < 0.003
    assert sizes.max() > 8 * returns.std()
    assert np.corrcoef(sizes[1:], sizes[:-1])[0, 1] > 0.08
    assert np.mean((returns / returns.std()) ** 4) > 4
    assert abs(np.log(closes[240:] / closes[:-240])).max() > 0.03


def test_the_walk_never_changes() -> None:
    """An instance that is restarted after an upgrade must meet the same candles."""
    bars = list(islice(walk(1, BTC, 100.0, MINUTE), 1000))
    assert [round(price, 6) for price in bars[0][:4]] == [100.0, 100.001137, 99.959189, 99.990613]
    assert [round(price, 6) for price in bars[999][:4]] == [101.239355, 101.485672, 101.218509, 101.448735]


async def test_price_and_volatility_may_be_chosen() -> None:
    def made(price: str | None = None, volatility: str | None = None) -> SyntheticVenue:
        told = [None if text is None else Decimal(text) for text in (price, volatility)]
        return SyntheticVenue(ONE_MINUTE, candles=2000, speed=0, price=told[0], volatility=told[1])

    def moves(closes: list[float]) -> float:
        return float(np.std(np.diff(np.log(np.array(closes)))))

    cheap = candles(await take(made(price="0.00002"), [BTC]))
    assert cheap[0].open == Decimal("0.00002")
    usual, calm, wild = [
        moves([candle.bar.close for candle in candles(await take(made(volatility=told), [BTC]))])
        for told in (None, "0.0005", "0.01")
    ]
    assert calm == pytest.approx(0.0005, rel=0.5)
    assert wild == pytest.approx(0.01, rel=0.5)
    assert calm < usual < wild
