"""The post: looks for news, sums up days, and sends what waits, beside everything else a supervisor does.

Nothing here can hold the event loop up: files and ledgers are worked on by one thread, messages are sent from threads
of their own that nobody waits for at the end. An address that does not answer costs nobody anything but its own news.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from investbot.ports.clock import Clock
from investbot.ports.notifier import Notice
from investbot.supervisor.board import ReadRows, StatusBoard
from investbot.supervisor.keeper import Keeper
from investbot.supervisor.lifecycle import Life
from investbot.supervisor.mailroom import Mailroom, Move
from investbot.supervisor.news import News, Route
from investbot.supervisor.notices import ALWAYS, TOLD
from investbot.supervisor.route_health import RouteHealth, read_health, write_health
from investbot.supervisor.sender import Desk, Pace, Sender

T = TypeVar("T")
_TELLING = frozenset({*ALWAYS, *(each for kinds in TOLD.values() for each in kinds)})


class Post:
    """Serves the notices of one supervisor; without an address, or anything to tell, it does nothing."""

    def __init__(self, home: Path, news: News | None, clock: Clock, pace: Pace | None = None) -> None:
        """Keep the outbox and the health of the addresses in the `run` folder of `home`."""
        self._run = home / "run"
        self._news = news
        self._clock = clock
        self._pace = pace or Pace()
        self._clerk = ThreadPoolExecutor(1, "post")
        self._desk: Desk | None = None
        self._health: dict[str, RouteHealth] = {}
        self._senders: dict[str, Sender] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._moves: list[Move] = []
        self._stale: set[str] = set()
        self._notices: list[Notice] = []
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._seqs: dict[str, int] = {}
        self._routes: Mapping[str, Route] = {}
        self._board: StatusBoard | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, rows: ReadRows | None = None) -> None:
        """Begin to serve, with what the last supervisor left; `rows` tells how all instances are."""
        news = self._news
        if news is None:
            return
        room = await self._in_clerk(lambda: Mailroom(self._run / "outbox.jsonl", news))
        self._desk = Desk(room, self._in_clerk, self._clock, self._pace, self._write_health)
        await self._read_routes(await self._in_clerk(lambda: read_health(self._run / "notices.json")))
        self._tasks = [asyncio.create_task(self._collect()), asyncio.create_task(self._calendar())]
        if rows is not None:
            self._board = StatusBoard(self._run / "board.json", self._board_way, rows, self._clock, self._board_turn)
            self._tasks.append(asyncio.create_task(self._board.run(self._pace.board_s)))

    async def close(self, *, asked: bool = True) -> None:
        """Let what waits go out, within seconds; `asked` tells whether the supervisor goes because it was told to."""
        desk = self._desk
        if desk is not None:
            await self._gather()
            if asked:
                await self._in_clerk(lambda: desk.room.goes_down(self._clock.now()))
            self._wake()
            await self._flush()
            await self._write_health()
        tasks = [*self._tasks, *self._sending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._senders.clear()
        if self._board is not None and asked:
            await self._board.down(self._pace.flush_s)
        await asyncio.to_thread(self._clerk.shutdown)

    async def reload(self) -> None:
        """Read addresses and names anew; an address that was refused is tried again."""
        await self._read_routes({})

    async def _read_routes(self, known: Mapping[str, RouteHealth]) -> None:
        """Serve the addresses there are now; those that were refused are tried again, but for those `known` to be."""
        desk = self._desk
        if desk is None:
            return
        routes = await self._in_clerk(lambda: desk.room.reload(self._clock.now()))
        for name, health in list(self._health.items()):
            if health.refused or name not in routes or routes[name].mark != health.mark:
                self._end(name)
        self._routes = routes
        for name, route in routes.items():
            if name not in self._health:
                self._begin(name, route, known.get(name))
        await self._write_health()
        self._wake()

    def moved(self, name: str, life: Life, pid: int | None) -> None:
        """Hear that an instance came to another state."""
        if self._health:
            self._moves.append(Move(name, life, pid, self._clock.now()))
            self.look(name)

    def put(self, event: dict[str, Any]) -> None:
        """Hear an event of an instance: its ledger is looked at soon, also when events before it were not heard."""
        if not self._health or "seq" not in event:
            return
        name, seq = str(event["name"]), int(event["seq"])
        before, self._seqs[name] = self._seqs.get(name), seq
        if event.get("kind") in _TELLING or before is None or seq != before + 1:
            self.look(name)

    def look(self, name: str) -> None:
        """Look into the ledger of an instance soon."""
        self._stale.add(name)
        self._woken.set()

    def tell(self, notice: Notice) -> None:
        """Tell something of the whole fleet."""
        if self._health:
            self._notices.append(notice)
            self._woken.set()

    async def compare(self, keepers: Iterable[Keeper]) -> None:
        """Tell what became of the instances while nobody watched, and that somebody does again."""
        desk, now = self._desk, self._clock.now()
        if desk is not None:
            moves = [Move(each.name, each.life, each.process.pid if each.process else None, now) for each in keepers]
            await self._in_clerk(lambda: desk.room.compare(moves, now))
            self._wake()

    def health(self, name: str) -> dict[str, Any] | None:
        """Say how the news of an instance gets out, for its row of `status`; None without an address."""
        health = self._health.get(name) or self._health.get("")
        return None if health is None else {"waiting": health.waiting, "error": health.why or None}

    # ---- collecting --------------------------------------------------------------------------------------------

    async def _collect(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._gather()
            await asyncio.sleep(self._pace.look_s)

    async def _gather(self) -> None:
        """Put what was heard of since the last time into the outbox."""
        desk = self._desk
        if desk is None:
            return
        moves, self._moves = self._moves, []
        stale, self._stale = self._stale, set()
        told, self._notices = self._notices, []

        def work() -> set[str]:
            now = self._clock.now()
            for move in moves:
                desk.room.moved(move)
            for notice in told:
                desk.room.fleet_notice(notice, now)
            return {name for name in sorted(stale) if desk.room.look(name, now)}

        for name in await self._in_clerk(work):
            self.look(name)
        self._wake()

    async def _flush(self) -> None:
        """Wait until all that can be sent is, or time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pace.flush_s):
                while await self._in_clerk(self._is_unsent):
                    await self._settled.wait()

    async def _calendar(self) -> None:
        while self._desk is not None:
            room = self._desk.room
            await self._in_clerk(lambda room=room: room.midnight(self._clock.now()))  # type: ignore[misc]
            self._wake()
            await self._write_health()
            await asyncio.sleep(self._pace.calendar_s)

    # ---- sending -----------------------------------------------------------------------------------------------

    def _begin(self, name: str, route: Route, known: RouteHealth | None) -> None:
        """Serve an address, unless it was refused before and is still the same."""
        health = known if known is not None and known.mark == route.mark else RouteHealth(route.mark, route.host)
        if route.notifier is None:
            health.refused, health.why = True, route.why
        self._health[name] = health
        if route.notifier is not None and not health.refused and self._desk is not None:
            sender = self._senders[name] = Sender(name, route.notifier, health, self._desk)
            self._sending[name] = asyncio.create_task(sender.run())

    def _end(self, name: str) -> None:
        self._health.pop(name, None)
        self._senders.pop(name, None)
        if name in self._sending:
            self._sending.pop(name).cancel()

    async def _board_way(self) -> Route | None:
        """Give the fleet's address where one message is to be kept up to date there."""
        health = self._health.get("")
        if self._news is None or health is None or health.refused:
            return None
        return self._routes.get("") if await self._in_clerk(self._news.fleet_status) else None

    @contextlib.asynccontextmanager
    async def _board_turn(self) -> AsyncIterator[None]:
        """Have the fleet's address for oneself, for one message."""
        sender = self._senders.get("")
        async with contextlib.nullcontext() if sender is None else sender.turn:
            yield
            await asyncio.sleep(0.0 if sender is None else self._pace.message_s)

    def _wake(self) -> None:
        for sender in self._senders.values():
            sender.wake()

    def _is_unsent(self) -> bool:
        """Tell whether there is something that may yet get out: addresses that fail are not waited for."""
        room = self._desk.room if self._desk else None
        good = {name for name, health in self._health.items() if not health.why}
        return room is not None and bool(room.outbox.due(self._clock.now(), lambda each: room.route_of(each) in good))

    async def _write_health(self) -> None:
        """Write down how the addresses fare, and let those know who wait for messages to get out."""
        self._settled.set()
        self._settled = asyncio.Event()
        desk = self._desk
        if desk is not None:
            await self._in_clerk(lambda: self._count_and_write(desk.room))

    def _count_and_write(self, room: Mailroom) -> None:
        routes = dict(self._health)
        for name, health in routes.items():
            health.waiting = room.outbox.waiting(lambda notice, name=name: room.route_of(notice) == name)  # type: ignore[misc]
        write_health(self._run / "notices.json", routes, room.outbox.dropped)

    async def _in_clerk(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._clerk, work)
