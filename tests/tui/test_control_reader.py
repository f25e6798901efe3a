from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from investbot.control.connection import Connection
from investbot.control.messages import CloseArgs, Hello, Names, NoArgs, PanicArgs, ReadArgs, Request, WatchArgs
from investbot.control.server import ControlServer, Emit
from investbot.domain.errors import InvestBotError, LedgerError, TryAgain, VaultError
from investbot.tui.control_reader import ControlReader
from investbot.tui.conversation import Conversation
from investbot.tui.model import Link, Result, Snapshot
from tests.tui.fakes import WALL, FakeClock, fields

pytestmark = pytest.mark.usefixtures("blockbuster")
T = TypeVar("T")
DOWN = "No supervisor runs for this home; start one with `investbot up --detach`."
GONE = "The supervisor is gone; start it again with `investbot up --detach`."


class Desk:
    """A supervisor with one instance, behind a real socket."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.frames.put_nowait({"at": WALL, "status": [fields()], "events": [], "lost": 0})
        self.asked: list[tuple[str, NoArgs]] = []
        self.answers: dict[str, Any] = {}
        self.reads: list[str] = []
        self.fails: InvestBotError | None = None
        self.rows = {"fills": [[{"trade_id": "1"}], [{"trade_id": "2"}]]}

    async def answer(self, connection: Connection, request: Request, args: NoArgs, emit: Emit) -> Any:
        match args:
            case WatchArgs():
                while True:
                    await emit(await self.frames.get())
            case ReadArgs(kind=kind):
                if self.fails is not None:
                    raise self.fails
                self.reads.append(kind)
                for chunk in self.rows.get(kind, []):
                    await emit(chunk)
                return {"count": len(self.rows.get(kind, []))}
            case _:
                pass
        self.asked.append((request.verb, args))
        if self.fails is not None:
            raise self.fails
        return self.answers.get(request.verb)

    async def refused(self, connection: Connection, what: str, error: InvestBotError) -> None: ...

    async def attend(self, connection: Connection, hello: Hello) -> None: ...

    def frame(self, *rows: dict[str, Any], events: tuple[dict[str, Any], ...] = ()) -> None:
        self.frames.put_nowait({"at": WALL, "status": list(rows), "events": list(events), "lost": 0})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    log = tmp_path / "instances" / "alpha" / "logs"
    log.mkdir(parents=True)
    (log / "instance.log").write_text("one\ntwo\n")
    return tmp_path


@asynccontextmanager
async def serving(home: Path, desk: Desk) -> AsyncIterator[ControlServer]:
    # Making the socket file is the supervisor's business, at its start.
    server = await asyncio.to_thread(ControlServer, home, desk)
    await open_server(server)
    try:
        yield server
    finally:
        await server.close(grace_s=0.05)


async def open_server(server: ControlServer) -> None:
    await server.open()


@asynccontextmanager
async def reading(home: Path, offline: Any = None) -> AsyncIterator[tuple[ControlReader, FakeClock]]:
    clock = FakeClock()
    reader = ControlReader(home / "run" / "supervisor.sock", offline, clock)
    try:
        yield reader, clock
    finally:
        await reader.close()
        await reader.close()


async def eventually(look: Callable[[], Awaitable[T]], fits: Callable[[T], bool]) -> T:
    """Look again and again until what is seen fits."""
    async with asyncio.timeout(5):
        seen = await look()
        while not fits(seen):
            await asyncio.sleep(0.01)
            seen = await look()
    return seen


async def until_reads(desk: Desk, reader: ControlReader, count: int) -> None:
    await eventually(lambda: reader.instance("alpha"), lambda _: len(desk.reads) >= count)


def is_down(snapshot: Snapshot) -> bool:
    return snapshot.link is not Link.UP


async def test_a_frame_becomes_a_snapshot(home: Path) -> None:
    async with serving(home, Desk()), reading(home) as (reader, clock):
        snapshot = await reader.fleet()
        assert snapshot.link is Link.UP
        assert [row.name for row in snapshot.rows] == ["alpha"]
        assert (snapshot.at, snapshot.wall) == (clock.seconds, WALL)


async def test_a_dead_supervisor_leaves_the_last_figures_with_their_age(home: Path) -> None:
    async with reading(home) as (reader, clock):
        async with serving(home, Desk()):
            taken = (await reader.fleet()).at
        clock.seconds += 9
        snapshot = await eventually(reader.fleet, is_down)
        assert (snapshot.link, snapshot.at, snapshot.why) == (Link.LOST, taken, GONE)
        assert [row.name for row in snapshot.rows] == ["alpha"]
        assert await reader.act("stop", ["alpha"], {}) == [Result("alpha", ok=False, message=DOWN)]
        [panic] = await reader.act("panic", [], {})
        assert "`investbot panic` in a shell" in panic.message
        async with serving(home, Desk()):
            assert (await reader.fleet()).link is Link.UP


async def test_nobody_ever_answered(home: Path) -> None:
    async with reading(home) as (reader, _):
        snapshot = await reader.fleet()
        assert (snapshot.link, snapshot.rows, snapshot.why) == (Link.DOWN, (), DOWN)


async def test_without_a_supervisor_the_ledgers_are_read_now_and_then(home: Path) -> None:
    calls = 0

    def offline() -> list[dict[str, Any]]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise VaultError("The passphrase is wrong.")
        return [fields(state="STOPPED")]

    async with reading(home, offline) as (reader, clock):
        first = await reader.fleet()
        clock.seconds += 4.9
        assert await reader.fleet() == first
        assert (first.link, first.rows[0].state, first.why) == (Link.DOWN, "STOPPED", DOWN)
        clock.seconds += 0.2
        second = await reader.fleet()
        assert (second.why, second.rows) == ("The passphrase is wrong.", first.rows)
        assert calls == 2
        async with serving(home, Desk()):
            assert (await reader.fleet()).link is Link.UP


async def test_a_first_look_that_fails_shows_nothing_but_why(home: Path) -> None:
    def offline() -> list[dict[str, Any]]:
        raise LedgerError("The disk is gone.")

    async with reading(home, offline) as (reader, _):
        snapshot = await reader.fleet()
        assert (snapshot.rows, snapshot.why) == ((), "The disk is gone.")


async def test_an_instance_is_read_again_only_when_it_has_news(home: Path) -> None:
    desk = Desk()
    async with serving(home, desk), reading(home) as (reader, clock):
        await reader.fleet()
        detail = await reader.instance("alpha")
        assert desk.reads == ["positions", "orders", "fills", "trips", "signals"]
        assert [fill["trade_id"] for fill in detail.fills] == ["1", "2"]
        assert detail.positions == ()
        assert detail.log == ("one", "two")
        clock.seconds += 2
        again = await reader.instance("alpha")
        assert len(desk.reads) == 5
        assert (again.at, again.fills) == (clock.seconds, detail.fills)
        desk.frame(fields(), events=({"name": "bravo"},))
        desk.frame(fields(equity="1"))
        await eventually(reader.fleet, lambda snapshot: snapshot.rows[0].equity == 1)
        await reader.instance("alpha")
        assert len(desk.reads) == 5
        desk.frame(fields(), events=({"name": "alpha"},))
        await until_reads(desk, reader, 10)
        desk.frame(fields(state="STOPPED"))
        await until_reads(desk, reader, 15)


async def test_rows_that_cannot_be_read_are_said_and_the_old_ones_stay(home: Path) -> None:
    desk = Desk()
    async with reading(home) as (reader, clock):
        async with serving(home, desk):
            await reader.fleet()
            before = await reader.instance("alpha")
            desk.fails = LedgerError("The ledger is locked.")
            desk.frame(fields(), events=({"name": "alpha"},))
            clock.seconds += 3
            detail = await eventually(lambda: reader.instance("alpha"), lambda seen: seen.why != "")
            assert (detail.why, detail.fills, detail.at) == ("The ledger is locked.", before.fills, before.at)
        await eventually(reader.fleet, is_down)
        detail = await reader.instance("alpha")
        assert (detail.why, detail.fills, detail.log) == (DOWN, before.fills, ("one", "two"))


async def test_verbs_go_to_the_supervisor_and_every_line_comes_back(home: Path) -> None:
    desk = Desk()
    desk.answers = {
        "stop": [{"name": "alpha", "ok": True, "message": "stopped"}, {"name": "b", "ok": False, "message": "busy"}],
        "panic": {"lines": [{"name": "alpha", "ok": True, "message": "flat"}]},
        "close": {"accepted": True},
    }
    async with serving(home, desk), reading(home) as (reader, _):
        assert await reader.act("stop", ["alpha", "b"], {}) == [
            Result("alpha", ok=True, message="stopped"),
            Result("b", ok=False, message="busy"),
        ]
        assert await reader.act("panic", [], {}) == [Result("alpha", ok=True, message="flat")]
        close = {"name": "alpha", "symbol": "BTC/USDT"}
        assert await reader.act("close", [], close) == [Result("fleet", ok=True, message="done")]
        assert await reader.act("pause", ["alpha"], {}) == [Result("alpha", ok=True, message="done")]
        assert desk.asked == [
            ("stop", Names(by="dash", names=["alpha", "b"])),
            ("panic", PanicArgs(by="dash")),
            ("close", CloseArgs(by="dash", name="alpha", symbol="BTC/USDT")),
            ("pause", Names(by="dash", names=["alpha"])),
        ]


async def test_what_the_supervisor_refuses_is_a_result(home: Path) -> None:
    desk = Desk()
    desk.fails = TryAgain("Cooling down.")
    async with serving(home, desk), reading(home) as (reader, _):
        assert await reader.act("flatten", ["alpha"], {}) == [Result("alpha", ok=False, message="Cooling down.")]
        [result] = await reader.act("dance", ["alpha"], {})
        assert not result.ok
        assert result.message.startswith("The supervisor knows no verb 'dance'")


async def test_a_supervisor_that_goes_in_mid_question(home: Path) -> None:
    class Mute(Desk):
        async def answer(self, connection: Connection, request: Request, args: NoArgs, emit: Emit) -> Any:
            if isinstance(args, WatchArgs):
                return await super().answer(connection, request, args, emit)
            connection.abort()
            return None

    async with serving(home, Mute()), reading(home) as (reader, _):
        await reader.fleet()
        assert await reader.act("stop", ["alpha"], {}) == [Result("alpha", ok=False, message=GONE)]


async def test_a_supervisor_that_never_answers(home: Path) -> None:
    class Slow(Desk):
        async def answer(self, connection: Connection, request: Request, args: NoArgs, emit: Emit) -> Any:
            await asyncio.sleep(60)

    async with serving(home, Slow()):
        talk = await Conversation.dial(home / "run" / "supervisor.sock")
        assert talk is not None
        with pytest.raises(InvestBotError, match="did not answer within 0 s"):
            await talk.call("stop", {"names": ["alpha"]}, 0.05)
        await talk.close()


async def test_nonsense_on_the_line_is_the_end_of_it(home: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"not json\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(nonsense, home / "run" / "supervisor.sock")
    async with server, reading(home) as (reader, _):
        assert (await reader.act("stop", ["alpha"], {}))[0].message == GONE
        assert (await reader.fleet()).link is Link.DOWN
