"""The message that says how the fleet is: one, edited when that changes, found again by the next supervisor."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from investbot.domain.errors import ConfigError
from investbot.ports.notifier import Delivery, Fate, Notice, Tone
from investbot.supervisor.board import MOST, told
from investbot.supervisor.news import Route
from investbot.supervisor.post import Post
from investbot.supervisor.sender import Pace
from tests.fakes.news import Letterbox, MemoryNews, Wall

QUICK = Pace(look_s=0.01, message_s=0.01, calendar_s=0.05, board_s=0.01, flush_s=5.0)


class Wallboard:
    """An address that keeps what each message says."""

    def __init__(self) -> None:
        self.messages: dict[str, list[Notice]] = {}
        self.answers: list[Delivery] = []
        self.asked = 0

    def show(self, notice: Notice, message: str) -> tuple[Delivery, str]:
        self.asked += 1
        if self.answers:
            return self.answers.pop(0), message
        if message and message not in self.messages:
            return Delivery(Fate.LATER), ""
        message = message or str(self.asked)
        self.messages.setdefault(message, []).append(notice)
        return Delivery(Fate.SENT), message

    def titles(self) -> dict[str, list[str]]:
        return {message: [notice.title for notice in said] for message, said in self.messages.items()}


class Fleet:
    """Rows that a test changes."""

    def __init__(self) -> None:
        self.states = ["RUNNING"]
        self.broken = False

    async def rows(self) -> list[dict[str, Any]]:
        if self.broken:
            raise ConfigError("It cannot be read.")
        return [{"name": f"i{number}", "state": state, "mode": "paper"} for number, state in enumerate(self.states)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def wallboard() -> Wallboard:
    return Wallboard()


@pytest.fixture
def news(wallboard: Wallboard) -> MemoryNews:
    news = MemoryNews(fleet=Route("m1", "loopback", Letterbox(), board=wallboard))
    news.kinds = frozenset()
    news.status = True
    return news


@asynccontextmanager
async def showing(home: Path, news: MemoryNews, fleet: Fleet, *, asked: bool = True) -> AsyncIterator[Post]:
    post = Post(home, news, Wall(), QUICK)
    await post.open(fleet.rows)
    try:
        yield post
    finally:
        await post.close(asked=asked)


async def until(done: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110 - what is waited for happens in threads
            await asyncio.sleep(0.01)


async def test_one_message_is_edited_when_something_has_changed(
    home: Path, news: MemoryNews, wallboard: Wallboard
) -> None:
    fleet = Fleet()
    async with showing(home, news, fleet, asked=False):
        await until(lambda: wallboard.asked == 1)
        await asyncio.sleep(0.1)
        assert wallboard.asked == 1, "nothing has changed"
        fleet.broken = True
        await asyncio.sleep(0.05)
        fleet.broken, fleet.states = False, ["RUNNING", "FATAL"]
        await until(lambda: wallboard.asked == 2)
    assert wallboard.titles() == {"1": ["1 RUNNING", "1 FATAL, 1 RUNNING"]}
    assert stat.S_IMODE((home / "run/board.json").stat().st_mode) == 0o600
    async with showing(home, news, fleet):  # the next one after a death
        await until(lambda: wallboard.asked == 3)
    assert wallboard.titles()["1"][2:] == ["1 FATAL, 1 RUNNING", "The supervisor is down"]
    assert len(wallboard.messages) == 1


async def test_a_message_that_was_deleted_or_another_address_gets_a_new_one(
    home: Path, news: MemoryNews, wallboard: Wallboard
) -> None:
    fleet = Fleet()
    async with showing(home, news, fleet, asked=False) as post:
        await until(lambda: wallboard.asked == 1)
        wallboard.messages.clear()
        fleet.states = ["STOPPED"]
        await until(lambda: wallboard.messages)
        other = Wallboard()
        news.way("", Route("m2", "loopback", Letterbox(), board=other))
        await post.reload()
        await until(lambda: other.messages)
    assert list(wallboard.titles().values()) == [["1 STOPPED"]]
    assert list(other.titles().values()) == [["1 STOPPED"]]


async def test_an_address_that_is_refused_is_asked_once_and_one_that_fails_again(
    home: Path, news: MemoryNews, wallboard: Wallboard
) -> None:
    wallboard.answers = [Delivery(Fate.LATER, 0.02, "Later."), Delivery(Fate.REFUSED, None, "Gone.")]
    async with showing(home, news, Fleet()):
        await until(lambda: wallboard.asked == 2)
        await asyncio.sleep(0.1)
    assert wallboard.asked == 2
    assert wallboard.messages == {}


async def test_nobody_is_shown_what_was_not_asked_for(home: Path, news: MemoryNews, wallboard: Wallboard) -> None:
    news.status = False
    async with showing(home, news, Fleet()):
        await asyncio.sleep(0.1)
    async with showing(home, MemoryNews(), Fleet()):
        await asyncio.sleep(0.05)
    assert wallboard.asked == 0


def row(**more: Any) -> dict[str, Any]:
    return {"name": "alpha", "state": "RUNNING", "mode": "paper", "trading_state": "ACTIVE", **more}


@pytest.mark.parametrize(
    ("rows", "tone", "line"),
    [
        (
            [row(equity="1000.5", day_pnl="-2", open_positions=1)],
            Tone.GOOD,
            "RUNNING · paper · equity 1000.5 · today -2 · 1 open",
        ),
        ([row(trading_state="REDUCING", paused={"disk": "full"})], Tone.WARNING, "RUNNING · paper · REDUCING · paused"),
        ([row(state="BACKOFF")], Tone.WARNING, "BACKOFF · paper"),
        ([row(), row(state="FATAL")], Tone.ALARM, "RUNNING · paper"),
        ([{"name": "alpha", "state": "STOPPED", "error": "It cannot be read."}], Tone.PLAIN, "STOPPED"),
    ],
)
def test_what_it_says_of_an_instance(rows: list[dict[str, Any]], tone: Tone, line: str) -> None:
    notice = told(rows, 5)
    assert (notice.tone, notice.fields[0]) == (tone, ("alpha", line))


def test_many_are_counted() -> None:
    notice = told([row(name=f"i{number}") for number in range(MOST + 3)], 0)
    assert (notice.title, len(notice.fields), notice.text) == ("27 RUNNING", MOST, "3 more: `investbot status`.")
    assert replace(told([], 0), at=0).title == "No instances"
