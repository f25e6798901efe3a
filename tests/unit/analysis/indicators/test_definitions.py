"""Every indicator is what its docstring says, to 1e-9, on a walk and on five real markets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import talib

from investbot.analysis import indicators as i
from investbot.analysis.analyser import Array, Bars
from tests.unit.analysis.faces import FIVE_SLICES, real_bars, walk_bars
from tests.unit.analysis.indicators import reference as ref

NAN = float("nan")


def _money_flow(bars: Bars) -> Array:
    price = ref.typical(bars)
    change = np.diff(price, prepend=price[0])
    way = np.where(np.abs(change) < 4e-16 * price, 0.0, np.sign(change))
    money = price * bars.volume
    out = []
    for end in range(15, bars.size + 1):
        up = float(money[end - 14 : end][way[end - 14 : end] > 0].sum())
        down = float(money[end - 14 : end][way[end - 14 : end] < 0].sum())
        out.append(100 * up / (up + down) if up + down else 0.0)
    return ref.lagged(out, bars.size)


def _chaikin(bars: Bars) -> Array:
    reach = bars.high - bars.low
    safe = np.where(reach > 0, reach, 1.0)
    flow = np.where(reach > 0, (2 * bars.close - bars.high - bars.low) / safe, 0.0) * bars.volume
    volumes = [float(part.sum()) for part in ref.windows(bars.volume, 20)]
    flows = [float(part.sum()) for part in ref.windows(flow, 20)]
    return ref.lagged([f / v if v else 0.0 for f, v in zip(flows, volumes, strict=True)], bars.size)


def _balance(bars: Bars) -> Array:
    way = np.sign(np.diff(bars.close, prepend=bars.close[0]))
    way[0] = 1
    return np.cumsum(way * bars.volume)


def _cci(bars: Bars) -> Array:
    parts = ref.windows(ref.typical(bars), 20)
    apart = [float(np.abs(part - part.mean()).mean()) for part in parts]
    return ref.lagged(
        [float(p[-1] - p.mean()) / (0.015 * a) if a else 0.0 for p, a in zip(parts, apart, strict=True)], bars.size
    )


def _weighted(bars: Bars) -> Array:
    weights = np.arange(1, 21)
    return ref.lagged([float(np.average(part, weights=weights)) for part in ref.windows(bars.close, 20)], bars.size)


ONE: dict[str, tuple[i.IndicatorSpec, Callable[[Bars], Array]]] = {
    "ema": (i.Ema(20), lambda b: ref.ema(b.close, 20)),
    "sma": (i.Sma(20), lambda b: ref.mean_of(b.close, 20)),
    "wma": (i.Wma(20), _weighted),
    "rsi": (i.Rsi(), lambda b: ref.rsi(b.close, 14)),
    "roc": (i.Roc(10), lambda b: np.concatenate((np.full(10, NAN), b.close[10:] / b.close[:-10] - 1))),
    "atr": (i.Atr(), lambda b: ref.atr(b, 14)),
    "cci": (i.Cci(), _cci),
    "obv": (i.Obv(), _balance),
    "mfi": (i.Mfi(), _money_flow),
    "cmf": (i.Cmf(), _chaikin),
}


def _macd(bars: Bars) -> tuple[Array, ...]:
    close = bars.close
    line = ref.ema(np.concatenate((np.full(14, NAN), close[14:])), 12) - ref.ema(close, 26)
    signal = ref.ema(line, 9)
    line = np.where(np.isnan(signal), NAN, line)
    return line, signal, line - signal


def _stochastic(bars: Bars) -> tuple[Array, ...]:
    raw = ref.place(bars.close, bars.low, bars.high, 14)
    k = np.concatenate((np.full(13, NAN), ref.mean_of(raw[13:], 3)))
    d = np.concatenate((np.full(15, NAN), ref.mean_of(k[15:], 3)))
    return np.where(np.isnan(d), NAN, k), d


def _stochrsi(bars: Bars) -> tuple[Array, ...]:
    strength = ref.rsi(bars.close, 14)[14:]
    k = np.concatenate((np.full(14, NAN), ref.place(strength, strength, strength, 14)))
    d = np.concatenate((np.full(27, NAN), ref.mean_of(k[27:], 3)))
    return np.where(np.isnan(d), NAN, k), d


def _bollinger(bars: Bars) -> tuple[Array, ...]:
    middle = ref.mean_of(bars.close, 20)
    spread = ref.lagged([float(part.std()) for part in ref.windows(bars.close, 20)], bars.size)
    return middle + 2 * spread, middle, middle - 2 * spread


def _donchian(bars: Bars) -> tuple[Array, ...]:
    upper = ref.lagged([float(part.max()) for part in ref.windows(bars.high, 20)], bars.size)
    lower = ref.lagged([float(part.min()) for part in ref.windows(bars.low, 20)], bars.size)
    return upper, (upper + lower) / 2, lower


def _keltner(bars: Bars) -> tuple[Array, ...]:
    middle = ref.ema(ref.typical(bars), 20)
    o, h, l, c, v = (column[9:] for column in bars[:5])  # noqa: E741
    late = Bars(o, h, l, c, v, bars.closed_at[9:])
    reach = np.concatenate((np.full(9, NAN), ref.atr(late, 10)))
    return middle + 2 * reach, middle, middle - 2 * reach


def _ichimoku(bars: Bars) -> tuple[Array, ...]:
    conversion, base, far = (ref.middle_of_range(bars, period) for period in (9, 26, 52))
    ahead = (conversion + base) / 2
    drawn = [np.concatenate((np.full(26, NAN), line[:-26])) for line in (ahead, far)]
    return conversion, base, *drawn, ahead, far


MANY: dict[str, tuple[i.LinesSpec, Callable[[Bars], tuple[Array, ...]]]] = {
    "macd": (i.Macd(), _macd),
    "stochastic": (i.Stochastic(), _stochastic),
    "stochrsi": (i.StochRsi(), _stochrsi),
    "adx": (i.Adx(), lambda b: ref.directional(b, 14)),
    "bollinger": (i.Bollinger(), _bollinger),
    "donchian": (i.Donchian(), _donchian),
    "keltner": (i.Keltner(), _keltner),
    "supertrend": (i.Supertrend(), lambda b: ref.supertrend(b, 10, 3.0)),
    "ichimoku": (i.Ichimoku(), _ichimoku),
}


def close_to(values: Array, wanted: Array, level: float) -> bool:
    """Equal within 1e-9 of the market's own size (absolute values of an indicator that has no unit)."""
    return np.allclose(values, wanted, rtol=1e-9, atol=1e-9 * max(level, 1.0), equal_nan=True)


