from __future__ import annotations

from investbot.analysis.structure.breaks import Breaks, Trend
from investbot.analysis.structure.flow import FlowState, OrderFlow
from investbot.analysis.structure.swings import Swings
from tests.unit.analysis.faces import scaled, walk_bars


def test_what_several_analysers_ask_of_a_series_is_worked_out_once() -> None:
    bars, answers = walk_bars(50), iter(range(9))
    assert [bars.once("swings", lambda: next(answers)) for _ in range(3)] == [0, 0, 0]
    assert bars.once("breaks", lambda: next(answers)) == 1
    assert Swings(3).over(bars) is Swings(3).over(bars)
    assert Swings(3).over(bars) != Swings(2).over(bars)


def test_another_series_knows_nothing_of_it() -> None:
    bars = walk_bars(300)
    whole = Swings(2).over(bars)
    assert len(Swings(2).over(bars.first(100))) < len(whole)
    assert Swings(2).over(scaled(bars, 2.0))[0].price == 2.0 * whole[0].price
    assert bars.first(300).once("swings", lambda: 5) == 5


def test_analysers_of_one_kind_do_not_take_each_others_results() -> None:
    bars = walk_bars(300)
    assert len(Breaks(1).over(bars)) != len(Breaks(3).over(bars))
    assert Trend(1).over(bars).tolist() != Trend(3).over(bars).tolist()
    assert len(OrderFlow(10, 2.0).over(bars)) != len(OrderFlow(24, 3.5).over(bars))
    assert FlowState(10, 2.0).over(bars).tolist() != FlowState(24, 3.5).over(bars).tolist()
