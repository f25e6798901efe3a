"""The world outside in the engine: taken in once, bounded, the same after a replay, and a veto where one is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.intelligence import AHEAD, IntelligenceHeard, IntelligenceItem, IntelligenceRefused
from investbot.domain.market import HOUR, MINUTE
from investbot.domain.signal import Direction, Signal, SignalLevel, SignalPart
from investbot.engine.apply import ALERTS_KEPT
from investbot.engine.engine import Engine
from investbot.engine.intelligence import KEPT_ITEMS, KEPT_SOURCES, Veto
from tests.unit.engine.builders import FIVE, LONG, SHORT, START, SYMBOL, Host, Scripted, flat, spec

AT = START + FIVE.ms
ITEM = IntelligenceItem("news", SYMBOL, -0.8, 1.0, AT, AT + HOUR, "n1", "hacked")


def told(*items: IntelligenceItem, at: int = AT) -> f.Intelligence:
    return f.Intelligence(at, items)


def begun(**terms: Any) -> Host:
    host = Host(replace(spec(), **terms), dict.fromkeys(range(2, 30), LONG))
    return host.feed(flat(1))


def test_an_item_is_heard_once() -> None:
    host = begun()
    assert host.tell(told(ITEM, ITEM)) == [IntelligenceHeard(AT, ITEM)]
    assert host.tell(told(ITEM)) == []
    assert host.tell(told(replace(ITEM, bias=1.0))) == []
    other = replace(ITEM, source="index")
    assert host.tell(told(other)) == [IntelligenceHeard(AT, other)]


def test_what_is_over_is_not_heard_and_what_is_of_the_future_is_told() -> None:
    host = begun()
    assert host.tell(told(replace(ITEM, published_at=AT - HOUR, expires_at=AT))) == []
    early = replace(ITEM, published_at=AT + AHEAD + 1)
    (refused,) = host.tell(told(early))
    assert refused == IntelligenceRefused(AT, "news", "An item of news is published in the future.")
    assert host.state.heard == {}
    assert len(host.tell(told(replace(ITEM, published_at=AT + AHEAD)))) == 1


@pytest.mark.parametrize("change", [{"bias": float("nan")}, {"bias": 2.0}, {"confidence": -1.0}, {"source": ""}])
def test_what_is_no_item_changes_nothing(change: dict[str, Any]) -> None:
    host = begun()
    assert [type(each) for each in host.tell(told(replace(ITEM, **change)))] == [IntelligenceRefused]
    assert host.state.heard == {}


def test_a_failure_is_told() -> None:
    host = begun()
    assert host.tell(f.IntelligenceFailed(AT, "news", "No JSON.")) == [IntelligenceRefused(AT, "news", "No JSON.")]


def test_of_one_source_the_newest_items_are_kept_and_the_same_flood_again_changes_nothing() -> None:
    host = begun()
    flood = [replace(ITEM, item_id=str(n), published_at=AT - n * MINUTE // 4) for n in range(KEPT_ITEMS + 5)]
    heard = host.tell(told(*reversed(flood)))
    assert len(heard) == KEPT_ITEMS + 5
    assert set(host.state.heard["news"]) == {str(n) for n in range(KEPT_ITEMS)}
    assert host.tell(told(*reversed(flood))) == []
    assert host.tell(told(*flood)) == []


def test_a_flood_of_one_moment_changes_nothing_when_it_comes_again() -> None:
    host = begun()
    flood = [replace(ITEM, item_id=str(n)) for n in range(KEPT_ITEMS + 5)]
    assert len(host.tell(told(*flood))) == KEPT_ITEMS
    assert host.tell(told(*flood)) == []


def test_sources_are_bounded_and_make_room_when_they_expire() -> None:
    host = begun()
    many = [replace(ITEM, source=f"s{n}") for n in range(KEPT_SOURCES + 3)]
    assert len(host.tell(told(*many))) == KEPT_SOURCES
    late = replace(ITEM, source="late", published_at=AT + HOUR, expires_at=AT + 2 * HOUR)
    assert len(host.tell(told(late, at=AT + HOUR))) == 1
    assert set(host.state.heard) == {"late"}


def test_a_replay_of_the_events_knows_the_same() -> None:
    host = begun()
    host.tell(told(ITEM, replace(ITEM, item_id="n2", bias=0.4)))
    again = Engine(host.terms, Scripted())
    for event in host.events:
        again.apply(event)
    assert again.state.heard == host.state.heard != {}


@pytest.mark.parametrize(
    ("veto", "bias", "refused"),
    [
        (Veto(), -1.0, False),
        (Veto(below=-0.5), -0.4, False),
        (Veto(below=-0.5), -0.5, False),
        (Veto(below=-0.5), -0.6, True),
        (Veto(above=0.5), 0.5, False),
        (Veto(above=0.5), 0.6, True),
        (Veto(below=-0.5, above=0.5), 0.0, False),
    ],
)
def test_the_veto_refuses_entries_beyond_its_bounds(veto: Veto, bias: float, refused: bool) -> None:
    host = begun(veto=veto)
    host.tell(told(replace(ITEM, bias=bias, published_at=AT + FIVE.ms), at=AT + FIVE.ms - AHEAD + 30_000))
    host.feed(flat(2))
    denied = [each for each in host.of(e.IntentDenied) if each.limit == "intelligence"]
    assert bool(denied) is refused
    assert bool(host.of(e.PlanMade)) is not refused
    for each in denied:
        assert (each.value, each.bound) == (f"{bias:.4f}", "-0.5" if bias < 0 else "0.5")
        assert ("below" if bias < 0 else "above") in each.reason


def test_nothing_known_refuses_nothing_and_neither_does_what_has_expired() -> None:
    host = begun(veto=Veto(below=0.9)).feed(flat(2))
    assert host.of(e.PlanMade)
    host = begun(veto=Veto(below=0.0))
    host.tell(told(ITEM))
    assert not host.feed(flat(2)).of(e.PlanMade)
    assert host.feed(*(flat(number) for number in range(3, 15))).of(e.PlanMade)


def test_an_alert_is_vetoed_too_and_leaving_never_is() -> None:
    host = Host(replace(spec(), veto=Veto(below=0.0)), {1: LONG, 4: SHORT}).feed(flat(1), flat(2))
    host.tell(told(ITEM, at=AT + FIVE.ms))
    host.feed(flat(3))
    host.feed(flat(4))
    assert host.of(e.CloseRequested)
    host = begun(veto=Veto(below=0.0))
    host.tell(told(ITEM))
    host.tell(f.Alert(AT, SYMBOL, "tv", LONG))
    assert [each.limit for each in host.of(e.IntentDenied)] == ["intelligence"]


def test_a_strategy_sees_the_outlook_of_its_symbol_at_the_close() -> None:
    class Looks(Scripted):
        def evaluate(self, view: Any) -> Signal | None:
            outlooks.append(view.outlook)
            return None

    outlooks: list[Any] = []
    host = Host()
    host.engine._strategy = Looks()
    host.feed(flat(1))
    host.tell(told(ITEM))
    host.feed(*(flat(number) for number in range(2, 16)))
    assert outlooks[0] is None
    assert outlooks[1].value == pytest.approx(-0.8 * 55 / 60)
    assert outlooks[-1] is None


def test_an_alert_with_a_name_is_taken_once_also_after_a_replay() -> None:
    host = begun()
    alert = f.Alert(AT, SYMBOL, "tv", SHORT, "a1")
    assert [type(each) for each in host.tell(alert)] == [e.SignalRaised]
    assert host.tell(alert) == []
    assert len(host.tell(replace(alert, alert_id=""))) == len(host.tell(replace(alert, alert_id=""))) == 1
    again = Host(host.terms)
    for event in host.events:
        again.engine.apply(event)
    assert again.tell(alert) == []


def test_only_so_many_alerts_are_remembered() -> None:
    host = begun()
    for number in range(ALERTS_KEPT + 1):
        host.tell(f.Alert(AT, SYMBOL, "tv", SHORT, f"a{number}"))
    assert len(host.state.alerts_taken) == ALERTS_KEPT
    assert "a0" not in host.state.alerts_taken


def test_setup_parts_and_levels_are_written_down_and_reach_the_round_trip() -> None:
    parts = (SignalPart("sweep", 30.0, "lows swept"), SignalPart("bad", float("nan")))
    levels = (SignalLevel("pool", 99.0, 0.8, "asia"), SignalLevel("bad", float("inf")))
    opinion = replace(LONG, setup="sweep", parts=parts, levels=levels)
    host = Host(script={1: opinion, 4: SHORT}).feed(*(flat(number) for number in range(1, 7)))
    raised = host.of(e.SignalRaised)[0]
    assert (raised.setup, raised.parts, raised.levels) == ("sweep", parts[:1], levels[:1])
    assert host.of(e.PlanMade)[0].plan.setup == "sweep"
    assert host.of(e.PositionClosed)[0].trip.setup == "sweep"
    assert host.of(e.SignalRaised)[1].setup == "scripted"


def test_what_an_opinion_rests_on_is_bounded() -> None:
    opinion = Signal(
        Direction.LONG,
        0.5,
        "r",
        setup="x" * 300,
        parts=tuple(SignalPart("p" * 300, 1.0, "e" * 300) for _ in range(40)),
        levels=tuple(SignalLevel("k" * 300, 1.0, 1.0, "s" * 300) for _ in range(40)),
    )
    raised = Host(script={1: opinion}).feed(flat(1)).of(e.SignalRaised)[0]
    assert (len(raised.setup), len(raised.parts), len(raised.levels)) == (200, 32, 32)
    assert {len(raised.parts[0].name), len(raised.parts[0].evidence), len(raised.levels[0].kind)} == {200}
