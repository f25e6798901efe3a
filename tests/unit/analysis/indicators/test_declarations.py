"""How indicators are declared: bounds, lines by name, the bars before their first value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from investbot.analysis import indicators as i
from investbot.analysis.catalogue import ANALYSERS
from investbot.analysis.indicators.talib_streams import checked_width
from investbot.domain.errors import ConfigError
from tests.unit.analysis.faces import both_faces_agree, walk_bars

LEAST = [
    i.Ema(2),
    i.Sma(2),
    i.Wma(2),
    i.Rsi(2),
    i.Macd(2, 3, 1),
    i.StochRsi(2, 1, 1),
    i.Roc(1),
    i.Atr(1),
    i.Adx(2),
    i.Stochastic(1, 1, 1),
    i.Cci(2),
    i.Bollinger(2, 0.1),
    i.Donchian(2),
    i.Keltner(2, 1, 0.1),
    i.Supertrend(2, 0.1),
    i.Ichimoku(2, 3, 4),
    i.Mfi(2),
    i.Cmf(2),
]
"""Each with the least it takes."""

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (i.Ema, {"period": 1}, "An EMA needs a period of 2 to 100000 bars, not 1"),
    (i.Sma, {"period": 1}, "An SMA needs"),
    (i.Wma, {"period": 1}, "A WMA needs"),
    (i.Rsi, {"period": 1}, "An RSI needs"),
    (i.Macd, {"fast": 1}, "fast average needs"),
    (i.Macd, {"fast": 2, "slow": 1}, "slow average needs"),
    (i.Macd, {"signal": 0}, "signal needs"),
    (i.Macd, {"fast": 26}, "fast < slow, not fast = 26 and slow = 26"),
    (i.StochRsi, {"period": 1}, "A StochRSI needs"),
    (i.StochRsi, {"k": 0}, "StochRSI's k needs"),
    (i.StochRsi, {"d": 0}, "StochRSI's d needs"),
    (i.Roc, {"period": 0}, "rate of change needs"),
    (i.Atr, {"period": 0}, "An ATR needs"),
    (i.Adx, {"period": 1}, "An ADX needs"),
    (i.Stochastic, {"smooth": 0}, "A stochastic needs"),
    (i.Cci, {"period": 1}, "A CCI needs"),
    (i.Bollinger, {"period": 1}, "A Bollinger band needs a period"),
    (i.Bollinger, {"width": 0.0}, "A Bollinger band needs a width above 0"),
    (i.Donchian, {"period": 1}, "A Donchian channel needs"),
    (i.Keltner, {"period": 1}, "A Keltner channel needs a period"),
    (i.Keltner, {"atr": 0}, "Keltner channel's ATR needs"),
    (i.Keltner, {"width": 101.0}, "at most 100, not 101"),
    (i.Supertrend, {"period": 1}, "A supertrend needs a period"),
    (i.Supertrend, {"width": -1.0}, "A supertrend needs a width"),
    (i.Ichimoku, {"conversion": 1}, "An Ichimoku line needs"),
    (i.Ichimoku, {"base": 9}, "conversion < base < span, not 9, 9 and 52"),
    (i.Mfi, {"period": 1}, "An MFI needs"),
    (i.Cmf, {"period": 1}, "A money flow needs"),
    (i.Mfi, {"period": 100_001}, "not 100001"),
]


@pytest.mark.parametrize("spec", LEAST, ids=repr)
def test_the_least_terms_work(spec: Any) -> None:
    assert both_faces_agree(spec, walk_bars(40))


@pytest.mark.parametrize(("kind", "terms", "sentence"), REFUSED)
def test_terms_that_cannot_be_are_refused(kind: Any, terms: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        kind(**terms)


def test_a_width_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError):
        checked_width("A band", float("nan"))


# What depends on the market itself (a session's end, a swing) can tell only the least of its lookback.
EXACT = [
    spec
    for name, spec in ANALYSERS.items()
    if hasattr(spec, "lookback")
    and not name.startswith(("structure.", "wyckoff", "elliott", "patterns", "pivots", "volume profile"))
]


@pytest.mark.parametrize("spec", [*LEAST, *EXACT], ids=repr)
def test_the_lookback_is_told_exactly(spec: Any) -> None:
    result = spec.over(walk_bars(600))
    lines = result if isinstance(result, tuple) else (result,)
    assert max(int(np.argmin(np.isnan(line))) for line in lines) == spec.lookback


def test_a_line_is_named() -> None:
    spec = i.line(i.Macd(), "signal")
    bars = walk_bars(120)
    assert np.array_equal(spec.over(bars), i.Macd().over(bars)[1], equal_nan=True)
    assert spec.lookback == i.Macd().lookback
    assert both_faces_agree(spec, bars)
    with pytest.raises(ConfigError, match="Macd has no line 'slow'; it has macd, signal, histogram"):
        i.line(i.Macd(), "slow")


def test_every_indicator_can_be_named_by_a_plugin() -> None:
    specs: list[Any] = list(ANALYSERS.values())
    for spec in specs:
        if hasattr(spec, "lines"):
            for name in spec.lines:
                assert i.line(spec, name).index == spec.lines.index(name)
        elif not i.is_finder(spec):
            assert isinstance(spec.lookback, int)


def test_a_handle_kept_from_before_it_was_warm_goes_on() -> None:
    bars = walk_bars(60)
    stream = i.Ema(5).stream()
    kept = stream.update
    values = [kept(bar, closed_at) for bar, closed_at in bars.each()]
    assert np.array_equal(values, i.Ema(5).over(bars), equal_nan=True)
