"""What an analyser passes over would have said nothing: each is held against one that looks at every bar."""

from __future__ import annotations

import pytest

from investbot.analysis.analyser import Bars
from investbot.analysis.findings import Side
from investbot.analysis.indicators import Atr, Donchian
from investbot.analysis.patterns.chart import ChartPatterns, _Desk
from investbot.analysis.structure.blocks import OrderBlocks, _Zones
from investbot.analysis.structure.breaks import breaches
from investbot.analysis.structure.flow import OrderFlow, _Cycle
from investbot.analysis.structure.gaps import FairValueGaps, _Book
from investbot.analysis.structure.liquidity import Liquidity, _Side
from investbot.analysis.structure.swings import confirmed
from investbot.analysis.structure.trendlines import TrendLines, _Easel
from investbot.analysis.wyckoff.events import VOLUME, Schematic
from investbot.analysis.wyckoff.machine import FALL, SPREAD, Machine, Row, Turn
from investbot.analysis.wyckoff.schematics import Wyckoff, _ratios
from tests.unit.analysis.faces import walk_bars

MARKETS = [walk_bars(2500, seed=5), walk_bars(2500, seed=8, price=0.0001)]
markets = pytest.mark.parametrize("bars", MARKETS, ids=["coin", "small coin"])


@markets
def test_order_flow(bars: Bars) -> None:
    cycle, atr, (upper, _, lower) = _Cycle(3.5), Atr(14).over(bars), Donchian(24).over(bars)
    told = [
        cycle.step(number, bar, closed_at, atr[number], upper[number], lower[number])
        for number, (bar, closed_at) in enumerate(bars.each())
    ]
    said = tuple(change for change in told if change is not None)
    assert said == OrderFlow().over(bars)
    assert len({change.after for change in said}) == 6


def schematics(bars: Bars, schematic: Schematic, sign: int, window: int) -> list[object]:
    """One machine that hears of every bar, its prices turned round for a distribution."""
    machine, swings = Machine(schematic), confirmed(bars, 3)
    ratios, atr = _ratios(bars.volume), Atr(14).over(bars)
    channel = Donchian(window).over(bars)
    upper, lower = (channel[0], channel[2]) if sign > 0 else (-channel[2], -channel[0])
    for number, (bar, closed_at) in enumerate(bars.each()):
        low, high = sorted((bar.low * sign, bar.high * sign))
        row = Row(number, high, low, bar.close * sign, float(ratios[number]), float(atr[number]), closed_at)
        loud = row.ratio > VOLUME
        wide = high - low >= SPREAD * row.atr and upper[number] - low >= FALL * row.atr
        if loud and low <= lower[number] and wide and machine.may_begin:
            machine.climax(row, number - window)
        elif not machine.waits:
            turns = [
                Turn(swing.side * sign > 0, swing.number, swing.price * sign, float(ratios[swing.number]), swing.at)
                for swing in swings.get(number, ())
            ]
            machine.step(row, turns)
        if loud and row.close - low >= high - row.close:
            machine.loud(row)
    return list(map(repr, machine.found))


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_wyckoff(seed: int) -> None:
    """Wide bars are loud here, so that there is much to tell."""
    quiet = walk_bars(2500, seed)
    reach = quiet.high - quiet.low
    bars = quiet._replace(volume=(reach / reach.mean()) ** 4)
    said = Wyckoff(window=120).over(bars)
    for schematic, sign in ((Schematic.ACCUMULATION, 1), (Schematic.DISTRIBUTION, -1)):
        own = [event for event in said if event.schematic is schematic]
        assert list(map(repr, own)) == schematics(bars, schematic, sign, 120)
    assert len({event.phase for event in said}) == 6


@markets
def test_chart_patterns(bars: Bars) -> None:
    desk, swings, atr, said = _Desk(20), confirmed(bars, 4), Atr(14).over(bars), list[object]()
    for number, (bar, closed_at) in enumerate(bars.each()):
        said += desk.look(number, bar.close, closed_at)
        desk.turn(swings.get(number, ()), number, bar.close, float(atr[number]))
    assert tuple(said) == ChartPatterns(4, 20).over(bars)
    assert len(said) > 40


@markets
def test_gaps(bars: Bars) -> None:
    below, above = _Book(Side.HIGH), _Book(Side.LOW)
    opened = {gap.at: gap for gap in FairValueGaps().over(bars) if gap.at == gap.known_at}
    said: list[object] = []
    for bar, closed_at in bars.each():
        below.fill(bar.low, closed_at, said)  # type: ignore[arg-type]
        above.fill(-bar.high, closed_at, said)  # type: ignore[arg-type]
        gap = opened.get(closed_at)
        if gap is not None:
            (below if gap.side is Side.HIGH else above).open(gap.bottom, gap.top, closed_at, said)  # type: ignore[arg-type]
    assert tuple(said) == FairValueGaps().over(bars)


@markets
def test_blocks(bars: Bars) -> None:
    demand, supply = _Zones(Side.HIGH), _Zones(Side.LOW)
    made = dict(OrderBlocks()._made(bars))
    assert set(made) <= set(breaches(bars, 2).numbers.tolist())
    said: list[object] = []
    for number, (bar, closed_at) in enumerate(bars.each()):
        demand.trade(bar.low, bar.close, closed_at, said)  # type: ignore[arg-type]
        supply.trade(-bar.high, -bar.close, closed_at, said)  # type: ignore[arg-type]
        if number in made:
            side, origin = made[number]
            zones = demand if side is Side.HIGH else supply
            at = int(bars.closed_at[origin])
            zones.make(bars.high.item(origin), bars.low.item(origin), at, closed_at, said)  # type: ignore[arg-type]
    assert tuple(said) == OrderBlocks().over(bars)


@markets
@pytest.mark.parametrize("side", Side)
def test_liquidity_of_equal_swings(bars: Bars, side: Side) -> None:
    pools, swings, said = _Side(side, 10), confirmed(bars, 3), list[object]()
    within = (0.1 * Atr(14).over(bars)).tolist()
    for number, (bar, closed_at) in enumerate(bars.each()):
        reached = bar.high if side is Side.HIGH else -bar.low
        pools.take(reached, bar.close * side, within[number], closed_at, said)  # type: ignore[arg-type]
        for swing in swings.get(number, ()):
            if swing.side is side:
                pools.swing(swing, within[number], closed_at, said)  # type: ignore[arg-type]
    own = [pool for pool in Liquidity().over(bars) if pool.source == "equal" and pool.side is side]
    assert repr(said) == repr(own)


@markets
def test_trend_lines(bars: Bars) -> None:
    easel, swings, said = _Easel(0.5), confirmed(bars, 3), list[object]()
    atr, closes = Atr(14).over(bars).tolist(), bars.close.tolist()
    for number, closed_at in enumerate(bars.closed_at.tolist()):
        easel.cross(number, closes[number], closed_at, said)  # type: ignore[arg-type]
        recent = closes[max(0, number - 2) : number + 1]
        easel.draw(swings.get(number, ()), number, recent, atr[number], closed_at, said)  # type: ignore[arg-type]
    assert tuple(said) == TrendLines().over(bars)
