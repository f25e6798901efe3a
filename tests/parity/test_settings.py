"""Settings that are changed while an instance runs decide as if it had been restarted with them at that moment."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain.codec import decode, encode, kind
from investbot.domain.events import Event, PositionClosed
from investbot.domain.facts import SettingsChanged
from investbot.domain.rules import CostRules
from investbot.engine.engine import Engine
from investbot.engine.simulated import SimulatedMarket
from investbot.engine.spec import EngineSpec
from investbot.simulation.book import Book
from investbot.strategies.ma_cross import MovingAverageCross
from tests.parity.test_recovery import lively, market

STRATEGY = MovingAverageCross(fast=3, slow=8)
CANDLES = market(11, 500)


def other(terms: EngineSpec) -> EngineSpec:
    """Give other rules in everything that can change at once."""
    return replace(
        terms,
        version=2,
        costs=CostRules(Decimal("0.002"), Decimal("0.002"), Decimal("0.001"), bar_share=Decimal("0.02")),
        risk=replace(terms.risk, position_fraction=Decimal("0.01"), max_open_positions=1),
        exits=replace(terms.exits, stop_fraction=Decimal("0.007"), trailing_fraction=Decimal("0.005")),
    )


def told(terms: EngineSpec, at: int) -> SettingsChanged:
    return SettingsChanged(at, terms.version, "ana", terms.costs, terms.risk, terms.exits, (), ())


def host(terms: EngineSpec, ledger: list[Event], past: int) -> SimulatedMarket:
    """Start on a ledger, with the candles before `past` seen already."""
    engine = Engine(terms, STRATEGY)
    for event in ledger:
        engine.apply(decode(kind(event), encode(event)))
    for candle in CANDLES[:past]:
        engine.warm(candle)
    return SimulatedMarket(engine, Book(terms.costs, terms.instruments))


@pytest.mark.parametrize("moment", [1, 57, 200, 333])
def test_at_once_is_as_after_a_restart(moment: int) -> None:
    first, second = lively(), other(lively())
    running, ledger = host(first, [], 0), list[Event]()
    for candle in CANDLES[:moment]:
        ledger += running.step(candle)
    fact = told(second, CANDLES[moment - 1].at)
    restarted, at_once, anew = host(second, ledger, moment), list(ledger), list(ledger)
    at_once += running.handle(fact)
    anew += restarted.handle(fact)
    for candle in CANDLES[moment:]:
        at_once += running.step(candle)
        anew += restarted.step(candle)
    assert at_once == anew
    versions = [event.trip.config_version for event in anew if isinstance(event, PositionClosed)]
    assert versions == sorted(versions)
    assert versions[-1] == 2
