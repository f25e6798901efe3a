"""The instance's end of the socket, against a real feed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from investbot.control import feed_call
from investbot.control.address import feed_path, listen
from investbot.control.feed_messages import Market as MarketKey
from investbot.domain.errors import DataError
from investbot.domain.market import MINUTE, Candle, Instrument
from tests.unit.feed.builders import BEGIN, BTC, ETH, until
from tests.unit.feed.conftest import Hall

NEXT = BEGIN + 1000 * MINUTE


def numbers(found: Any) -> list[int] | None:
    return None if found is None else [(each.opened_at - BEGIN) // MINUTE for each in found]


async def test_it_opens_with_the_instruments_and_the_past(hall: Hall) -> None:
    await hall.start()
    link = hall.link()
    told = await link.open([BTC, ETH], lambda: None)
    assert told is not None
    assert list(told) == [BTC, ETH]
    assert isinstance(told[BTC], Instrument)
    assert link.up
    assert link.first_at(BTC) == BEGIN
    assert numbers(await link.candles(BTC, BEGIN)) == list(range(1000))
    assert numbers(await link.candles(ETH, NEXT - MINUTE)) == [999]
    assert numbers(await link.candles(BTC, NEXT)) == []
    assert await link.candles(BTC, BEGIN - 1) is None
    assert await link.candles("DOGE/USDT", NEXT) is None
    assert link.first_at("DOGE/USDT") > NEXT


async def test_it_is_woken_by_a_candle_and_has_it(hall: Hall) -> None:
    await hall.start()
    link, woken = hall.link(), asyncio.Event()
    await link.open([BTC], woken.set)
    woken.clear()
    hall.market.close_bars()
    async with asyncio.timeout(60):
        await woken.wait()
    assert numbers(await link.candles(BTC, NEXT)) == [1000]
    assert link.health() == {"feed": "serves", "feed_calls": "1"}


async def test_without_a_feed_it_says_so_at_once_and_goes_on_dialling(hall: Hall) -> None:
    link, woken = hall.link(), asyncio.Event()
    assert await link.open([BTC], woken.set) is None
    assert not link.up
    assert link.now() is None
    assert await link.candles(BTC, NEXT) is None
    assert link.health()["feed"] == "away"
    await hall.start()
    await until(lambda: link.up and woken.is_set())
    assert numbers(await link.candles(BTC, NEXT - 2 * MINUTE)) == [998, 999]


async def test_it_comes_back_to_a_feed_that_was_killed_and_misses_nothing(hall: Hall) -> None:
    await hall.start()
    link = hall.link()
    await link.open([BTC], lambda: None)
    for spell in range(2, 5):
        await hall.kill()
        await until(lambda: not link.up)
        assert await link.candles(BTC, NEXT) is None
        hall.market.close_bars(2)
        await hall.start()
        await until(lambda: link.up and link.health()["feed_calls"] == str(spell))  # noqa: B023 - it is over within the spell
    hall.market.close_bars()
    await until(lambda: hall.feed is not None and hall.feed.state()[0]["next_at"] == NEXT + 7 * MINUTE)
    assert numbers(await link.candles(BTC, NEXT)) == list(range(1000, 1007))


async def test_the_venues_time_goes_on_without_the_feed(hall: Hall) -> None:
    await hall.start()
    link = hall.link()
    await link.open([BTC], lambda: None)
    first = link.now()
    assert first is not None
    assert abs(first - hall.market.at) < 20_000
    await hall.kill()
    await until(lambda: not link.up)
    await asyncio.sleep(0.05)
    later = link.now()
    assert later is not None
    assert first + 20 <= later < first + 60_000


async def test_what_the_venue_refuses_is_raised_by_open(hall: Hall) -> None:
    await hall.start()
    hall.market.refusal = DataError("binance has no market BTC/USDT.")
    with pytest.raises(DataError, match="has no market"):
        await hall.link().open([BTC], lambda: None)


async def test_settings_that_the_feed_does_not_take_are_the_instances_own_affair(hall: Hall) -> None:
    await hall.start()
    link = hall.link(MarketKey(name="binance", settings={"apiKey": "canary"}))
    assert await link.open([BTC], lambda: None) is None
    assert "takes no secret" in link.health()["feed_refuses"]
    assert not link.up


async def test_the_feeds_trouble_is_known(hall: Hall) -> None:
    await hall.start()
    link = hall.link()
    await link.open([BTC], lambda: None)
    hall.market.told_health = {"last_error": "The venue sleeps.", "failures_in_a_row": "1"}
    await until(lambda: link.trouble == "The venue sleeps.")
    assert link.health()["feed_trouble"] == "The venue sleeps."
    hall.market.told_health = {}
    await until(lambda: not link.trouble)


async def test_other_timeframes_are_kept_for_it(hall: Hall) -> None:
    await hall.start()
    await hall.link(also=("1h",)).open([BTC], lambda: None)
    assert hall.feed is not None
    assert {each["timeframe"] for each in hall.feed.state()} == {"1m", "1h"}


@contextlib.asynccontextmanager
async def impostor(hall: Hall, *lines: str) -> AsyncIterator[list[int]]:
    """Something that listens where the feed does, answers with these lines ("" waits for one), then says no more."""
    calls: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(1)
        await reader.readline()
        for line in lines:
            if line:
                writer.write(line.encode() + b"\n")
            else:
                await reader.readline()
        await reader.read()
        writer.close()

    listening = await asyncio.to_thread(listen, feed_path(hall.home))
    server = await asyncio.start_unix_server(answer, sock=listening)
    try:
        yield calls
    finally:
        for link in hall.links:
            await link.close()
        server.close()
        await server.wait_closed()


STREAM = {
    "symbol": BTC,
    "stream": 0,
    "seq": 5,
    "first_at": BEGIN,
    "next_at": NEXT,
    "tick": "0.01",
    "lot": "0.01",
    "min_notional": "0",
}
GOOD = json.dumps({"id": 1, "ok": True, "result": {"clock": [1.0, 2, 1.0], "streams": [STREAM]}})


async def test_a_feed_that_falls_silent_is_left(hall: Hall) -> None:
    link = hall.link(silence_s=0.05)
    async with impostor(hall, GOOD) as calls:
        assert await link.open([BTC], lambda: None) is not None
        await until(lambda: len(calls) > 2)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        '{"candle": [0, 6]}',
        '{"candle": [0, 6, 1.0, 5, "x", "1", "1", "1", 1]}',
        '{"beat": "x"}',
        '{"other": 1}',
    ],
)
async def test_lines_of_another_version_are_hung_up_on(hall: Hall, line: str) -> None:
    link = hall.link()
    async with impostor(hall, GOOD, line) as calls:
        await link.open([BTC], lambda: None)
        await until(lambda: len(calls) > 2)


async def test_an_answer_that_cannot_be_read_is_no_feed(hall: Hall) -> None:
    link = hall.link()
    async with impostor(hall, '{"id": 1, "ok": true, "result": {"streams": [{}], "clock": [1, 2, 3]}}'):
        assert await link.open([BTC], lambda: None) is None


async def test_an_answer_that_never_comes_is_no_feed(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_call, "ANSWER_S", 0.05)
    link = hall.link()
    async with impostor(hall):
        assert await link.open([BTC], lambda: None) is None


async def test_a_page_that_is_refused_ends_the_call(hall: Hall) -> None:
    link = hall.link()
    refusal = json.dumps({"id": 2, "ok": False, "exit_code": 64, "message": "The feed has no stream 0."})
    async with impostor(hall, GOOD, "", refusal):
        await link.open([BTC], lambda: None)
        asking = link.candles(BTC, BEGIN)
        assert await asking is None


async def test_what_a_slow_reader_misses_is_asked_for_by_its_number(hall: Hall) -> None:
    """Lines are left out on the way to one link only; it finds each candle, in order."""
    await hall.start()
    assert hall.feed is not None
    link, got, wanted = hall.link(), list[Candle](), NEXT
    await link.open([BTC], lambda: None)
    stream = next(iter(hall.feed._followed.values())).stream
    (subscriber,) = stream.subscribers
    push, count = subscriber.push, iter(range(10_000))
    subscriber.push = lambda line: next(count) % 3 != 1 and push(line)  # type: ignore[method-assign]
    until_s = time.monotonic() + 60
    while len(got) < 40 and time.monotonic() < until_s:
        hall.market.close_bars()
        await asyncio.sleep(0.005)
        found = await link.candles(BTC, wanted)
        assert found is not None
        got += found
        wanted = got[-1].closed_at if got else wanted
    assert numbers(got)[:40] == list(range(1000, 1040))  # type: ignore[index]
    assert int(link.health()["feed_repaired"]) > 0
    assert link.health()["feed_calls"] == "1"


async def test_a_beat_wakes_who_missed_the_last_candle_or_hears_of_trouble(hall: Hall) -> None:
    await hall.start()
    assert hall.feed is not None
    link, woken = hall.link(), asyncio.Event()
    await link.open([BTC], woken.set)
    stream = next(iter(hall.feed._followed.values())).stream
    (subscriber,) = stream.subscribers
    push = subscriber.push
    subscriber.push = lambda line: b"candle" not in line and push(line)  # type: ignore[method-assign]
    hall.market.close_bars()
    await until(lambda: stream.left_out == 1)
    woken.clear()
    async with asyncio.timeout(60):
        await woken.wait()
    assert numbers(await link.candles(BTC, NEXT)) == [1000]
    woken.clear()
    hall.market.told_health = {"last_error": "The venue sleeps.", "failures_in_a_row": "1"}
    async with asyncio.timeout(60):
        await woken.wait()
    assert link.trouble == "The venue sleeps."


async def test_a_socket_of_another_user_is_not_listened_to(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    await hall.start()
    uid = os.getuid()
    monkeypatch.setattr("investbot.control.feed_link.os.getuid", lambda: uid + 1)
    assert await hall.link().open([BTC], lambda: None) is None


async def test_a_link_that_was_never_opened_closes(hall: Hall) -> None:
    link = hall.link()
    await link.close()
    assert link.health()["feed_calls"] == "0"
