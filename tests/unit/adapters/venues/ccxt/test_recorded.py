"""What real exchanges answered, read through the venue."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.venue import CcxtVenue
from investbot.domain.market import Candle, Millis, Quality, Timeframe
from tests.exchange.clock import HandClock
from tests.exchange.recorded import recorded
from tests.unit.adapters.venues.ccxt.desk import KEYS


@dataclass(frozen=True)
class Recording:
    """One exchange: what was asked, when the last recorded candle closed, the steps of its market."""

    name: str
    symbol: str
    timeframe: str
    ended_at: Millis
    count: int
    tick: str
    lot: str
    options: dict[str, Any] = field(default_factory=dict)
    first: str = ""
    """The recording that stands before others of its address."""


BYBIT = {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 5}
KUCOIN = {"fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}}
RECORDINGS = [
    Recording("binance", "BTC/USDT", "1h", 1770534000000, 3, "0.01", "0.00001"),
    Recording("bybit", "BTC/USDT", "1h", 1770534000000, 3, "0.1", "0.0001", BYBIT),
    Recording("okx", "BTC/USD", "1h", 1770534000000, 3, "0.1", "0.00000001"),
    Recording("kraken", "BTC/USDT", "1m", 1762820280000, 720, "0.1", "0.00000001"),
    Recording("coinbase", "BTC/USD", "1h", 1712196000000, 2, "0.01", "0.00000001", {"fetchMarkets": "fetchMarketsV3"}),
    Recording("alpaca", "BTC/USD", "1m", 1721278980000, 1, "0.01", "0.000000001", first="stub_assets_with_btc.json"),
    Recording("kucoin", "BTC/USDT", "1m", 1566789780000, 3, "0.1", "0.00000001", KUCOIN),
]


NAMED = os.environ.get("INVESTBOT_TEST_FIXTURES")
PAYLOADS = Path(NAMED) if NAMED else Path(__file__).resolve().parents[6] / "shared" / "ccxt-fixtures"
"""The folder of recorded answers; where there is none there is nothing to test."""


@pytest.mark.parametrize("told", RECORDINGS if PAYLOADS.is_dir() else [], ids=lambda told: told.name)
async def test_recorded_answers_become_instruments_and_candles(told: Recording) -> None:
    timeframe = Timeframe.parse(told.timeframe)
    clock = HandClock(told.ended_at + timeframe.ms + 2_000)
    with recorded(PAYLOADS, told.name, told.first) as urls:
        settings = {
            "urls": urls,
            "has": {"fetchTime": False},
            "options": told.options,
            "enableRateLimit": False,
            "timeout_on_exit": 1,
        }
        venue = CcxtVenue(
            told.name, timeframe, clock, settings=settings, sleep=clock.sleep, warmup=told.count + 1, keys=KEYS
        )
        try:
            instrument = (await venue.open([told.symbol]))[told.symbol]
            candles: list[Candle] = []
            async for fact in venue.facts({}, None):
                assert isinstance(fact, Candle)
                candles.append(fact)
                if fact.closed_at == told.ended_at:
                    break
        finally:
            await venue.close()
    assert (instrument.tick, instrument.lot) == (Decimal(told.tick), Decimal(told.lot))
    assert {candle.quality for candle in candles} == {Quality.LATE}
    assert candles[-1].closed_at == told.ended_at
    assert len(candles) >= told.count
    calls = json.loads((PAYLOADS / "expected_ccxt_4.5.90.json").read_text())["calls"][told.name]
    expected = {row[0]: row[1:5] for row in calls["fetch_ohlcv"]["result"]}
    for candle in candles:
        if candle.opened_at in expected:
            steps = [round(price / float(told.tick)) for price in expected[candle.opened_at]]
            assert list(candle.bar[:4]) == [float(step * Decimal(told.tick)) for step in steps]
