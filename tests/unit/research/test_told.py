"""What the world outside said in the past: known from when it was received, and not a bar earlier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from investbot.domain import events as e
from investbot.domain.facts import Alert, Intelligence
from investbot.domain.intelligence import IntelligenceHeard, IntelligenceItem
from investbot.domain.market import HOUR
from investbot.engine.intelligence import Veto
from investbot.research.backtest import Backtest, run
from tests.unit.engine.builders import FIVE, LONG, SHORT, START, SYMBOL, Scripted, flat, spec

CANDLES = [flat(number) for number in range(1, 40)]
ITEM = IntelligenceItem("news", SYMBOL, -1.0, 1.0, START, START + HOUR, "n1")


def close(number: int) -> int:
    return START + number * FIVE.ms


def outcome(*told: Any, script: Any = None, count: int = 39, **terms: Any) -> Backtest:
    return run(replace(spec(), **terms), Scripted(script or {}), CANDLES[:count], told=told)


def vetoed_at(result: Backtest) -> list[int]:
    return [each.at for each in result.events if isinstance(each, e.IntentDenied) and each.limit == "intelligence"]


@pytest.mark.parametrize(
    ("received_at", "first"),
    [(close(5) - 1, 5), (close(5), 6), (close(5) + 1, 6), (close(6) - 1, 6), (START - HOUR // 2, 2)],
)
def test_an_item_is_known_from_the_first_close_after_it_was_received(received_at: int, first: int) -> None:
    item = replace(ITEM, published_at=START - HOUR, expires_at=START + 100 * HOUR)
    script = dict.fromkeys(range(2, 30), LONG)
    result = outcome(Intelligence(received_at, (item,)), script=script, veto=Veto(below=-0.1), risk=spec().risk)
    assert vetoed_at(result)[0] == close(first)
    without = outcome(script=script, veto=Veto(below=-0.1))
    before = [event for event in result.events if event.at < close(first) and not isinstance(event, IntelligenceHeard)]
    assert before == [event for event in without.events if event.at < close(first)]


def test_cutting_the_future_off_changes_nothing_that_was_known() -> None:
    items = [
        Intelligence(close(number) + 7, (replace(ITEM, item_id=str(number), bias=(-1.0) ** number),))
        for number in range(1, 39, 3)
    ]
    script = {number: (LONG, SHORT)[number % 2] for number in range(1, 39)}
    whole = outcome(*items, script=script, veto=Veto(below=-0.1, above=0.9))
    for cut in range(2, 39, 5):
        part = outcome(*items, script=script, veto=Veto(below=-0.1, above=0.9), count=cut)
        ended = next(n for n, event in enumerate(part.events) if isinstance(event, e.SourceFinished))
        known = [event for event in part.events[:ended] if event.at <= close(cut)]
        assert known == list(whole.events[: len(known)])


def test_alerts_are_judged_by_the_last_closed_candle_and_trade() -> None:
    told = [Alert(close(3), SYMBOL, "tv", LONG, "a"), Alert(close(9), SYMBOL, "tv", SHORT, "b")]
    result = outcome(*told)
    raised = [event for event in result.events if isinstance(event, e.SignalRaised)]
    assert [(each.at, each.candle[0], each.setup) for each in raised] == [
        (close(3), close(2), "tv"),
        (close(9), close(8), "tv"),
    ]
    (trip,) = result.trips
    assert (trip.opened_at, trip.setup) == (close(3), "tv")


def test_what_is_told_at_the_last_close_is_heard_and_later_is_not() -> None:
    at_the_end = replace(ITEM, expires_at=START + 100 * HOUR)
    result = outcome(
        Intelligence(close(39), (at_the_end,)), Intelligence(close(39) + 1, (replace(at_the_end, item_id="2"),))
    )
    assert [each.item.item_id for each in result.events if isinstance(each, IntelligenceHeard)] == ["n1"]
