"""The loopback exchange as a process of its own, and its operator's side."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scripts.chaos_run.fleet import Child
from scripts.chaos_run.plan import Fault

ROOT = Path(__file__).resolve().parents[2]


class ExchangeProcess:
    """Runs while the context is open; `speed` is venue time over wall time, `more` are further options of its own."""

    def __init__(self, seed: int, speed: float, *more: str) -> None:
        self.speed = speed
        options = ("--seed", str(seed), "--speed", str(speed), "--port", "0", "--window-scale", str(max(1.0, speed)))
        self._command = [sys.executable, "-m", "tests.exchange", *options, *more]
        self.card: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self.card = json.loads(self._process.stdout.readline())
        self._host = self.card["admin"].removeprefix("http://").partition("/")[0]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def settings(self, timeout_ms: int = 1500) -> dict[str, Any]:
        """Give what goes into `venue.ccxt`; a request is given up after `timeout_ms`."""
        return {**self.card["settings"], "timeout": timeout_ms}

    def do(self, verb: str, **said: Any) -> Any:
        """Ask the operator's side to do something; RuntimeError when it refuses."""
        return self._talk("POST", verb, json.dumps(said))

    def tell(self, verb: str) -> Any:
        """Ask the operator's side for something."""
        return self._talk("GET", verb, None)

    def clear(self) -> None:
        """Let all faults be over."""
        self.do("clear")

    def trouble(self, fault: Fault) -> None:
        """Do what a plan wants done."""
        self.do(fault.verb, **fault.said)

    def sent(self, _child: Child, key: str) -> int:
        """Count the orders that reached it with a key, those included that were not carried out."""
        count: int = self.tell("state")["submitted"].get(key, 0)
        return count

    def truth(self, account: str = "main") -> dict[str, Any]:
        """Give all that the exchange knows of an account."""
        found: dict[str, Any] = self.tell("truth")["accounts"][account]
        return found

    def _talk(self, method: str, verb: str, body: str | None) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=30)
        try:
            connection.request(method, f"/admin/{verb}", body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            told = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"The exchange refuses {verb} {body}: {told}")
        return told
