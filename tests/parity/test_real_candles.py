"""Real markets, crashes among them: the sums close, the stops hold, the limits are kept."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain, islice
from pathlib import Path

import pytest

from investbot.adapters.venues.candle_file import CandleFile
from investbot.domain.market import Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.engine.spec import EngineSpec
from investbot.research.backtest import run
from investbot.strategies.api import Strategy
from investbot.strategies.breakout_regime import BreakoutRegime
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross
from investbot.strategies.macd_rsi import MacdRsi
from investbot.strategies.memecoin_scalp import MemecoinScalp
from investbot.strategies.smc_confluence import SmcConfluence
from investbot.strategies.wyckoff_elliott import WyckoffElliott
from tests.audit import Auditor

FILES = [
    ("binance_BTCUSDT_5m_2024", "BTC/USDT", "5m"),
    ("binance_PEPEUSDT_5m_2024", "PEPE/USDT", "5m"),
    ("binance_LUNAUSDT_1h_2020-2022_collapse", "LUNA/USDT", "1h"),
    ("binance_BTCUSDT_1m_202105crash", "BTC/USDT", "1m"),
]
CAUTIOUS = RiskRules()
ALL_IN = RiskRules(
    position_fraction=Decimal(1),
    max_entries_per_hour=60,
    max_entries_per_day=1000,
    cooldown_ms=0,
    daily_loss_fraction=Decimal("0.2"),
    max_drawdown_fraction=Decimal("0.9"),
)


@pytest.mark.parametrize(("name", "symbol", "timeframe"), FILES)
@pytest.mark.parametrize(
    ("strategy", "risk"),
    [(MovingAverageCross(), ALL_IN), (ConservativeScalp(), CAUTIOUS)],
    ids=lambda each: type(each).__name__,
)
def test_the_books_close(
    market_data: Path, name: str, symbol: str, timeframe: str, risk: RiskRules, strategy: Strategy
) -> None:
    file = CandleFile(market_data / f"{name}.csv.gz", symbol, Timeframe.parse(timeframe))
    terms = EngineSpec(
        {symbol: file.check()},
        Timeframe.parse(timeframe),
        None,
        CostRules(),
        risk,
        ExitRules(),
        Decimal(500),
        "home/real",
    )
    result = run(terms, strategy, (candle for block in file.candles() for candle in block))
    auditor = Auditor(terms).walk(result.events)
    assert auditor.trips == result.metrics.trips > 30
    assert auditor.cash == result.engine.state.cash == Decimal(500) + sum(trip.net_pnl for trip in result.trips)
    assert not result.engine.state.holdings


@pytest.mark.parametrize(
    "strategy",
    [MacdRsi(), BreakoutRegime(), WyckoffElliott(), SmcConfluence(), MemecoinScalp()],
    ids=lambda strategy: strategy.name,
)
def test_every_strategy_that_reads_candles_trades(market_data: Path, strategy: Strategy) -> None:
    """On the first ten weeks of a fast market; the table of docs/strategies.md has the rest."""
    file = CandleFile(market_data / "binance_PEPEUSDT_5m_2024.csv.gz", "PEPE/USDT", Timeframe.parse("5m"))
    instruments = {"PEPE/USDT": file.check()}
    five, hour = Timeframe.parse("5m"), Timeframe.parse("1h")
    terms = EngineSpec(instruments, five, hour, CostRules(), CAUTIOUS, ExitRules(), Decimal(500), "home/real")
    result = run(terms, strategy, islice(chain.from_iterable(file.candles()), 20_000))
    auditor = Auditor(terms).walk(result.events)
    assert auditor.trips == result.metrics.trips > 10
    assert auditor.cash == result.engine.state.cash
