"""The post on an event loop: what goes out when, what a dead address costs, what a death leaves behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from investbot.domain import events as e
from investbot.domain.market import DAY
from investbot.domain.states import InstanceState as S
from investbot.domain.states import TradingState
from investbot.ports.notifier import Delivery, Fate, Kind, Notice
from investbot.supervisor.lifecycle import Life
from investbot.supervisor.outbox import Outbox
from investbot.supervisor.post import Post
from investbot.supervisor.route_health import read_health
from investbot.supervisor.sender import Pace, in_daemon
from tests.fakes.news import NOON, TODAY, Letterbox, MemoryNews, Wall

QUICK = Pace(look_s=0.01, message_s=0.01, calendar_s=0.05, first_s=0.01, longest_s=0.05, flush_s=5.0)
GONE = Delivery(Fate.REFUSED, None, "Discord knows no such webhook (404).")
LATER = Delivery(Fate.LATER, None, "Discord cannot be reached.")


def breach(number: int = 1) -> e.Event:
    return e.TradingStateChanged(NOON + number, TradingState.REDUCING, f"daily_loss: number {number}")


def told(box: Letterbox) -> list[str]:
    return [notice.text.partition("\n")[0] for batch in box.given for notice in batch if notice.kind is Kind.LIMITS]


async def until(done: Callable[[], Any], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - what is waited for happens in threads
            await asyncio.sleep(0.01)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def box() -> Letterbox:
    return Letterbox()


@pytest.fixture
def news(box: Letterbox) -> MemoryNews:
    news = MemoryNews(fleet=box)
    news.ledgers = {"alpha": []}
    return news


@asynccontextmanager
async def posting(
    home: Path, news: MemoryNews | None, wall: Wall | None = None, pace: Pace = QUICK, *, asked: bool = True
) -> AsyncIterator[Post]:
    post = Post(home, news, wall or Wall(), pace)
    await post.open()
    try:
        yield post
    finally:
        await post.close(asked=asked)


async def kill(post: Post) -> None:
    """Let a supervisor end as kill -9 does: nothing is said or written any more."""
    tasks = [*post._tasks, *post._sending.values()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.to_thread(post._clerk.shutdown)


def event(seq: int, kind: str = "TradingStateChanged") -> dict[str, Any]:
    return {"name": "alpha", "seq": seq, "kind": kind}


async def test_an_event_goes_out(home: Path, news: MemoryNews, box: Letterbox) -> None:
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach())
        post.put(event(1))
        await until(lambda: told(box) == ["number 1"])
        post.put(event(1))
        await asyncio.sleep(0.1)
    assert told(box) == ["number 1"]
    assert read_health(home / "run/notices.json")[""].sent == 2
    assert box.titles[-1] == "The supervisor goes down"


async def test_nothing_holds_the_loop_up(home: Path, news: MemoryNews, box: Letterbox, blockbuster: Any) -> None:
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach())
        post.put(event(1))
        post.moved("alpha", Life(S.RUNNING), 7)
        await post.compare([])
        await until(lambda: told(box) == ["number 1"])
        await post.reload()


async def test_an_event_that_was_not_heard_is_found_by_the_next_one(
    home: Path, news: MemoryNews, box: Letterbox
) -> None:
    async with posting(home, news) as post:
        post.put(event(1, "PeakRaised"))
        await until(lambda: news.reads >= 2)
        reads = news.reads
        post.put(event(2, "PeakRaised"))
        post.put({"name": "alpha", "kind": "InstanceMoved"})
        await asyncio.sleep(0.1)
        assert news.reads == reads, "an event without news costs nothing"
        news.ledgers["alpha"] += [breach(1), breach(2), breach(3)]
        post.put(event(9, "PeakRaised"))
        await until(lambda: len(told(box)) == 3)


async def test_messages_are_spaced_and_hold_what_fits(home: Path, news: MemoryNews) -> None:
    times: list[float] = []

    class Timed(Letterbox):
        def deliver(self, notices: Sequence[Notice]) -> Delivery:
            times.append(asyncio.run_coroutine_threadsafe(now(), loop).result())
            return super().deliver(notices)

    async def now() -> float:
        return loop.time()

    loop = asyncio.get_running_loop()
    box = Timed()
    news.way("", box)
    async with posting(home, news, pace=replace(QUICK, message_s=0.2)) as post:
        news.ledgers["alpha"] += [breach(n) for n in range(8)]
        post.look("alpha")
        await until(lambda: len(told(box)) == 8)
    assert [len(batch) for batch in box.given[:3]] == [3, 3, 2]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.19
    assert Pace().message_s == 1.0


async def test_an_address_says_how_long_to_wait(home: Path, news: MemoryNews, box: Letterbox) -> None:
    box.fates.extend([Delivery(Fate.LATER, 0.4, "Discord asks for patience (429).")])
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach())
        began = asyncio.get_running_loop().time()
        post.look("alpha")
        await until(lambda: post.health("alpha") == {"waiting": 1, "error": "Discord asks for patience (429)."})
        await until(lambda: told(box) == ["number 1"])
        assert asyncio.get_running_loop().time() - began >= 0.4
        await until(lambda: post.health("alpha") == {"waiting": 0, "error": None})


async def test_an_address_that_fails_is_tried_again_ever_more_patiently(
    home: Path, news: MemoryNews, box: Letterbox
) -> None:
    box.fates.extend([LATER] * 6)
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach())
        post.look("alpha")
        await until(lambda: told(box) == ["number 1"])
    assert not box.fates


async def test_a_death_loses_nothing_and_repeats_nothing(home: Path, news: MemoryNews, box: Letterbox) -> None:
    box.fates.extend([LATER] * 1000)
    post = Post(home, news, Wall(), QUICK)
    await post.open()
    news.ledgers["alpha"] += [breach(1), breach(2)]
    post.look("alpha")
    await until(lambda: (post.health("alpha") or {}).get("waiting") == 2)
    await kill(post)
    news.ledgers["alpha"].append(breach(3))
    box.fates.clear()
    async with posting(home, news):
        await until(lambda: len(told(box)) == 3)
    assert told(box) == ["number 1", "number 2", "number 3"]


async def test_a_message_that_was_in_the_air_at_death_is_sent_again(home: Path, news: MemoryNews) -> None:
    arrived, hold = threading.Event(), threading.Event()

    class Slow(Letterbox):
        def deliver(self, notices: Sequence[Notice]) -> Delivery:
            delivery = super().deliver(notices)
            arrived.set()
            hold.wait(60)
            return delivery

    slow = Slow()
    news.way("", slow)
    post = Post(home, news, Wall(), QUICK)
    await post.open()
    news.ledgers["alpha"].append(breach(1))
    post.look("alpha")
    await until(arrived.is_set)
    await kill(post)
    hold.set()
    box = Letterbox()
    news.way("", box)
    async with posting(home, news):
        await until(lambda: told(box) == ["number 1"])
    assert told(slow) == ["number 1"]


async def test_a_refused_address_is_asked_no_more_until_told_to(
    home: Path, news: MemoryNews, box: Letterbox, caplog: pytest.LogCaptureFixture
) -> None:
    box.fates.extend([GONE])
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach(1))
        post.look("alpha")
        await until(lambda: (post.health("alpha") or {}).get("error") == GONE.why)
        news.ledgers["alpha"].append(breach(2))
        post.look("alpha")
        await asyncio.sleep(0.2)
        assert box.given == []
    assert [record.getMessage() for record in caplog.records].count("notices_refused") == 1
    known = read_health(home / "run/notices.json")[""]
    assert (known.refused, known.why, known.waiting) == (True, GONE.why, 3)
    async with posting(home, news) as post:
        assert post.health("alpha") == {"waiting": 3, "error": GONE.why}
        await asyncio.sleep(0.2)
        assert box.given == []
        await post.reload()
        await until(lambda: told(box) == ["number 1", "number 2"])
    assert not read_health(home / "run/notices.json")[""].refused


async def test_another_address_is_served_at_once(home: Path, news: MemoryNews, box: Letterbox) -> None:
    box.fates.extend([GONE])
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach(1))
        post.look("alpha")
        await until(lambda: (post.health("alpha") or {}).get("error") == GONE.why)
        other = Letterbox("m2")
        news.way("", other)
        await post.reload()
        await until(lambda: told(other) == ["number 1"])
        news.ways = {}
        await post.reload()
        assert post.health("alpha") is None
        post.look("alpha")
        post.moved("alpha", Life(S.RUNNING), 7)
        post.tell(Notice(NOON, Kind.LIMITS, "x"))
        post.put(event(7))
        await asyncio.sleep(0.1)
    assert box.given == []


async def test_an_address_that_is_none_is_told_and_never_asked(home: Path, news: MemoryNews) -> None:
    news.way("", replace(Letterbox().route(), notifier=None, why="It is none."))
    async with posting(home, news) as post:
        assert post.health("alpha") == {"waiting": 0, "error": "It is none."}
        news.ledgers["alpha"].append(breach(1))
        post.look("alpha")


async def test_each_goes_its_own_way(home: Path, news: MemoryNews, box: Letterbox) -> None:
    own = Letterbox("m2")
    own.fates.extend([LATER] * 10_000)
    news.way("beta", own)
    news.ledgers["beta"] = []
    async with posting(home, news, pace=replace(QUICK, flush_s=0.1)) as post:
        news.ledgers["beta"].append(breach(2))
        post.look("beta")
        await until(lambda: (post.health("beta") or {}).get("error"))
        news.ledgers["alpha"].append(breach(1))
        post.look("alpha")
        await until(lambda: told(box) == ["number 1"])
        assert (post.health("alpha") or {})["error"] is None
    assert own.given == []


async def test_one_that_is_not_taken_keeps_no_other_back(home: Path, news: MemoryNews) -> None:
    class Picky(Letterbox):
        def deliver(self, notices: Sequence[Notice]) -> Delivery:
            if any("number 2" in notice.text for notice in notices):
                return Delivery(Fate.UNFIT, 0.0, "Discord does not take this message (400).")
            return super().deliver(notices)

    box = Picky()
    news.way("", box)
    async with posting(home, news) as post:
        news.ledgers["alpha"] += [breach(1), breach(2), breach(3)]
        post.look("alpha")
        await until(lambda: told(box) == ["number 1", "number 3"])
    assert Outbox(home / "run/outbox.jsonl").waiting() == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_notifier_that_breaks_is_survived(home: Path, news: MemoryNews) -> None:
    class Broken(Letterbox):
        def deliver(self, notices: Sequence[Notice]) -> Delivery:
            if not self.fates:
                self.fates.append(LATER)
                raise ZeroDivisionError
            self.given.append(list(notices))
            return Delivery(Fate.SENT)

    box = Broken()
    news.way("", box)
    async with posting(home, news) as post:
        news.ledgers["alpha"].append(breach(1))
        post.look("alpha")
        await asyncio.sleep(0.05)
        news.ledgers["alpha"].append(breach(2))
        post.look("alpha")
        await until(lambda: "number 2" in told(box))


async def test_a_loop_that_is_gone_is_waited_for_by_nobody() -> None:
    hold = threading.Event()

    def slow() -> Delivery:
        hold.wait(60)
        return Delivery(Fate.SENT)

    waiting = asyncio.create_task(in_daemon(slow))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    hold.set()
    await asyncio.sleep(0.05)


async def test_going_down_waits_for_a_dead_address_no_longer_than_it_says(home: Path, news: MemoryNews) -> None:
    hold = threading.Event()

    class Hanging(Letterbox):
        def deliver(self, notices: Sequence[Notice]) -> Delivery:
            hold.wait(100)
            return LATER

    news.way("", Hanging())
    try:
        async with asyncio.timeout(60), posting(home, news, pace=replace(QUICK, flush_s=0.2)) as post:
            news.ledgers["alpha"].append(breach(1))
            post.look("alpha")
            await asyncio.sleep(0.1)
    finally:
        hold.set()
    assert Outbox(home / "run/outbox.jsonl").waiting() == 2
    assert Pace().flush_s <= 3.0


async def test_moves_and_the_fleets_own_news_are_told(home: Path, news: MemoryNews, box: Letterbox) -> None:
    async with posting(home, news, asked=False) as post:
        keeper: Any = SimpleNamespace(name="alpha", life=Life(S.STARTING), process=None)
        await post.compare([keeper])
        post.moved("alpha", Life(S.RUNNING), 7)
        post.tell(Notice(NOON, Kind.LIMITS, "A limit of the fleet"))
        await until(lambda: len(box.titles) == 3)
    assert sorted(box.titles) == ["A limit of the fleet", "The supervisor is up", "alpha is RUNNING"]
    assert Outbox(home / "run/outbox.jsonl").died


async def test_at_midnight_days_are_summed_up(home: Path, news: MemoryNews, box: Letterbox) -> None:
    wall = Wall()
    async with posting(home, news, wall):
        await asyncio.sleep(0.15)
        assert box.titles == []
        wall.at = (TODAY + 1) * DAY + 60_000
        await until(lambda: len(box.titles) == 2)
    assert box.titles[0] == "Daily summary of alpha, 2026-01-02"


async def test_without_news_there_is_no_post(home: Path) -> None:
    async with posting(home, None) as post:
        await post.reload()
        await post.compare([])
        post.moved("alpha", Life(S.RUNNING), 7)
        assert post.health("alpha") is None
    assert list((home / "run").iterdir()) == []


async def test_more_than_a_page_is_read(home: Path, news: MemoryNews) -> None:
    async with posting(home, news) as post:
        news.ledgers["alpha"] += [e.EntriesPaused(NOON, "venue", f"number {n}") for n in range(1200)]
        post.look("alpha")
        desk = post._desk
        assert desk is not None
        await until(lambda: desk.room.outbox.cursor("alpha") == 1200)


def test_health_of_a_disk_that_is_full_is_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from investbot.supervisor.route_health import RouteHealth, write_health

    path = tmp_path / "notices.json"
    write_health(path, {"": RouteHealth("m", "h")}, 0)

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("json.dump", full)
    write_health(path, {"": RouteHealth("m2", "h")}, 0)
    assert read_health(path)[""].mark == "m"
    assert [each.name for each in tmp_path.iterdir()] == ["notices.json"]
