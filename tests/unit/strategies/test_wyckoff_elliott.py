from __future__ import annotations

from typing import Any

import pytest

from investbot.analysis.elliott.counts import Count, Counts
from investbot.analysis.elliott.waves import Form
from investbot.analysis.findings import Side
from investbot.analysis.intelligence import Outlook
from investbot.analysis.wyckoff.events import Name, Phase, Schematic, WyckoffEvent
from investbot.domain.market import MINUTE
from investbot.domain.reading import Bias
from investbot.domain.signal import Direction
from investbot.strategies.wyckoff_elliott import WyckoffElliott
from tests.unit.strategies.views import NOON, changed, opinion, says, view_of

QUIET = {"rsi": 50.0, "fast": 101.0, "slow": 100.8, "macd": 0.0, "signal": 0.0, "atr": 1.0}
RISING = changed(QUIET, fast=100.4, slow=100.0, macd=0.2, signal=0.1)
FALLING = changed(QUIET, fast=100.6, slow=101.0, macd=-0.2, signal=-0.1)


def event(**changes: Any) -> WyckoffEvent:
    values: dict[str, Any] = {
        "schematic": Schematic.ACCUMULATION,
        "name": Name.SPRING,
        "phase": Phase.C,
        "price": 98.0,
        "volume_ratio": 2.0,
        "support": 99.0,
        "resistance": 104.0,
        "confidence": 0.7,
        "at": NOON,
        "known_at": NOON,
    }
    return WyckoffEvent(**{**values, **changes})


def counts(expects: Side = Side.HIGH, score: float = 0.6, invalidation: float = 95.0, known_at: int = NOON) -> Counts:
    count = Count(Form.IMPULSE, Side.HIGH, "3", (), score, expects, invalidation, 110.0)
    return Counts((count,), known_at)


def seen(
    *events: WyckoffEvent, waves: tuple[Counts, ...] = (), now: dict[str, float] | None = None, holding: bool = False
) -> Any:
    return view_of(now or QUIET, found={"wyckoff": events, "elliott": waves}, holding=holding)


def test_two_methods_that_agree_are_bought_with_levels_by_atr() -> None:
    signal = opinion(WyckoffElliott(), seen(event(), waves=(counts(),)))
    assert (signal.direction, signal.stop, signal.targets) == (Direction.LONG, 98.5, (104.5, 106.5, 108.5))
    assert signal.confidence == pytest.approx(0.65)
    assert signal.reason == (
        "high agreement, bullish: wyckoff.spring: accumulation: spring in phase C on 2.0 times the mean volume; "
        "elliott.impulse: impulse in wave 3, score 0.60, wrong beyond 95."
    )


def test_all_three_are_surer() -> None:
    signal = opinion(WyckoffElliott(), seen(event(), waves=(counts(),), now=RISING))
    assert signal.confidence == pytest.approx(1.2 * (0.7 + 0.6 + 0.75) / 3)


def test_one_method_alone_has_to_be_very_sure() -> None:
    assert says(WyckoffElliott(), seen(event())) is None
    sure = seen(event(name=Name.TEST, confidence=0.95))
    assert says(WyckoffElliott(), sure) is Direction.LONG


def test_methods_are_switched_on_and_off() -> None:
    both = seen(event(), waves=(counts(),))
    assert says(WyckoffElliott(elliott=False), both) is None
    assert says(WyckoffElliott(wyckoff=False), both) is None
    two = WyckoffElliott(indicators_on=False)
    assert opinion(two, both).confidence == pytest.approx(1.2 * 0.65)
    assert len(two.readings(both)) == 2


def test_the_least_confidence_counts() -> None:
    both = seen(event(), waves=(counts(),))
    assert says(WyckoffElliott(min_confidence=0.66), both) is None


def test_nothing_new_says_nothing() -> None:
    old = seen(event(known_at=NOON - MINUTE), waves=(counts(known_at=NOON - MINUTE),))
    assert says(WyckoffElliott(), old) is None
    assert says(WyckoffElliott(), seen()) is None
    assert says(WyckoffElliott(wyckoff=False), seen(event())) is None


def test_a_fall_that_is_agreed_on_is_left() -> None:
    down = event(schematic=Schematic.DISTRIBUTION, name=Name.UPTHRUST_AFTER_DISTRIBUTION)
    view = seen(down, waves=(counts(Side.LOW, invalidation=110.0),), now=FALLING, holding=True)
    assert says(WyckoffElliott(), view) is Direction.SHORT


