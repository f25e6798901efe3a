"""`investbot logs`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from investbot.bootstrap.home import InstanceHome
from investbot.cli.choices import Last, Name, Since
from investbot.cli.fleet import open_home
from investbot.cli.output import text
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.cli.times import parse_since, wall_clock
from investbot.domain.errors import UsageError
from investbot.domain.times import parse_rfc3339

_PAUSE_S = 0.25


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ("investbot logs alpha --last 20", "investbot logs alpha --since 1h --json")
    add(app, "logs", *examples, panel=LOOK)(logs)


def logs(
    context: typer.Context,
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")] = False,
    since: Since = None,
    last: Last = None,
) -> None:
    """Print an instance's log, oldest first, over all rotated files; with --json one object a line."""
    session: Session = context.obj
    instance = open_home(session).existing(name)
    bound = None if since is None else parse_since(since, wall_clock())
    place = instance.log.stat().st_size if instance.log.exists() else 0
    lines = [line for line in _stored(instance, place) if bound is None or _at(line) >= bound]
    for line in lines[-last:] if last else lines:
        session.output.item(line, _human(line))
    if follow:
        for line in _growing(instance.log, place):
            session.output.item(line, _human(line))


def _stored(instance: InstanceHome, place: int) -> Iterator[dict[str, Any]]:
    for file in instance.log_files():
        with file.open("rb") as opened:
            content = opened.read(place) if file == instance.log else opened.read()
        yield from (_parsed(each) for each in content.splitlines())


def _growing(log: Path, place: int) -> Iterator[dict[str, Any]]:
    """Give what is appended from `place` on; a rotated log is followed into its successor."""
    rest = b""
    inode = log.stat().st_ino if log.exists() else None
    while True:
        if log.exists():
            status = log.stat()
            if status.st_ino != inode or status.st_size < place:
                inode, place = status.st_ino, 0
            with log.open("rb") as opened:
                opened.seek(place)
                content = opened.read()
            place += len(content)
            *whole, rest = (rest + content).split(b"\n")
            yield from (_parsed(each) for each in whole if each)
        time.sleep(_PAUSE_S)


def _parsed(line: bytes) -> dict[str, Any]:
    """Read one line; what is no JSON object is shown as it is."""
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"text": line.decode("utf-8", "replace")}


def _at(line: dict[str, Any]) -> int:
    try:
        return parse_rfc3339(str(line.get("at", "")))
    except UsageError:
        return 0


def _human(line: dict[str, Any]) -> str:
    if "text" in line and "event" not in line:
        return str(line["text"])
    rest = {key: value for key, value in line.items() if key not in {"at", "level", "event", "instance"}}
    words = (line.get("at", ""), str(line.get("level", "")).upper(), line.get("event", ""), text(rest))
    return "  ".join(str(word) for word in words if word)
