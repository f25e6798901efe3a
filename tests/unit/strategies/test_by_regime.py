"""Other parameters in other kinds of market: the variant that fits speaks, and says in which market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest

from investbot.analysis.candles import CandlePatterns
from investbot.analysis.indicators import Declared, Ema
from investbot.analysis.intelligence import Outlook
from investbot.analysis.regime import Regime, Regimes
from investbot.domain.errors import ConfigError
from investbot.domain.market import Candle, Instrument, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.domain.signal import Direction, Signal
from investbot.engine.spec import EngineSpec
from investbot.research.backtest import run
from investbot.strategies.api import MarketView, Strategy
from investbot.strategies.by_regime import ByRegime, by_regime
from investbot.strategies.conservative_scalp import ConservativeScalp
from investbot.strategies.ma_cross import MovingAverageCross
from investbot.strategies.series import Series
from tests.unit.analysis.builders import FIVE_MINUTES, SYMBOL, read, walk


@dataclass(frozen=True)
class Speaking:
    """Says on every bar what it sees."""

    period: int = 5
    name: ClassVar[str] = "speaking"
    description: ClassVar[str] = "Says what it sees."
    warmup: ClassVar[int] = 7

    def indicators(self) -> Mapping[str, Declared]:
        return {"average": Ema(self.period), "candles": CandlePatterns()}

    def confirm_indicators(self) -> Mapping[str, Declared]:
        return {"slow": Ema(self.period + 1)}

    def evaluate(self, view: MarketView) -> Signal:
        longer = None if view.confirm is None else view.confirm.now["slow"]
        said = (view.now["average"], view.previous["average"], longer, view.found["candles"], view.bar, view.holding)
        return Signal(Direction.LONG, 0.5, repr((self.period, view.symbol, view.closed_at, view.bars_seen, said)))


def test_without_regimes_a_strategy_stays_what_it_is() -> None:
    base = MovingAverageCross()
    assert by_regime(base, {}) is base


def test_a_regime_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="no market regime 'bull'; there are range, trend, volatile, quiet"):
        by_regime(MovingAverageCross(), {"bull": MovingAverageCross()})


def test_it_bears_the_name_of_its_strategy_and_waits_for_the_slowest() -> None:
    joined = by_regime(MovingAverageCross(), {"trend": MovingAverageCross(fast=20, slow=300)})
    assert (joined.name, joined.description) == ("ma_cross", MovingAverageCross.description)
    assert joined.warmup == 600
    assert by_regime(MovingAverageCross(), {"trend": MovingAverageCross()}).warmup == Regimes().lookback + 1


@pytest.mark.parametrize("confirm", [None, Timeframe.parse("15m")])
def test_each_variant_sees_exactly_what_it_would_see_alone(confirm: Timeframe | None) -> None:
    variants = {"trend": Speaking(8), "volatile": Speaking(9), "quiet": Speaking(10)}
    joined = by_regime(Speaking(), dict[str, Strategy](variants))
    series = Series.of(joined, SYMBOL, FIVE_MINUTES, confirm)
    alone = {each.period: Series.of(each, SYMBOL, FIVE_MINUTES, confirm) for each in (Speaking(), *variants.values())}
    spoken = set()
    for candle in walk(900):
        view = series.update(candle)
        views = {period: own.update(candle) for period, own in alone.items()}
        said = joined.evaluate(view)
        assert said is not None
        regime = view.now["regime"]
        name = Regime(int(regime)).name.lower() if regime == regime else "range"  # noqa: PLR0124
        period = variants[name].period if name in variants else 5
        wanted = Speaking(period).evaluate(views[period]).reason
        assert said.reason == (f"In a {name} market: {wanted}" if name in variants else wanted)
        spoken.add(name)
    assert len(spoken) >= 3


def test_nothing_said_stays_nothing() -> None:
    joined = by_regime(MovingAverageCross(), {"range": MovingAverageCross()})
    series = Series.of(joined, SYMBOL, FIVE_MINUTES, None)
    assert joined.evaluate(series.update(walk(1)[0])) is None


def trades(strategy: Strategy, candles: list[Candle]) -> list[tuple[int, str]]:
    """Every signal to go long: when, and why."""
    instrument = Instrument(SYMBOL, Decimal("0.01"), Decimal("0.00001"))
    spec = EngineSpec(
        {SYMBOL: instrument}, FIVE_MINUTES, None, CostRules(), RiskRules(), ExitRules(), Decimal(1000), "test"
    )
    result = run(spec, strategy, candles)
    return [(trip.opened_at, trip.exit_reason) for trip in result.trips]


def test_trades_differ_by_regime_on_a_real_market(market_data: Path) -> None:
    candles = read(market_data, "binance_BTCUSDT_5m_2024", "5m", most=9000)
    base, slow = MovingAverageCross(), MovingAverageCross(fast=20, slow=50)
    joined = by_regime(base, {"trend": slow, "volatile": ConservativeScalp()})
    everywhere, adapted = trades(base, candles), trades(joined, candles)
    assert everywhere
    assert adapted
    assert set(everywhere) != set(adapted)
    regimes = {candle.at: regime for candle, regime in zip(candles, _regimes(candles), strict=True)}
    kinds = {regimes[at - at % FIVE_MINUTES.ms] for at, _ in adapted if at - at % FIVE_MINUTES.ms in regimes}
    assert len(kinds) >= 2


def _regimes(candles: list[Candle]) -> list[float]:
    series = Series.of(ByRegime(((None, MovingAverageCross()),)), SYMBOL, FIVE_MINUTES, None)  # type: ignore[arg-type]
    return [series.update(candle).now["regime"] for candle in candles]


def test_a_variant_sees_the_world_outside() -> None:
    @dataclass(frozen=True)
    class Listens(Speaking):
        def evaluate(self, view: MarketView) -> Signal:
            return Signal(Direction.LONG, 0.5, repr(view.outlook))

    strategy = by_regime(Listens(), {"trend": Listens(6)})
    series = Series.of(strategy, SYMBOL, FIVE_MINUTES, None)
    for candle in walk(40):
        view = series.update(candle)
    view.outlook = Outlook(0.25, 1, "Outside")
    said = strategy.evaluate(view)
    assert said is not None
    assert "value=0.25" in said.reason
