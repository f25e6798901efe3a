"""A home of folders for the supervisor's tests, and a supervisor as a process: `python supervision.py HOME`."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.adapters.clock import SystemClock
from investbot.control.client import ControlClient
from investbot.control.server import HomeLock
from investbot.domain.errors import AuthFailed, ConfigError, TryAgain, UnknownInstance, UsageError
from investbot.supervisor.app import Supervisor
from investbot.supervisor.lifecycle import Patience, RestartPolicy
from investbot.supervisor.outside import Recipe
from investbot.supervisor.spawn import PlainSpawner

CHILD = Path(__file__).with_name("supervised_child.py")
QUICK = Patience(stop_s=2.0, abort_s=1.0, start_s=60.0, heartbeat_s=3.0)
KEY = bytes(range(32))
Call = Callable[..., Awaitable[Any]]


class FolderOutside:
    """The rooms beyond the supervisor, told by files: `recipe.json` and `behave.json` of each instance."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.reloads = 0
        self.flattened: list[str] = []
        self.confirmed: list[str] = []

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.home / "instances").iterdir())

    def body(self, name: str) -> dict[str, Any]:
        path = self.home / "instances" / name / "recipe.json"
        if not path.exists():
            raise UnknownInstance(f"There is no instance {name!r}.")
        body: dict[str, Any] = json.loads(path.read_text())
        return body

    def recipe(self, name: str) -> Recipe:
        body = self.body(name)
        if "broken" in body:
            raise ConfigError(body["broken"])
        live = bool(body["live"])
        return Recipe(
            Decimal(body["capital"]), live, live, name in self.confirmed, restart=RestartPolicy(**body["restart"])
        )

    def admit(self, name: str, by: str, *, accept_withdrawals: bool) -> None:
        if self.body(name).get("withdraws") and not accept_withdrawals:
            raise AuthFailed(f"The key of {name} may withdraw money.")
        self.confirmed.append(name)

    def afford(self, name: str, amount: Decimal) -> None:
        if amount > Decimal(self.body(name).get("free", "Infinity")):
            raise ConfigError(f"{name} counts on {amount}.")

    def prove_flat(self, name: str) -> None:
        if self.body(name).get("left"):
            raise TryAgain(f"{name} is flat, but its venue still has an order of it.")

    def data_key(self, name: str) -> bytes:
        return KEY

    def fleet_capital(self) -> Decimal | None:
        path = self.home / "fleet.json"
        return Decimal(json.loads(path.read_text())) if path.exists() else None

    def row(self, name: str) -> dict[str, Any]:
        held = self.body(name).get("open_positions", 0)
        return {"name": name, "mode": "paper", "open_positions": 0 if name in self.flattened else held}

    def rows(self, kind: str, name: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        if kind != "events":
            raise UsageError(f"There are no {kind}.")
        return [{"seq": n, "text": "x" * 1000, **filters} for n in range(self.body(name).get("events", 0))]

    def allocate(self, name: str, amount: Decimal) -> None:
        body = self.body(name) | {"capital": str(amount)}
        (self.home / "instances" / name / "recipe.json").write_text(json.dumps(body))

    def flatten(self, name: str) -> dict[str, Any]:
        self.flattened.append(name)
        return self.row(name)

    def reload(self) -> None:
        self.reloads += 1


def make_home(home: Path) -> Path:
    for folder in (home, home / "instances", home / "run"):
        folder.mkdir(mode=0o700, exist_ok=True)
    return home


def make_instance(home: Path, name: str, behave: Mapping[str, Any] | None = None, **recipe: Any) -> Path:
    folder = home / "instances" / name
    folder.mkdir(mode=0o700)
    restart = {"backoff_s": 0.1, "max_s": 0.4, "limit": 3, "window_s": 60.0} | recipe.pop("restart", {})
    body = {"capital": "100", "live": False, "restart": restart} | recipe
    (folder / "recipe.json").write_text(json.dumps(body))
    (folder / "behave.json").write_text(json.dumps(behave or {}))
    return folder


def make_supervisor(home: Path, outside: FolderOutside | None = None, **options: Any) -> Supervisor:
    outside = outside or FolderOutside(home)
    spawner = PlainSpawner(home, (str(CHILD),))
    chosen: dict[str, Any] = {"patience": QUICK, "cooldown_s": 0.2} | options
    chosen.setdefault("look_at_keys", lambda name: {"name": name, "keys": []})
    return Supervisor(home, outside, spawner, chosen.pop("clock", SystemClock()), **chosen)


def pids(home: Path, name: str) -> list[int]:
    path = home / "instances" / name / "starts"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


async def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Wait until `check` (plain or async) is true, and give what it gave."""
    async with asyncio.timeout(seconds):
        while True:
            found = check()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.05)


@asynccontextmanager
async def supervising(home: Path, *, restore: bool = False, **options: Any) -> AsyncIterator[tuple[Supervisor, Call]]:
    """Run a supervisor on this loop, and give a way to call it as faces do."""
    supervisor = await asyncio.to_thread(make_supervisor, home, **options)
    ready = asyncio.Event()
    running = asyncio.create_task(supervisor.run(ready.set, restore=restore))

    async def call(verb: str, **args: Any) -> Any:
        def ask() -> Any:
            with ControlClient(home, timeout_s=60) as client:
                return client.call(verb, **args)

        return await asyncio.to_thread(ask)

    await asyncio.wait_for(ready.wait(), 60)
    try:
        yield supervisor, call
    finally:
        await asyncio.wait_for(supervisor.go_down(), 60)
        await asyncio.wait_for(running, 60)


async def state(call: Call, name: str) -> dict[str, Any]:
    (row,) = await call("status", names=[name])
    assert isinstance(row, dict)
    return row


async def until(call: Call, name: str, wanted: str) -> dict[str, Any]:
    """Wait until an instance is in a state, and give its row."""

    async def check() -> dict[str, Any] | None:
        row = await state(call, name)
        return row if row["state"] == wanted else None

    row = await eventually(check)
    assert isinstance(row, dict)
    return row


async def serve(home: Path, *, restore: bool) -> None:
    lock = HomeLock(home)
    supervisor = make_supervisor(home)
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Task[Any]] = []
    loop.add_signal_handler(signal.SIGTERM, lambda: ends.append(asyncio.create_task(supervisor.go_down())))
    await supervisor.run((home / "run" / f"ready.{os.getpid()}").touch, restore=restore)
    lock.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), restore="--restore" in sys.argv))
