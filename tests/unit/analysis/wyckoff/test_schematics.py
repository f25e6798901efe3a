from __future__ import annotations

import pytest

from investbot.analysis.analyser import Bars, columns
from investbot.analysis.wyckoff.events import Name, Phase, Schematic, WyckoffEvent
from investbot.analysis.wyckoff.schematics import Wyckoff
from investbot.domain.errors import ConfigError
from investbot.domain.market import Bar


def schematic() -> list[Bar]:
    """An accumulation by the book around 100, after a fall from 130: one bar is about one wide."""
    bars: list[Bar] = []

    def walk(to: float, count: int, volume: float = 100.0) -> None:
        begin = bars[-1].close if bars else 130.0
        for step in range(count):
            opened = begin + (to - begin) * step / count
            closed = begin + (to - begin) * (step + 1) / count
            bars.append(Bar(opened, max(opened, closed) + 0.4, min(opened, closed) - 0.4, closed, volume))

    def bar(high: float, low: float, close: float, volume: float) -> None:
        bars.append(Bar(bars[-1].close, max(high, bars[-1].close), min(low, bars[-1].close), close, volume))

    walk(129.0, 70)
    walk(108.0, 30)
    bar(108.5, 107.0, 108.3, 220.0)
    walk(104.5, 5)
    bar(104.6, 100.0, 102.5, 400.0)
    walk(108.0, 6)
    walk(101.5, 8, 90.0)
    walk(106.0, 8)
    walk(102.0, 8)
    walk(106.5, 8)
    walk(101.0, 8)
    bar(101.5, 99.0, 101.2, 250.0)
    walk(104.0, 5)
    walk(101.6, 6, 60.0)
    walk(106.0, 6)
    bar(110.5, 105.8, 110.2, 300.0)
    walk(111.0, 3)
    walk(107.5, 6, 90.0)
    walk(114.0, 10)
    return bars


def turned(bars: list[Bar]) -> list[Bar]:
    """The same with prices turned round 115."""
    return [Bar(230 - bar.open, 230 - bar.low, 230 - bar.high, 230 - bar.close, bar.volume) for bar in bars]


def story(bars: Bars) -> list[tuple[Name, Phase]]:
    return [(event.name, event.phase) for event in Wyckoff().over(bars)]


def test_an_accumulation_is_told_phase_by_phase() -> None:
    assert story(columns(schematic())) == [
        (Name.PRELIMINARY_SUPPORT, Phase.A),
        (Name.SELLING_CLIMAX, Phase.A),
        (Name.AUTOMATIC_RALLY, Phase.A),
        (Name.SECONDARY_TEST, Phase.B),
        (Name.SPRING, Phase.C),
        (Name.TEST, Phase.C),
        (Name.SIGN_OF_STRENGTH, Phase.D),
        (Name.LAST_POINT_OF_SUPPORT, Phase.D),
        (Name.MARKUP, Phase.E),
    ]


@pytest.mark.parametrize(("close", "told"), [(107.75, True), (107.7, False)])
def test_preliminary_support_closed_in_its_upper_half(close: float, told: bool) -> None:
    bars = schematic()
    bars[100] = bars[100]._replace(close=close)
    assert (story(columns(bars))[0][0] is Name.PRELIMINARY_SUPPORT) is told
    assert (story(columns(turned(bars)))[0][0] is Name.PRELIMINARY_SUPPLY) is told


def test_a_distribution_mirrors_it() -> None:
    assert story(columns(turned(schematic()))) == [
        (Name.PRELIMINARY_SUPPLY, Phase.A),
        (Name.BUYING_CLIMAX, Phase.A),
        (Name.AUTOMATIC_REACTION, Phase.A),
        (Name.SECONDARY_TEST, Phase.B),
        (Name.UPTHRUST_AFTER_DISTRIBUTION, Phase.C),
        (Name.TEST, Phase.C),
        (Name.SIGN_OF_WEAKNESS, Phase.D),
        (Name.LAST_POINT_OF_SUPPLY, Phase.D),
        (Name.MARKDOWN, Phase.E),
    ]


def test_confidence_grows_along_the_way() -> None:
    events = {event.name: event for event in Wyckoff().over(columns(schematic()))}
    assert 0.6 < events[Name.SPRING].confidence <= 0.75
    assert 0.9 <= events[Name.TEST].confidence <= 1.0
    assert events[Name.SELLING_CLIMAX].confidence < 0.5
    assert {event.schematic for event in events.values()} == {Schematic.ACCUMULATION}


def test_both_faces_tell_it() -> None:
    bars = columns(schematic())
    stream, told = Wyckoff().stream(), list[WyckoffEvent]()
    for bar, closed_at in bars.each():
        found = stream.update(bar, closed_at)
        assert all(event.known_at == closed_at for event in found)
        told += found
    assert repr(tuple(told)) == repr(Wyckoff().over(bars))  # as text, for missing numbers equal themselves


@pytest.mark.parametrize(
    ("volume", "low"),
    [
        (150.0, 100.0),  # not loud enough: the average before it is a little over 100
        (400.0, 103.2),  # not wide enough
    ],
)
def test_without_a_climax_there_is_no_schematic(volume: float, low: float) -> None:
    bars = schematic()
    place = next(index for index, bar in enumerate(bars) if bar.volume == 400.0)
    bars[place] = bars[place]._replace(volume=volume, low=low, close=max(low, 103.2))
    assert Name.SELLING_CLIMAX not in {name for name, _ in story(columns(bars[: place + 4]))}


@pytest.mark.parametrize(("lowest", "is_climax"), [(100.0, True), (99.9, False)])
def test_a_climax_is_the_lowest_low_of_its_window(lowest: float, is_climax: bool) -> None:
    bars = schematic()
    place = next(index for index, bar in enumerate(bars) if bar.volume == 400.0)
    bars[place - 3] = bars[place - 3]._replace(low=lowest)
    assert (Name.SELLING_CLIMAX in {name for name, _ in story(columns(bars[: place + 1]))}) is is_climax


def test_without_a_fall_before_it_there_is_none() -> None:
    bars = schematic()
    place = next(index for index, bar in enumerate(bars) if bar.volume == 400.0)
    flat = [Bar(104.0, 104.9, 104.0, 104.5, 100.0)] * 120
    assert story(columns([*flat, bars[place], *bars[place + 1 :]]))[:1] != [(Name.SELLING_CLIMAX, Phase.A)]


@pytest.mark.parametrize("window", [9, 100_001])
def test_a_window_that_cannot_be_is_refused(window: int) -> None:
    with pytest.raises(ConfigError, match="period of 10"):
        Wyckoff(3, window)
