"""The lines of the outbox's file: one change each, as JSON, appended and synced."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from investbot.domain.market import Millis
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor.life_notices import Told


@dataclass
class Change:
    """What one line changes, all of it or nothing: `put` notices by number, numbers that are `gone`, and the rest."""

    put: dict[int, Notice] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)
    next: int | None = None
    cursors: dict[str, int] = field(default_factory=dict)
    lives: dict[str, Told] = field(default_factory=dict)
    recent: dict[str, tuple[Millis, ...]] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    dropped: int = 0
    day: int | None = None
    up: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Tell whether it changes nothing."""
        return self == Change()


@dataclass
class State:
    """All that the lines so far add up to."""

    waiting: dict[int, Notice] = field(default_factory=dict)
    next: int = 1
    cursors: dict[str, int] = field(default_factory=dict)
    lives: dict[str, Told] = field(default_factory=dict)
    recent: dict[str, tuple[Millis, ...]] = field(default_factory=dict)
    dropped: int = 0
    day: int | None = None
    up: bool = False

    def apply(self, change: Change) -> None:
        """Take one change in."""
        for name in change.forgotten:
            self.cursors.pop(name, None)
            self.lives.pop(name, None)
        self.waiting |= change.put
        for number in change.gone:
            self.waiting.pop(number, None)
        self.next = max(self.next, change.next or 0)
        self.cursors |= change.cursors
        self.lives |= change.lives
        self.recent |= change.recent
        self.dropped += change.dropped
        self.day = self.day if change.day is None else change.day
        self.up = self.up if change.up is None else change.up

    def whole(self) -> Change:
        """Give the one change that leads from nothing to here."""
        return Change(
            put=dict(self.waiting),
            next=self.next,
            cursors=dict(self.cursors),
            lives=dict(self.lives),
            recent=dict(self.recent),
            dropped=self.dropped,
            day=self.day,
            up=self.up,
        )


def write_change(path: Path, change: Change) -> None:
    """Append one line and see it on the disk; a line that another process left torn is ended first; OSError."""
    body = asdict(change)
    body["put"] = {str(number): asdict(notice) for number, notice in change.put.items()}
    line = json.dumps({key: value for key, value in body.items() if value not in (None, 0, [], {})} | _flags(change))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        whole = b"\n" + line.encode() + b"\n"
        if os.write(handle, whole) < len(whole):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(handle)
    finally:
        os.close(handle)


def read_changes(path: Path) -> Iterator[Change]:
    """Give the changes of a file, oldest first; a line that is none (torn, or of another program) is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                try:
                    yield _change(json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError):
                    continue


def _flags(change: Change) -> dict[str, bool]:
    return {} if change.up is None else {"up": change.up}


def _change(body: dict[str, Any]) -> Change:
    day, up = body.get("day"), body.get("up")
    return Change(
        put={int(number): _notice(each) for number, each in body.get("put", {}).items()},
        gone=[int(number) for number in body.get("gone", [])],
        next=int(body["next"]) if "next" in body else None,
        cursors={str(name): int(seq) for name, seq in body.get("cursors", {}).items()},
        lives={str(name): Told(str(each["state"]), each["pid"]) for name, each in body.get("lives", {}).items()},
        recent={str(topic): tuple(map(int, moments)) for topic, moments in body.get("recent", {}).items()},
        forgotten=[str(name) for name in body.get("forgotten", [])],
        dropped=int(body.get("dropped", 0)),
        day=None if day is None else int(day),
        up=None if up is None else bool(up),
    )


def _notice(body: dict[str, Any]) -> Notice:
    read = {
        "kind": Kind(body["kind"]),
        "tone": Tone(body["tone"]),
        "weight": Weight(body["weight"]),
        "fields": tuple((str(name), str(value)) for name, value in body["fields"]),
    }
    return Notice(**(body | read))
