"""What a supervisor has to remember over its own death: `run/supervisor.json`, written beside and renamed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from investbot.domain.states import InstanceState
from investbot.supervisor.lifecycle import Life

VERSION = 1
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Remembered:
    """One instance: `wanted` when it should be running now, `restore` when it ran before the last `down`.

    `pid` and `start_time` (clock ticks since boot) name the process; `failure_ages_s` are seconds before the
    writing, for monotonic moments mean nothing after a boot.
    """

    state: str = InstanceState.STOPPED.value
    wanted: bool = False
    restore: bool = False
    pid: int | None = None
    start_time: int | None = None
    failure_ages_s: tuple[float, ...] = ()
    attempts: int = 0
    restarts: int = 0
    exit_code: int | None = None
    error: str | None = None

    def life(self, now: float) -> Life:
        """Give the life this instance had, without a process: one is only believed in when it is found."""
        state = InstanceState(self.state)
        if state not in {InstanceState.EXITED, InstanceState.FATAL}:
            state = InstanceState.BACKOFF if self.wanted else InstanceState.STOPPED
        return Life(
            state=state,
            since=now,
            failures=tuple(now - age for age in self.failure_ages_s),
            attempts=self.attempts,
            restarts=self.restarts,
            exit_code=self.exit_code,
            error=self.error,
        )

    def after(self, life: Life, now: float, *, pid: int | None, start_time: int | None) -> Remembered:
        """Give what there is to remember of `life` at `now`, monotonic seconds."""
        return replace(
            self,
            state=life.state.value,
            wanted=life.wanted,
            pid=pid,
            start_time=start_time,
            failure_ages_s=tuple(now - moment for moment in life.failures),
            attempts=life.attempts,
            restarts=life.restarts,
            exit_code=life.exit_code,
            error=life.error,
        )


class Journal:
    """The file; what cannot be read is put aside, never overwritten."""

    def __init__(self, path: Path) -> None:
        """Keep `path`."""
        self._path = path

    def read(self) -> dict[str, Remembered]:
        """Give what was remembered; nothing when the file is not there or is not ours."""
        try:
            body = json.loads(self._path.read_bytes())
            known = {str(name): _remembered(each) for name, each in body["instances"].items()}
            if not body.get("boot") or body["boot"] != boot():  # pids and start times begin anew with each boot
                known = {name: replace(each, pid=None, start_time=None) for name, each in known.items()}
            return known
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError):
            self._path.replace(self._path.with_suffix(".unreadable"))
            return {}

    def write(self, instances: Mapping[str, Remembered]) -> None:
        """Replace the file in one step and see it on the disk; OSError."""
        body = {
            "version": VERSION,
            "boot": boot(),
            "instances": {name: asdict(each) for name, each in instances.items()},
        }
        beside = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(json.dumps(body, indent=1).encode())
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise


def boot() -> str:
    """Name this boot of the machine (random(4)); empty where the kernel does not say."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _remembered(body: dict[str, Any]) -> Remembered:
    body.pop("live_confirmed", None)  # told by earlier versions; consent is kept with the instance now
    ages = tuple(float(age) for age in body.pop("failure_ages_s"))
    return Remembered(**body, failure_ages_s=ages)
