"""What of a reading can be drawn: words at prices, and stripes."""

from __future__ import annotations

from collections.abc import Iterator

from investbot.analysis.elliott.counts import Elliott
from investbot.analysis.findings import Side
from investbot.analysis.patterns.chart import ChartPatterns
from investbot.analysis.structure.blocks import Block, Mitigation, OrderBlocks
from investbot.analysis.structure.breaks import Breaks, Kind
from investbot.analysis.structure.flow import OrderFlow
from investbot.analysis.structure.gaps import FairValueGaps, Fill, Gap
from investbot.analysis.structure.liquidity import Liquidity, Pool, State
from investbot.analysis.structure.swings import Swings
from investbot.analysis.wyckoff.schematics import Wyckoff
from investbot.domain.market import Millis
from investbot.research.chart import Chart

Word = tuple[str, float, Millis | None, bool]
"""Text, price (quote per base), the close of its bar (None: the whole picture), whether it is bullish."""
Stripe = tuple[float, float, Millis, bool]
"""Bottom and top (quote per base), the close of the bar it begins at, whether it is bullish."""


def words(what: str, of: Chart) -> Iterator[Word]:
    """Give the words of one reading: its events, or swings and levels for the others."""
    if what == "wyckoff":
        for event in Wyckoff().over(of.bars):
            yield event.name.value, event.price, event.at, event.schematic.value == "accumulation"
    elif what == "elliott":
        counts = Elliott().over(of.bars)
        for count in counts[-1].candidates[:1] if counts else ():
            for number, turn in enumerate(count.turns):
                yield str(number), turn.price, turn.at, turn.side is Side.LOW
            yield "invalidation", count.invalidation, None, count.expects is Side.HIGH
    elif what == "patterns":
        for found in ChartPatterns().over(of.bars):
            yield found.shape.value, found.level, found.known_at, found.side is Side.HIGH
    elif what == "flow":
        closes = dict(zip(of.bars.closed_at.tolist(), of.bars.close.tolist(), strict=True))
        for step in OrderFlow().over(of.bars):
            yield step.after.name.lower(), closes[step.known_at], step.known_at, step.side is not Side.LOW
    else:
        yield from _structure(of)


def _structure(of: Chart) -> Iterator[Word]:
    for swing in Swings(3).over(of.bars):
        yield swing.label.value, swing.price, swing.at, swing.side is Side.LOW
    for broken in Breaks(3).over(of.bars):
        word = "CHoCH" if broken.kind is Kind.CHARACTER else "BOS"
        yield word, broken.level, broken.known_at, broken.side is Side.HIGH
    resting: dict[tuple[Side, str, float], Pool] = {}
    for pool in Liquidity().over(of.bars):
        resting[pool.side, pool.source, pool.level] = pool
    for pool in resting.values():
        if pool.state is State.RESTING:
            yield pool.source, pool.level, None, pool.side is Side.LOW


def stripes(of: Chart) -> Iterator[Stripe]:
    """Give the gaps that are not filled and the blocks that are not broken."""
    gaps: dict[tuple[Millis, float], Gap] = {}
    for gap in FairValueGaps().over(of.bars):
        gaps[gap.at, gap.bottom] = gap
    blocks: dict[tuple[Millis, Side], Block] = {}
    for block in OrderBlocks(3).over(of.bars):
        blocks[block.at, block.side] = block
    for gap in gaps.values():
        if gap.fill is not Fill.FILLED:
            yield gap.bottom, gap.top, gap.at, gap.side is Side.HIGH
    for block in blocks.values():
        if block.state is not Mitigation.BROKEN:
            yield block.bottom, block.top, block.at, block.side is Side.HIGH
