from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from investbot.adapters.venues import candle_blocks
from investbot.adapters.venues.replay import ReplayVenue
from investbot.domain.errors import DataError
from investbot.domain.facts import SourceEnded
from investbot.domain.market import Cursor, Timeframe
from investbot.ports.venue import Venue
from tests.unit.adapters.venues.files import MINUTE, START, rows, write
from tests.unit.adapters.venues.streams import candles, take

ONE_MINUTE = Timeframe.parse("1m")
BTC, ETH = "BTC/USDT", "ETH/USDT"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """BTC has minutes 0 to 5; ETH begins later, lacks minute 4 and ends later."""
    lines = rows(8)
    return {
        BTC: write(tmp_path / "btc.csv.gz", lines[:6]),
        ETH: write(tmp_path / "eth.csv", [lines[2], lines[3], lines[5], lines[6], lines[7]]),
    }


class Sleeps:
    """Counts how long a venue wanted to sleep instead of sleeping; only that moves its clock."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.waits.append(round(seconds, 6))
        await asyncio.sleep(0)

    def monotonic(self) -> float:
        return self.time


async def test_a_file_is_given_out_to_its_end(files: dict[str, Path], blockbuster: BlockBuster) -> None:
    venue: Venue = ReplayVenue(files, ONE_MINUTE, speed=0)
    facts = await take(venue, [BTC])
    assert [candle.opened_at for candle in candles(facts)] == [START + minute * MINUTE for minute in range(6)]
    assert facts[-1] == SourceEnded(START + 6 * MINUTE, close=True)


async def test_several_files_are_merged_by_closing_time_and_then_by_the_order_of_symbols(
    files: dict[str, Path],
) -> None:
    for symbols in ([BTC, ETH], [ETH, BTC]):
        facts = candles(await take(ReplayVenue(files, ONE_MINUTE, speed=0), symbols))
        keys = [(fact.closed_at, symbols.index(fact.symbol)) for fact in facts]
        assert keys == sorted(keys)
        assert len(keys) == 11


async def test_the_fact_of_the_end_says_what_becomes_of_positions(files: dict[str, Path]) -> None:
    facts = await take(ReplayVenue(files, ONE_MINUTE, speed=0, close_at_end=False), [BTC, ETH])
    assert facts[-1] == SourceEnded(START + 8 * MINUTE, close=False)


async def test_its_clock_is_the_close_of_the_last_candle(files: dict[str, Path]) -> None:
    venue = ReplayVenue(files, ONE_MINUTE, speed=0)
    assert venue.now() == 0
    await venue.open([ETH, BTC])
    assert venue.now() == START
    async for fact in venue.facts({}, None):
        assert venue.now() == fact.at


async def test_candles_come_at_the_speed_that_was_asked_for(files: dict[str, Path]) -> None:
    sleeps = Sleeps()
    venue = ReplayVenue(files, ONE_MINUTE, speed=20.0, sleep=sleeps.sleep, monotonic=sleeps.monotonic)
    await take(venue, [BTC])
    assert sleeps.waits == [0.05] * 5


async def test_nothing_is_paced_up_to_the_cursor(files: dict[str, Path]) -> None:
    sleeps = Sleeps()
    venue = ReplayVenue(files, ONE_MINUTE, speed=1.0, sleep=sleeps.sleep, monotonic=sleeps.monotonic)
    facts = await take(venue, [BTC, ETH], cursor=Cursor(BTC, START + 3 * MINUTE))
    assert len(candles(facts)) == 11
    assert sleeps.waits == [1.0] * 5  # the first of the six after the cursor is not waited for


async def test_a_cursor_of_a_symbol_no_longer_traded_still_counts(files: dict[str, Path]) -> None:
    sleeps = Sleeps()
    venue = ReplayVenue(files, ONE_MINUTE, speed=1.0, sleep=sleeps.sleep, monotonic=sleeps.monotonic)
    await take(venue, [BTC], cursor=Cursor("SOL/USDT", START + 3 * MINUTE))
    assert sleeps.waits == [1.0]


async def test_a_series_begins_at_its_anchor(files: dict[str, Path]) -> None:
    venue = ReplayVenue(files, ONE_MINUTE, speed=0)
    facts = candles(await take(venue, [BTC, ETH], anchors={BTC: START + 4 * MINUTE}))
    assert [fact.opened_at for fact in facts if fact.symbol == BTC] == [START + 4 * MINUTE, START + 5 * MINUTE]
    assert len(facts) == 7


async def test_an_anchor_beyond_the_file_leaves_nothing(files: dict[str, Path]) -> None:
    facts = await take(ReplayVenue(files, ONE_MINUTE, speed=0), [BTC], anchors={BTC: START + 99 * MINUTE})
    assert facts == [SourceEnded(START, close=True)]


async def test_a_symbol_without_a_file_is_refused(files: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"no candle file for SOL/USDT; it has BTC/USDT, ETH/USDT: see venue\.replay"):
        await ReplayVenue(files, ONE_MINUTE).open([BTC, "SOL/USDT"])
    with pytest.raises(DataError, match="it has none"):
        await ReplayVenue({}, ONE_MINUTE).open([BTC])


async def test_a_bad_file_is_refused_before_the_first_candle(tmp_path: Path) -> None:
    bad = write(tmp_path / "bad.csv", [*rows(5), "x"])
    with pytest.raises(DataError, match="line 7"):
        await ReplayVenue({BTC: bad}, ONE_MINUTE).open([BTC])


async def test_health_names_the_files_and_what_was_odd(files: dict[str, Path]) -> None:
    venue = ReplayVenue(files, ONE_MINUTE)
    await venue.open([BTC])
    assert venue.health() == {"source": "replay of btc.csv.gz, eth.csv", "candles": "6"}
    await venue.open([BTC, ETH])
    assert venue.health()["candles"] == "11"
    assert venue.health()["warnings"].startswith("eth.csv: 1 hole (1 candles of 1m missing)")
    await venue.poll()
    await venue.close()
    await venue.close()


async def test_a_stream_can_be_left_in_the_middle(tmp_path: Path) -> None:
    path = write(tmp_path / "long.csv", rows(3 * candle_blocks.ROWS))
    venue = ReplayVenue({BTC: path}, ONE_MINUTE, speed=0)
    await venue.open([BTC])

    async def read() -> None:
        async for _ in venue.facts({}, None):
            pass

    for breaths in (0, 1, 5, 20):
        task = asyncio.ensure_future(read())
        for _ in range(breaths):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
