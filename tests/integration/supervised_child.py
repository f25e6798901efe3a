"""A small real instance process for the supervisor's tests: holds the lock, speaks the link, misbehaves on request.

`instances/NAME/behave.json` says how: {"exit": code, "after_s": s, "message": …, "hang_after_s": s, "deaf": true,
"on_word": true (ends once there is a file `go` beside it),
"open_positions": n, "dust": {…}, "stubborn": true, "events": n, "silent": true, "times": n, "lock_after_s": s}.
`times` limits a misbehaviour to the first n starts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from investbot.control.link import InstanceLink
from investbot.control.messages import InstanceRequest
from investbot.domain.errors import DataError, TryAgain, UsageError


class Child:
    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.behave: dict[str, Any] = json.loads((folder / "behave.json").read_text())
        self.starts = len((folder / "starts").read_text().splitlines())
        if self.starts > self.behave.get("times", 1 << 30):
            self.behave = {}
        self.open_positions = self.behave.get("open_positions", 0)
        self.paused = False
        self.capital: str | None = None
        self.stop = asyncio.Event()

    def row(self, phase: str) -> dict[str, Any]:
        return {
            "name": self.name,
            "phase": phase,
            "mode": "paper",
            "open_positions": self.open_positions,
            "paused": self.paused,
            "capital": self.capital,
            "waiting": 0,
        }

    async def serve(self, request: InstanceRequest) -> Any:
        match request.action:
            case "stop":
                if not self.behave.get("deaf"):
                    self.stop.set()
            case "flatten":
                if not self.behave.get("stubborn"):
                    self.open_positions = 0
                return {"flat": self.open_positions == 0, "dust": self.behave.get("dust", {})}
            case "pause" | "resume":
                self.paused = request.action == "pause"
            case "allocate":
                if self.behave.get("stubborn"):
                    raise UsageError("It is bound in positions.")
                self.capital = request.amount
            case "close":
                if not self.open_positions:
                    raise DataError(f"Nothing is held in {request.symbol}.")
                self.open_positions -= 1
            case "configure":
                if self.behave.get("stubborn"):
                    raise TryAgain("It has not seen its first candle yet.")
                return {"version": 2, "applied": ["risk.x: 1 -> 2"], "waiting": [], "by": request.by, "events": []}
            case "size":
                return {"symbol": request.symbol, "stop": request.stop, "quantity": "0.1"}
            case "intelligence":
                return {"items": request.items}
        return {"done": request.action, "by": request.by}

    async def live(self, home: Path) -> int:
        loop = asyncio.get_running_loop()
        if self.behave.get("deaf"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        link = InstanceLink(home, self.name, self.serve, first_s=0.05, longest_s=0.2)
        talking = asyncio.create_task(link.run())
        began = loop.time()
        for number in range(self.behave.get("events", 0)):
            link.event({"seq": number + 1, "at": 0, "kind": "SignalRaised"})
        while not self.stop.is_set():
            age = loop.time() - began
            told = not self.behave.get("on_word") or (self.folder / "go").exists()
            if "exit" in self.behave and told and age >= self.behave.get("after_s", 0):
                await link.flush()
                return self.end(self.behave["exit"], self.behave.get("message"), finished=True)
            if age >= self.behave.get("hang_after_s", 1e9):
                time.sleep(600)  # noqa: ASYNC251 - the hung loop
            if not self.behave.get("silent"):
                link.status(self.row("ready"))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), 0.05)
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        return self.end(0, None)

    def end(self, code: int, message: str | None, *, finished: bool = False) -> int:
        if message is not None or code == 0:
            (self.folder / "exit.json").write_text(
                json.dumps({"code": code, "message": message, "finished": finished, "pid": os.getpid()})
            )
        return int(code)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--name")
    parser.add_argument("--key-fd", type=int)
    args = parser.parse_args()
    folder = args.home / "instances" / args.name
    time.sleep(json.loads((folder / "behave.json").read_text()).get("lock_after_s", 0.0))
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with (folder / "duplicates").open("a") as duplicates:
            duplicates.write(f"{os.getpid()}\n")
        return 75
    if args.key_fd is not None:
        key = os.read(args.key_fd, 64)
        (folder / "seen").write_text(json.dumps({"key": key.hex(), "argv": sys.argv, "env": dict(os.environ)}))
    with (folder / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    return asyncio.run(Child(folder, args.name).live(args.home))


if __name__ == "__main__":
    sys.exit(main())
