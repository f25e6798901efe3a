"""The supervisor: answers faces, attends to instances, and keeps the fleet until it is told to go down."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from investbot import __version__
from investbot.control import messages as m
from investbot.control.access import Access
from investbot.control.connection import Connection
from investbot.control.server import ControlServer, Emit
from investbot.domain.errors import InvestBotError, LedgerError, UsageError
from investbot.domain.market import Millis
from investbot.domain.times import rfc3339
from investbot.ports.clock import Clock
from investbot.supervisor.companions import Companion, Companions
from investbot.supervisor.cooldown import Cooldown
from investbot.supervisor.disk import Disk
from investbot.supervisor.fleet import Fleet
from investbot.supervisor.herald import Herald
from investbot.supervisor.hub import Hub
from investbot.supervisor.keeper import Tools
from investbot.supervisor.life_notices import disk_full
from investbot.supervisor.lifecycle import Life, Patience
from investbot.supervisor.lines import Line, exit_of, worst
from investbot.supervisor.outside import Outside
from investbot.supervisor.post import Post
from investbot.supervisor.process_keeper import Bench
from investbot.supervisor.rows import Rows
from investbot.supervisor.running import Running
from investbot.supervisor.scribe import Scribe
from investbot.supervisor.spawn import Spawner
from investbot.supervisor.trading import Trading
from investbot.supervisor.turns import Turns
from investbot.supervisor.warden import Limits, Warden, limit_notice, no_limits

_CHUNK_BYTES = 1 << 18
LookAtKeys = Callable[[str], dict[str, Any]]
"""Takes an instance's name, tells which keys it has and what its venue says of them; AuthFailed, VenueError."""


