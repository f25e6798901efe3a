from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from investbot.domain.errors import DataError
from investbot.domain.market import HOUR, Candle, Timeframe
from investbot.research.chart import LEAST, READINGS, Chart, chart, longer, told
from investbot.research.marks import stripes, words
from tests.unit.analysis.builders import SYMBOL, walk

FIVE = Timeframe.parse("5m")


def chart_of(seed: int = 7, count: int = 1500) -> Chart:
    return chart(SYMBOL, FIVE, walk(count, seed))


@pytest.mark.parametrize("what", READINGS)
def test_every_reading_is_told_with_where_and_when(what: str) -> None:
    for seed in (1, 2, 3):
        of = chart_of(seed)
        found = told(what, of)
        assert (found["what"], found["symbol"], found["timeframe"]) == (what, SYMBOL, "5m")
        assert float(found["price"]) == pytest.approx(of.price)
        assert found["summary"].endswith(".")
        assert isinstance(found["rows"], list)
        assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("what", READINGS)
def test_a_market_that_stands_still_is_told_too(what: str) -> None:
    still: Sequence[Candle] = [
        Candle(
            SYMBOL,
            FIVE,
            index * FIVE.ms,
            each.open,
            each.open,
            each.open,
            each.open,
            each.bar._replace(open=1.0, high=1.0, low=1.0, close=1.0, volume=0.0),
        )
        for index, each in enumerate(walk(1) * LEAST)
    ]
    assert told(what, chart(SYMBOL, FIVE, still))["summary"]


def test_too_few_candles_are_refused() -> None:
    with pytest.raises(DataError, match=f"has {LEAST - 1} candles of 5m, and reading a chart needs {LEAST}"):
        chart_of(count=LEAST - 1)


def test_bars_are_joined_into_whole_longer_ones() -> None:
    bars = chart_of(count=310).bars
    joined = longer(bars, HOUR)
    assert joined.size == 310 // 12
    assert joined.closed_at[0] == bars.closed_at[11]
    assert (joined.open[0], joined.close[0]) == (bars.open[0], bars.close[11])
    assert (joined.high[0], joined.low[0]) == (bars.high[:12].max(), bars.low[:12].min())
    assert joined.volume[0] == pytest.approx(bars.volume[:12].sum())
    assert np.all(joined.closed_at % HOUR == 0)


def test_the_bias_is_that_of_four_timeframes() -> None:
    found = told("bias", chart_of())
    assert [row["timeframe"] for row in found["rows"]] == ["5m", "20m", "1h", "4h"]
    assert {row["trend"] for row in found["rows"]} <= {"rising", "falling", "unknown"}
    assert -1.0 <= found["alignment"] <= 1.0


def test_levels_lie_on_their_side_of_the_price() -> None:
    of = chart_of()
    for row in told("levels", of)["rows"]:
        assert (float(row["level"]) > of.price) is (row["side"] == "high")
        assert row["distance"] == pytest.approx(float(row["level"]) / of.price - 1.0, abs=1e-5)


def test_a_set_up_has_its_stop_behind_and_its_target_ahead() -> None:
    seen = set()
    for seed in range(8):
        of = chart_of(seed, 600)
        found = told("setup", of)
        seen.add(found["bias"])
        if found["stop"] is None or found["target"] is None:
            continue
        up = found["bias"] == "bullish"
        assert (float(found["stop"]) < of.price < float(found["target"])) is up
        assert found["reward_risk"] > 0
    assert {"bullish", "bearish"} <= seen


def test_the_points_of_the_factors_add_up_to_the_score() -> None:
    found = told("confluence", chart_of(3))
    assert abs(sum(row["points"] for row in found["rows"])) == pytest.approx(found["score"], abs=0.1)


@pytest.mark.parametrize("what", ["bias", "wyckoff", "elliott", "patterns", "flow"])
def test_what_is_drawn_lies_on_the_chart(what: str) -> None:
    of = chart_of(2)
    closes = set(of.bars.closed_at.tolist())
    found = list(words(what, of))
    assert found or what == "elliott"
    for text, price, at, _ in found:
        assert text
        assert price > 0
        assert at is None or at in closes


def test_stripes_have_a_height() -> None:
    of = chart_of(2)
    found = list(stripes(of))
    assert found
    assert all(bottom < top and at in set(of.bars.closed_at.tolist()) for bottom, top, at, _ in found)
