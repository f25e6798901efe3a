from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import Any

import pytest

from investbot.control.address import connect, feed_path
from investbot.control.feed_link import feed_state
from investbot.domain.market import MINUTE
from investbot.feed import server, stream
from tests.unit.feed.builders import BEGIN, BTC, until
from tests.unit.feed.conftest import Hall

SUBSCRIBE: dict[str, Any] = {"market": {"name": "binance"}, "symbols": [BTC], "timeframe": "1m"}


class Talk:
    """A client that speaks for itself."""

    def __init__(self, opened: socket.socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened, self.reader, self.writer = opened, reader, writer

    async def ask(self, verb: str, number: int = 1, **args: Any) -> dict[str, Any]:
        self.say({"id": number, "verb": verb, "args": args})
        while "id" not in (line := await self.next()):
            pass
        return line

    def say(self, body: Any) -> None:
        self.writer.write((body if isinstance(body, str) else json.dumps(body)).encode() + b"\n")

    async def next(self) -> dict[str, Any]:
        line = await asyncio.wait_for(self.reader.readline(), 60)
        if not line:
            raise ConnectionResetError
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        self.writer.close()


async def call(hall: Hall) -> Talk:
    opened = connect(feed_path(hall.home), 0)
    reader, writer = await asyncio.open_unix_connection(sock=opened, limit=1 << 20)
    return Talk(opened, reader, writer)


async def test_the_socket_is_private_and_goes_with_its_feed(hall: Hall) -> None:
    await hall.start()
    path = feed_path(hall.home)
    assert path.stat().st_mode & 0o777 == 0o600
    await hall.kill()
    assert not path.exists()


async def test_a_socket_left_behind_is_replaced(hall: Hall) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(feed_path(hall.home)))
    left.close()
    await hall.start()
    talk = await call(hall)
    assert (await talk.ask("ping"))["ok"] is True
    talk.close()


async def test_it_tells_its_state_to_who_asks(hall: Hall) -> None:
    await hall.start()
    talk = await call(hall)
    await talk.ask("subscribe", **SUBSCRIBE)
    told = await asyncio.to_thread(feed_state, hall.home)
    assert told is not None
    assert told["pid"] == os.getpid()
    assert told["streams"][0]["subscribers"] == 1
    talk.close()
    await hall.kill()
    assert await asyncio.to_thread(feed_state, hall.home) is None


async def test_who_is_of_another_user_is_turned_away(hall: Hall) -> None:
    await hall.start(owner_uid=os.getuid() + 1)
    talk = await call(hall)
    assert "another user" in (await talk.next())["message"]
    with pytest.raises(ConnectionResetError):
        await talk.next()
    talk.close()


@pytest.mark.parametrize(
    ("verb", "args", "said"),
    [
        ("buy", {}, "knows no verb"),
        ("candles", {"stream": 7, "since": 0}, "no stream 7"),
        ("subscribe", SUBSCRIBE | {"market": {"name": "binance", "settings": {"apiKey": "x"}}}, "takes no secret"),
    ],
)
async def test_a_request_that_is_refused_ends_nothing(hall: Hall, verb: str, args: dict[str, Any], said: str) -> None:
    await hall.start()
    talk = await call(hall)
    answer = await talk.ask(verb, 5, **args)
    assert (answer["id"], answer["ok"]) == (5, False)
    assert said in answer["message"]
    assert (await talk.ask("ping", 6))["ok"] is True
    talk.close()


@pytest.mark.parametrize("junk", ["no json", "[1]", '{"id": "x"}'])
async def test_junk_is_answered_once_and_not_listened_to_any_further(hall: Hall, junk: str) -> None:
    await hall.start()
    talk = await call(hall)
    talk.say(junk)
    assert (await talk.next())["ok"] is False
    with pytest.raises(ConnectionResetError):
        await talk.next()
    talk.close()


async def test_who_hangs_up_is_forgotten(hall: Hall) -> None:
    await hall.start()
    talk = await call(hall)
    await talk.ask("subscribe", **SUBSCRIBE)
    talk.close()
    await until(lambda: hall.feed is not None and hall.feed.state() == [])


async def test_the_answer_comes_before_what_it_speaks_of(hall: Hall) -> None:
    await hall.start()
    talk = await call(hall)
    talk.say({"id": 1, "verb": "subscribe", "args": SUBSCRIBE})
    answer = await talk.next()
    stream = answer["result"]["streams"][0]
    hall.market.close_bars()
    while "candle" not in (line := await talk.next()):
        pass
    assert line["candle"][:2] == [stream["stream"], stream["seq"] + 1]
    assert line["candle"][3] == BEGIN + 1000 * MINUTE
    talk.close()


async def test_who_does_not_read_costs_little_and_holds_up_nobody(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_UNREAD", 2000)
    monkeypatch.setattr(stream, "KEPT", 100_000)
    await hall.start()
    assert hall.feed is not None
    lazy, keen = await call(hall), await call(hall)
    await lazy.ask("subscribe", **SUBSCRIBE)
    lazy.reader._transport.pause_reading()  # type: ignore[attr-defined]
    first: dict[str, Any] = (await keen.ask("subscribe", **SUBSCRIBE))["result"]["streams"][0]
    heard: list[int] = []
    while not hall.feed.state()[0]["left_out"]:
        hall.market.close_bars(50)
        while len(heard) < hall.market.closed - 1000:
            line = await keen.next()
            heard += [line["candle"][1]] if "candle" in line else []
    assert heard == list(range(first["seq"] + 1, first["seq"] + 1 + len(heard)))
    lazy.reader._transport.resume_reading()  # type: ignore[attr-defined]
    missed = (await lazy.ask("candles", 2, stream=first["stream"], since=first["next_at"]))["result"]
    rows = missed["rows"]
    while missed["more"]:
        missed = (await lazy.ask("candles", 3, stream=first["stream"], since=rows[-1][0] + 1))["result"]
        rows += missed["rows"]
    assert [(row[0] - BEGIN) // MINUTE for row in rows] == list(range(1000, hall.market.closed))
    lazy.close()
    keen.close()


async def test_prices_are_dropped_rather_than_queued_for_who_does_not_read(hall: Hall) -> None:
    await hall.start()
    assert hall.feed is not None
    lazy, keen = await call(hall), await call(hall)
    for talk in (lazy, keen):
        told = (await talk.ask("subscribe", **SUBSCRIBE))["result"]["streams"][0]["stream"]
        assert (await talk.ask("prices", 2, streams=[told]))["result"] == {"prices": [[told, 0, 0]]}
    lazy.reader._transport.pause_reading()  # type: ignore[attr-defined]
    await until(lambda: any(venue.followed for venue in hall.market.live))
    heard: list[int] = []
    while not hall.feed.price_lines()[0]["left_out"]:
        hall.market.price("100.5")
        line: dict[str, Any] = {}
        while "price" not in line:
            line = await keen.next()
        heard.append(line["price"][1])
    waiting = max(talk.transport.get_write_buffer_size() for talk in writers(hall))
    for _ in range(1000):
        hall.market.price("100.5")
    assert max(talk.transport.get_write_buffer_size() for talk in writers(hall)) <= max(waiting, 200)
    assert heard == list(range(1, 1 + len(heard)))
    lazy.close()
    keen.close()


def writers(hall: Hall) -> list[asyncio.StreamWriter]:
    """Give the feed's ends of its conversations."""
    assert hall.feed is not None
    return [reader._pushing for line in hall.feed._board._lines.values() for reader in line.readers]  # type: ignore[attr-defined]