class Supervisor:
    """One home's supervisor; the caller holds the HomeLock and runs `run` on an event loop."""

    def __init__(
        self,
        home: Path,
        outside: Outside,
        spawner: Spawner,
        clock: Clock,
        *,
        patience: Patience | None = None,
        cooldown_s: float = 5.0,
        owner_uid: int | None = None,
        access: Access | None = None,
        companions: Sequence[Companion] = (),
        herald: Herald | None = None,
        post: Post | None = None,
        limits: Limits = no_limits,
        look_at_keys: LookAtKeys | None = None,
    ) -> None:
        """Supervise `home`; `cooldown_s` seconds lie between two equal dangerous verbs.

        `companions` are started before the instances; `herald` is told how things are; `post` carries the notices;
        `limits` reads what the whole fleet is held to; `look_at_keys` asks the venue of an instance about its keys.
        """
        self._home = home
        self._outside = outside
        self._look_at_keys = look_at_keys
        self._clock = clock
        self._server = ControlServer(home, self, owner_uid=owner_uid, access=access)
        self._scribe = Scribe(home / "run" / "audit.jsonl", clock)

        self._herald = herald or Herald()
        self._disk = Disk(home / "run", self._alarmed)
        bench = Bench(home, clock.monotonic, lambda: None, self._moved, patience or Patience())
        self._companions = Companions(companions, bench)
        turns = Turns(clock.monotonic, bench.chance, first=self._companions.ready)

        def make_tools(changed: Callable[[], None], heard: Callable[[str, dict[str, Any]], None]) -> Tools:
            own = replace(bench, changed=changed)
            return Tools(own, spawner, outside, Hub(clock.monotonic, heard), turns.take, self._disk.relieve)

        self._post = post or Post(home, None, clock)
        self._fleet = Fleet(make_tools)
        self._fleet.tools.hub.attach(self._post)
        self._rows = Rows(self._fleet, self._post.health, home)
        self._cooldown = Cooldown(cooldown_s)
        self._warden = Warden(self._fleet, self._rows, limits, clock, self._limited)
        self._running = Running(self._fleet, self._rows, self._cooldown, self._warden)
        self._trading = Trading(self._fleet, self._rows, self._cooldown)
        self._ending = asyncio.Event()
        self._down: asyncio.Task[list[Line]] | None = None
        self._since = clock.monotonic()

    async def run(self, ready: Callable[[], None], *, restore: bool = False) -> list[Line]:
        """Serve until `down`; `ready` is called once the socket answers. Give the lines of the last `down`."""
        await self._disk.look()
        await self._fleet.recall()
        await self._server.open()
        beside = [asyncio.create_task(self._disk.watch()), asyncio.create_task(self._herald.beat(self._summary))]
        try:
            await self._post.open(self._rows.everything)
            self._companions.open()
            await self._fleet.open(restore=restore)
            await self._post.compare(self._fleet.keepers.values())
            beside.append(asyncio.create_task(self._warden.watch()))
            ready()
            self._herald.ready()
            await self._ending.wait()
            return await self._down if self._down is not None else []
        finally:
            self._herald.stopping()
            await self._companions.close()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._server.close()
            await self._fleet.close()
            await self._post.close(asked=self._ending.is_set())
            await asyncio.to_thread(self._scribe.close)

    async def go_down(self) -> list[Line]:
        """Stop every instance, once, whoever asks; then `run` returns."""
        if self._down is None:
            self._herald.stopping()
            self._down = asyncio.create_task(self._running.down())
        lines = await asyncio.shield(self._down)
        self._ending.set()
        return lines

    async def reload(self) -> None:
        """Read vault and configuration anew; VaultError."""
        self._herald.reloading()
        try:
            await asyncio.to_thread(self._outside.reload)
            await self._post.reload()
        finally:
            self._herald.ready()

    async def answer(self, connection: Connection, request: m.Request, args: m.NoArgs, emit: Emit) -> Any:
        """Do what a face asks, and write down that it asked and what came of it."""
        try:
            result = await self._do(request.verb, args, emit)
        except InvestBotError as error:
            await self._scribe.note(connection, request.verb, request.args, str(error), error.exit_code)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._scribe.note(connection, request.verb, request.args, "the face hung up", 0))
            raise
        code, message = worst(result)
        await self._scribe.note(connection, request.verb, request.args, message, code)
        return result

    async def refused(self, connection: Connection, what: str, error: InvestBotError) -> None:
        """Write down what was turned away at the door."""
        await self._scribe.note(connection, what, {}, str(error), error.exit_code)

    async def attend(self, connection: Connection, hello: m.Hello) -> None:
        """Listen to an instance until it hangs up."""
        await self._fleet.attend(connection, hello.hello)

    async def _do(self, verb: str, args: m.NoArgs, emit: Emit) -> Any:
        match args:
            case m.StartArgs():
                return await self._running.start(await self._chosen(args), args)
            case m.WaitArgs():
                return await self._trading.flatten(await self._chosen(args), args)
            case m.PanicArgs():
                return await self._trading.flatten(await self._fleet.names(), args, verb="panic")
            case m.SizeArgs():
                return await self._trading.size(args)
            case m.CloseArgs():
                return await self._trading.close(args)
            case m.AllocateArgs():
                return await self._trading.allocate(args)
            case m.ConfigureArgs():
                return await self._trading.configure(args)
            case m.IntelligenceArgs():
                return await self._trading.tell(args)
            case m.KeysArgs():
                return await self._keys(args.name)
            case m.ReadArgs():
                return await self._read(args, emit)
            case m.WatchArgs():
                return await self._watch(args, emit)
            case m.AuditArgs():
                return await _in_chunks(await asyncio.to_thread(self._scribe.read, args.since), emit)
            case m.Names():
                return await self._for_names(verb, args)
            case _:
                return await self._for_all(verb)

    async def _for_names(self, verb: str, args: m.Names) -> Any:
        if verb in {"status", "top"}:
            names = args.names or await self._fleet.names()
            return await (self._rows.status(names) if verb == "status" else self._rows.top(names))
        names = await self._chosen(args)
        if verb == "stop":
            return await self._running.stop(names)
        if verb == "restart":
            return await self._running.restart(names)
        return await self._trading.wish("pause" if verb == "pause" else "resume", names, args.by)

    async def _for_all(self, verb: str) -> Any:
        if verb == "down":
            self._cooldown.take("down", "", self._clock.monotonic())
            return await self.go_down()
        if verb == "reload":
            await self.reload()
            return {"names": await self._fleet.names()}
        return {
            "pid": os.getpid(),
            "version": __version__,
            "home": str(self._home),
            "uptime_s": round(self._clock.monotonic() - self._since, 1),
            "companions": self._companions.rows(),
        }

    async def _chosen(self, args: m.Names) -> list[str]:
        if args.all:
            return await self._fleet.names()
        if not args.names:
            raise UsageError("Say which instances are meant, or --all of them.")
        return args.names

    async def _keys(self, name: str) -> Any:
        await self._fleet.find(name)
        if self._look_at_keys is None:
            raise UsageError("This supervisor asks no venue about keys.")
        return await asyncio.to_thread(self._look_at_keys, name)

    async def _read(self, args: m.ReadArgs, emit: Emit) -> Any:
        await self._fleet.find(args.name)
        filters = {
            key: value for key in ("since", "last", "symbol", "timeframe") if (value := getattr(args, key)) is not None
        }
        return await _in_chunks(await asyncio.to_thread(self._outside.rows, args.kind, args.name, filters), emit)

    async def _watch(self, args: m.WatchArgs, emit: Emit) -> None:
        with self._fleet.tools.hub.watching() as watcher:
            while not self._ending.is_set():
                names = args.names or await self._fleet.names()
                item: dict[str, Any] = {"at": self._clock.now(), "status": await self._rows.status(names)}
                if args.events:
                    item |= {"events": watcher.take(), "lost": watcher.lost}
                await emit(item)
                await asyncio.sleep(args.interval_s)

    def _moved(self, name: str, life: Life) -> None:
        """Tell those who watch that an instance is in another state, and write it down."""
        at = self._clock.now()
        state, outcome = life.state.value, life.error or "ok"
        self._fleet.tools.hub.publish(
            {"name": name, "at": rfc3339(at), "kind": "InstanceMoved", "state": state, "error": life.error}
        )
        self._scribe.add(at, state, (name,), outcome, exit_of(life.exit_code) if life.error else 0)
        self._post.moved(name, life, self._fleet.pid(name))

    def _alarmed(self, sentence: str) -> None:
        """Tell those who watch, and the audit, of trouble with the disk."""
        at = self._clock.now()
        self._fleet.tools.hub.publish({"name": None, "at": rfc3339(at), "kind": "DiskFull", "error": sentence})
        self._scribe.add(at, "disk", (), sentence, LedgerError.exit_code)
        self._post.tell(disk_full(at, sentence))

    def _limited(self, at: Millis, cause: str, names: Sequence[str], sentence: str) -> None:
        """Tell those who watch, the audit and the post of a limit of the fleet."""
        self._fleet.tools.hub.publish(
            {"name": None, "at": rfc3339(at), "kind": "FleetLimit", "cause": cause, "names": names, "reason": sentence}
        )
        self._scribe.add(at, cause, tuple(names), sentence, 0)
        self._post.tell(limit_notice(at, cause, names, sentence))

    def _summary(self) -> str:
        """Say in a line how many instances are in which state."""
        counts = Counter(keeper.life.state.value for keeper in self._fleet.keepers.values())
        return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no instances"


async def _in_chunks(rows: list[dict[str, Any]], emit: Emit) -> dict[str, int]:
    """Send rows in items that fit into a line; give their count."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += len(json.dumps(row, default=str))
        if size > _CHUNK_BYTES:
            await emit(chunk)
            chunk, size = [], 0
    if chunk:
        await emit(chunk)
    return {"count": len(rows)}
