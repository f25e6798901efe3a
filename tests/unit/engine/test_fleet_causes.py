"""What limits of the fleet need of an engine: a pause of their own, and figures that can be added up."""

from __future__ import annotations

from decimal import Decimal

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.states import TradingState
from tests.unit.engine.builders import LONG, OTHER, SYMBOL, Host, bar, entered, flat, spec, with_risk


def ask(host: Host, action: f.Action, cause: str, by: str = "the fleet: too much") -> list[e.Event]:
    return host.tell(f.OperatorRequest(host.state.last_at, action, by=by, cause=cause))


def test_each_cause_of_a_pause_is_lifted_by_itself() -> None:
    host = Host(script={2: LONG}).feed(flat(1))
    (paused,) = ask(host, f.Action.PAUSE, "fleet:open_risk")
    assert paused == e.EntriesPaused(host.state.last_at, "fleet:open_risk", "paused by the fleet: too much")
    ask(host, f.Action.PAUSE, "operator", "ana")
    assert ask(host, f.Action.PAUSE, "fleet:open_risk") == []
    assert ask(host, f.Action.RESUME, "operator") == [e.EntriesResumed(host.state.last_at, "operator")]
    host.feed(flat(2))
    assert host.of(e.IntentDenied)[0].limit == "entries_paused"
    assert ask(host, f.Action.RESUME, "fleet:open_risk") == [e.EntriesResumed(host.state.last_at, "fleet:open_risk")]
    assert host.state.paused == {}


def test_the_end_of_a_limit_of_the_fleet_lifts_no_halt() -> None:
    host = entered(spec(risk=with_risk(max_drawdown_fraction=Decimal("0.00001"))))
    host.feed(bar(3, "100", "100", "99.20", "99.20"))
    before = host.state.trading_state
    assert before is TradingState.REDUCING
    ask(host, f.Action.PAUSE, "fleet:daily_loss")
    assert len(ask(host, f.Action.RESUME, "fleet:daily_loss")) == 1
    assert host.state.trading_state is before


def test_open_risk_is_what_the_stops_would_cost_from_here() -> None:
    host = Host(script={1: LONG}).feed(flat(1))
    planned = next(iter(host.state.holdings.values())).plan.planned_risk
    assert Decimal(host.engine.summary()["open_risk"]) == planned > 0
    assert host.engine.summary()["exposure"] == {}
    host.feed(flat(2))
    (holding,) = host.state.holdings.values()
    assert Decimal(host.engine.summary()["open_risk"]) == holding.quantity * (100 - holding.stop_price)
    host.feed(bar(3, "100", "101", "100", "101"))
    assert Decimal(host.engine.summary()["open_risk"]) == holding.quantity * (101 - holding.stop_price)
    assert host.engine.summary()["exposure"] == {"BTC": format(holding.quantity * 101, "f")}
    holding.stop_price = Decimal(150)
    assert Decimal(host.engine.summary()["open_risk"]) == 0
    host.state.marks.clear()
    holding.stop_price = Decimal(99)
    assert Decimal(host.engine.summary()["open_risk"]) == holding.quantity
    assert Decimal(host.engine.summary()["exposure"]["BTC"]) == holding.quantity * 100


def test_nothing_held_is_no_risk() -> None:
    told = Host().feed(flat(1)).engine.summary()
    assert (told["open_risk"], told["exposure"]) == ("0", {})


def test_exposure_adds_up_for_each_base() -> None:
    terms = spec(symbols=(SYMBOL, OTHER), risk=with_risk(max_open_positions=2))
    host = Host(terms, {1: LONG}).feed(flat(1), flat(1, symbol=OTHER), flat(2), flat(2, symbol=OTHER))
    held = host.engine.summary()["exposure"]
    assert set(held) == {SYMBOL.partition("/")[0], OTHER.partition("/")[0]}
