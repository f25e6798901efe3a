"""Asking the world outside: told in order, told once, and never in the way of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import DataError
from investbot.domain.facts import Fact, Intelligence, IntelligenceFailed
from investbot.domain.intelligence import IntelligenceHeard, IntelligenceItem, IntelligenceRefused
from investbot.domain.market import DAY
from investbot.instance import intelligence
from investbot.instance.host import FactAt
from investbot.instance.intelligence import Listening
from investbot.instance.runner import Runner
from investbot.ports.intelligence import Answer, IntelligenceSource
from tests.unit.instance.hosts import BEGIN, BTC, Host, walk

ITEM = IntelligenceItem("news", BTC, 0.5, 0.5, BEGIN, BEGIN + DAY, "n1")


def of(host: Host, *kinds: type[Any]) -> list[Any]:
    return [recorded.event for recorded in host.ledger.events() if isinstance(recorded.event, kinds)]


class Told(IntelligenceSource):
    """Answers from a list, then the last one again and again; an error is raised, a function called."""

    def __init__(
        self, *answers: Answer | Exception | Callable[[], Any], name: str = "news", timeout_s: float = 5.0
    ) -> None:
        self._answers = list(answers)
        self._name, self._timeout_s = name, timeout_s
        self.asked: list[int] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def every_s(self) -> float:
        return 0.001

    @property
    def timeout_s(self) -> float:
        return self._timeout_s

    async def look(self, now: int) -> Answer:
        self.asked.append(now)
        said = self._answers[min(len(self.asked), len(self._answers)) - 1]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Answer) else await said()

    async def close(self) -> None:
        self.closed += 1


class Ears:
    """What was told, with the moment at which it was."""

    def __init__(self, *sources: IntelligenceSource) -> None:
        self.facts: list[Fact] = []
        self.ready = True
        self.listening = Listening(sources, self.tell, lambda: BEGIN, lambda: self.ready)

    def tell(self, told: Sequence[FactAt]) -> None:
        self.facts += [fact_at(BEGIN + 7) for fact_at in told]


async def test_items_become_a_fact_of_the_moment_in_which_they_are_taken_in() -> None:
    source = Told(Answer((ITEM,)))
    ears = Ears(source)
    await ears.listening.look(source)
    assert ears.facts == [Intelligence(BEGIN + 7, (ITEM,))]
    assert source.asked == [BEGIN]
    assert ears.listening.health() == {"intelligence": "news: 1 items"}


async def test_a_failure_is_told_once_until_there_was_an_answer() -> None:
    failing, good = DataError("No JSON."), Answer(())
    source = Told(failing, failing, good, failing)
    ears = Ears(source)
    for _ in range(4):
        await ears.listening.look(source)
    assert ears.facts == [IntelligenceFailed(BEGIN + 7, "news", "No JSON.")] * 2
    assert ears.listening.health() == {"intelligence": "news: No JSON."}


async def test_what_can_be_used_of_an_answer_is_and_the_rest_is_told() -> None:
    source = Told(Answer((ITEM,), ("Bad.", "Worse.")))
    ears = Ears(source)
    await ears.listening.look(source)
    told = IntelligenceFailed(BEGIN + 7, "news", "2 of its items cannot be used: Bad.")
    assert ears.facts == [Intelligence(BEGIN + 7, (ITEM,)), told]


async def test_a_bug_in_a_source_is_its_own_affair(caplog: pytest.LogCaptureFixture) -> None:
    source = Told(ZeroDivisionError("canary"))
    ears = Ears(source)
    await ears.listening.look(source)
    assert ears.facts == [IntelligenceFailed(BEGIN + 7, "news", "Asking it broke off (ZeroDivisionError).")]
    assert "intelligence_broke" in caplog.messages


async def test_a_source_that_never_answers_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intelligence, "_GRACE_S", 0.0)
    source = Told(asyncio.Event().wait, timeout_s=0.01)
    ears = Ears(source)
    await ears.listening.look(source)
    assert ears.facts == [IntelligenceFailed(BEGIN + 7, "news", "It did not answer within 0.01 seconds.")]

    async def gives_up() -> None:
        raise asyncio.CancelledError

    again = Told(gives_up, name="other")
    await ears.listening.look(again)
    assert len(ears.facts) == 2


async def test_a_source_is_not_asked_on_when_the_listening_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    source = Told(waits)
    looking = asyncio.create_task(Ears(source).listening.look(source))
    while not source.asked:  # noqa: ASYNC110 - lists tell nobody
        await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait((looking,))
    await asyncio.wait_for(ended.wait(), 10)


async def test_each_source_is_asked_again_and_again_beside_the_others_and_closed_at_the_end() -> None:
    slow, quick = Told(asyncio.Event().wait, name="slow"), Told(Answer((ITEM,)), name="quick")
    ears = Ears(slow, quick)
    ears.ready = False
    running = asyncio.create_task(ears.listening.run())
    await asyncio.sleep(0)
    assert (slow.asked, quick.asked) == ([], [])
    ears.ready = True
    async with asyncio.timeout(30):
        while len(quick.asked) < 5:  # noqa: ASYNC110 - lists tell nobody
            await asyncio.sleep(0.001)
    assert len(slow.asked) == 1
    running.cancel()
    await asyncio.wait((running,))
    assert (slow.closed, quick.closed) == (1, 1)
    assert Ears().listening.health() == {}


async def test_an_instance_hears_stores_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intelligence, "_READY_S", 0.001)
    host = Host(walk(60))
    sources = [Told(Answer((ITEM,))), Told(DataError("A page."), name="bad"), Told(ZeroDivisionError(), name="broken")]
    runner = Runner(replace(host.parts(), sources=sources))
    task = asyncio.create_task(runner.run())
    await host.until(lambda: len(sources[0].asked) > 3 and len(sources[2].asked) > 3)
    await host.until(lambda: len(of(host, IntelligenceHeard, IntelligenceRefused)) >= 3)
    assert "bad: A page." in runner._health()["intelligence"]
    host.venue.finish()
    ending = await task
    assert ending.finished
    heard = of(host, IntelligenceHeard)
    assert [each.item for each in heard] == [ITEM]
    assert {each.source for each in of(host, IntelligenceRefused)} == {"bad", "broken"}
    assert len(of(host, IntelligenceRefused)) == 2
    assert all(source.closed for source in sources)


LINE: dict[str, Any] = {
    "source": "desk",
    "bias": 0.5,
    "confidence": 0.5,
    "published_at": BEGIN,
    "expires_at": BEGIN + DAY,
}


async def test_items_are_pushed_once_and_their_faults_are_told() -> None:
    host = Host(walk(60))
    runner = host.runner()
    task = asyncio.create_task(runner.run())
    await host.until(lambda: runner._loop and runner._loop.candles == 60)
    early = {**LINE, "published_at": BEGIN + 20 * DAY, "expires_at": BEGIN + 21 * DAY}
    request = InstanceRequest(action="intelligence", items=[LINE, LINE, early])
    told = await runner.serve(request)
    assert [event["kind"] for event in told["events"]] == ["IntelligenceHeard", "IntelligenceRefused"]
    assert (await runner.serve(request))["events"][0]["kind"] == "IntelligenceRefused"
    with pytest.raises(DataError, match="bias"):
        await runner.serve(InstanceRequest(action="intelligence", items=[{**LINE, "bias": 7}]))
    assert (await runner.serve(InstanceRequest(action="intelligence")))["events"] == []
    host.venue.finish()
    assert (await task).finished
    assert len(of(host, IntelligenceHeard)) == 1
