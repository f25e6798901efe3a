"""Another version of the configuration while an engine runs: what it decides from then on, and what stays."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.codec import decode, encode, kind
from investbot.domain.rules import CostRules
from investbot.domain.states import TradingState
from investbot.engine.engine import Engine
from investbot.engine.spec import EngineSpec
from tests.unit.engine.builders import LONG, NO_AGE, START, Host, Scripted, bar, entered, flat, spec, with_risk

AT = START + 10 * 300_000


def changed(terms: EngineSpec, version: int = 2, **rules: Any) -> f.SettingsChanged:
    """Say that other rules are in force."""
    given: dict[str, Any] = {"costs": terms.costs, "risk": terms.risk, "exits": terms.exits} | rules
    return f.SettingsChanged(AT, version, "ana", **given, applied=("a: 1 -> 2",), waiting=("b: 1 -> 2",))


def test_the_ledger_is_told_and_the_rules_are_the_new_ones() -> None:
    host = Host()
    host.feed(flat(1))
    fact = changed(
        host.terms, risk=with_risk(max_open_positions=2), exits=replace(NO_AGE, stop_fraction=Decimal("0.006"))
    )
    (event,) = host.tell(fact)
    assert event == e.SettingsApplied(AT, 2, "ana", ("a: 1 -> 2",), ("b: 1 -> 2",))
    now = host.engine.spec
    assert (now.version, now.risk, now.exits, now.costs) == (2, fact.risk, fact.exits, fact.costs)
    assert (now.instruments, now.capital, now.namespace) == (
        host.terms.instruments,
        host.terms.capital,
        host.terms.namespace,
    )
    assert (host.state.version, host.state.waiting) == (2, ("b: 1 -> 2",))
    assert host.engine.summary()["config_version"] == 2
    assert host.engine.summary()["settings_waiting"] == ["b: 1 -> 2"]


def test_a_tighter_limit_counts_at_once() -> None:
    host = entered()
    host.feed(bar(3, "100.00", "100.00", "99.50", "99.50"))
    before = host.state.trading_state
    told = host.tell(changed(host.terms, risk=with_risk(daily_loss_fraction=Decimal("0.00001"))))
    assert [kind(each) for each in told[:2]] == ["SettingsApplied", "TradingStateChanged"]
    assert (before, host.state.trading_state) == (TradingState.ACTIVE, TradingState.REDUCING)


def test_an_open_position_keeps_its_barriers_and_the_next_has_the_new_ones() -> None:
    host = entered(script={4: LONG})
    stop = next(iter(host.state.holdings.values())).stop_price
    exits = replace(NO_AGE, stop_fraction=Decimal("0.006"), targets=((Decimal("0.05"), Decimal(1)),))
    assert [kind(each) for each in host.tell(changed(host.terms, exits=exits))] == ["SettingsApplied"]
    holding = next(iter(host.state.holdings.values()))
    assert (holding.stop_price, holding.plan.config_version) == (stop, 1)
    host.feed(bar(3, "100.00", "102.00", "100.00", "100.00"), flat(4), flat(5))
    (trip,) = [event.trip for event in host.of(e.PositionClosed)]
    assert (trip.exit_reason.partition(" ")[0], trip.config_version) == ("target", 1)
    (second,) = host.state.holdings.values()
    assert (second.plan.stop_distance, second.plan.config_version) == (Decimal("0.006"), 2)
    assert second.plan.ladder == exits.targets


def test_fills_cost_what_the_new_rules_say() -> None:
    host = Host(script={1: LONG})
    host.feed(flat(1))
    dear = CostRules(Decimal("0.01"), Decimal("0.01"), Decimal(0))
    host.tell(changed(host.terms, costs=dear))
    host.feed(flat(2))
    (fill, *_) = host.of(e.OrderFilled)
    assert fill.fee == fill.price * fill.quantity * dear.taker_fee


def test_a_later_version_is_told_at_the_beginning_and_the_first_is_not() -> None:
    first, later = Host(), Host(replace(spec(), version=3))
    assert first.feed(flat(1)).of(e.SettingsApplied) == []
    assert later.feed(flat(1)).of(e.SettingsApplied) == [
        e.SettingsApplied(later.events[0].at, 3, "configuration", (), ())
    ]
    assert isinstance(later.events[0], e.CapitalAllocated)
    assert (first.state.version, later.state.version) == (1, 3)
    waiting = Engine(replace(spec(), version=3), Scripted())
    assert waiting.summary()["config_version"] == 3
    rolled = Engine(replace(spec(), version=3), Scripted())
    assert [kind(each) for each in rolled.handle(flat(1))][:2] == ["CapitalAllocated", "SettingsApplied"]


def test_a_replay_knows_the_version_and_what_waits() -> None:
    host = entered()
    host.tell(changed(host.terms, version=7))
    again = Engine(host.terms, Scripted())
    again.state.floors = host.state.floors
    for event in host.events:
        again.apply(decode(kind(event), encode(event)))
    assert (again.state.version, again.state.waiting) == (7, ("b: 1 -> 2",))
    assert again.state.floors is None