def _check(name: str, bars: Bars) -> None:
    level = float(np.abs(bars.close).max())
    if name in ONE:
        spec, definition = ONE[name]
        size = float(bars.volume.sum()) if name == "obv" else level
        assert close_to(spec.over(bars), definition(bars), size)
    else:
        many, definitions = MANY[name]
        for line, wanted in zip(many.over(bars), definitions(bars), strict=True):
            assert close_to(line, wanted, level)


@pytest.mark.parametrize("name", [*ONE, *MANY])
def test_on_a_walk(name: str) -> None:
    _check(name, walk_bars(400))


@pytest.mark.parametrize("name", [*ONE, *MANY])
@pytest.mark.parametrize(("file", "timeframe"), FIVE_SLICES)
def test_on_a_real_market(market_data: Path, file: str, timeframe: str, name: str) -> None:
    _check(name, real_bars(market_data, file, timeframe, most=600))


def test_the_library_is_asked_for_what_it_has() -> None:
    """The functions behind these definitions are TA-Lib's, so that both agree to the last bit."""
    bars = walk_bars(300)
    o, h, l, c, v = bars[:5]  # noqa: E741
    pairs = [
        (i.Rsi().over(bars), talib.RSI(c, 14)),
        (i.Atr().over(bars), talib.ATR(h, l, c, 14)),
        (i.Macd().over(bars)[1], talib.MACD(c, 12, 26, 9)[1]),
        (i.Adx().over(bars)[0], talib.ADX(h, l, c, 14)),
        (i.Bollinger().over(bars)[0], talib.BBANDS(c, 20, 2.0, 2.0)[0]),
        (i.StochRsi().over(bars)[0], talib.STOCHRSI(c, 14, 14, 3)[0]),
        (i.Mfi().over(bars), talib.MFI(h, l, c, v, 14)),
        (i.Obv().over(bars), talib.OBV(c, v)),
        (i.Cci().over(bars), talib.CCI(h, l, c, 20)),
        (i.Cmf().over(bars), talib.CMF(h, l, c, v, 20)),
        (i.Roc().over(bars), talib.ROCP(c, 10)),
        (i.Supertrend().over(bars)[0], talib.SUPERTREND(h, l, c, 10, 3.0)[0]),
    ]
    for ours, theirs in pairs:
        assert np.array_equal(ours, theirs, equal_nan=True)
    assert len(o) == 300