def test_what_is_held_is_not_bought_again_and_without_a_range_there_are_no_levels() -> None:
    assert says(WyckoffElliott(), seen(event(), waves=(counts(),), holding=True)) is None
    assert says(WyckoffElliott(), seen(event(), waves=(counts(),), now=changed(QUIET, atr=0.0))) is None


def test_a_stop_under_nought_is_none() -> None:
    view = seen(event(), waves=(counts(),), now=changed(QUIET, atr=60.0))
    assert opinion(WyckoffElliott(), view).stop is None


def bias_of(*events: WyckoffEvent, fresh_minutes: int = 720) -> Bias | None:
    reading = WyckoffElliott(fresh_minutes=fresh_minutes).readings(seen(*events))[0]
    return None if reading is None else reading.bias


def test_the_last_event_that_says_something_counts() -> None:
    preliminary = event(name=Name.PRELIMINARY_SUPPLY, schematic=Schematic.DISTRIBUTION)
    assert bias_of(event(), preliminary) is Bias.BULLISH
    assert bias_of(preliminary) is None
    assert bias_of(event(), event(name=Name.FAILURE, phase=Phase.NONE)) is None


def test_an_old_event_counts_for_nothing() -> None:
    edge = event(known_at=NOON - 10 * MINUTE)
    assert bias_of(edge, fresh_minutes=10) is Bias.BULLISH
    assert bias_of(edge, fresh_minutes=9) is None


def elliott_of(*waves: Counts) -> Bias | None:
    reading = WyckoffElliott(wyckoff=False, indicators_on=False).readings(seen(waves=waves))[0]
    return None if reading is None else reading.bias


def test_a_count_that_was_proved_wrong_says_nothing() -> None:
    assert elliott_of(counts(invalidation=100.5)) is Bias.BULLISH
    assert elliott_of(counts(invalidation=100.6)) is None
    assert elliott_of(counts(Side.LOW, invalidation=100.4)) is None
    assert elliott_of(Counts((), NOON)) is None


def test_a_whole_form_is_told_as_its_end() -> None:
    whole = Count(Form.ZIGZAG, Side.LOW, "", (), 0.9, Side.HIGH, 95.0, 110.0)
    (reading,) = WyckoffElliott(wyckoff=False, indicators_on=False).readings(seen(waves=(Counts((whole,), NOON),)))
    assert reading is not None
    assert reading.evidence.startswith("zigzag in the end, score 0.90")


@pytest.mark.parametrize(
    ("now", "bias", "strength"),
    [
        (RISING, Bias.BULLISH, 0.75),
        (changed(RISING, rsi=39.0), Bias.BULLISH, 1.0),
        (FALLING, Bias.BEARISH, 0.75),
        (QUIET, None, 0.0),
    ],
)
def test_indicators_confirm_with_three_of_four_rules(now: dict[str, float], bias: Bias | None, strength: float) -> None:
    (reading,) = WyckoffElliott(wyckoff=False, elliott=False).readings(seen(now=now))
    assert (reading.bias if reading else None) is bias
    assert (reading.strength if reading else 0.0) == strength


def test_it_declares_what_it_reads() -> None:
    assert set(WyckoffElliott().indicators()) == {*QUIET, "wyckoff", "elliott"}
    assert WyckoffElliott().confirm_indicators() == {}
    assert WyckoffElliott().warmup == 150


def test_an_opinion_says_what_it_rests_on() -> None:
    signal = opinion(WyckoffElliott(), seen(event(), waves=(counts(),)))
    assert signal.setup == "wyckoff.spring+elliott.impulse"
    assert [(part.name, part.points) for part in signal.parts] == [("wyckoff.spring", 70.0), ("elliott.impulse", 60.0)]
    assert [(level.kind, level.price, level.strength) for level in signal.levels] == [
        ("invalidation of impulse", 95.0, 0.6)
    ]
    assert opinion(WyckoffElliott(), seen(event(name=Name.TEST, confidence=0.95))).levels == ()


def test_the_world_outside_is_a_method_where_it_has_a_weight() -> None:
    view = seen(event(confidence=0.6))
    assert says(WyckoffElliott(), view) is None
    view.outlook = Outlook(0.8, 2, "Outside")
    assert says(WyckoffElliott(), view) is None
    signal = opinion(WyckoffElliott(weight_intelligence=0.5), view)
    assert signal.confidence == pytest.approx((0.6 + 0.4) / 2)
    assert signal.setup == "wyckoff.spring+intelligence"
    view.outlook = None
    assert WyckoffElliott(weight_intelligence=0.5).readings(view)[-1] is None
